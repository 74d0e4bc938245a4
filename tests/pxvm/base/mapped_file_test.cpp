#include "pxvm/base/mapped_file.hpp"

#include "pxvm/base/file.hpp"
#include "pxvm/base/memory_report.hpp"
#include "tests/support/temp_folder.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using pxos::ByteVector;
using pxos::Errc;
using pxos::LoadMode;
using pxos::MappedFile;
using pxos::test::TempFolder;

namespace {

constexpr std::size_t kPage = 4096;

/// A byte the compiler may not remember or skip.
std::uint8_t read_now(const MappedFile& file, std::size_t at) {
  const volatile std::uint8_t* const bytes = file.bytes().data();
  return bytes[at];
}

ByteVector pages(std::size_t count) {
  return ByteVector(count * kPage, 0x5a);
}

}  // namespace

TEST_CASE("MappedFile gives the bytes and the identity of a file", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", "hello");
  const auto file = MappedFile::open(path);
  REQUIRE(file);
  CHECK(pxos::as_text(file->bytes()) == "hello");
  CHECK(file->identity().size_bytes == 5);
  CHECK(file->identity() == MappedFile::open(path)->identity());
  CHECK_FALSE(file->poisoned());
}

TEST_CASE("A rewritten file has another identity", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", "hello");
  const auto before = MappedFile::open(path);
  REQUIRE(pxos::write_file_atomic(path, pxos::as_bytes("hellO")));
  const auto after = MappedFile::open(path);
  CHECK_FALSE(before->identity() == after->identity());
  CHECK(pxos::as_text(before->bytes()) == "hello");
}

TEST_CASE("MappedFile::open: empty file, missing file, folder", "[base]") {
  const TempFolder folder;
  const auto empty = MappedFile::open(folder.write("empty", ""));
  REQUIRE(empty);
  CHECK(empty->bytes().empty());
  CHECK_FALSE(empty->poisoned());
  CHECK(MappedFile::open(folder / "missing").error().code == Errc::kNotFound);
  CHECK(MappedFile::open(folder.path()).error().code == Errc::kIo);
}

TEST_CASE("Reading past a shrunken end gives zeros and poisons that map only", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("shrinks", pages(3));
  const auto other_path = folder.write("stays", pages(2));
  const auto file = MappedFile::open(path);
  const auto other = MappedFile::open(other_path);
  REQUIRE((file && other));
  CHECK(read_now(*file, 2 * kPage) == 0x5a);
  REQUIRE(::truncate(path.c_str(), kPage) == 0);
  CHECK(read_now(*file, 100) == 0x5a);
  CHECK_FALSE(file->poisoned());
  CHECK(read_now(*file, 2 * kPage + 17) == 0);
  CHECK(file->poisoned());
  CHECK(read_now(*file, kPage) == 0);
  CHECK(read_now(*file, 100) == 0x5a);
  CHECK(read_now(*other, kPage) == 0x5a);
  CHECK_FALSE(other->poisoned());
}

TEST_CASE("A moved map stays guarded and a new map does not inherit the poison", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", pages(2));
  {
    auto file = MappedFile::open(path);
    REQUIRE(file);
    MappedFile moved = std::move(*file);
    CHECK(file->bytes().empty());
    REQUIRE(::truncate(path.c_str(), 0) == 0);
    CHECK(read_now(moved, kPage) == 0);
    CHECK(moved.poisoned());
    CHECK_FALSE(file->poisoned());
  }
  const auto again = MappedFile::open(folder.write("b", pages(1)));
  REQUIRE(again);
  CHECK_FALSE(again->poisoned());
}

