#include "pxvm/vm/numeric.hpp"

#include "guest.hpp"
#include "tests/support/conformance.hpp"

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::Guest;

/// "f32:0x3f800000" as a register would hold it.
std::uint64_t register_of(const std::string& text) {
  const std::uint64_t bits = std::stoull(text.substr(text.find("0x")), nullptr, 16);
  const bool is_i32 = text.starts_with("i32");
  return is_i32 ? vm::numeric::of(static_cast<std::uint32_t>(bits)) : bits;
}

struct Vector {
  std::string op;
  std::vector<std::uint64_t> arguments;
  std::string expected;  ///< "f64:0x..", "f64:nan:canonical", "trap:integer overflow"
};

std::vector<Vector> read_vectors(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<Vector> out;
  std::string line;
  std::getline(file, line);  // the heading
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    Vector vector;
    std::string arguments, word;
    std::getline(fields, vector.op, ',');
    std::getline(fields, arguments, ',');
    std::getline(fields, vector.expected);
    std::istringstream words(arguments);
    while (words >> word) vector.arguments.push_back(register_of(word));
    out.push_back(std::move(vector));
  }
  return out;
}

/// One machine per operation: its entry applies it to its arguments.
class Operation {
 public:
  explicit Operation(const std::string& op) : op_(op) {
    const isa::OpInfo* info = isa::find_mnemonic(op);
    REQUIRE(info != nullptr);
    const bool binary = info->operand_count == 3;
    auto machine = guest_.load(".entry main(a: i64 @r1, b: i64 @r2)\n    " + op + " r0, r1" +
                               (binary ? ", r2" : "") + "\n    halt\n");
    REQUIRE(machine);
    machine_ = *machine;
  }

  /// Empty when the result is the expected one.
  std::string wrong(const Vector& vector) {
    std::vector<std::int64_t> scalars;
    for (const std::uint64_t bits : vector.arguments)
      scalars.push_back(static_cast<std::int64_t>(bits));
    scalars.resize(2);
    const auto done = machine_->call("main", {scalars, {}});
    const bool traps = vector.expected.starts_with("trap:");
    if (!done) return traps && machine_->last_trap() == wanted_trap(vector) ? "" : "trapped";
    if (traps) return "did not trap";
    const std::uint64_t found = machine_->scalar(0);
    if (vector.expected == "f32:nan:canonical" || vector.expected == "f32:nan:arithmetic")
      return (found & 0xFFFFFFFF7FC00000) == 0x7FC00000 ? "" : "no quiet f32 NaN";
    if (vector.expected == "f64:nan:canonical" || vector.expected == "f64:nan:arithmetic")
      return (found & 0x7FF8000000000000) == 0x7FF8000000000000 ? "" : "no quiet f64 NaN";
    return found == register_of(vector.expected) ? "" : fmt::format("0x{:x}", found);
  }

 private:
  static vm::TrapKind wanted_trap(const Vector& vector) {
    const bool converts = vector.op.find(".trunc_") != std::string::npos;
    return converts ? vm::TrapKind::kConversion : vm::TrapKind::kDivide;
  }

  std::string op_;
  Guest guest_;
  vm::Machine* machine_ = nullptr;
};

TEST_CASE("numeric instructions give the bits of every recorded vector", "[vm]") {
  PXOS_CONFORMANCE_OR_SKIP(path, "scalar/scalar_vectors.csv");
  std::map<std::string, std::unique_ptr<Operation>> operations;
  std::size_t checked = 0;
  std::vector<std::string> wrong;
  for (const Vector& vector : read_vectors(path)) {
    auto& operation = operations[vector.op];
    if (!operation) operation = std::make_unique<Operation>(vector.op);
    const std::string problem = operation->wrong(vector);
    if (!problem.empty())
      wrong.push_back(fmt::format("{} -> {}: {}", vector.op, vector.expected, problem));
    ++checked;
  }
  CHECK(checked == 11'871);
  CHECK(operations.size() == 136);
  CHECK(wrong == std::vector<std::string>{});
}

/// What a body leaves in r0, with r1 and r2 given.
Result<std::uint64_t> value_of(const std::string& body, std::uint64_t a, std::uint64_t b = 0) {
  Guest guest;
  PX_TRY(vm::Machine * machine,
         guest.load(".entry main(a: i64 @r1, b: i64 @r2)\n    " + body + "\n    halt\n"));
  PX_CHECK(
      machine->call("main", {{static_cast<std::int64_t>(a), static_cast<std::int64_t>(b)}, {}}));
  return machine->scalar(0);
}

TEST_CASE("an i32 result is sign-extended, and an i32 operand is the low half", "[vm]") {
  CHECK(value_of("i32.add r0, r1, r2", 0x7FFFFFFF, 1).value() == 0xFFFFFFFF80000000);
  CHECK(value_of("i32.add r0, r1, r2", 0xABCD00000001, 1).value() == 2);
  CHECK(value_of("i32.shr_u r0, r1, r2", 0x80000000, 0).value() == 0xFFFFFFFF80000000);
  CHECK(value_of("i32.reinterpret_f32 r0, r1", 0x80000000).value() == 0xFFFFFFFF80000000);
  CHECK(value_of("f32.reinterpret_i32 r0, r1", 0xFFFFFFFF80000000).value() == 0x80000000);
}

TEST_CASE("a NaN result is the canonical one, whatever the operands' bits", "[vm]") {
  CHECK(value_of("f32.add r0, r1, r2", 0xFFC12345, 0x7F800001).value() == 0x7FC00000);
  CHECK(value_of("f64.max r0, r1, r2", 0x7FF0000000000001, 0).value() == 0x7FF8000000000000);
  CHECK(value_of("f64.promote_f32 r0, r1", 0xFFC00001).value() == 0x7FF8000000000000);
  CHECK(value_of("f32.neg r0, r1", 0x7FC12345).value() == 0xFFC12345);
}

TEST_CASE("a conversion that traps names the value and the type", "[vm]") {
  const auto trapped = [](const std::string& body, std::uint64_t a) {
    return value_of(body, a).error().message;
  };
  CHECK(trapped("i32.trunc_f32_s r0, r1", 0x4F000000).find("2147483648 is not an i32") !=
        std::string::npos);
  CHECK(trapped("i64.trunc_f64_u r0, r1", 0xBFF0000000000000).find("-1 is not a u64") !=
        std::string::npos);
  CHECK(trapped("i64.rem_u r0, r1, r2", 1).find("divide by zero") != std::string::npos);
}

TEST_CASE("a constant operand has the type that the instruction reads", "[vm]") {
  CHECK(value_of("f64.const r1, 1.5\n f64.add r0, r1, 2", 0).value() == 0x400C000000000000);
  CHECK(value_of("i64.trunc_f64_s r0, 7.9", 0).value() == 7);
  CHECK(value_of("f64.convert_i32_u r0, 3", 0).value() == 0x4008000000000000);
  CHECK(value_of("i32.trunc_sat_f32_u r0, 9.5", 0).value() == 9);
  CHECK_FALSE(value_of("i32.add r0, r1, 1.5", 0));
}

}  // namespace
}  // namespace pxos
