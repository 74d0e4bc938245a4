#pragma once
// Files to store, volumes made of them, and stores that count or fail.

#include "pixelfs/memory_store.hpp"
#include "pixelfs/volume.hpp"
#include "pxvm/base/rng.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace pxos::test {

/// Incompressible, and quick to make: xorshift64 (Marsaglia 2003), eight bytes a step.
inline ByteVector random_bytes(std::size_t size, std::uint64_t seed) {
  std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
  ByteVector out(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
    }
    out[i] = static_cast<std::uint8_t>(state >> (8 * (i % 8)));
  }
  return out;
}

/// Text-like: zstd finds repetitions, palette-delta none.
inline ByteVector prose(std::size_t size) {
  constexpr std::string_view kWords = "every pixel of the sheet is a byte of the model; ";
  ByteVector out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::uint8_t>(kWords[(i * 7 / 5) % kWords.size()]);
  }
  return out;
}

/// A random walk: all byte values, few differences.
inline ByteVector walk(std::size_t size, std::uint64_t seed) {
  CounterRng rng(seed);
  ByteVector out(size);
  std::uint8_t at = 0;
  for (std::uint8_t& byte : out) {
    at = static_cast<std::uint8_t>(at + rng.next_u32() % 8);
    byte = at;
  }
  return out;
}

struct StoredFile {
  std::string name;
  ByteVector content;
};

/// The inputs borrow the files.
inline std::vector<pixelfs::VolumeInput> inputs_of(const std::vector<StoredFile>& files) {
  std::vector<pixelfs::VolumeInput> inputs;
  for (const StoredFile& file : files) {
    const auto read = [&file](std::uint64_t offset, MutBytes out) -> Result<void> {
      std::copy_n(file.content.begin() + static_cast<std::ptrdiff_t>(offset), out.size(),
                  out.begin());
      return {};
    };
    inputs.push_back({file.name, file.content.size(), read, std::nullopt});
  }
  return inputs;
}

inline ByteVector all_of(pixelfs::BlobStore& store, std::string_view name) {
  const auto blob = store.open(name);
  REQUIRE(blob);
  ByteVector bytes((*blob)->size_bytes());
  REQUIRE((*blob)->read(0, bytes));
  return bytes;
}

/// The bytes of a volume. Lines as short as they can be, so that small files have many chunks.
inline ByteVector volume_of(const std::vector<StoredFile>& files, std::uint32_t line_bytes = 66) {
  pixelfs::MemoryStore store;
  pixelfs::VolumeWrite options;
  options.line_bytes = line_bytes;
  const auto written = pixelfs::write_volume(inputs_of(files), store, "v", options);
  REQUIRE(written);
  ByteVector bytes = all_of(store, "v");
  CHECK(written->file_bytes == bytes.size());
  return bytes;
}

inline Result<pixelfs::Volume> open_volume(ByteVector bytes) {
  return pixelfs::Volume::open(pixelfs::memory_blob(std::move(bytes)));
}

inline ByteVector content_of(const pixelfs::Volume& volume, std::string_view name) {
  const pixelfs::VolumeEntry* entry = volume.find(name);
  REQUIRE(entry != nullptr);
  ByteVector out(entry->size_bytes);
  REQUIRE(volume.read(*entry, 0, out));
  return out;
}

inline void check_files(const pixelfs::Volume& volume, const std::vector<StoredFile>& files) {
  REQUIRE(volume.entries().size() == files.size());
  for (const StoredFile& file : files) CHECK(content_of(volume, file.name) == file.content);
}

/// Every kind of entry: empty, small ones that share a scanline, raw, zstd, palette-delta.
inline std::vector<StoredFile> mixed_files() {
  return {{"empty", {}},          {"a/small", {1, 2, 3}},
          {"a/other", {9}},       {"noise", random_bytes(500, 1)},
          {"prose", prose(1000)}, {"walk", walk(700, 2)},
          {"last", {7, 7}}};
}

