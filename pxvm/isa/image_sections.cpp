#include "pxvm/isa/image_sections.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

constexpr std::size_t kMaxU16 = std::numeric_limits<std::uint16_t>::max();
constexpr std::int32_t kMinImmediate = -(1 << 23);
constexpr std::int32_t kMaxImmediate = (1 << 23) - 1;

// ---- Parts that several sections share.

/// A count of things that take at least `least_bytes` each, so that it cannot claim more than there
/// is.
Result<std::uint32_t> read_count(ByteReader& in, std::size_t cap, std::uint64_t least_bytes,
                                 std::string_view what) {
  const std::uint64_t at = in.position();
  PX_TRY(const std::uint32_t count, in.u32(what));
  if (count > cap) return fail(Errc::kLimit, "byte {}: {} is {}, at most {}", at, what, count, cap);
  if (count > in.remaining() / least_bytes) {
    return fail(Errc::kInvalid, "byte {}: {} is {}, but {} bytes are left", at, what, count,
                in.remaining());
  }
  return count;
}

/// A byte that must be at most `highest`: enum values and flags.
Result<std::uint8_t> read_code(ByteReader& in, std::uint8_t highest, std::string_view what) {
  const std::uint64_t at = in.position();
  PX_TRY(const std::uint8_t code, in.u8(what));
  if (code > highest)
    return fail(Errc::kInvalid, "byte {}: {} is {}, at most {}", at, what, code, highest);
  return code;
}

Result<bool> read_flag(ByteReader& in, std::string_view what) {
  PX_TRY(const std::uint8_t code, read_code(in, 1, what));
  return code == 1;
}

Result<std::string> read_text(ByteReader& in, std::string_view what) {
  return in.string32(Limits::kStringBytes, what);
}

// Only the member that counts is stored, so equal numbers have equal bytes.
void write_number(const Number& number, ByteWriter& out) {
  out.u8(number.is_integer ? 0 : 1);
  if (number.is_integer) {
    out.i64(number.integer);
  } else {
    out.f64(number.real);
  }
}

Result<Number> read_number(ByteReader& in) {
  PX_TRY(const bool is_real, read_flag(in, "number kind"));
  if (!is_real) {
    PX_TRY(const std::int64_t value, in.i64("integer"));
    return Number::of(value);
  }
  PX_TRY(const double value, in.f64("real"));
  if (!std::isfinite(value))
    return fail(Errc::kInvalid, "byte {}: number is not finite", in.position() - 8);
  return Number::of(value);
}

// ---- 1 symbols: program name, then the names shapes and expressions use.

void write_symbols(const Program& program, ByteWriter& out) {
  out.string32(program.name);
  out.u32(static_cast<std::uint32_t>(program.symbols.size()));
  for (const Symbol& symbol : program.symbols) {
    out.string32(symbol.name);
    out.u8(static_cast<std::uint8_t>(symbol.kind));
    out.u8(symbol.default_value ? 1 : 0);
    if (symbol.default_value) write_number(*symbol.default_value, out);
    symbol.lowest.write(out);
    symbol.highest.write(out);
  }
}

Result<Symbol> read_symbol(ByteReader& in, std::size_t symbol_count) {
  Symbol symbol;
  PX_TRY(symbol.name, read_text(in, "symbol name"));
  PX_TRY(const std::uint8_t kind, read_code(in, 3, "symbol kind"));
  symbol.kind = static_cast<Symbol::Kind>(kind);
  PX_TRY(const bool has_default, read_flag(in, "default flag"));
  if (has_default) {
    PX_TRY(symbol.default_value, read_number(in));
  }
  PX_TRY(symbol.lowest, Polynomial::read(in, symbol_count));
  PX_TRY(symbol.highest, Polynomial::read(in, symbol_count));
  return symbol;
}

// Bounds of a dimension may name parameters declared after it, so symbols are checked against the
// count and not against what has been read.
Result<void> read_symbols(ByteReader& in, Program& program) {
  PX_TRY(program.name, read_text(in, "program name"));
  PX_TRY(const std::uint32_t count, read_count(in, Limits::kSymbols, 10, "symbol count"));
  for (std::uint32_t i = 0; i < count; ++i) {
    PX_TRY(Symbol symbol, read_symbol(in, count));
    program.symbols.push_back(std::move(symbol));
  }
  return {};
}

// ---- 2 tensors.

enum TensorFlag : std::uint8_t { kHasHome = 1, kIsArray = 2 };

