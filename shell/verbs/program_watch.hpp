#pragma once
// A `.pxasm` file as the program of a mounted model: put there once, or again whenever it or what
// it includes is saved. The guest's answer goes on meanwhile; a text with mistakes changes nothing.

#include "assembler/assembler.hpp"
#include "hypervisor/hypervisor.hpp"

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace pxos::shell {

/// Assembles the file and makes it the program of `mount`. Errors: the diagnostics, rendered; those
/// of Hypervisor::reload.
Result<hypervisor::ReloadReport> reload_file(hypervisor::Hypervisor& hypervisor,
                                             const std::string& mount,
                                             const std::filesystem::path& file,
                                             const hypervisor::ReloadOptions& options);

/// "llama.pxasm: took over at token 17; the answer stood still for 0.8 ms, linked in 6.1 ms".
[[nodiscard]] std::string reload_text(const std::filesystem::path& file,
                                      const hypervisor::ReloadReport& report);

/// Looks at the file on a thread of its own until destroyed. Keeps the hypervisor.
class ProgramWatch {
 public:
  struct Options {
    hypervisor::ReloadOptions reload;
    std::function<void(const std::string&)> say;  ///< what happened, on the watching thread
  };
  /// Sees what is saved from here on.
  ProgramWatch(hypervisor::Hypervisor& hypervisor, std::string mount, std::filesystem::path file,
               Options options);
  /// Returns when a reload that is under way is done.
  ~ProgramWatch();
  ProgramWatch(const ProgramWatch&) = delete;
  ProgramWatch& operator=(const ProgramWatch&) = delete;

 private:
  /// Size and time of the file and of what it includes.
  using Stamp = std::vector<std::pair<std::uintmax_t, std::filesystem::file_time_type>>;
  [[nodiscard]] Stamp stamp() const;
  Result<assembler::AssembleResult> read();
  Result<hypervisor::ReloadReport> reload();
  void loop();
  bool wait();

  hypervisor::Hypervisor& hypervisor_;
  std::string mount_;
  std::filesystem::path file_;
  Options options_;
  std::vector<std::filesystem::path> included_;
  Stamp known_;  ///< taken before the files were read for the last time
  std::mutex mutex_;
  std::condition_variable ending_changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace pxos::shell
