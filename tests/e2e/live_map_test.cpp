// The map is drawn while models answer, and while they come and go: every picture is whole, no
// thread races another (run it under the tsan preset).

#include "programs/programs.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <atomic>
#include <thread>

namespace pxos {
namespace {

constexpr const char* kModel = "stories260K-gguf/stories260K.gguf";

hypervisor::AskOptions tokens(std::int64_t count) {
  hypervisor::AskOptions options;
  options.max_tokens = count;
  return options;
}

/// Draws the whole map and a part of it until told to stop; counts pictures and failures.
struct Watcher {
  hypervisor::Hypervisor& hypervisor;
  std::atomic<bool> stop{false};
  std::atomic<int> pictures{0};
  std::atomic<int> failures{0};

  void watch() {
    while (!stop) {
      const infinite_map::Rect all = hypervisor.map_bounds();
      if (all.empty()) continue;
      const infinite_map::Rect near{0, 0, 300, 200};
      for (const infinite_map::Rect& view : {all, near}) {
        const pixelfs::Image image = hypervisor.render_map(view, 200, 150);
        if (image.width != 200 || image.pixels.size() != 200 * 150 * 4) ++failures;
        ++pictures;
      }
    }
  }
};

}  // namespace

TEST_CASE("the map is drawn while a model answers", "[e2e][concurrent][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  test::Model model(models / kModel);
  Watcher watcher{model.hypervisor()};
  std::thread first([&] { watcher.watch(); });
  std::thread second([&] { watcher.watch(); });
  std::string text;
  for (int i = 0; i < 3 || watcher.pictures < 20; ++i) {
    const auto report = model.hypervisor().ask(model.name(), "Once upon a time", tokens(40));
    REQUIRE(report);
    if (!text.empty()) REQUIRE(report->text == text);
    text = report->text;
  }
  watcher.stop = true;
  first.join();
  second.join();
  REQUIRE(watcher.failures == 0);
}

TEST_CASE("the map is drawn while models are mounted and unmounted",
          "[e2e][concurrent][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  test::Model model(models / kModel);
  Watcher watcher{model.hypervisor()};
  std::thread drawing([&] { watcher.watch(); });
  for (int i = 0; i < 6 || watcher.pictures < 20; ++i) {
    const auto info = model.hypervisor().mount(model.cartridge(), {});
    REQUIRE(info);
    REQUIRE(model.hypervisor().ask(info->name, "Once", tokens(3)));
    REQUIRE(model.hypervisor().unmount(info->name));
  }
  watcher.stop = true;
  drawing.join();
  REQUIRE(watcher.failures == 0);
}

}  // namespace pxos
