#pragma once
// A guest for tests of the debugger: one forward step of a small layered program, with a NaN in one
// weight when it is asked for.

#include "pxvm/debug/stops.hpp"
#include "tests/pxvm/vm/guest.hpp"

#include <cmath>
#include <cstring>

namespace pxos::test {

inline constexpr const char* kDebugText = R"(.program layers
.param n = 4
.param n_layer = 3
.dim T = 1..8
.import w[n_layer] : weight[n, n] = "blk.{}.w"
.import norm[n_layer] : f32[n] = "blk.{}.norm"
.region cache[n_layer] : f16[8, n]
.temp x : f32[T, n]
.temp y : f32[T, n]
.temp ids : i32[T]
.const eps : f32 = 1e-5
.entry forward(pos: i64, input: f32[T, n]) -> out: f32[T, n]
    copy x, input
    iota ids, r0
    i64.const r1, 0
    i64.const r2, 3
layer:
    rmsnorm y, x, norm[r1], eps
    kvappend cache[r1], y, r0
    matmul x, w[r1], y
    i64.addi r1, r1, 1
    br.lt r1, r2, layer
    copy out, x
    halt
)";

/// What the source says the instructions are, found by their text.
struct DebugGuest {
  Guest guest;
  std::unique_ptr<debug::Timeline> timeline;

  /// `poisoned_layer`: whose weight [1, 2] is NaN; -1 = none.
  explicit DebugGuest(int poisoned_layer = -1, std::int64_t calls = 1) {
    for (int layer = 0; layer < 3; ++layer) {
      std::vector<float> matrix{1, 2, 3, 4, -1, 0.5F, 2, 1, 0, 1, 0, 2, 3, 1, -2, 1};
      if (layer == poisoned_layer) matrix[6] = std::nanf("");
      guest.add_matrix("blk." + std::to_string(layer) + ".w", 4, 4, matrix);
      guest.add_vector("blk." + std::to_string(layer) + ".norm", {1, 2, 3, 4});
    }
    auto machine = guest.load(kDebugText);
    PX_ASSERT(machine);
    const auto source = [calls](vm::Machine&,
                                std::size_t done) -> Result<std::optional<debug::GuestCall>> {
      if (done == static_cast<std::size_t>(calls)) return std::optional<debug::GuestCall>();
      const std::vector<float> values{1, -2, 3, 0.5F, 4, 4, 4, 4};
      ByteVector bytes(values.size() * 4);
      std::memcpy(bytes.data(), values.data(), bytes.size());
      return std::optional(debug::GuestCall{"forward",
                                            {static_cast<std::int64_t>(done) * 2},
                                            {{"T", 2}},
                                            {{"input", std::move(bytes)}}});
    };
    auto made = debug::Timeline::create(**machine, source);
    PX_ASSERT(made);
    timeline = *std::move(made);
  }

  [[nodiscard]] vm::Machine& machine() const { return timeline->machine(); }
  [[nodiscard]] const isa::Program& program() const { return machine().linked().program(); }
  [[nodiscard]] std::size_t pc_of(std::string_view mnemonic) const {
    for (std::size_t pc = 0; pc < program().code.size(); ++pc) {
      const isa::Instruction& i = program().code[pc];
      if (isa::find_opcode(i.family, i.op)->mnemonic == mnemonic) return pc;
    }
    return program().code.size();
  }
};

}  // namespace pxos::test
