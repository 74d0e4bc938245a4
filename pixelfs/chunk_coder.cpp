#include "pixelfs/chunk_coder.hpp"

#include <algorithm>
#include <utility>

#include <zstd.h>

namespace pxos::pixelfs {
namespace {

/// The level with the best gain per time on chunks of 48 kB that a sheet's bandwidth can still
/// feed.
constexpr int kZstdLevel = 3;

}  // namespace

/// Contexts are made when first needed: a reader never compresses.
struct ChunkCoder::State {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> compressor;
  std::unique_ptr<ZSTD_DCtx, Free> decompressor;

  Result<ByteVector> compress(Bytes raw) {
    if (!compressor) compressor.reset(ZSTD_createCCtx());
    if (!compressor) return fail(Errc::kLimit, "zstd: no memory for its state");
    ByteVector out(ZSTD_compressBound(raw.size()));
    const std::size_t size = ZSTD_compressCCtx(compressor.get(), out.data(), out.size(), raw.data(),
                                               raw.size(), kZstdLevel);
    if (ZSTD_isError(size) != 0) return fail(Errc::kLimit, "zstd: {}", ZSTD_getErrorName(size));
    out.resize(size);
    return out;
  }

  Result<void> decompress(Bytes stored, MutBytes raw) {
    if (!decompressor) decompressor.reset(ZSTD_createDCtx());
    if (!decompressor) return fail(Errc::kLimit, "zstd: no memory for its state");
    const std::size_t size = ZSTD_decompressDCtx(decompressor.get(), raw.data(), raw.size(),
                                                 stored.data(), stored.size());
    if (ZSTD_isError(size) != 0) return fail(Errc::kInvalid, "zstd: {}", ZSTD_getErrorName(size));
    if (size != raw.size()) {
      return fail(Errc::kInvalid, "zstd: {} bytes came out, expected {}", size, raw.size());
    }
    return {};
  }
};

ChunkCoder::ChunkCoder() : state_(std::make_unique<State>()) {}
ChunkCoder::~ChunkCoder() = default;
ChunkCoder::ChunkCoder(ChunkCoder&&) noexcept = default;
ChunkCoder& ChunkCoder::operator=(ChunkCoder&&) noexcept = default;

std::string_view coding_name(ChunkCoding coding) {
  switch (coding) {
    case ChunkCoding::kNone:
      return "none";
    case ChunkCoding::kZstd:
      return "zstd";
    case ChunkCoding::kPaletteDelta:
      return "palette-delta";
  }
  return "?";
}

Result<ByteVector> ChunkCoder::encode(ChunkCoding coding, Bytes raw) {
  ByteVector stored;
  if (coding == ChunkCoding::kZstd) {
    PX_TRY(stored, state_->compress(raw));
  } else if (coding == ChunkCoding::kPaletteDelta) {
    stored = encode_palette_delta(raw);
  }
  if (stored.empty() || stored.size() >= raw.size()) stored.assign(raw.begin(), raw.end());
  return stored;
}

Result<void> ChunkCoder::decode(ChunkCoding coding, Bytes stored, MutBytes raw) {
  if (stored.size() == raw.size()) {
    std::copy(stored.begin(), stored.end(), raw.begin());
    return {};
  }
  if (stored.size() > raw.size()) {
    return fail(Errc::kInvalid, "{} stored bytes for {}", stored.size(), raw.size());
  }
  switch (coding) {
    case ChunkCoding::kZstd:
      return state_->decompress(stored, raw);
    case ChunkCoding::kPaletteDelta:
      return decode_palette_delta(stored, raw);
    case ChunkCoding::kNone:
      break;
  }
  return fail(Errc::kInvalid, "{} stored bytes for {} that are not compressed", stored.size(),
              raw.size());
}

}  // namespace pxos::pixelfs
