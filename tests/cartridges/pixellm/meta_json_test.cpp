#include "cartridges/pixellm/meta_json.hpp"

#include <catch2/catch.hpp>

using pxos::cartridges::pixellm::python_number;

TEST_CASE("Numbers are spelled as Python's json spells them", "[pixellm]") {
  CHECK(python_number(0.0) == "0.0");
  CHECK(python_number(-0.0) == "-0.0");
  CHECK(python_number(1e-06) == "1e-06");
  CHECK(python_number(1.5e-05) == "1.5e-05");
  CHECK(python_number(0.0001) == "0.0001");
  CHECK(python_number(0.5) == "0.5");
  CHECK(python_number(3.0) == "3.0");
  CHECK(python_number(100.0) == "100.0");
  CHECK(python_number(123.25) == "123.25");
  CHECK(python_number(-0.19397328794002533) == "-0.19397328794002533");
  CHECK(python_number(1e15) == "1000000000000000.0");
  CHECK(python_number(1e16) == "1e+16");
  CHECK(python_number(1.25e100) == "1.25e+100");
  CHECK(python_number(5e-324) == "5e-324");
}
