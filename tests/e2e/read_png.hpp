#pragma once

#include "pixelfs/png.hpp"
#include "pxvm/base/file.hpp"

#include <filesystem>
#include <utility>

#include <catch2/catch.hpp>

namespace pxos::test {

/// The picture at `path`; a test without it ends here.
inline pixelfs::Image read_png(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  INFO(path.string());
  REQUIRE(bytes);
  auto image = pixelfs::decode_png(*bytes);
  REQUIRE(image);
  return *std::move(image);
}

}  // namespace pxos::test
