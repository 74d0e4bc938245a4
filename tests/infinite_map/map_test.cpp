#include "infinite_map/map.hpp"

#include <atomic>
#include <limits>
#include <thread>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;

namespace {

RegionSpec spec(std::string name, std::int64_t w, std::int64_t h) {
  RegionSpec s;
  s.name = std::move(name);
  s.width_px = w;
  s.height_px = h;
  return s;
}

}  // namespace

TEST_CASE("regions are found by id, name, point and rectangle", "[map]") {
  Map map;
  const auto a = map.place_at(spec("a", 10, 10), {0, 0});
  const auto b = map.place_at(spec("b", 5, 5), {10, 0});
  REQUIRE(a);
  REQUIRE(b);
  REQUIRE(map.get(*a)->name == "a");
  REQUIRE(map.find("b")->rect == Rect{10, 0, 5, 5});
  REQUIRE(map.at(9, 9)->name == "a");
  REQUIRE(map.at(10, 0)->name == "b");
  REQUIRE_FALSE(map.at(10, 5));
  REQUIRE(map.id_at({10, 0}) == *b);
  REQUIRE_FALSE(map.id_at({10, 5}));
  REQUIRE(map.in({9, 0, 2, 1}).size() == 2);
  REQUIRE(map.in({100, 100, 5, 5}).empty());
  REQUIRE(map.bounds() == Rect{0, 0, 15, 10});
  REQUIRE(map.size() == 2);
}

TEST_CASE("a place is named by a region or the beginning of names", "[map]") {
  Map map;
  const auto add = [&](const std::string& name, std::int64_t x) {
    RegionSpec s = spec("m/" + name, 1, 1);
    s.model = "m";
    REQUIRE(map.place_at(std::move(s), {x, 0}));
  };
  add("blk.1.q", 0);
  add("blk.1.k", 2);
  add("blk.10.q", 4);
  add("kv[0]", 6);
  REQUIRE(map.bounds_of("blk.1") == Rect{0, 0, 3, 1});
  REQUIRE(map.bounds_of("blk.1.k") == Rect{2, 0, 1, 1});
  REQUIRE(map.bounds_of("m/blk.10") == Rect{4, 0, 1, 1});
  REQUIRE(map.bounds_of("kv") == Rect{6, 0, 1, 1});
  REQUIRE(map.bounds_of("m") == Rect{0, 0, 7, 1});
  REQUIRE(map.bounds_of("bl").empty());
  REQUIRE(map.bounds_of("").empty());
}

TEST_CASE("a stale id is an error, also after its slot is used again", "[map]") {
  Map map;
  const RegionId old = *map.place(spec("a", 10, 10));
  REQUIRE(map.remove(old));
  REQUIRE(map.remove(old).error().code == Errc::kNotFound);
  const RegionId fresh = *map.place(spec("a", 10, 10));
  REQUIRE(fresh.index == old.index);
  REQUIRE_FALSE(map.get(old));
  REQUIRE(map.get(fresh));
  REQUIRE_FALSE(map.get({77, 0}));
}

TEST_CASE("bad specs and overlaps are refused and change nothing", "[map]") {
  Map map;
  REQUIRE(map.place_at(spec("a", 10, 10), {0, 0}));
  REQUIRE(map.place(spec("a", 1, 1)).error().code == Errc::kInvalid);
  REQUIRE(map.place(spec("", 1, 1)).error().code == Errc::kInvalid);
  REQUIRE(map.place(spec("b", 0, 1)).error().code == Errc::kInvalid);
  REQUIRE(map.place(spec("b", 1, -4)).error().code == Errc::kInvalid);
  REQUIRE(map.place(spec("b", std::int64_t{1} << 50, 1)).error().code == Errc::kLimit);
  const auto overlap = map.place_at(spec("b", 5, 5), {9, 9});
  REQUIRE(overlap.error().message.find("overlap a") != std::string::npos);
  REQUIRE(
      map.place_at(spec("b", 5, 5), {std::numeric_limits<std::int64_t>::max(), 0}).error().code ==
      Errc::kLimit);
  REQUIRE(map.size() == 1);
}

TEST_CASE("place_all places everything or nothing and keeps the order of ids", "[map]") {
  Map map;
  REQUIRE_FALSE(map.place_all({spec("a", 5, 5), spec("b", 5, 5), spec("a", 5, 5)}));
  REQUIRE(map.size() == 0);
  const auto ids = map.place_all({spec("z", 5, 5), spec("y", 6, 5), spec("x", 7, 5)});
  REQUIRE(ids);
  REQUIRE(map.get((*ids)[0])->name == "z");
  REQUIRE(map.get((*ids)[2])->name == "x");
}

TEST_CASE("readers and writers from several threads see whole regions", "[map]") {
  Map map;
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::atomic<int> passes{0};
  std::thread reader([&] {
    while (!stop) {
      for (const Region& r : map.regions()) {
        if (r.rect.empty() || r.name.empty()) ++wrong;
      }
      if (!map.render({-100, -100, 200, 200}, 20, 20)) ++wrong;
      ++passes;
    }
  });
  for (int i = 0; i < 300 || passes < 20; ++i) {
    const auto id = map.place(spec("r" + std::to_string(i % 7), 10, 10));
    if (id && i % 3 != 0) (void)map.remove(*id);
  }
  stop = true;
  reader.join();
  REQUIRE(wrong == 0);
}
