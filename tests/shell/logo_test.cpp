#include "shell/logo.hpp"

#include <catch2/catch.hpp>

TEST_CASE("The logo is lit pixels over nothing", "[shell]") {
  const auto logo = pxos::shell::draw_logo();
  REQUIRE(logo.channels == 4);
  REQUIRE(logo.pixels.size() == std::size_t{logo.width} * logo.height * 4);
  std::size_t lit = 0;
  for (std::size_t i = 3; i < logo.pixels.size(); i += 4) lit += logo.pixels[i] == 255 ? 1U : 0U;
  CHECK(lit > 4000);
  CHECK(lit < logo.pixels.size() / 8);
}
