#include "pxvm/base/hash.hpp"

#include <cstring>

#include <blake3.h>
#include <xxhash.h>

namespace pxos {

std::uint64_t xxh3_64(Bytes bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Xxh128 xxh3_128(Bytes bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Blake3 blake3(Bytes bytes) {
  blake3_hasher hasher;
  blake3_hasher_init(&hasher);
  blake3_hasher_update(&hasher, bytes.data(), bytes.size());
  Blake3 out{};
  blake3_hasher_finalize(&hasher, out.data(), out.size());
  return out;
}

struct Xxh128Stream::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() { XXH3_128bits_reset(xxh); }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Xxh128Stream::Xxh128Stream() : state_(std::make_unique<State>()) {}
Xxh128Stream::~Xxh128Stream() = default;
Xxh128Stream::Xxh128Stream(Xxh128Stream&&) noexcept = default;
Xxh128Stream& Xxh128Stream::operator=(Xxh128Stream&&) noexcept = default;

void Xxh128Stream::update(Bytes bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

Xxh128 Xxh128Stream::digest() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  return {hash.low64, hash.high64};
}

struct Blake3Stream::State {
  blake3_hasher hasher{};
  State() { blake3_hasher_init(&hasher); }
};

Blake3Stream::Blake3Stream() : state_(std::make_unique<State>()) {}
Blake3Stream::~Blake3Stream() = default;
Blake3Stream::Blake3Stream(Blake3Stream&&) noexcept = default;
Blake3Stream& Blake3Stream::operator=(Blake3Stream&&) noexcept = default;

void Blake3Stream::update(Bytes bytes) {
  blake3_hasher_update(&state_->hasher, bytes.data(), bytes.size());
}

Blake3 Blake3Stream::digest() const {
  Blake3 out{};
  blake3_hasher_finalize(&state_->hasher, out.data(), out.size());
  return out;
}

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

Result<void> parse_hex(std::string_view hex, MutBytes out) {
  if (hex.size() != out.size() * 2) {
    return fail(Errc::kInvalid, "digest has {} characters, expected {}", hex.size(),
                out.size() * 2);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t high = kDigits.find(hex[2 * i]);
    const std::size_t low = kDigits.find(hex[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) {
      return fail(Errc::kInvalid, "digest: not lower-case hexadecimal at character {}", 2 * i);
    }
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return {};
}

std::string hex_of(Bytes bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

}  // namespace

std::string to_hex(const Xxh128& digest) {
  return fmt::format("{:016x}{:016x}", digest.high, digest.low);
}
std::string to_hex(const Blake3& digest) {
  return hex_of(digest);
}

Result<Xxh128> parse_xxh128(std::string_view hex) {
  std::array<std::uint8_t, 16> raw{};
  PX_CHECK(parse_hex(hex, raw));
  Xxh128 out;
  for (std::size_t i = 0; i < 8; ++i) {
    out.high = out.high << 8U | raw[i];
    out.low = out.low << 8U | raw[8 + i];
  }
  return out;
}

Result<Blake3> parse_blake3(std::string_view hex) {
  Blake3 out{};
  PX_CHECK(parse_hex(hex, out));
  return out;
}

}  // namespace pxos
