#pragma once
// One command line run against a FakeSystem, with everything it wrote.

#include "shell/command.hpp"
#include "tests/shell/fake_system.hpp"
#include "tests/support/temp_folder.hpp"

#include <string>
#include <vector>

namespace pxos::shell::fake {

/// Keeps what is written, by kind.
class RecordedOutput final : public Output {
 public:
  std::string all;
  std::vector<std::string> notes;
  std::vector<pixelfs::Image> pictures;

  void text(std::string_view utf8, Style) override { all += utf8; }
  void picture(const pixelfs::Image& image, std::string_view caption) override {
    pictures.push_back(image);
    all += caption;
  }
  void note(std::string_view line) override { notes.emplace_back(line); }
  void activity(std::string_view) override {}
};

class RecordedFront final : public Front {
 public:
  int cleared = 0;
  bool left = false;
  std::vector<std::filesystem::path> screenshots;

  void clear() override { ++cleared; }
  Result<void> screenshot(const std::filesystem::path& path) override {
    screenshots.push_back(path);
    return {};
  }
  void quit() override { left = true; }
};

struct CommandFixture {
  pxos::test::TempFolder folder;
  FakeSystem system;
  ShellState state{Paths{folder.path(), folder.path()}};
  RecordedFront front;
  RecordedOutput out;
  std::atomic<bool> cancelled{false};
  CommandContext context{system, state, front, out, cancelled};

  CommandFixture() { std::filesystem::create_directories(state.paths().cartridges()); }

  Result<void> run(std::string_view line) {
    out.all.clear();
    return run_line(context, line);
  }
  /// Puts a file that looks like a cartridge into the store.
  void store(const std::string& name) const {
    static_cast<void>(folder.write("cartridges/" + name, std::string_view("x")));
  }
};

}  // namespace pxos::shell::fake
