#pragma once
// A guest's fault, as data; the machine turns it into an Error with source line, instruction and
// shapes.

#include <cstdint>
#include <string>

namespace pxos::vm {

enum class TrapKind : std::uint8_t {
  kNone,
  kExplicit,     ///< the program's own `trap`
  kOutOfBounds,  ///< element, pixel, row, token id or array index outside
  kDivide,       ///< integer division by zero or overflow
  kConversion,   ///< float not representable as integer
  kFuel,         ///< the instruction budget is used up
  kInterrupted,  ///< the stop flag was set
  kHost,         ///< a host call was denied or failed
  kStack,        ///< too many calls, or registers, at a time
};

struct Trap {
  TrapKind kind = TrapKind::kNone;
  std::string detail;  ///< what was found, e.g. "index 7 of 4"
};

}  // namespace pxos::vm