void write_tensors(const Program& program, ByteWriter& out) {
  out.u32(static_cast<std::uint32_t>(program.tensors.size()));
  for (const TensorDecl& decl : program.tensors) {
    out.string32(decl.name);
    out.u8(static_cast<std::uint8_t>(decl.kind));
    out.u8(static_cast<std::uint8_t>(decl.element));
    out.u8(static_cast<std::uint8_t>((decl.home ? kHasHome : 0) | (decl.is_array ? kIsArray : 0)));
    if (decl.home) out.u8(*decl.home);
    if (decl.is_array) decl.count.write(out);
    out.u8(static_cast<std::uint8_t>(decl.dims.size()));
    for (const Polynomial& dim : decl.dims) dim.write(out);
    out.u32(static_cast<std::uint32_t>(decl.patterns.size()));
    for (const std::string& pattern : decl.patterns) out.string32(pattern);
  }
}

Result<void> read_tensor_type(ByteReader& in, std::size_t symbols, TensorDecl& decl) {
  PX_TRY(const std::uint8_t kind, read_code(in, 5, "tensor kind"));
  PX_TRY(const std::uint8_t element, read_code(in, 4, "element type"));
  decl.kind = static_cast<TensorDecl::Kind>(kind);
  decl.element = static_cast<TensorDecl::Element>(element);
  PX_TRY(const std::uint8_t flags, read_code(in, kHasHome | kIsArray, "tensor flags"));
  if ((flags & kHasHome) != 0) {
    PX_TRY(decl.home, in.u8("home register"));
  }
  decl.is_array = (flags & kIsArray) != 0;
  if (decl.is_array) {
    PX_TRY(decl.count, Polynomial::read(in, symbols));
  }
  PX_TRY(const std::uint8_t rank, read_code(in, Limits::kRank, "rank"));
  for (std::uint8_t i = 0; i < rank; ++i) {
    PX_TRY(Polynomial dim, Polynomial::read(in, symbols));
    decl.dims.push_back(std::move(dim));
  }
  return {};
}

// The least size of a record, given to read_count, is that of one with empty names and tables.
Result<TensorDecl> read_tensor(ByteReader& in, std::size_t symbols) {
  TensorDecl decl;
  PX_TRY(decl.name, read_text(in, "tensor name"));
  PX_CHECK(read_tensor_type(in, symbols, decl));
  PX_TRY(const std::uint32_t patterns, read_count(in, kMaxU16, 4, "pattern count"));
  for (std::uint32_t i = 0; i < patterns; ++i) {
    PX_TRY(std::string pattern, read_text(in, "pattern"));
    decl.patterns.push_back(std::move(pattern));
  }
  return decl;
}

Result<void> read_tensors(ByteReader& in, Program& program) {
  PX_TRY(const std::uint32_t count, read_count(in, Limits::kTensors, 12, "tensor count"));
  for (std::uint32_t i = 0; i < count; ++i) {
    PX_TRY(TensorDecl decl, read_tensor(in, program.symbols.size()));
    program.tensors.push_back(std::move(decl));
  }
  return {};
}

// ---- 3 constants: scalars, then strings.

void write_constants(const Program& program, ByteWriter& out) {
  out.u32(static_cast<std::uint32_t>(program.consts.size()));
  for (const ScalarConst& constant : program.consts) {
    out.string32(constant.name);
    out.u8(static_cast<std::uint8_t>(constant.type));
    constant.value.write(out);
  }
  out.u32(static_cast<std::uint32_t>(program.strings.size()));
  for (const std::string& text : program.strings) out.string32(text);
}

Result<void> read_constants(ByteReader& in, Program& program) {
  PX_TRY(const std::uint32_t consts, read_count(in, Limits::kConsts, 7, "constant count"));
  for (std::uint32_t i = 0; i < consts; ++i) {
    ScalarConst constant;
    PX_TRY(constant.name, read_text(in, "constant name"));
    PX_TRY(const std::uint8_t type, read_code(in, ScalarConst::kLastType, "constant type"));
    constant.type = static_cast<ScalarConst::Type>(type);
    PX_TRY(constant.value, Expression::read(in, program.symbols.size()));
    program.consts.push_back(std::move(constant));
  }
  PX_TRY(const std::uint32_t strings, read_count(in, Limits::kStrings, 4, "string count"));
  for (std::uint32_t i = 0; i < strings; ++i) {
    PX_TRY(std::string text, read_text(in, "string"));
    program.strings.push_back(std::move(text));
  }
  return {};
}

// ---- 4 attribute records.

