#pragma once
// A fresh, empty folder that is removed with everything in it at scope exit.

#include "pxvm/base/bytes.hpp"

#include <filesystem>
#include <string_view>

namespace pxos::test {

class TempFolder {
 public:
  /// Aborts the test program when no folder can be made.
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }
  /// Writes a file into the folder and returns its path.
  std::filesystem::path write(std::string_view name, Bytes content) const;
  std::filesystem::path write(std::string_view name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace pxos::test