TEST_CASE("Threads that read a shrunken map all survive", "[base]") {
  const TempFolder folder;
  constexpr std::size_t kPages = 64;
  const auto path = folder.write("a", pages(kPages));
  const auto file = MappedFile::open(path);
  REQUIRE(file);
  REQUIRE(::truncate(path.c_str(), 0) == 0);
  std::vector<std::uint64_t> sums(4);
  std::vector<std::thread> threads;
  for (std::uint64_t& sum : sums) {
    threads.emplace_back([&sum, &file] {
      for (std::size_t page = 0; page < kPages; ++page) sum += read_now(*file, page * kPage);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::uint64_t sum : sums) CHECK(sum == 0);
  CHECK(file->poisoned());
}

TEST_CASE("MappedFile::open fails with kLimit when every guard slot is taken", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", "x");
  std::vector<MappedFile> files;
  pxos::Result<MappedFile> next = MappedFile::open(path);
  while (next && files.size() < 5000) {
    files.push_back(std::move(*next));
    next = MappedFile::open(path);
  }
  REQUIRE_FALSE(next);
  CHECK(next.error().code == Errc::kLimit);
  files.clear();
  CHECK(MappedFile::open(path));
}

TEST_CASE("A bus error that is not ours still ends the process", "[base]") {
  const TempFolder folder;
  REQUIRE(MappedFile::open(folder.write("a", "guard installed")));
  const auto path = folder.write("foreign", pages(1));
  const ::pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(10);  // a handler that returns without cure would fault for ever
    ::close(STDERR_FILENO);
    std::FILE* const file = std::fopen(path.c_str(), "r+");
    void* const map = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, ::fileno(file), 0);
    if (::ftruncate(::fileno(file), 0) != 0) std::_Exit(3);
    const volatile char* const bytes = static_cast<const char*>(map);
    std::_Exit(bytes[0] == 0 ? 4 : 5);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  // By the signal itself, or by a sanitizer's report (which exits with a code of its own).
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM;
  const bool reported = WIFEXITED(status) && WEXITSTATUS(status) != 4 && WEXITSTATUS(status) != 3;
  CHECK((killed || reported));
}

TEST_CASE("every load mode gives the same bytes and identity", "[base]") {
  const TempFolder folder;
  ByteVector content = pages(9000);  // more than one step of a load
  for (std::size_t i = 0; i < content.size(); i += 1000) content[i] = static_cast<std::uint8_t>(i);
  const auto path = folder.write("a", content);
  for (const LoadMode mode : {LoadMode::kMap, LoadMode::kPrefault, LoadMode::kRead}) {
    std::uint64_t last = 0;
    pxos::LoadOptions options{mode, [&](std::uint64_t done, std::uint64_t total) {
                                CHECK(done > last);
                                CHECK(total == content.size());
                                last = done;
                                return true;
                              }};
    const auto file = MappedFile::open(path, options);
    REQUIRE(file);
    CHECK(std::equal(content.begin(), content.end(), file->bytes().begin(), file->bytes().end()));
    CHECK(file->identity() == MappedFile::open(path)->identity());
    CHECK(last == (mode == LoadMode::kMap ? 0 : content.size()));
    const auto empty = MappedFile::open(folder.write("empty", ""), {mode, {}});
    REQUIRE(empty);
    CHECK(empty->bytes().empty());
  }
}

TEST_CASE("a read file no longer needs the file; loading can be stopped", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", pages(4));
  const auto file = MappedFile::open(path, {LoadMode::kRead, {}});
  REQUIRE(::truncate(path.c_str(), 0) == 0);
  CHECK(read_now(*file, 3 * kPage) == 0x5a);
  CHECK_FALSE(file->poisoned());
  folder.write("b", pages(4));
  const auto stop = [](std::uint64_t, std::uint64_t) { return false; };
  for (const LoadMode mode : {LoadMode::kPrefault, LoadMode::kRead}) {
    CHECK(MappedFile::open(folder / "b", {mode, stop}).error().code == Errc::kInterrupted);
  }
}

TEST_CASE("prefault brings a mapping into the page tables, from any address", "[base]") {
  const TempFolder folder;
  const auto file = MappedFile::open(folder.write("a", pages(600)));
  REQUIRE(pxos::prefault(file->bytes().subspan(100, 300 * kPage)));
  CHECK(pxos::resident_bytes(file->bytes().first(300 * kPage)) == 300 * kPage);
  REQUIRE(pxos::prefault({}));
  REQUIRE(pxos::prefault(file->bytes().subspan(5, 7)));
}

TEST_CASE("a file that shrank before prefault is poisoned, not fatal", "[base]") {
  const TempFolder folder;
  const auto path = folder.write("a", pages(8));
  const auto file = MappedFile::open(path);
  REQUIRE(::truncate(path.c_str(), kPage) == 0);
  REQUIRE(pxos::prefault(file->bytes()));
  CHECK(file->poisoned());
}

TEST_CASE("load modes have names", "[base]") {
  CHECK(pxos::parse_load_mode("mmap") == LoadMode::kMap);
  CHECK(pxos::parse_load_mode("prefault") == LoadMode::kPrefault);
  CHECK(pxos::parse_load_mode("read") == LoadMode::kRead);
  CHECK(pxos::parse_load_mode("").error().code == Errc::kUsage);
}

TEST_CASE("Released pages leave memory and come back as they were", "[base]") {
  const TempFolder folder;
  constexpr std::size_t kPages = 512;
  const auto path = folder.write("a", pages(kPages));
  for (const LoadMode mode : {LoadMode::kMap, LoadMode::kRead}) {
    const auto file = MappedFile::open(path, {mode, {}});
    REQUIRE(file);
    for (std::size_t i = 0; i < kPages; ++i) REQUIRE(read_now(*file, i * kPage) == 0x5a);
    file->release_pages();
    // Memory of our own stays; pages of a map are read again.
    for (std::size_t i = 0; i < kPages; ++i) REQUIRE(read_now(*file, i * kPage) == 0x5a);
    CHECK_FALSE(file->poisoned());
  }
  const auto file = MappedFile::open(path);
  const auto before = pxos::memory_report();
  for (std::size_t i = 0; i < kPages; ++i) REQUIRE(read_now(*file, i * kPage) == 0x5a);
  file->release_pages();
  const auto after = pxos::memory_report();
  if (before && after)
    CHECK(after->file_mapped_resident < before->file_mapped_resident + kPages * kPage / 2);
}
