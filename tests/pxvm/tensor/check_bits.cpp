// Apart from the rest of the fixture, which programs without Catch link too.

#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <catch2/catch.hpp>

namespace pxos::tensor::test {

void check_bits(const OwnedF32& expected,
                const std::function<bool(OpContext&, MatF32)>& operation) {
  for (const Variant& variant : all_variants()) {
    INFO(variant.name() << ' ' << expected.rows << " x " << expected.cols);
    with_context(variant, [&](OpContext& ctx) {
      OwnedF32 out(expected.rows, expected.cols);
      REQUIRE(operation(ctx, out.view()));
      CHECK(bits_of(out.values) == bits_of(expected.values));
    });
  }
}

}  // namespace pxos::tensor::test
