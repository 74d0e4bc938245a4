#pragma once
// The outside world of `pxos exec`: console on stdout, the screen as a picture in a file, keys and
// tokens from the command line, files by the names that were given to them.

#include "hypervisor/ports.hpp"
#include "shell/guest_window.hpp"

#include <atomic>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pxos::shell {

struct ExecHostOptions {
  std::string screenshot;            ///< where the screen goes whenever it is presented
  std::uint32_t scale = 1;           ///< pixels of the file per pixel of the screen
  std::uint64_t frames = 0;          ///< stop after so many presents; 0 = never
  std::vector<std::string> files;    ///< NAME=PATH, to be read
  std::string rom;                   ///< path of the file `rom`; empty = none
  std::vector<std::string> outputs;  ///< NAME=PATH, to be read and written
  /// Either keys that are pressed one after the other, the last one stays held ("5w"); or when each
  /// is held, in frames from 0 on: "FRAME:KEY" or "FIRST-LAST:KEY", commas between
  /// ("60-65:1,90:w").
  std::string keys;
  std::vector<std::int32_t> tokens;
  bool virtual_clock = false;
  std::string window;  ///< title of a window for screen, keys and mouse; empty = none
};

class ExecHost {
 public:
  /// Keeps `stop`, which is set after the last frame. Errors: kUsage for a file that is not
  /// NAME=PATH or a name that is given twice; kNotFound for one that is to be read and is not
  /// there.
  static Result<std::unique_ptr<ExecHost>> create(const ExecHostOptions& options,
                                                  std::atomic<bool>& stop);

  [[nodiscard]] const hypervisor::HostPorts& ports() const { return ports_; }
  /// Tokens that the program put.
  [[nodiscard]] const std::vector<std::int32_t>& answer() const { return answer_; }
  /// All frames were shown: being stopped is then what was asked for.
  [[nodiscard]] bool finished() const {
    return (options_.frames != 0 && shown_ == options_.frames) || (window_ && window_->is_closed());
  }
  /// Why a screenshot could not be written; the program was stopped then.
  [[nodiscard]] const Result<void>& drawn() const { return drawn_; }
  /// With a window: keeps the last picture until the user closes it or `stop` is set.
  void wait_for_user();

 private:
  /// A key that is held while frames first .. last are made.
  struct Stroke {
    std::uint64_t first = 0, last = 0;
    std::int64_t key = 0;
    bool is_taken = false;  ///< by key.next
  };
  struct File {
    std::filesystem::path path;
    bool writable = false;
  };

  ExecHost(const ExecHostOptions& options, std::atomic<bool>& stop)
      : options_(options), stop_(stop) {}
  Result<void> add_file(const std::string& text, bool writable);
  Result<void> add_keys(const std::string& text);
  void connect();
  [[nodiscard]] bool is_held(std::int64_t key) const;
  void present(const pixelfs::Image& image);
  void take_screenshot(const pixelfs::Image& image);
  std::int64_t next_key();
  void stop_if_closed() const;
  void warn_without_keys();
  [[nodiscard]] Result<const File*> find(std::string_view name) const;
  [[nodiscard]] Result<std::uint64_t> read(std::string_view name, std::uint64_t offset,
                                           MutBytes out) const;
  [[nodiscard]] Result<void> write(std::string_view name, std::uint64_t offset, Bytes bytes) const;

  ExecHostOptions options_;
  std::atomic<bool>& stop_;
  hypervisor::HostPorts ports_;
  std::unique_ptr<GuestWindow> window_;
  std::map<std::string, File, std::less<>> files_;
  std::deque<std::int64_t> keys_;
  std::vector<Stroke> strokes_;
  std::int64_t held_ = -1;
  std::vector<std::int32_t> answer_;
  std::uint64_t shown_ = 0;
  Result<void> drawn_;
  bool is_warned_ = false;
};

}  // namespace pxos::shell
