#pragma once
// The port below PixelFS: named, immutable blobs. A blob is written once and published whole; a
// name may be published again, which replaces the blob for those who open it afterwards, while an
// open reader keeps what it opened. Everything above is written against this port, so tests can put
// a failing disk under it.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::pixelfs {

/// One open blob. Thread-safe; its content never changes.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
  /// Fills all of `out` from `offset`. Errors: kInvalid when that is not inside the blob; kIo.
  [[nodiscard]] virtual Result<void> read(std::uint64_t offset, MutBytes out) const = 0;
  /// The whole blob without copying, where the store can give that; else empty.
  [[nodiscard]] virtual Bytes view() const { return {}; }
};

/// A blob in the making. Not thread-safe. Destroyed without publish(), it leaves nothing behind and
/// the name as it was.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  /// Appends. Errors: kIo, kLimit; the blob must then be given up.
  virtual Result<void> write(Bytes bytes) = 0;
  /// Replaces bytes that were written before. Errors: as write, and kUsage past the end.
  virtual Result<void> rewrite(std::uint64_t offset, Bytes bytes) = 0;
  /// Makes the content durable, then gives it its name, then makes the name durable. After a crash
  /// at any time the name has its old content or the new one. At most once.
  virtual Result<void> publish() = 0;
};

struct BlobInfo {
  std::string name;
  std::uint64_t size_bytes = 0;
};

/// Thread-safe.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  /// Errors: kNotFound, kIo, kUsage for a bad name.
  virtual Result<std::unique_ptr<BlobReader>> open(std::string_view name) = 0;
  virtual Result<std::unique_ptr<BlobWriter>> create(std::string_view name) = 0;
  virtual Result<void> remove(std::string_view name) = 0;
  /// Published blobs by ascending name.
  virtual Result<std::vector<BlobInfo>> list() = 0;
};

/// A name is one path component that is not hidden: 1..255 bytes, no '/', no control character, no
/// leading dot. Errors: kUsage.
Result<void> check_blob_name(std::string_view name);

}  // namespace pxos::pixelfs
