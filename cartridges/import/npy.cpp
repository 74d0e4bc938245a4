#include "cartridges/import/npy.hpp"

#include "pxvm/base/checked.hpp"

#include <bit>
#include <charconv>

namespace pxos::cartridges {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint32_t kMaxHeaderBytes = 65536;
constexpr std::size_t kMaxDims = 32;
constexpr std::size_t kPreludeBytes = 10;  // magic, version, u16 length

/// The three keys of a header.
struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Reads exactly the literal NumPy writes: {'key': value, ...} with a string, True/False or a tuple
/// of integers as values. Anything else is an error: no expression is ever evaluated.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : rest_(text) {}

  Result<Header> header() {
    Header out;
    unsigned seen = 0;
    PX_CHECK(expect('{'));
    while (!accept('}')) {
      PX_TRY(const std::string key, string());
      PX_CHECK(expect(':'));
      PX_TRY(const unsigned bit, value_of(key, out));
      if ((seen & bit) != 0) return fail(Errc::kInvalid, "key '{}' appears twice", key);
      seen |= bit;
      if (!accept(',')) {
        PX_CHECK(expect('}'));
        break;
      }
    }
    skip_spaces();
    if (!rest_.empty()) return fail(Errc::kInvalid, "text after the header's literal");
    if (seen != 7)
      return fail(Errc::kInvalid, "the header lacks one of descr, fortran_order, shape");
    return out;
  }

 private:
  /// Reads the value of `key` into its member and returns the key's bit.
  Result<unsigned> value_of(std::string_view key, Header& out) {
    if (key == "descr") {
      PX_TRY(out.descr, string());
      return 1U;
    }
    if (key == "fortran_order") {
      if (accept_word("True"))
        out.fortran_order = true;
      else if (!accept_word("False"))
        return fail(Errc::kInvalid, "fortran_order is neither True nor False");
      return 2U;
    }
    if (key == "shape") {
      PX_TRY(out.shape, tuple());
      return 4U;
    }
    return fail(Errc::kInvalid, "unknown header key '{}'", key);
  }

  void skip_spaces() {
    const std::size_t count = rest_.find_first_not_of(" \t\n");
    rest_.remove_prefix(std::min(count, rest_.size()));
  }
  bool accept(char wanted) {
    skip_spaces();
    if (rest_.empty() || rest_[0] != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  Result<void> expect(char wanted) {
    if (accept(wanted)) return {};
    return fail(Errc::kInvalid, "expected '{}' in the header's literal", wanted);
  }
  bool accept_word(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  /// A quoted string of printable ASCII without escapes.
  Result<std::string> string() {
    skip_spaces();
    const char quote = rest_.empty() ? '\0' : rest_[0];
    if (quote != '\'' && quote != '"')
      return fail(Errc::kInvalid, "expected a string in the header's literal");
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos)
      return fail(Errc::kInvalid, "unterminated string in the header's literal");
    std::string out(rest_.substr(1, end - 1));
    for (const char c : out)
      if (c < ' ' || c > '~' || c == '\\')
        return fail(Errc::kInvalid, "odd character in the header's literal");
    rest_.remove_prefix(end + 1);
    return out;
  }
  /// () or (n,) or (n, m, ...), integers >= 0.
  Result<std::vector<std::int64_t>> tuple() {
    std::vector<std::int64_t> out;
    PX_CHECK(expect('('));
    while (!accept(')')) {
      skip_spaces();
      std::int64_t value = 0;
      const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (read.ec != std::errc() || value < 0 || out.size() == kMaxDims)
        return fail(Errc::kInvalid, "shape: expected up to {} sizes", kMaxDims);
      rest_.remove_prefix(static_cast<std::size_t>(read.ptr - rest_.data()));
      out.push_back(value);
      if (!accept(',')) {
        PX_CHECK(expect(')'));
        break;
      }
    }
    return out;
  }

  std::string_view rest_;
};

/// The literal of a file, and where its values start.
Result<std::pair<Header, Bytes>> read_header(Bytes file) {
  ByteReader reader(file);
  PX_TRY(const Bytes magic, reader.bytes(kMagic.size(), "npy magic"));
  if (as_text(magic) != kMagic) return fail(Errc::kInvalid, "not an npy array: bad magic");
  PX_TRY(const std::uint8_t major, reader.u8("npy version"));
  PX_TRY(const std::uint8_t minor, reader.u8("npy version"));
  if ((major != 1 && major != 2) || minor != 0)
    return fail(Errc::kUnsupported, "npy version {}.{}; 1.0 and 2.0 can be read", major, minor);
  std::uint32_t length = 0;
  if (major == 1) {
    PX_TRY(length, reader.u16("npy header length"));
  } else {
    PX_TRY(length, reader.u32("npy header length"));
  }
  if (length > kMaxHeaderBytes)
    return fail(Errc::kLimit, "npy header of {} bytes, at most {}", length, kMaxHeaderBytes);
  PX_TRY(const Bytes text, reader.bytes(length, "npy header"));
  PX_TRY(Header header, LiteralReader(as_text(text)).header());
  return std::pair{std::move(header), file.subspan(reader.position())};
}

Result<NpyArray> read_array(Bytes file) {
  PX_TRY(const auto parts, read_header(file));
  const auto& [header, data] = parts;
  if (header.descr != "<f4")
    return fail(Errc::kUnsupported, "dtype '{}' (only '<f4', little-endian float32)", header.descr);
  if (header.fortran_order) return fail(Errc::kUnsupported, "Fortran order (only C order)");
  const auto count = element_count(header.shape);
  const auto bytes = count ? checked_mul<std::uint64_t>(*count, 4) : std::nullopt;
  if (!bytes || *bytes != data.size())
    return fail(Errc::kInvalid, "{} bytes of values do not fill the shape", data.size());
  NpyArray out;
  out.shape = header.shape;
  out.values.reserve(*count);
  ByteReader reader(data);
  for (std::uint64_t i = 0; i < *count; ++i) {
    PX_TRY(const float value, reader.f32("value"));
    out.values.push_back(value);
  }
  return out;
}

std::string shape_literal(const std::vector<std::int64_t>& shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i)
    out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  // Python spells a tuple of one with a comma.
  return out + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace

Result<NpyArray> parse_npy(Bytes file, std::string name) {
  auto array = read_array(file);
  if (!array) return in_context("array " + name, std::move(array).error());
  array->name = std::move(name);
  return array;
}

ByteVector write_npy(const NpyArray& array) {
  std::string literal =
      "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape_literal(array.shape) + ", }";
  const std::size_t used = kPreludeBytes + literal.size() + 1;
  literal.append(round_up(used, 64) - used, ' ');
  literal += '\n';
  ByteWriter out;
  out.bytes(as_bytes(kMagic));
  out.u8(1);
  out.u8(0);
  out.u16(static_cast<std::uint16_t>(literal.size()));
  out.bytes(as_bytes(literal));
  for (const float value : array.values) out.f32(value);
  return out.take();
}

std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  std::uint64_t product = 1;
  for (const std::int64_t n : shape) {
    const auto next = n < 0 ? std::nullopt : checked_mul(product, static_cast<std::uint64_t>(n));
    if (!next) return std::nullopt;
    product = *next;
  }
  return product;
}

}  // namespace pxos::cartridges
