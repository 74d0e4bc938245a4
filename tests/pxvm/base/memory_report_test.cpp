#include "pxvm/base/memory_report.hpp"

#include "pxvm/base/mapped_file.hpp"
#include "tests/support/temp_folder.hpp"

#include <memory>

#include <catch2/catch.hpp>
#include <sys/mman.h>

using namespace pxos;

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::string_view kRollup =
    "55-7f ---p 00000000 00:00 0   [rollup]\nRss:                1760 kB\n"
    "Pss_Anon:            116 kB\nAnonymous:           116 kB\nSwap:                  3 kB\n";
constexpr std::string_view kStatus = "Name:\tVmSize: 9\nVmSize:\t    3892 kB\nVmHWM:\t 2144 kB\n";

MemoryReport now() {
  const auto report = memory_report();
  REQUIRE(report);
  return *report;
}

/// Reads one byte of every page; volatile, so that it happens.
void touch(Bytes bytes) {
  const volatile std::uint8_t* const data = bytes.data();
  for (std::size_t i = 0; i < bytes.size(); i += 4096) static_cast<void>(data[i]);
}

}  // namespace

TEST_CASE("parse_memory_report reads the kernel's lines", "[base]") {
  const auto report = parse_memory_report(kRollup, kStatus);
  REQUIRE(report);
  CHECK(report->resident == 1760 * 1024);
  CHECK(report->anonymous == 116 * 1024);
  CHECK(report->file_mapped_resident == 1644 * 1024);
  CHECK(report->swapped == 3 * 1024);
  CHECK(report->address_space == 3892 * 1024);
  CHECK(report->peak_resident == 2144 * 1024);
}

TEST_CASE("parse_memory_report refuses texts that lack a line or a number", "[base]") {
  CHECK_FALSE(parse_memory_report("", kStatus));
  CHECK_FALSE(parse_memory_report(kRollup, ""));
  CHECK_FALSE(parse_memory_report("Rss: x kB\nAnonymous: 1 kB\nSwap: 0 kB\n", kStatus));
  CHECK_FALSE(parse_memory_report("Rss: 1 kB\nAnonymous: 2 kB\nSwap: 0 kB\n", kStatus));
  CHECK_FALSE(parse_memory_report("Rss:", kStatus));
  CHECK_FALSE(parse_memory_report("Rss: 99999999999999999999 kB\n", kStatus));
}

TEST_CASE("written heap is anonymous, a read file is not", "[base]") {
  const test::TempFolder folder;
  const auto path = folder.write("a", ByteVector(16 * kMiB, 7));
  const MemoryReport before = now();
  const auto heap = std::make_unique<ByteVector>(32 * kMiB, std::uint8_t{1});
  touch(*heap);
  const MemoryReport with_heap = now();
  CHECK(with_heap.anonymous >= before.anonymous + 31 * kMiB);
  CHECK(with_heap.file_mapped_resident < before.file_mapped_resident + 8 * kMiB);

  const auto file = MappedFile::open(path);
  REQUIRE(file);
  touch(file->bytes());
  const MemoryReport with_file = now();
  CHECK(with_file.file_mapped_resident >= with_heap.file_mapped_resident + 15 * kMiB);
  CHECK(with_file.anonymous < with_heap.anonymous + 8 * kMiB);
  CHECK(with_file.address_space >= with_file.resident);
}

TEST_CASE("resident_bytes counts touched pages, whole and in part", "[base]") {
  constexpr std::size_t kPages = 64;
  void* const address =
      ::mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(address != MAP_FAILED);
  auto* const data = static_cast<std::uint8_t*>(address);
  const Bytes all(data, kPages * 4096);
  ::madvise(address, all.size(), MADV_NOHUGEPAGE);
  CHECK(resident_bytes(all) == 0);
  data[0] = 1;
  data[5 * 4096] = 1;
  CHECK(resident_bytes(all) == 2 * 4096);
  CHECK(resident_bytes(all.subspan(4096 * 5 + 100, 7)) == 7);
  CHECK(resident_bytes(all.subspan(4000, 200)) == 96);
  CHECK(resident_bytes(all.subspan(4096, 4096)) == 0);
  CHECK(resident_bytes({}) == 0);
  ::munmap(address, kPages * 4096);
}

TEST_CASE("to_text names the kinds apart", "[base]") {
  MemoryReport report;
  report.resident = 12'000'000;
  report.anonymous = 2'000'000;
  report.file_mapped_resident = 10'000'000;
  report.address_space = 30'000'000;
  CHECK(to_text(report) == "12.0 MB resident: 2.0 MB anonymous, 10.0 MB of files; 30.0 MB mapped");
}