/// Hides view() and records every read, so that a test sees which bytes are touched.
class CountingReader final : public pixelfs::BlobReader {
 public:
  struct Read {
    std::uint64_t offset, size;
  };
  explicit CountingReader(ByteVector bytes) : blob_(pixelfs::memory_blob(std::move(bytes))) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return blob_->size_bytes(); }
  [[nodiscard]] Result<void> read(std::uint64_t offset, MutBytes out) const override {
    reads.push_back({offset, out.size()});
    return blob_->read(offset, out);
  }
  [[nodiscard]] std::uint64_t bytes_read() const {
    std::uint64_t total = 0;
    for (const Read& read : reads) total += read.size;
    return total;
  }
  mutable std::vector<Read> reads;

 private:
  std::unique_ptr<pixelfs::BlobReader> blob_;
};

/// A disk that fails at one call of a writer.
struct Fault {
  enum class Kind {
    kNoSpace,      ///< the call is refused
    kShortWrite,   ///< half of it is written, then the call is refused
    kTornWrite,    ///< half of it is written, and nobody notices
    kDroppedSync,  ///< publish succeeds; some blocks of the blob never reach the disk
  };
  Kind kind = Kind::kNoSpace;
  std::size_t at_call = 0;
};

class FaultyStore final : public pixelfs::BlobStore {
 public:
  FaultyStore(pixelfs::BlobStore& disk, Fault fault) : disk_(disk), fault_(fault) {}
  Result<std::unique_ptr<pixelfs::BlobReader>> open(std::string_view name) override {
    return disk_.open(name);
  }
  Result<std::unique_ptr<pixelfs::BlobWriter>> create(std::string_view name) override {
    PX_TRY(auto inner, disk_.create(name));
    return std::make_unique<Writer>(*this, std::move(inner));
  }
  Result<void> remove(std::string_view name) override { return disk_.remove(name); }
  Result<std::vector<pixelfs::BlobInfo>> list() override { return disk_.list(); }

  std::size_t calls = 0;  ///< of write, rewrite and publish

 private:
  class Writer final : public pixelfs::BlobWriter {
   public:
    Writer(FaultyStore& store, std::unique_ptr<pixelfs::BlobWriter> inner)
        : store_(store), inner_(std::move(inner)) {}
    Result<void> write(Bytes bytes) override {
      size_ += bytes.size();
      if (!fails()) return inner_->write(bytes);
      ByteVector half = torn(bytes);
      PX_CHECK(inner_->write(half));
      return outcome();
    }
    Result<void> rewrite(std::uint64_t offset, Bytes bytes) override {
      if (!fails()) return inner_->rewrite(offset, bytes);
      PX_CHECK(inner_->rewrite(offset, bytes.first(bytes.size() / 2)));
      return outcome();
    }
    Result<void> publish() override {
      const bool now = fails();
      if (now && store_.fault_.kind != Fault::Kind::kDroppedSync) {
        return fail(Errc::kIo, "no space left");
      }
      constexpr std::uint64_t kBlock = 4096;
      const ByteVector zeros(kBlock);
      // Every third block is lost, the last one among them.
      for (std::uint64_t lost = 1; now && lost * kBlock <= size_; lost += 3) {
        PX_CHECK(inner_->rewrite((size_ / kBlock - lost) * kBlock, zeros));
      }
      return inner_->publish();
    }

   private:
    bool fails() { return store_.calls++ == store_.fault_.at_call; }
    /// Half of what was to be written; the file system filled the rest with zeros.
    static ByteVector torn(Bytes bytes) {
      ByteVector half(bytes.begin(), bytes.end());
      std::fill(half.begin() + static_cast<std::ptrdiff_t>(half.size() / 2), half.end(),
                std::uint8_t{0});
      return half;
    }
    Result<void> outcome() {
      if (store_.fault_.kind == Fault::Kind::kTornWrite) return {};
      return fail(Errc::kIo, "no space left");
    }

    FaultyStore& store_;
    std::unique_ptr<pixelfs::BlobWriter> inner_;
    std::uint64_t size_ = 0;
  };

  pixelfs::BlobStore& disk_;
  Fault fault_;
};

}  // namespace pxos::test
