#include "pxvm/base/file.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pxos {
namespace {

constexpr int kTemporaryAttempts = 1000;
/// One read or write call never asks for more: the kernel caps a call at about 2 GiB anyway.
constexpr std::uint64_t kLargestCall = std::uint64_t{1} << 30U;

/// Closes a descriptor at scope exit. The value may be -1.
struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

/// The error for a failed system call; reads errno, so it must be the next thing that runs.
tl::unexpected<Error> system_error(const std::filesystem::path& path, const char* what) {
  const int code = errno;
  const bool missing = code == ENOENT || code == ENOTDIR;
  return fail(missing ? Errc::kNotFound : Errc::kIo, "{}: cannot {}: {}", path.string(), what,
              std::strerror(code));
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.fd < 0) return system_error(folder, "open folder");
  // Some file systems have nothing to sync for a folder and say so with EINVAL.
  if (::fsync(handle.fd) != 0 && errno != EINVAL) return system_error(folder, "sync folder");
  return {};
}

Result<void> write_all(int fd, std::uint64_t offset, Bytes bytes,
                       const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const std::size_t want = std::min<std::uint64_t>(bytes.size(), kLargestCall);
    const ::ssize_t done = ::pwrite(fd, bytes.data(), want, static_cast<::off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(path, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return {};
}

/// Creates a file that was not there and locks it: the lock tells a living writer's temporary from
/// one that a killed process left. -1 with errno EEXIST when the name is taken.
int create_locked(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return -1;
  // A sweeper that came between the two calls holds the lock and is removing the name. A file
  // system without locks has no sweeper that could take one either.
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return fd;
  ::close(fd);
  errno = EEXIST;
  return -1;
}

/// True when nobody writes the file any more and it is gone now. The name may have changed hands
/// since it was listed: what is locked must still be what the name means.
bool remove_if_stale(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.fd < 0 || ::flock(file.fd, LOCK_EX | LOCK_NB) != 0) return false;
  struct stat locked {};
  struct stat named {};
  if (::fstat(file.fd, &locked) != 0 || ::lstat(path.c_str(), &named) != 0) return false;
  if (locked.st_ino != named.st_ino || locked.st_dev != named.st_dev) return false;
  return ::unlink(path.c_str()) == 0;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

Result<ByteVector> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer before we can refuse it.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd < 0) return system_error(path, "open");
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return system_error(path, "stat");
  if (!S_ISREG(info.st_mode)) return fail(Errc::kIo, "{}: not a regular file", path.string());
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > max_bytes) {
    return fail(Errc::kLimit, "{}: {} bytes, at most {} are read", path.string(), size, max_bytes);
  }
  ByteVector content(size);
  std::uint64_t filled = 0;
  while (filled < size) {
    const std::size_t want = std::min(size - filled, kLargestCall);
    const ::ssize_t got = ::read(file.fd, content.data() + filled, want);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path, "read");
    if (got == 0) break;
    filled += static_cast<std::uint64_t>(got);
  }
  if (filled != size) {
    return fail(Errc::kIo, "{}: ended at byte {}, expected {}", path.string(), filled, size);
  }
  return content;
}

Result<void> write_file_atomic(const std::filesystem::path& path, Bytes content) {
  PX_TRY(AtomicFile file, AtomicFile::create(path));
  PX_CHECK(file.write(content));
  return file.commit();
}

std::size_t remove_stale_temporaries(const std::filesystem::path& folder) {
  std::size_t removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(".px-") && name.ends_with(".tmp") && remove_if_stale(at->path()))
      ++removed;
  }
  return removed;
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& given) {
  if (!given.has_filename()) return fail(Errc::kUsage, "'{}': no file name", given.string());
  // A link stays one: what it points to is replaced.
  std::error_code dangling;
  std::filesystem::path path = std::filesystem::canonical(given, dangling);
  if (dangling) path = given;
  struct stat old {};
  const bool exists = ::stat(path.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode))
    return fail(Errc::kUsage, "{}: a {}, expected a regular file or none", given.string(),
                S_ISDIR(old.st_mode) ? "folder" : "device, pipe or socket");
  AtomicFile file;
  // O_EXCL makes the name ours: a name left by a killed process, or taken by another thread, is
  // skipped.
  for (int attempt = 0; attempt < kTemporaryAttempts && file.fd_ < 0; ++attempt) {
    file.temporary_ = folder_of(path) / fmt::format(".px-{}-{}.tmp", ::getpid(), attempt);
    file.fd_ = create_locked(file.temporary_);
    if (file.fd_ < 0 && errno != EEXIST) return system_error(path, "create");
  }
  if (file.fd_ < 0) return system_error(path, "create a temporary for");
  if (exists && ::fchmod(file.fd_, old.st_mode & 07777U) != 0)
    return system_error(path, "keep the permissions of");
  file.path_ = path;
  return file;
}

