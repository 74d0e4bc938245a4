// The contract of the port, held by every implementation.

#include "pixelfs/blob_store.hpp"

#include "pixelfs/file_store.hpp"
#include "pixelfs/memory_store.hpp"
#include "tests/support/temp_folder.hpp"

#include <functional>

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::BlobStore;

namespace {

/// Runs `check` on a fresh store of each kind.
void for_each_store(const std::function<void(BlobStore&)>& check) {
  for (const auto access : {pixelfs::BlobAccess::kMap, pixelfs::BlobAccess::kRead}) {
    const test::TempFolder folder;
    auto store = pixelfs::FileStore::open_folder(folder.path(), access);
    REQUIRE(store);
    check(**store);
  }
  pixelfs::MemoryStore memory;
  check(memory);
}

void put(BlobStore& store, std::string_view name, std::string_view content) {
  auto writer = store.create(name);
  REQUIRE(writer);
  REQUIRE((*writer)->write(as_bytes(content)));
  REQUIRE((*writer)->publish());
}

std::string get(const pixelfs::BlobReader& blob) {
  ByteVector bytes(blob.size_bytes());
  REQUIRE(blob.read(0, bytes));
  return std::string(as_text(bytes));
}

}  // namespace

TEST_CASE("a published blob is read back; unpublished ones leave nothing", "[pixelfs]") {
  for_each_store([](BlobStore& store) {
    put(store, "b", "hello");
    put(store, "a", "");
    {
      auto given_up = store.create("c");
      REQUIRE(given_up);
      REQUIRE((*given_up)->write(as_bytes("x")));
    }
    const auto list = store.list();
    REQUIRE(list);
    REQUIRE(list->size() == 2);
    CHECK((*list)[0].name == "a");
    CHECK((*list)[1].name == "b");
    CHECK((*list)[1].size_bytes == 5);
    CHECK(get(**store.open("b")) == "hello");
    CHECK(get(**store.open("a")).empty());
    CHECK(store.open("c").error().code == Errc::kNotFound);
  });
}

TEST_CASE("publishing a name again replaces it, but not under an open reader", "[pixelfs]") {
  for_each_store([](BlobStore& store) {
    put(store, "b", "old content");
    const auto old = store.open("b");
    REQUIRE(old);
    put(store, "b", "new");
    CHECK(get(**old) == "old content");
    CHECK(get(**store.open("b")) == "new");
    REQUIRE(store.remove("b"));
    CHECK(get(**old) == "old content");
    CHECK(store.open("b").error().code == Errc::kNotFound);
    CHECK(store.remove("b").error().code == Errc::kNotFound);
  });
}

TEST_CASE("a writer may rewrite what it wrote, not what it did not", "[pixelfs]") {
  for_each_store([](BlobStore& store) {
    auto writer = store.create("b");
    REQUIRE((*writer)->write(as_bytes("....def")));
    REQUIRE((*writer)->rewrite(1, as_bytes("abc")));
    CHECK((*writer)->rewrite(5, as_bytes("xyz")).error().code == Errc::kUsage);
    CHECK((*writer)->rewrite(~std::uint64_t{0}, as_bytes("xyz")).error().code == Errc::kUsage);
    REQUIRE((*writer)->publish());
    CHECK(get(**store.open("b")) == ".abcdef");
  });
}

TEST_CASE("reads outside a blob are errors", "[pixelfs]") {
  for_each_store([](BlobStore& store) {
    put(store, "b", "hello");
    const auto blob = store.open("b");
    ByteVector two(2);
    REQUIRE((*blob)->read(3, two));
    CHECK(as_text(two) == "lo");
    CHECK((*blob)->read(4, two).error().code == Errc::kInvalid);
    CHECK((*blob)->read(~std::uint64_t{0}, two).error().code == Errc::kInvalid);
    CHECK((*blob)->read(5, MutBytes{}));
  });
}

TEST_CASE("names are one visible path component", "[pixelfs]") {
  for_each_store([](BlobStore& store) {
    for (const std::string& name :
         {std::string(), std::string("a/b"), std::string(".."), std::string(".hidden"),
          std::string("a\nb"), std::string("a\0b", 3), std::string("a\\b"),
          std::string(256, 'a')}) {
      CHECK(store.create(name).error().code == Errc::kUsage);
      CHECK_FALSE(store.open(name));
      CHECK_FALSE(store.remove(name));
    }
    put(store, "name with spaces, \xce\xbb and (dots).pxi", "x");
  });
  CHECK(pixelfs::check_blob_name(std::string(255, 'a')));
}
