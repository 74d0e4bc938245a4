// The contract is tested in blob_store_test.cpp; here is what files add to it.

#include "pixelfs/file_store.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/temp_folder.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace pxos;
using pixelfs::BlobAccess;
using pixelfs::FileStore;

namespace fs = std::filesystem;

TEST_CASE("opening a store removes what killed writers left, not what living ones write",
          "[pixelfs]") {
  const test::TempFolder folder;
  std::ofstream(folder / ".px-4194000-0.tmp") << "left behind";
  std::ofstream(folder / ".other") << "not ours";
  const auto first = FileStore::open_folder(folder.path());
  REQUIRE(first);
  CHECK_FALSE(fs::exists(folder / ".px-4194000-0.tmp"));
  CHECK(fs::exists(folder / ".other"));

  auto writer = (*first)->create("blob");
  REQUIRE((*writer)->write(as_bytes("living")));
  REQUIRE(FileStore::open_folder(folder.path()));
  REQUIRE((*writer)->publish());
  CHECK(read_file(folder / "blob") == ByteVector{'l', 'i', 'v', 'i', 'n', 'g'});
}

TEST_CASE("a folder, a fifo and a missing folder are refused", "[pixelfs]") {
  const test::TempFolder folder;
  fs::create_directory(folder / "dir");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  for (const BlobAccess access : {BlobAccess::kMap, BlobAccess::kRead}) {
    const auto store = FileStore::open_folder(folder.path(), access);
    REQUIRE(store);
    CHECK((*store)->open("dir").error().code == Errc::kIo);
    CHECK((*store)->open("fifo").error().code == Errc::kIo);
    CHECK((*store)->list()->empty());
  }
  CHECK(FileStore::open_folder(folder / "none").error().code == Errc::kNotFound);
}

TEST_CASE("a file that shrinks under an open reader is an error, not zeros", "[pixelfs]") {
  for (const BlobAccess access : {BlobAccess::kMap, BlobAccess::kRead}) {
    const test::TempFolder folder;
    const fs::path path = folder.write("blob", ByteVector(100'000, 7));
    const auto blob = pixelfs::open_file_blob(path, access);
    REQUIRE(blob);
    REQUIRE(::truncate(path.c_str(), 10) == 0);
    ByteVector tail(1000);
    CHECK((*blob)->read(99'000, tail).error().code == Errc::kIo);
  }
}

TEST_CASE("only a mapped blob has a view", "[pixelfs]") {
  const test::TempFolder folder;
  const fs::path path = folder.write("blob", "abc");
  CHECK(as_text((*pixelfs::open_file_blob(path, BlobAccess::kMap))->view()) == "abc");
  CHECK((*pixelfs::open_file_blob(path, BlobAccess::kRead))->view().empty());
}
