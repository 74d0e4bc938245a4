//   pxos_map_bench [FOLDER for spilled tiles]
// Measures of the infinite map: region lookup, tile access, rectangle copies, spilling, pictures,
// and what a mapped gigabyte costs. Prints one line a measure; run it on a quiet machine.

#include "infinite_map/map.hpp"
#include "infinite_map/tile_store.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/base/memory_report.hpp"
#include "pxvm/base/rng.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <vector>

#include <fmt/core.h>
#include <unistd.h>

namespace pxos::infinite_map {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Median of five.
double typical_seconds(const std::function<void()>& work) {
  std::vector<double> times(5);
  for (double& t : times) t = seconds(work);
  std::sort(times.begin(), times.end());
  return times[2];
}

void require(bool ok, const char* what) {
  if (ok) return;
  fmt::print(stderr, "map_bench: {} failed\n", what);
  std::exit(1);
}

/// Sizes of every kind from 1 x 1 to 1 000 x 1 000, none over another.
std::vector<Rect> mixed_regions(std::int64_t side) {
  CounterRng rng(1);
  std::vector<Rect> out;
  const auto size = [&] {
    return 1 + std::int64_t{rng.next_u32() % (1U << (rng.next_u32() % 10U))};
  };
  for (std::int64_t i = 0; i < side * side; ++i) {
    const std::int64_t w = size();
    const std::int64_t h = size();
    out.push_back({(i % side - side / 2) * 1024, (i / side - side / 2) * 1024, w, h});
  }
  return out;
}

double nanoseconds(Clock::duration d) {
  return std::chrono::duration<double, std::nano>(d).count();
}

/// Single lookups, about half of them hits, each timed with the clock's own cost taken off; beside
/// them the same for no work at all, which shows what the machine's interruptions add.
void lookup_percentiles(const Map& map, const std::vector<Rect>& regions) {
  constexpr std::size_t kLookups = 400'000;
  CounterRng rng(2);
  std::vector<Point> points(kLookups);
  for (Point& p : points) {
    const Rect& r = regions[rng.next_u32() % regions.size()];
    p = {r.x + std::int64_t{rng.next_u32()} % r.width,
         r.y + std::int64_t{rng.next_u32()} % (2 * r.height)};
  }
  std::vector<double> ns(kLookups);
  std::vector<double> idle(kLookups);
  std::size_t hits = 0;
  for (std::size_t i = 0; i < kLookups; ++i) {
    const auto start = Clock::now();
    hits += map.id_at(points[i]).has_value() ? 1U : 0U;
    const auto end = Clock::now();
    idle[i] = nanoseconds(Clock::now() - end);
    ns[i] = nanoseconds(end - start);
  }
  std::sort(ns.begin(), ns.end());
  std::sort(idle.begin(), idle.end());
  const auto at = [](const std::vector<double>& sorted, double q) {
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
  };
  const double clock = at(idle, 0.5);
  fmt::print(
      "region lookup at {} regions  p50 {:.0f} ns  p99 {:.0f} ns  p99.9 {:.0f} ns  ({} hits)\n",
      regions.size(), at(ns, 0.5) - clock, at(ns, 0.99) - clock, at(ns, 0.999) - clock, hits);
  fmt::print("  no work at all             p50 {:.0f} ns  p99 {:.0f} ns  p99.9 {:.0f} ns\n",
             clock - clock, at(idle, 0.99) - clock, at(idle, 0.999) - clock);
  double sum = seconds([&] {
    for (const Point& p : points) hits += map.id_at(p).has_value() ? 1U : 0U;
  });
  fmt::print("  back to back               {:.0f} ns each\n", sum * 1e9 / kLookups);
}

void bench_regions() {
  const std::vector<Rect> regions = mixed_regions(1000);
  Map map;
  const double insert = seconds([&] {
    for (std::size_t i = 0; i < regions.size(); ++i) {
      RegionSpec spec;
      spec.name = fmt::format("r{}", i);
      spec.width_px = regions[i].width;
      spec.height_px = regions[i].height;
      require(map.place_at(std::move(spec), {regions[i].x, regions[i].y}).has_value(), "place_at");
    }
  });
  fmt::print("region insert                {:.0f} ns each\n", insert * 1e9 / 1e6);
  lookup_percentiles(map, regions);
  CounterRng rng(3);
  std::size_t found = 0;
  const double rects = typical_seconds([&] {
    for (int i = 0; i < 10'000; ++i) {
      const Rect& r = regions[rng.next_u32() % regions.size()];
      found += map.in({r.x, r.y, 2048, 2048}).size();
    }
  });
  fmt::print("regions in 2048 x 2048       {:.0f} ns a query of about 9 ({} found)\n",
             rects * 1e9 / 1e4, found);
}

void bench_access(TileStore& tiles, std::int64_t side) {
  CounterRng rng(4);
  ByteVector pixel(4);
  constexpr int kReads = 200'000;
  const double random = typical_seconds([&] {
    for (int i = 0; i < kReads; ++i) {
      const Rect r{static_cast<std::int64_t>(rng.next_u32()) % side,
                   static_cast<std::int64_t>(rng.next_u32()) % side, 1, 1};
      require(tiles.read(r, pixel).has_value(), "read");
    }
  });
  fmt::print("random tile access           {:.0f} ns a pixel\n", random * 1e9 / kReads);
  const Rect block{100, 100, 2000, 2000};
  ByteVector pixels(static_cast<std::size_t>(block.width * block.height) * 4, 7);
  const double gigabytes = static_cast<double>(pixels.size()) * 1e-9;
  const double read =
      typical_seconds([&] { require(tiles.read(block, pixels).has_value(), "read"); });
  const double write =
      typical_seconds([&] { require(tiles.write(block, pixels).has_value(), "write"); });
  const double copy = typical_seconds([&] {
    require(tiles.copy(block, {1300, 1700}).has_value(), "copy");
  });
  const double fill = typical_seconds([&] {
    require(tiles.fill(block, {1, 2, 3, 4}).has_value(), "fill");
  });
  ByteVector other(pixels.size());
  const double plain =
      typical_seconds([&] { std::memcpy(other.data(), pixels.data(), pixels.size()); });
  fmt::print(
      "rectangle 2000 x 2000        read {:.1f}  write {:.1f}  copy {:.1f}  fill {:.1f} GB/s"
      "  (memcpy {:.1f})\n",
      gigabytes / read, gigabytes / write, gigabytes / copy, gigabytes / fill, gigabytes / plain);
}

void bench_snapshots(TileStore& tiles) {
  TileSnapshot saved;
  const double take = typical_seconds([&] { saved = tiles.snapshot(); });
  const double change = typical_seconds([&] {
    require(tiles.fill({0, 0, 1, 1}, {1, 1, 1, 1}).has_value(), "fill");
    saved = tiles.snapshot();
  });
  const double restore =
      typical_seconds([&] { require(tiles.restore(saved).has_value(), "restore"); });
  const TileSnapshot now = tiles.snapshot();
  const double diff =
      typical_seconds([&] { require(TileSnapshot::changed(saved, now).empty(), "diff"); });
  fmt::print(
      "snapshot of {} tiles       take {:.0f}  take after a write {:.0f}  restore {:.0f}  "
      "diff {:.0f} us\n",
      tiles.tiles(), take * 1e6, change * 1e6, restore * 1e6, diff * 1e6);
}

/// Everything leaves memory and comes back.
void bench_spill(const std::filesystem::path& folder) {
  TileOptions options;
  options.budget_bytes = 64 * kTileBytes;
  options.spill_folder = folder;
  TileStore tiles(options);
  constexpr std::int64_t kRows = 4096;
  const Rect strip{0, 0, kTileSide, kTileSide};
  ByteVector pixels(kTileBytes);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(i * 31 + i / 255);
  const std::int64_t count = kRows / 4;
  const double gigabytes =
      static_cast<double>(static_cast<std::uint64_t>(count) * kTileBytes) * 1e-9;
  const double spill = seconds([&] {
    for (std::int64_t i = 0; i < count; ++i)
      require(tiles.write({0, i * kTileSide, strip.width, strip.height}, pixels).has_value(),
              "spill");
  });
  const double restore = seconds([&] {
    for (std::int64_t i = 0; i < count; ++i)
      require(tiles.read({0, i * kTileSide, strip.width, strip.height}, pixels).has_value(),
              "restore");
  });
  fmt::print("spill to {:<19} {:.0f} MB/s out, {:.0f} MB/s back, {} + {} tiles\n", folder.string(),
             gigabytes * 1e3 / spill, gigabytes * 1e3 / restore, tiles.stats().spilled,
             tiles.stats().restored);
}

std::uint64_t anonymous_bytes() {
  const auto report = memory_report();
  require(report.has_value(), "memory_report");
  return report->anonymous + report->swapped;
}

/// A gigabyte of pixels mapped from a file, shown whole: what it takes beside the file's own pages.
void bench_mapped(const std::filesystem::path& folder) {
  constexpr std::int64_t kSide = 16384;
  const std::filesystem::path path = folder / fmt::format("pxos-map-bench-{}", ::getpid());
  {
    auto file = AtomicFile::create(path);
    require(file && file->write_at((std::uint64_t{1} << 30U) - 1, ByteVector(1)), "a sparse file");
    require(file->commit().has_value(), "a sparse file");
  }
  const auto mapped = MappedFile::open(path);
  std::filesystem::remove(path);
  require(mapped.has_value(), "map");
  const std::uint64_t before = anonymous_bytes();
  Map map;
  RegionSpec spec;
  spec.name = "sheet";
  spec.width_px = kSide;
  spec.height_px = kSide;
  spec.source = rgba_source(mapped->bytes(), kSide, kSide);
  spec.source.immutable = true;
  require(map.place_at(std::move(spec), {0, 0}).has_value(), "place");
  const std::uint64_t placed = anonymous_bytes();
  const auto render = [&] {
    require(map.render({0, 0, kSide, kSide}, 1024, 1024).has_value(), "render");
  };
  const double first = seconds(render);
  const std::uint64_t drawn = anonymous_bytes();
  const double again = typical_seconds(render);
  fmt::print("picture 1024 x 1024 of 1 GiB {:.0f} ms for the first time, {:.1f} ms again\n",
             first * 1e3, again * 1e3);
  fmt::print("a mapped GiB costs           {:.2f} MB placed, {:.2f} MB more once drawn\n",
             static_cast<double>(placed - before) * 1e-6,
             static_cast<double>(drawn - placed) * 1e-6);
}

/// A gigabyte of tiles under a budget of 64 MiB: what the tables of the spilled tiles take.
void bench_tile_tables(const std::filesystem::path& folder) {
  TileOptions options;
  options.budget_bytes = 64 * kTileBytes;
  options.spill_folder = folder;
  const std::uint64_t before = anonymous_bytes();
  TileStore tiles(options);
  for (std::int64_t i = 0; i < 4096; ++i)
    require(tiles.fill({0, i * kTileSide, kTileSide, kTileSide}, {1, 2, 3, 4}).has_value(), "fill");
  const std::uint64_t taken = anonymous_bytes() - before - tiles.stats().resident_bytes;
  fmt::print("a GiB of spilled tiles costs {:.2f} MB beside the budget\n",
             static_cast<double>(taken) * 1e-6);
}

}  // namespace
}  // namespace pxos::infinite_map

int main(int count, char** arguments) {
  namespace map = pxos::infinite_map;
  const std::filesystem::path folder =
      count > 1 ? std::filesystem::path(arguments[1]) : std::filesystem::temp_directory_path();
  // First, while the heap has no free memory that would hide what they take.
  map::bench_mapped(folder);
  map::bench_tile_tables(folder);
  map::bench_regions();
  map::Map plane;
  constexpr std::int64_t kSide = 6000;
  map::require(plane.tiles().fill({0, 0, kSide, kSide}, {9, 9, 9, 255}).has_value(), "fill");
  map::bench_access(plane.tiles(), kSide);
  map::bench_snapshots(plane.tiles());
  map::bench_spill(folder);
  return 0;
}
