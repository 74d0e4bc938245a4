#include "infinite_map/placer.hpp"

#include "infinite_map/map.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;

namespace {

RegionSpec spec(std::string name, RegionKind kind, std::int32_t layer, std::int64_t w,
                std::int64_t h, std::string model = "m") {
  RegionSpec s;
  s.name = std::move(name);
  s.kind = kind;
  s.layer = layer;
  s.width_px = w;
  s.height_px = h;
  s.model = std::move(model);
  return s;
}

std::vector<RegionSpec> small_model(const std::string& m) {
  std::vector<RegionSpec> out{spec(m + "/embd", RegionKind::kWeights, -1, 64, 900, m)};
  for (std::int32_t l = 0; l < 3; ++l) {
    const std::string p = m + "/blk." + std::to_string(l);
    out.push_back(spec(p + ".q", RegionKind::kWeights, l, 64, 64, m));
    out.push_back(spec(p + ".ffn", RegionKind::kWeights, l, 64, 180, m));
    out.push_back(spec(p + ".down", RegionKind::kWeights, l, 180, 64, m));
    out.push_back(spec(p + ".k_cache", RegionKind::kKv, l, 32, 128, m));
  }
  out.push_back(spec(m + "/x", RegionKind::kActivation, -1, 64, 16, m));
  out.push_back(spec(m + "/logits", RegionKind::kActivation, -1, 900, 1, m));
  out.push_back(spec(m + "/program", RegionKind::kProgram, -1, 50, 30, m));
  out.push_back(spec(m + "/screen", RegionKind::kScreen, -1, 320, 200, m));
  return out;
}

std::vector<Rect> rects_of(const Map& map, const std::string& m) {
  std::vector<Rect> out;
  for (const RegionSpec& s : small_model(m)) out.push_back(map.find(s.name)->rect);
  return out;
}

}  // namespace

TEST_CASE("every kind lives in its country", "[map]") {
  Map map;
  REQUIRE(map.place_all(small_model("a")));
  std::int64_t activation_right = 0;
  for (const Region& r : map.regions()) {
    if (r.kind == RegionKind::kActivation)
      activation_right = std::max(activation_right, r.rect.right());
  }
  for (const Region& r : map.regions()) {
    INFO(r.name);
    if (r.kind == RegionKind::kWeights) REQUIRE(r.rect.right() <= 0);
    if (r.kind == RegionKind::kActivation) REQUIRE(r.rect.x == 0);
    if (r.kind == RegionKind::kKv) REQUIRE(r.rect.x > activation_right);
    if (r.kind == RegionKind::kKv) REQUIRE(r.rect.y == 0);
    if (r.kind == RegionKind::kScreen) REQUIRE(r.rect.bottom() < 0);
    if (r.kind == RegionKind::kProgram) {
      for (const Region& other : map.regions()) {
        if (other.kind != RegionKind::kProgram) REQUIRE(other.rect.bottom() < r.rect.y);
      }
    }
  }
}

TEST_CASE("a layer is one band; bands go south in layer order", "[map]") {
  Map map;
  REQUIRE(map.place_all(small_model("a")));
  std::int64_t bottom = -1;
  for (int l = 0; l < 3; ++l) {
    const std::string p = "a/blk." + std::to_string(l);
    const std::int64_t top = map.find(p + ".q")->rect.y;
    REQUIRE(map.find(p + ".ffn")->rect.y == top);
    REQUIRE(map.find(p + ".down")->rect.y == top);
    REQUIRE(map.find(p + ".ffn")->rect.right() < map.find(p + ".q")->rect.x);
    REQUIRE(top > bottom);
    bottom = map.find(p + ".ffn")->rect.bottom();
  }
  REQUIRE(map.find("a/embd")->rect.right() < map.find("a/blk.2.down")->rect.x);
}

TEST_CASE("a model's map is the same every time, and its shape next to another too", "[map]") {
  Map first;
  Map second;
  REQUIRE(first.place_all(small_model("a")));
  auto shuffled = small_model("a");
  std::rotate(shuffled.begin(), shuffled.begin() + 9,
              shuffled.end());  // other layer order, same inside
  REQUIRE(second.place_all(small_model("b")));
  REQUIRE(second.remove_model("b") == small_model("b").size());
  REQUIRE(second.place_all(small_model("a")));
  REQUIRE(rects_of(first, "a") == rects_of(second, "a"));
  REQUIRE(second.place_all(small_model("c")));
  const auto a = rects_of(second, "a");
  const auto c = rects_of(second, "c");
  for (std::size_t i = 0; i + 1 < a.size(); ++i) {  // without the screen, which stays north
    REQUIRE(c[i].x == a[i].x);
    REQUIRE(c[i].y - a[i].y == c[0].y - a[0].y);
  }
  REQUIRE(second.bounds("c").y < 0);
}

TEST_CASE("regions placed one by one never overlap, whatever the order", "[map]") {
  auto specs = small_model("a");
  const auto other = small_model("b");
  specs.insert(specs.end(), other.begin(), other.end());
  for (std::size_t shift = 0; shift < specs.size(); ++shift) {
    std::rotate(specs.begin(), specs.begin() + 1, specs.end());
    Map map;
    for (const RegionSpec& s : specs) REQUIRE(map.place(s));
    const auto regions = map.regions();
    for (std::size_t i = 0; i < regions.size(); ++i) {
      for (std::size_t j = i + 1; j < regions.size(); ++j) {
        REQUIRE_FALSE(regions[i].rect.overlaps(regions[j].rect));
      }
    }
  }
}