Result<AtomicFile> AtomicFile::resume(const std::filesystem::path& path,
                                      const std::filesystem::path& temporary, std::uint64_t keep) {
  AtomicFile file;
  file.lasting_ = true;
  file.path_ = path;
  file.temporary_ = temporary;
  file.fd_ = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file.fd_ < 0) return system_error(temporary, "create");
  if (::flock(file.fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return fail(Errc::kUsage, "{}: another process is writing it", temporary.string());
  struct stat info {};
  if (::fstat(file.fd_, &info) != 0) return system_error(temporary, "stat");
  if (!S_ISREG(info.st_mode)) return fail(Errc::kIo, "{}: not a regular file", temporary.string());
  file.size_ = std::min(keep, static_cast<std::uint64_t>(info.st_size));
  if (::ftruncate(file.fd_, static_cast<::off_t>(file.size_)) != 0)
    return system_error(temporary, "cut");
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      lasting_(other.lasting_),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  fd_ = std::exchange(other.fd_, -1);
  lasting_ = other.lasting_;
  size_ = std::exchange(other.size_, 0);
  path_ = std::move(other.path_);
  temporary_ = std::move(other.temporary_);
  return *this;
}

AtomicFile::~AtomicFile() {
  discard();
}

void AtomicFile::discard() {
  if (fd_ < 0) return;
  ::close(fd_);
  fd_ = -1;
  if (!lasting_) ::unlink(temporary_.c_str());
}

Result<void> AtomicFile::write(Bytes bytes) {
  return write_at(size_, bytes);
}

Result<void> AtomicFile::write_at(std::uint64_t offset, Bytes bytes) {
  if (fd_ < 0) return fail(Errc::kIo, "write to a file that is already closed");
  const auto end = checked_add<std::uint64_t>(offset, bytes.size());
  if (!end || !checked_cast<::off_t>(*end)) {
    return fail(Errc::kLimit, "{}: write at byte {} is out of range", path_.string(), offset);
  }
  PX_CHECK(write_all(fd_, offset, bytes, path_));
  size_ = std::max(size_, *end);
  return {};
}

Result<void> AtomicFile::read_at(std::uint64_t offset, MutBytes out) const {
  if (fd_ < 0 || !range_fits(offset, out.size(), size_))
    return fail(Errc::kIo, "{}: {} bytes at {} were not written", path_.string(), out.size(),
                offset);
  while (!out.empty()) {
    const std::size_t want = std::min<std::uint64_t>(out.size(), kLargestCall);
    const ::ssize_t got = ::pread(fd_, out.data(), want, static_cast<::off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path_, "read");
    if (got == 0) return fail(Errc::kIo, "{}: ended at byte {}", path_.string(), offset);
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<void> AtomicFile::sync() {
  if (fd_ < 0) return fail(Errc::kIo, "sync of a file that is already closed");
  return ::fsync(fd_) == 0 ? Result<void>() : system_error(path_, "sync");
}

Result<void> AtomicFile::commit() {
  if (fd_ < 0) return fail(Errc::kIo, "commit of a file that is already closed");
  if (::fsync(fd_) != 0) return system_error(path_, "sync");
  // From here on the temporary must not be removed by discard(): after the rename it is the file.
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error(path_, "replace");
  // Closing can report a late write error, but fsync above has already reported those.
  ::close(std::exchange(fd_, -1));
  return sync_folder(folder_of(path_));
}

}  // namespace pxos
