#include "pixelfs/first_pixels.hpp"

#include "pixelfs/png.hpp"

#include <catch2/catch.hpp>

using namespace pxos;

TEST_CASE("the first colour bytes leave alpha out and repeat grey", "[pixelfs]") {
  const auto first = [](std::uint32_t width, std::uint32_t channels, ByteVector pixels,
                        std::size_t count) {
    return pixelfs::first_rgb_bytes(*pixelfs::encode_png({width, 1, channels, pixels}), count);
  };
  REQUIRE(*first(2, 3, {1, 2, 3, 4, 5, 6}, 5) == ByteVector{1, 2, 3, 4, 5});
  REQUIRE(*first(2, 4, {1, 2, 3, 9, 4, 5, 6, 9}, 6) == ByteVector{1, 2, 3, 4, 5, 6});
  REQUIRE(*first(2, 1, {7, 8}, 6) == ByteVector{7, 7, 7, 8, 8, 8});
  REQUIRE(*first(1, 3, {1, 2, 3}, 6) == ByteVector{1, 2, 3});
  REQUIRE_FALSE(pixelfs::first_rgb_bytes(as_bytes("no PNG"), 6));
}
