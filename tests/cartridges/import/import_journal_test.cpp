#include "cartridges/import/import_journal.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using pxos::ByteVector;
using pxos::read_file;
using pxos::Xxh128;
using pxos::cartridges::ImportJournal;
using pxos::cartridges::JournalState;
using pxos::cartridges::parse_journal;
using pxos::test::TempFolder;

namespace {

ByteVector sample(const TempFolder& folder) {
  auto journal = ImportJournal::open(folder / "j", "source 1");
  REQUIRE(journal.has_value());
  REQUIRE(journal->add_digest(3, {1, 2}).has_value());
  REQUIRE(journal->add_digest(0, {3, 4}).has_value());
  REQUIRE(journal->add_kept(4096).has_value());
  REQUIRE(journal->add_kept(8192).has_value());
  return read_file(folder / "j").value();
}

}  // namespace

TEST_CASE("A journal goes on for the same source and starts anew for another", "[import]") {
  const TempFolder folder;
  sample(folder);
  {
    const auto again = ImportJournal::open(folder / "j", "source 1");
    REQUIRE(again.has_value());
    CHECK(again->state().kept == 8192);
    CHECK(again->state().digests.size() == 2);
    CHECK(again->state().digests.at(3) == Xxh128{1, 2});
  }
  auto other = ImportJournal::open(folder / "j", "source 2");
  REQUIRE(other.has_value());
  CHECK(other->state().kept == 0);
  CHECK(other->state().digests.empty());
  other->remove();
  CHECK_FALSE(std::filesystem::exists(folder / "j"));
}

TEST_CASE("A cut or damaged journal is believed up to the damage", "[import]") {
  const TempFolder folder;
  const ByteVector bytes = sample(folder);
  const JournalState whole = parse_journal(bytes);
  CHECK(whole.guard == "source 1");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const ByteVector prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    const JournalState state = parse_journal(prefix);
    CHECK(state.kept < whole.kept);
    for (const auto& [tensor, digest] : state.digests) CHECK(whole.digests.at(tensor) == digest);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    ByteVector changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    const JournalState state = parse_journal(changed);
    CHECK(state.kept < whole.kept);
    CHECK((state.guard.empty() || state.guard == whole.guard));
    for (const auto& [tensor, digest] : state.digests) CHECK(whole.digests.at(tensor) == digest);
  }
}