void write_attrs(const Program& program, ByteWriter& out) {
  out.u32(static_cast<std::uint32_t>(program.attrs.size()));
  for (const AttrRecord& record : program.attrs) {
    out.string32(record.name);
    out.u8(static_cast<std::uint8_t>(record.kind));
    out.u32(static_cast<std::uint32_t>(record.fields.size()));
    for (const AttrRecord::Field& field : record.fields) {
      out.string32(field.name);
      field.value.write(out);
      out.u8(field.integer ? 1 : 0);
      if (field.integer) field.integer->write(out);
    }
  }
}

Result<AttrRecord::Field> read_attr_field(ByteReader& in, std::size_t symbols) {
  AttrRecord::Field field;
  PX_TRY(field.name, read_text(in, "field name"));
  PX_TRY(field.value, Expression::read(in, symbols));
  PX_TRY(const bool has_integer, read_flag(in, "integer flag"));
  if (has_integer) {
    PX_TRY(field.integer, Polynomial::read(in, symbols));
  }
  return field;
}

Result<void> read_attrs(ByteReader& in, Program& program) {
  PX_TRY(const std::uint32_t count, read_count(in, Limits::kAttrs, 9, "attribute count"));
  for (std::uint32_t i = 0; i < count; ++i) {
    AttrRecord record;
    PX_TRY(record.name, read_text(in, "attribute name"));
    PX_TRY(const std::uint8_t kind, read_code(in, AttrRecord::kLastKind, "attribute kind"));
    record.kind = static_cast<AttrRecord::Kind>(kind);
    PX_TRY(const std::uint32_t fields, read_count(in, kMaxU16, 7, "field count"));
    for (std::uint32_t k = 0; k < fields; ++k) {
      PX_TRY(AttrRecord::Field field, read_attr_field(in, program.symbols.size()));
      record.fields.push_back(std::move(field));
    }
    program.attrs.push_back(std::move(record));
  }
  return {};
}

// ---- 5 entries.

void write_entry(const Entry& entry, ByteWriter& out) {
  out.string32(entry.name);
  out.u32(entry.start);
  out.u32(static_cast<std::uint32_t>(entry.arguments.size()));
  for (const Entry::Argument& argument : entry.arguments) {
    out.string32(argument.name);
    out.u8(static_cast<std::uint8_t>(argument.kind));
    out.u16(argument.decl);
    out.u8(argument.reg);
  }
  out.u32(static_cast<std::uint32_t>(entry.results.size()));
  for (const std::uint16_t decl : entry.results) out.u16(decl);
  out.u32(static_cast<std::uint32_t>(entry.requirements.size()));
  for (const Entry::Requirement& requirement : entry.requirements) {
    requirement.lhs.write(out);
    requirement.rhs.write(out);
    out.string32(requirement.text);
  }
}

void write_entries(const Program& program, ByteWriter& out) {
  out.u32(static_cast<std::uint32_t>(program.entries.size()));
  for (const Entry& entry : program.entries) write_entry(entry, out);
}

Result<Entry::Argument> read_argument(ByteReader& in) {
  Entry::Argument argument;
  PX_TRY(argument.name, read_text(in, "argument name"));
  PX_TRY(const std::uint8_t kind, read_code(in, 2, "argument kind"));
  argument.kind = static_cast<Entry::ArgKind>(kind);
  PX_TRY(argument.decl, in.u16("argument tensor"));
  PX_TRY(argument.reg, in.u8("argument register"));
  return argument;
}

Result<Entry::Requirement> read_requirement(ByteReader& in, std::size_t symbols) {
  Entry::Requirement requirement;
  PX_TRY(requirement.lhs, Polynomial::read(in, symbols));
  PX_TRY(requirement.rhs, Polynomial::read(in, symbols));
  PX_TRY(requirement.text, read_text(in, "requirement text"));
  return requirement;
}

// Start, tensors and registers are stored as they are; whether they exist is the verifier's
// question.
Result<Entry> read_entry(ByteReader& in, std::size_t symbols) {
  Entry entry;
  PX_TRY(entry.name, read_text(in, "entry name"));
  PX_TRY(entry.start, in.u32("entry start"));
  PX_TRY(const std::uint32_t arguments, read_count(in, kMaxU16, 8, "argument count"));
  for (std::uint32_t i = 0; i < arguments; ++i) {
    PX_TRY(Entry::Argument argument, read_argument(in));
    entry.arguments.push_back(std::move(argument));
  }
  PX_TRY(const std::uint32_t results, read_count(in, kMaxU16, 2, "result count"));
  for (std::uint32_t i = 0; i < results; ++i) {
    PX_TRY(const std::uint16_t decl, in.u16("result tensor"));
    entry.results.push_back(decl);
  }
  PX_TRY(const std::uint32_t requirements, read_count(in, kMaxU16, 8, "requirement count"));
  for (std::uint32_t i = 0; i < requirements; ++i) {
    PX_TRY(Entry::Requirement requirement, read_requirement(in, symbols));
    entry.requirements.push_back(std::move(requirement));
  }
  return entry;
}

