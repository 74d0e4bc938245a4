#pragma once
// What a fuzz target defines: one call per input; any input must be survived. Accept or refuse it,
// but do not crash, hang, leak, or allocate beyond the caps of the parser under test. Returns 0.

#include <cstddef>
#include <cstdint>

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
