#include "pixelfs/file_store.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/mapped_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pxos::pixelfs {
namespace {

Result<void> outside(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t size) {
  return fail(Errc::kInvalid, "{}: no {} bytes at {}", path.string(), size, offset);
}

class MappedReader final : public BlobReader {
 public:
  MappedReader(MappedFile file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return file_.bytes().size(); }
  [[nodiscard]] Result<void> read(std::uint64_t offset, MutBytes out) const override {
    const Bytes bytes = file_.bytes();
    if (!range_fits(offset, out.size(), bytes.size())) return outside(path_, offset, out.size());
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    // The map delivers zeros where the file is gone; they must not pass for content.
    if (file_.poisoned()) return fail(Errc::kIo, "{}: became shorter while open", path_.string());
    return {};
  }
  [[nodiscard]] Bytes view() const override { return file_.bytes(); }

 private:
  MappedFile file_;
  std::filesystem::path path_;
};

class DescriptorReader final : public BlobReader {
 public:
  static Result<std::unique_ptr<BlobReader>> open(const std::filesystem::path& path) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer before we can refuse it.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
      return fail(errno == ENOENT || errno == ENOTDIR ? Errc::kNotFound : Errc::kIo,
                  "{}: cannot open: {}", path.string(), std::strerror(errno));
    }
    auto reader = std::unique_ptr<DescriptorReader>(new DescriptorReader(fd, path));
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      return fail(Errc::kIo, "{}: not a regular file", path.string());
    }
    reader->size_bytes_ = static_cast<std::uint64_t>(info.st_size);
    return reader;
  }
  ~DescriptorReader() override { ::close(fd_); }
  DescriptorReader(const DescriptorReader&) = delete;
  DescriptorReader& operator=(const DescriptorReader&) = delete;

  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }
  [[nodiscard]] Result<void> read(std::uint64_t offset, MutBytes out) const override {
    if (!range_fits(offset, out.size(), size_bytes_)) return outside(path_, offset, out.size());
    while (!out.empty()) {
      const ::ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<::off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        return fail(Errc::kIo, "{}: cannot read: {}", path_.string(), std::strerror(errno));
      }
      if (got == 0) return fail(Errc::kIo, "{}: became shorter while open", path_.string());
      out = out.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
    return {};
  }

 private:
  DescriptorReader(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::filesystem::path path_;
  std::uint64_t size_bytes_ = 0;
};

class FileWriter final : public BlobWriter {
 public:
  explicit FileWriter(AtomicFile file) : file_(std::move(file)) {}
  Result<void> write(Bytes bytes) override { return file_.write(bytes); }
  Result<void> rewrite(std::uint64_t offset, Bytes bytes) override {
    if (!range_fits(offset, bytes.size(), file_.size())) {
      return fail(Errc::kUsage, "rewrite of {} bytes at {} past the end {}", bytes.size(), offset,
                  file_.size());
    }
    return file_.write_at(offset, bytes);
  }
  Result<void> publish() override { return file_.commit(); }

 private:
  AtomicFile file_;
};

}  // namespace

Result<std::unique_ptr<BlobReader>> open_file_blob(const std::filesystem::path& path,
                                                   BlobAccess access) {
  if (access == BlobAccess::kRead) return DescriptorReader::open(path);
  PX_TRY(MappedFile file, MappedFile::open(path));
  return std::make_unique<MappedReader>(std::move(file), path);
}

Result<std::unique_ptr<FileStore>> FileStore::open_folder(const std::filesystem::path& folder,
                                                          BlobAccess access) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return fail(Errc::kNotFound, "{}: no such folder", folder.string());
  }
  remove_stale_temporaries(folder);
  return std::unique_ptr<FileStore>(new FileStore(folder, access));
}

Result<std::unique_ptr<BlobReader>> FileStore::open(std::string_view name) {
  PX_CHECK(check_blob_name(name));
  return open_file_blob(folder_ / name, access_);
}

Result<std::unique_ptr<BlobWriter>> FileStore::create(std::string_view name) {
  PX_CHECK(check_blob_name(name));
  PX_TRY(AtomicFile file, AtomicFile::create(folder_ / name));
  return std::make_unique<FileWriter>(std::move(file));
}

Result<void> FileStore::remove(std::string_view name) {
  PX_CHECK(check_blob_name(name));
  std::error_code error;
  if (!std::filesystem::remove(folder_ / name, error)) {
    if (error) return fail(Errc::kIo, "{}: cannot remove: {}", name, error.message());
    return fail(Errc::kNotFound, "no blob '{}' in {}", name, folder_.string());
  }
  return {};
}

Result<std::vector<BlobInfo>> FileStore::list() {
  std::error_code error;
  std::vector<BlobInfo> out;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code gone;  // another process may remove a file while we look
    if (!check_blob_name(name) || !at->is_regular_file(gone)) continue;
    const std::uint64_t size = at->file_size(gone);
    if (!gone) out.push_back({name, size});
  }
  if (error) return fail(Errc::kIo, "{}: cannot list: {}", folder_.string(), error.message());
  std::sort(out.begin(), out.end(),
            [](const BlobInfo& a, const BlobInfo& b) { return a.name < b.name; });
  return out;
}

}  // namespace pxos::pixelfs