Result<void> read_entries(ByteReader& in, Program& program) {
  PX_TRY(const std::uint32_t count, read_count(in, Limits::kEntries, 20, "entry count"));
  for (std::uint32_t i = 0; i < count; ++i) {
    PX_TRY(Entry entry, read_entry(in, program.symbols.size()));
    program.entries.push_back(std::move(entry));
  }
  return {};
}

// ---- 6 code: three pixels an instruction, no count; the section's length says it.

constexpr std::uint64_t kInstructionBytes = 9;

void write_code(const Program& program, ByteWriter& out) {
  for (const Instruction& i : program.code) {
    const auto imm = static_cast<std::uint32_t>(i.imm);
    const std::array<std::uint8_t, kInstructionBytes> pixels = {
        i.family,
        i.op,
        i.d,
        i.a,
        i.b,
        i.c,
        static_cast<std::uint8_t>(imm),
        static_cast<std::uint8_t>(imm >> 8U),
        static_cast<std::uint8_t>(imm >> 16U),
    };
    out.bytes(pixels);
  }
}

Instruction instruction_of(Bytes p) {
  const std::uint32_t imm = static_cast<std::uint32_t>(p[6]) |
                            static_cast<std::uint32_t>(p[7]) << 8U |
                            static_cast<std::uint32_t>(p[8]) << 16U;
  // Sign-extended from bit 23.
  const auto value = static_cast<std::int32_t>(imm << 8U) >> 8;
  return {p[0], p[1], p[2], p[3], p[4], p[5], value};
}

Result<void> read_code_section(ByteReader& in, Program& program) {
  const std::uint64_t bytes = in.remaining();
  if (bytes % kInstructionBytes != 0) {
    return fail(Errc::kInvalid, "{} bytes are no whole number of instructions of {} bytes", bytes,
                kInstructionBytes);
  }
  if (bytes / kInstructionBytes > Limits::kCode) {
    return fail(Errc::kLimit, "{} instructions, at most {}", bytes / kInstructionBytes,
                Limits::kCode);
  }
  PX_TRY(const Bytes pixels, in.bytes(bytes, "instructions"));
  program.code.reserve(bytes / kInstructionBytes);
  for (std::uint64_t at = 0; at < bytes; at += kInstructionBytes) {
    program.code.push_back(instruction_of(pixels.subspan(at, kInstructionBytes)));
  }
  return {};
}

// ---- 7 debug: empty, or files and one line per instruction.

void write_debug(const Program& program, ByteWriter& out) {
  if (program.debug.files.empty() && program.debug.lines.empty()) return;
  out.u32(static_cast<std::uint32_t>(program.debug.files.size()));
  for (const std::string& file : program.debug.files) out.string32(file);
  out.u32(static_cast<std::uint32_t>(program.debug.lines.size()));
  for (const DebugInfo::Line& line : program.debug.lines) {
    out.u16(line.file);
    out.u32(line.line);
  }
}

// Nothing and an empty table would mean the same, so the empty table is refused.
Result<void> read_debug(ByteReader& in, Program& program) {
  if (in.remaining() == 0) return {};
  PX_TRY(const std::uint32_t files, read_count(in, kMaxU16, 4, "file count"));
  for (std::uint32_t i = 0; i < files; ++i) {
    PX_TRY(std::string file, read_text(in, "file name"));
    program.debug.files.push_back(std::move(file));
  }
  PX_TRY(const std::uint32_t lines, read_count(in, Limits::kCode, 6, "line count"));
  for (std::uint32_t i = 0; i < lines; ++i) {
    DebugInfo::Line line;
    PX_TRY(line.file, in.u16("line's file"));
    PX_TRY(line.line, in.u32("line number"));
    program.debug.lines.push_back(line);
  }
  if (files == 0 && lines == 0) return fail(Errc::kInvalid, "debug section without content");
  return {};
}

struct SectionCodec {
  std::uint16_t code;
  std::string_view name;
  void (*write)(const Program&, ByteWriter&);
  Result<void> (*read)(ByteReader&, Program&);
};

constexpr std::array<SectionCodec, kSectionCount> kSections = {{
    {1, "symbols", write_symbols, read_symbols},
    {2, "tensors", write_tensors, read_tensors},
    {3, "constants", write_constants, read_constants},
    {4, "attributes", write_attrs, read_attrs},
    {5, "entries", write_entries, read_entries},
    {6, "code", write_code, read_code_section},
    {7, "debug", write_debug, read_debug},
}};

