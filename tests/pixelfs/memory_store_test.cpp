// The contract is tested in blob_store_test.cpp; here is what only this store has.

#include "pixelfs/memory_store.hpp"

#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace pxos;

TEST_CASE("memory_blob owns its bytes and shows them without copying", "[pixelfs]") {
  const auto blob = pixelfs::memory_blob({1, 2, 3});
  CHECK(blob->size_bytes() == 3);
  CHECK(ByteVector(blob->view().begin(), blob->view().end()) == ByteVector{1, 2, 3});
}

TEST_CASE("put publishes at once and refuses a bad name", "[pixelfs]") {
  pixelfs::MemoryStore store;
  REQUIRE(store.put("a", {5}));
  CHECK((*store.open("a"))->size_bytes() == 1);
  CHECK(store.put("../a", {5}).error().code == Errc::kUsage);
}

TEST_CASE("threads may publish and read one name at the same time", "[pixelfs]") {
  pixelfs::MemoryStore store;
  REQUIRE(store.put("a", ByteVector(100, 1)));
  std::vector<std::thread> threads;
  std::vector<int> torn(4, 0);
  for (std::size_t t = 0; t < torn.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        if (!store.put("a", ByteVector(100, static_cast<std::uint8_t>(t)))) ++torn[t];
        const auto blob = store.open("a");
        const Bytes bytes = (*blob)->view();
        for (const std::uint8_t byte : bytes) torn[t] += byte == bytes[0] ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == std::vector<int>(4, 0));
}
