// A machine state with bytes changed and the checksum made right again: whatever load() accepts
// must run on inside the guest's own memory. An input is a list of changes, {u16 offset, u8 xor},
// made to the state of a paused machine.

#include "pxvm/vm/state.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/pxvm/vm/state_guest.hpp"

#include <cstring>

namespace {

constexpr std::uint64_t kFuel = 2'000;
constexpr std::size_t kPauseStep = 6;  // in the first layer, all views set

class PauseOnce final : public pxos::vm::DebugPort {
 public:
  bool before(std::size_t) override { return step_++ != kPauseStep; }

 private:
  std::size_t step_ = 0;
};

void seal(pxos::ByteVector& state) {
  const pxos::Xxh128 digest = pxos::xxh3_128(pxos::Bytes(state).first(state.size() - 16));
  std::memcpy(state.data() + state.size() - 16, &digest.low, 8);
  std::memcpy(state.data() + state.size() - 8, &digest.high, 8);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pxos::test::Guest guest;
  pxos::test::furnish(guest);
  const auto machine = guest.load(pxos::test::kStateText, kFuel);
  PX_ASSERT(machine);
  const auto format = pxos::vm::StateFormat::create(guest.linked());
  PX_ASSERT(format);
  PauseOnce port;
  (*machine)->set_debug(&port);
  PX_ASSERT((*machine)->begin("main", {{0}, {{"T", 3}}}) && (*machine)->resume());
  (*machine)->set_debug(nullptr);
  pxos::ByteVector state(format->bytes());
  PX_ASSERT(format->save(**machine, state));
  for (std::size_t i = 0; i + 2 < size; i += 3) {
    const std::size_t offset = static_cast<std::size_t>(data[i] | data[i + 1] << 8);
    state[offset % (state.size() - 16)] ^= data[i + 2];
  }
  seal(state);
  if (format->load(state, **machine)) static_cast<void>((*machine)->resume());
  return 0;
}