// ---- What the format can hold.

Result<void> fits(std::size_t count, std::size_t cap, std::string_view what) {
  if (count <= cap) return {};
  return fail(Errc::kLimit, "{} {}, at most {}", count, what, cap);
}

Result<void> text_fits(std::string_view text) {
  return fits(text.size(), Limits::kStringBytes, "bytes in a name or string");
}

Result<void> expression_fits(const Expression& value) {
  return fits(value.steps.size(), Expression::kMaxSteps, "steps in an expression");
}

Result<void> tensor_fits(const TensorDecl& decl) {
  PX_CHECK(text_fits(decl.name));
  PX_CHECK(fits(decl.dims.size(), Limits::kRank, "dimensions"));
  PX_CHECK(fits(decl.patterns.size(), kMaxU16, "name patterns"));
  for (const std::string& pattern : decl.patterns) PX_CHECK(text_fits(pattern));
  return {};
}

Result<void> entry_fits(const Entry& entry) {
  PX_CHECK(text_fits(entry.name));
  PX_CHECK(fits(entry.arguments.size(), kMaxU16, "arguments"));
  PX_CHECK(fits(entry.results.size(), kMaxU16, "results"));
  PX_CHECK(fits(entry.requirements.size(), kMaxU16, "requirements"));
  for (const Entry::Argument& argument : entry.arguments) PX_CHECK(text_fits(argument.name));
  for (const Entry::Requirement& requirement : entry.requirements)
    PX_CHECK(text_fits(requirement.text));
  return {};
}

Result<void> attr_fits(const AttrRecord& record) {
  PX_CHECK(text_fits(record.name));
  PX_CHECK(fits(record.fields.size(), kMaxU16, "fields"));
  for (const AttrRecord::Field& field : record.fields) {
    PX_CHECK(text_fits(field.name));
    PX_CHECK(expression_fits(field.value));
  }
  return {};
}

Result<void> code_fits(const Program& program) {
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    const std::int32_t imm = program.code[pc].imm;
    if (imm < kMinImmediate || imm > kMaxImmediate) {
      return fail(Errc::kLimit, "pc {}: immediate {} does not fit 24 bits", pc, imm);
    }
  }
  return {};
}

// encode checks what decode would refuse, so that a picture that was written can be read.
Result<void> tables_fit(const Program& program) {
  PX_CHECK(fits(program.symbols.size(), Limits::kSymbols, "symbols"));
  PX_CHECK(fits(program.tensors.size(), Limits::kTensors, "tensors"));
  PX_CHECK(fits(program.consts.size(), Limits::kConsts, "constants"));
  PX_CHECK(fits(program.strings.size(), Limits::kStrings, "strings"));
  PX_CHECK(fits(program.attrs.size(), Limits::kAttrs, "attribute records"));
  PX_CHECK(fits(program.entries.size(), Limits::kEntries, "entries"));
  PX_CHECK(fits(program.code.size(), Limits::kCode, "instructions"));
  PX_CHECK(fits(program.debug.files.size(), kMaxU16, "source files"));
  return fits(program.debug.lines.size(), Limits::kCode, "source lines");
}

}  // namespace

std::uint16_t section_code(std::size_t index) {
  return kSections.at(index).code;
}

std::string_view section_name(std::size_t index) {
  return kSections.at(index).name;
}

void write_section(std::size_t index, const Program& program, ByteWriter& out) {
  kSections.at(index).write(program, out);
}

Result<void> read_section(std::size_t index, ByteReader& in, Program& program) {
  return kSections.at(index).read(in, program);
}

Result<void> check_limits(const Program& program) {
  PX_CHECK(tables_fit(program));
  PX_CHECK(text_fits(program.name));
  for (const Symbol& symbol : program.symbols) PX_CHECK(text_fits(symbol.name));
  for (const TensorDecl& decl : program.tensors) PX_CHECK(tensor_fits(decl));
  for (const ScalarConst& constant : program.consts) {
    PX_CHECK(text_fits(constant.name));
    PX_CHECK(expression_fits(constant.value));
  }
  for (const std::string& text : program.strings) PX_CHECK(text_fits(text));
  for (const AttrRecord& record : program.attrs) PX_CHECK(attr_fits(record));
  for (const Entry& entry : program.entries) PX_CHECK(entry_fits(entry));
  for (const std::string& file : program.debug.files) PX_CHECK(text_fits(file));
  return code_fits(program);
}

}  // namespace pxos::isa
