#include "assembler/symbols.hpp"

#include "assembler/assembler.hpp"

#include <catch2/catch.hpp>

TEST_CASE("The symbol file names values, tensors, entries, registers and labels", "[assembler]") {
  const auto result = pxos::assembler::assemble({{"a.pxasm",
                                                  ".param dim = 64\n"
                                                  ".dim T = 1..dim\n"
                                                  ".const half : f32 = 0.5\n"
                                                  ".string hi = \"a\\tb\"\n"
                                                  ".import w[4] : weight[dim, dim] = \"w.{}\"\n"
                                                  ".temp x : f32[T, dim]\n"
                                                  ".entry f(in: f32[T, dim], n: i64)\n"
                                                  "    .reg l\n"
                                                  "    mov l, n\n"
                                                  ".loop:\n"
                                                  "    i64.addi l, l, -1\n"
                                                  "    br.lt 0, l, .loop\n"
                                                  "    halt\n"},
                                                 {},
                                                 true});
  REQUIRE(result.program);
  CHECK(pxos::assembler::symbols_text(result.symbols) ==
        "param\tdim\ti64 = 64\ta.pxasm:1:8\n"
        "dim\tT\t1..dim\ta.pxasm:2:6\n"
        "const\thalf\tf32 0.5\ta.pxasm:3:8\n"
        "string\thi\t#0 \"a\\x09b\"\ta.pxasm:4:9\n"
        "import\tw\t[4] weight[dim, dim]\ta.pxasm:5:9\n"
        "temp\tx\tt0 f32[T, dim]\ta.pxasm:6:7\n"
        "input\tin\tt1 f32[T, dim]\ta.pxasm:7:10\n"
        "entry\tf\t0\ta.pxasm:7:8\n"
        "register\tf.n\tr0\ta.pxasm:7:27\n"
        "register\tf.l\tr1\ta.pxasm:8:10\n"
        "label\tf.loop\t1\ta.pxasm:10:1\n");
}

TEST_CASE("A program with mistakes has no symbols", "[assembler]") {
  const auto result = pxos::assembler::assemble({{"a.pxasm", ".entry f()\n hault\n"}, {}, true});
  CHECK_FALSE(result.program);
  CHECK(result.symbols.empty());
}
