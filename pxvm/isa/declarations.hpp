#pragma once
// The verifier's first pass: tables that instructions refer to. Private to the verifier.

#include "pxvm/isa/findings.hpp"

namespace pxos::isa {

/// Names, kinds, shapes, bounds, expressions and entries, each by itself; code is not looked at
/// beyond its length. Accepts any Program value within the limits of the image format.
void check_declarations(const Program& program, FindingList& findings);

/// "[T, n_head*head_dim]"
[[nodiscard]] std::string shape_text(const Program& program, const std::vector<Polynomial>& dims);
/// "f32", "f16", "i32", "u8", "weight"
[[nodiscard]] std::string_view element_name(TensorDecl::Element element);
/// "import", "region", "temp", "view", "input", "output"
[[nodiscard]] std::string_view tensor_kind_name(TensorDecl::Kind kind);

}  // namespace pxos::isa
