#include "pxvm/base/processors.hpp"

#include <algorithm>
#include <thread>

#include <catch2/catch.hpp>

namespace pxos {

TEST_CASE("usable_processors is at least one and at most what the machine has", "[base]") {
  CHECK(usable_processors() >= 1);
  CHECK(usable_processors() <= std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace pxos
