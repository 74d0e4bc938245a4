#pragma once
// A folder for what a verb needs only while it runs.

#include "pxvm/base/result.hpp"

#include <filesystem>

namespace pxos::shell {

/// Gone, with everything in it, when the object goes.
class ScratchFolder {
 public:
  /// A fresh folder in `parent`; in the system's temporary one when that is empty. Errors: kIo.
  static Result<ScratchFolder> create(const std::filesystem::path& parent);
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  ScratchFolder() = default;
  std::filesystem::path path_;
};

}  // namespace pxos::shell
