#include "pxvm/base/file.hpp"

#include "tests/support/temp_folder.hpp"

#include <algorithm>
#include <csignal>

#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

using pxos::as_bytes;
using pxos::as_text;
using pxos::AtomicFile;
using pxos::Errc;
using pxos::test::TempFolder;

namespace {

std::string content_of(const std::filesystem::path& path) {
  const auto content = pxos::read_file(path);
  REQUIRE(content);
  return std::string(as_text(*content));
}

std::size_t files_in(const std::filesystem::path& folder) {
  const std::filesystem::directory_iterator files(folder);
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace

TEST_CASE("write_file_atomic replaces a file and leaves nothing else behind", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", "old");
  REQUIRE(pxos::write_file_atomic(path, as_bytes("new content")));
  CHECK(content_of(path) == "new content");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("read_file tells a missing file, a folder, a FIFO and a large file apart", "[base]") {
  const TempFolder folder;
  CHECK(pxos::read_file(folder / "missing").error().code == Errc::kNotFound);
  CHECK(pxos::read_file(folder.path()).error().code == Errc::kIo);
  const auto large = folder.write("large", "12345");
  CHECK(pxos::read_file(large, 5));
  CHECK(pxos::read_file(large, 4).error().code == Errc::kLimit);
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(pxos::read_file(folder / "fifo").error().code == Errc::kIo);
}

TEST_CASE("An AtomicFile that is not committed leaves the old file and no temporary", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", "old");
  {
    auto file = AtomicFile::create(path);
    REQUIRE(file);
    REQUIRE(file->write(as_bytes("half")));
    CHECK(files_in(folder.path()) == 2);
  }
  CHECK(content_of(path) == "old");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("AtomicFile keeps links and permissions, and replaces files only", "[base]") {
  namespace fs = std::filesystem;
  const TempFolder folder;
  const fs::path target = folder.write("target", std::string_view("old"));
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  fs::create_symlink("target", folder / "link");
  REQUIRE(pxos::write_file_atomic(folder / "link", pxos::as_bytes("new")));
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(pxos::as_text(*pxos::read_file(target)) == "new");
  CHECK(fs::status(target).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read));
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const auto pipe = AtomicFile::create(folder / "pipe");
  REQUIRE_FALSE(pipe);
  CHECK(pipe.error().code == pxos::Errc::kUsage);
  CHECK(fs::is_fifo(folder / "pipe"));
}

TEST_CASE("AtomicFile writes at the end and at an offset, and counts its size", "[base]") {
  const TempFolder folder;
  auto file = AtomicFile::create(folder / "a");
  REQUIRE(file);
  REQUIRE(file->write(as_bytes("0123456789")));
  REQUIRE(file->write_at(2, as_bytes("ab")));
  CHECK(file->size() == 10);
  REQUIRE(file->write(as_bytes("X")));
  REQUIRE(file->write_at(13, as_bytes("Z")));
  CHECK(file->size() == 14);
  REQUIRE(file->commit());
  CHECK(content_of(folder / "a") == std::string("01ab456789X\0\0Z", 14));
}

TEST_CASE("A committed or moved-from AtomicFile refuses further writes", "[base]") {
  const TempFolder folder;
  auto file = AtomicFile::create(folder / "a");
  REQUIRE(file);
  AtomicFile moved = std::move(*file);
  CHECK_FALSE(file->write(as_bytes("x")));
  REQUIRE(moved.write(as_bytes("x")));
  REQUIRE(moved.commit());
  CHECK_FALSE(moved.write(as_bytes("y")));
  CHECK_FALSE(moved.commit());
  CHECK(content_of(folder / "a") == "x");
}

TEST_CASE("Two writers of one path do not share a temporary", "[base]") {
  const TempFolder folder;
  auto first = AtomicFile::create(folder / "a");
  auto second = AtomicFile::create(folder / "a");
  REQUIRE((first && second));
  REQUIRE(first->write(as_bytes("first")));
  REQUIRE(second->write(as_bytes("second")));
  REQUIRE(first->commit());
  REQUIRE(second->commit());
  CHECK(content_of(folder / "a") == "second");
}

TEST_CASE("A write that the system refuses leaves the old file", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto written = pxos::write_file_atomic(path, pxos::ByteVector(10'000));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, previous);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == Errc::kIo);
  CHECK(content_of(path) == "old");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("AtomicFile::create reports a missing folder and a path without a name", "[base]") {
  const TempFolder folder;
  CHECK(AtomicFile::create(folder / "missing/a").error().code == Errc::kNotFound);
  CHECK(AtomicFile::create(folder.path() / "").error().code == Errc::kUsage);
}

TEST_CASE("A resumed file keeps what it is told to and outlives its writer", "[base]") {
  const TempFolder folder;
  const auto partial = folder / "a.part";
  {
    auto file = AtomicFile::resume(folder / "a", partial, 100);
    REQUIRE(file);
    CHECK(file->size() == 0);
    REQUIRE(file->write(as_bytes("hello world")));
    REQUIRE(file->sync());
    CHECK(AtomicFile::resume(folder / "a", partial, 0).error().code == Errc::kUsage);
  }
  CHECK(content_of(partial) == "hello world");
  auto file = AtomicFile::resume(folder / "a", partial, 5);
  REQUIRE(file);
  CHECK(file->size() == 5);
  pxos::ByteVector read(3);
  REQUIRE(file->read_at(2, read));
  CHECK(pxos::as_text(read) == "llo");
  CHECK_FALSE(file->read_at(3, read));
  REQUIRE(file->write(as_bytes("!")));
  REQUIRE(file->commit());
  CHECK(content_of(folder / "a") == "hello!");
  CHECK_FALSE(std::filesystem::exists(partial));
}
