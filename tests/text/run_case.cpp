#include "tests/text/run_case.hpp"

#include "tests/pxvm/vm/guest.hpp"

#include <cstring>

#include <fmt/format.h>

namespace pxos::test {
namespace {

using isa::TensorDecl;

/// Says what it was asked.
class EchoHost final : public vm::HostPort {
 public:
  Result<std::int64_t> call(vm::Machine&, isa::HostCall call, std::int64_t a, std::int64_t b,
                            std::int64_t c) override {
    const isa::HostCallInfo* info = isa::find_host_call(static_cast<std::uint32_t>(call));
    said += fmt::format("  host: {}({}, {}, {})\n", info->text, a, b, c);
    return a + b + c;
  }
  void turn(vm::Machine&) override { said += "  host: a turn\n"; }

  std::string said;
};

std::vector<float> made_up(std::int64_t count) {
  std::vector<float> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(static_cast<float>(i * 5 % 11 - 5) / 4.0F);
  return out;
}

void furnish(Guest& guest, const isa::Program& program) {
  for (const TensorDecl& decl : program.tensors) {
    if (decl.kind != TensorDecl::Kind::kImport) continue;
    const std::int64_t count = decl.is_array ? decl.count.as_constant().value_or(0) : 1;
    const std::int64_t first = decl.dims.front().as_constant().value_or(0);
    for (std::int64_t i = 0; i < count; ++i) {
      std::string name = decl.patterns.front();
      if (const std::size_t at = name.find("{}"); at != std::string::npos)
        name.replace(at, 2, std::to_string(i));
      if (decl.element != TensorDecl::Element::kWeight) {
        guest.add_vector(name, made_up(first));
        continue;
      }
      const std::int64_t cols = decl.dims.back().as_constant().value_or(0);
      guest.add_matrix(name, first, cols, made_up(first * cols));
    }
  }
}

std::string element(const vm::TensorView& view, std::int64_t index) {
  const auto read = [&](auto value) {
    std::memcpy(&value, view.data + static_cast<std::size_t>(index) * sizeof value, sizeof value);
    return value;
  };
  switch (view.element) {
    case TensorDecl::Element::kF32:
      return fmt::format("{}", read(float{}));
    case TensorDecl::Element::kI32:
      return fmt::format("{}", read(std::int32_t{}));
    case TensorDecl::Element::kU8:
      return fmt::format("{}", read(std::uint8_t{}));
    case TensorDecl::Element::kF16:
    case TensorDecl::Element::kWeight:
      break;
  }
  return "?";
}

std::string results(vm::Machine& machine, const isa::Entry& entry) {
  std::string out;
  for (const std::uint16_t result : entry.results) {
    const std::string& name = machine.linked().program().tensors[result].name;
    const auto view = machine.view(name);
    if (!view) return view.error().message + "\n";
    out += fmt::format("  {} {}:", name, view->shape_text());
    for (std::int64_t i = 0; i < view->elements(); ++i) out += " " + element(*view, i);
    out += "\n";
  }
  return out;
}

}  // namespace

std::string run_entries(const std::string& text, const isa::Program& program) {
  Guest guest;
  furnish(guest, program);
  EchoHost host;
  const auto machine = guest.load(text, 1'000'000, &host);
  if (!machine) return machine.error().message + "\n";
  std::string out;
  for (const isa::Entry& entry : program.entries) {
    host.said.clear();
    const auto done = (*machine)->call(entry.name, {});
    const auto r0 = (*machine)->scalar(0);
    out += fmt::format("{}: ", entry.name);
    if (!done) out += done.error().message + "\n" + host.said;
    if (done)
      out += fmt::format("r0 = {} (0x{:x})\n", static_cast<std::int64_t>(r0), r0) + host.said +
             results(**machine, entry);
  }
  return out;
}

}  // namespace pxos::test
