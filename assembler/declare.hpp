#pragma once
// Second pass: directives to the program's tables. Parameters and dimensions may be used before
// their line; the rest is taken in source order, which is also the order of the tables.

#include "assembler/resolve.hpp"

namespace pxos::assembler {

/// Fills every table but code and requirements. Mistakes are reported; what could be declared is,
/// so that later passes find the names.
void declare_all(Assembly& assembly);

/// Index of an unnamed constant with this value, shared by equal ones; nullopt (reported at `span`)
/// when the table is full.
std::optional<std::uint32_t> intern_const(Assembly& assembly, isa::ScalarConst::Type type,
                                          const isa::Expression& value, Span span);
/// Index of a string with these bytes; the same rules.
std::optional<std::uint32_t> intern_string(Assembly& assembly, const std::string& bytes, Span span);

}  // namespace pxos::assembler
