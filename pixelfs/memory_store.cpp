#include "pixelfs/memory_store.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <utility>

namespace pxos::pixelfs {
namespace {

class MemoryReader final : public BlobReader {
 public:
  explicit MemoryReader(std::shared_ptr<const ByteVector> blob) : blob_(std::move(blob)) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return blob_->size(); }
  [[nodiscard]] Result<void> read(std::uint64_t offset, MutBytes out) const override {
    if (!range_fits(offset, out.size(), blob_->size())) {
      return fail(Errc::kInvalid, "blob of {} bytes: no {} bytes at {}", blob_->size(), out.size(),
                  offset);
    }
    std::copy_n(blob_->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }
  [[nodiscard]] Bytes view() const override { return *blob_; }

 private:
  std::shared_ptr<const ByteVector> blob_;
};

class MemoryWriter final : public BlobWriter {
 public:
  MemoryWriter(MemoryStore& store, std::string_view name) : store_(store), name_(name) {}
  Result<void> write(Bytes bytes) override {
    content_.insert(content_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> rewrite(std::uint64_t offset, Bytes bytes) override {
    if (!range_fits(offset, bytes.size(), content_.size())) {
      return fail(Errc::kUsage, "rewrite of {} bytes at {} past the end {}", bytes.size(), offset,
                  content_.size());
    }
    std::copy(bytes.begin(), bytes.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<void> publish() override { return store_.put(name_, std::move(content_)); }

 private:
  MemoryStore& store_;
  std::string name_;
  ByteVector content_;
};

}  // namespace

Result<std::unique_ptr<BlobReader>> MemoryStore::open(std::string_view name) {
  PX_CHECK(check_blob_name(name));
  const std::scoped_lock lock(mutex_);
  const auto found = blobs_.find(name);
  if (found == blobs_.end()) return fail(Errc::kNotFound, "no blob '{}'", name);
  return std::make_unique<MemoryReader>(found->second);
}

Result<std::unique_ptr<BlobWriter>> MemoryStore::create(std::string_view name) {
  PX_CHECK(check_blob_name(name));
  return std::make_unique<MemoryWriter>(*this, name);
}

Result<void> MemoryStore::remove(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  const auto found = blobs_.find(name);
  if (found == blobs_.end()) return fail(Errc::kNotFound, "no blob '{}'", name);
  blobs_.erase(found);
  return {};
}

Result<std::vector<BlobInfo>> MemoryStore::list() {
  const std::scoped_lock lock(mutex_);
  std::vector<BlobInfo> out;
  for (const auto& [name, blob] : blobs_) out.push_back({name, blob->size()});
  return out;
}

Result<void> MemoryStore::put(std::string_view name, ByteVector content) {
  PX_CHECK(check_blob_name(name));
  auto blob = std::make_shared<const ByteVector>(std::move(content));
  const std::scoped_lock lock(mutex_);
  blobs_.insert_or_assign(std::string(name), std::move(blob));
  return {};
}

std::unique_ptr<BlobReader> memory_blob(ByteVector content) {
  return std::make_unique<MemoryReader>(std::make_shared<const ByteVector>(std::move(content)));
}

}  // namespace pxos::pixelfs
