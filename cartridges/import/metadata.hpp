#pragma once
// Metadata of a model by GGUF's keys and value types, whoever wrote the file it came from: a GGUF
// file's own pairs, or what an importer of another format translated into them. Values of a GGUF
// file are borrowed from its bytes ("Keeps": until the metadata dies); what set_*() is given is
// copied. Not thread-safe while it is filled; safe to read from any thread afterwards.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pxos::cartridges {

/// Value types of GGUF metadata, with their codes.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
[[nodiscard]] std::string_view gguf_type_name(GgufType type);
/// Bytes of one value; 0 for strings and arrays.
[[nodiscard]] std::uint64_t gguf_fixed_size(GgufType type);

/// An array of one element type; never an array of arrays.
struct GgufArray {
  GgufType element = GgufType::kU8;
  std::uint64_t count = 0;
  Bytes raw;                              ///< fixed-size elements, little-endian, in place
  std::vector<std::string_view> strings;  ///< only for kString, in place
};

/// One metadata value. Integers of every width become the 64-bit type of their sign.
struct GgufValue {
  GgufType type = GgufType::kU8;
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view, GgufArray> value;
};
/// The value in `raw`. Requires: raw.size() == gguf_fixed_size(type) != 0.
[[nodiscard]] GgufValue decode_gguf_value(GgufType type, Bytes raw);

class Metadata {
 public:
  using Map = std::map<std::string, GgufValue, std::less<>>;

  Metadata() = default;
  Metadata(Metadata&&) noexcept = default;
  Metadata& operator=(Metadata&&) noexcept = default;
  // A copy's values would point into the original.
  Metadata(const Metadata&) = delete;
  Metadata& operator=(const Metadata&) = delete;
  ~Metadata() = default;

  // Ascending by key.
  [[nodiscard]] Map::const_iterator begin() const { return values_.begin(); }
  [[nodiscard]] Map::const_iterator end() const { return values_.end(); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] Map::const_iterator find(std::string_view key) const { return values_.find(key); }
  [[nodiscard]] bool has(std::string_view key) const { return values_.find(key) != values_.end(); }

  // Typed getters. The plain form fails with kNotFound when the key is missing; find_* gives
  // nullopt then. Both fail with kInvalid (key, expected and found type) when the value has another
  // type.
  [[nodiscard]] Result<std::optional<std::int64_t>> find_integer(std::string_view key) const;
  [[nodiscard]] Result<std::optional<double>> find_real(
      std::string_view key) const;  ///< integers convert
  [[nodiscard]] Result<std::optional<bool>> find_flag(std::string_view key) const;
  [[nodiscard]] Result<std::optional<std::string_view>> find_text(std::string_view key) const;
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] Result<double> real(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> text(std::string_view key) const;

  // Arrays, converted; empty when the key is missing.
  [[nodiscard]] Result<std::vector<std::string_view>> strings(std::string_view key) const;
  [[nodiscard]] Result<std::vector<float>> floats(std::string_view key) const;
  [[nodiscard]] Result<std::vector<std::int64_t>> integers(
      std::string_view key) const;  ///< flags are 0 and 1

  /// Keeps what the value borrows. False, and nothing changes, when the key is there already.
  [[nodiscard]] bool insert(std::string key, GgufValue value);

  // Values an importer makes, as GGUF's usual types: u32, f32, bool, string. They replace what
  // there was.
  void set_integer(std::string_view key, std::uint32_t value);
  void set_real(std::string_view key, double value);  ///< f32 when that is the same number
  void set_flag(std::string_view key, bool value);
  void set_text(std::string_view key, std::string_view value);
  void set_integers(std::string_view key, std::span<const std::int32_t> values);
  void set_reals(std::string_view key, std::span<const float> values);
  void set_flags(std::string_view key, const std::vector<bool>& values);
  void erase(std::string_view key);

 private:
  void set(std::string_view key, GgufValue value);
  void set_array(std::string_view key, GgufType element, std::uint64_t count, Bytes raw);

  Map values_;
  std::deque<std::string> owned_;  // a deque: what values point to does not move
};

}  // namespace pxos::cartridges
