#include "pxvm/isa/opcodes.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace std::string_view_literals;

namespace pxos::isa {
namespace {

TEST_CASE("opcodes: every code and every mnemonic finds its own row, and only that", "[isa]") {
  std::set<std::string_view> mnemonics;
  for (const OpInfo& info : all_opcodes()) {
    const auto code = static_cast<std::uint16_t>(info.opcode);
    CHECK(find_opcode(static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)) ==
          &info);
    CHECK(find_mnemonic(info.mnemonic) == &info);
    CHECK(mnemonics.insert(info.mnemonic).second);
    CHECK_FALSE(info.meaning.empty());
  }
}

TEST_CASE("opcodes: the other codes and names find nothing", "[isa]") {
  std::size_t found = 0;
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    found += find_opcode(static_cast<std::uint8_t>(code >> 8U), static_cast<std::uint8_t>(code)) !=
             nullptr;
  }
  CHECK(found == all_opcodes().size());
  CHECK(find_mnemonic("") == nullptr);
  CHECK(find_mnemonic("matmu") == nullptr);
}

TEST_CASE("opcodes: no instruction names a field twice", "[isa]") {
  for (const OpInfo& info : all_opcodes()) {
    INFO(info.mnemonic);
    std::set<Field> fields;
    for (const Operand& operand : info.operand_list()) CHECK(fields.insert(operand.field).second);
  }
}

TEST_CASE("opcodes: operand kinds stand in fields wide enough for them", "[isa]") {
  for (const OpInfo& info : all_opcodes()) {
    INFO(info.mnemonic);
    for (const Operand& operand : info.operand_list()) {
      const bool is_register =
          is_tensor(operand.kind) || operand.kind == OperandKind::kScalarRead ||
          operand.kind == OperandKind::kScalarWrite || operand.kind == OperandKind::kWindow;
      CHECK(is_register == (operand.field != Field::kI));
    }
  }
}

TEST_CASE("opcodes: fields of the table are those of the text", "[isa]") {
  const OpInfo* info = find_mnemonic("attention");
  REQUIRE(info != nullptr);
  CHECK(info->name == "Attention"sv);
  CHECK(info->operand_at(Field::kE)->kind == OperandKind::kScalarRead);
  CHECK(info->operand_at(Field::kI)->kind == OperandKind::kAttentionAttr);
  CHECK_FALSE(find_mnemonic("halt")->operand_at(Field::kD).has_value());
}

TEST_CASE("host calls: number and text find the same call", "[isa]") {
  for (const HostCallInfo& info : all_host_calls()) {
    CHECK(find_host_call(static_cast<std::uint32_t>(info.call)) == &info);
    CHECK(find_host_call(info.text) == &info);
  }
  CHECK(find_host_call(0U) == nullptr);
  CHECK(find_host_call(0xFFFFFFFFU) == nullptr);
  CHECK(find_host_call("console"sv) == nullptr);
}

}  // namespace
}  // namespace pxos::isa
