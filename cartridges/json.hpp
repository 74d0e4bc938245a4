#pragma once
// Typed reading of JSON objects for the .cpp files of this folder only: it shows nlohmann's type,
// so no public header may include it. Every getter names the full path of what is wrong.

#include "pxvm/base/checked.hpp"
#include "pxvm/base/result.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace pxos::cartridges {

using Json = nlohmann::json;

/// One object and where it is in the document. Keeps: the document must outlive it.
class JsonObject {
 public:
  /// Errors: kInvalid when `value` is not an object.
  static Result<JsonObject> of(const Json& value, std::string path) {
    if (!value.is_object())
      return fail(Errc::kInvalid, "{}: expected an object, found {}", path, value.type_name());
    return JsonObject(value, std::move(path));
  }

  [[nodiscard]] const Json* find(std::string_view key) const {
    const auto found = value_->find(key);
    return found == value_->end() ? nullptr : &*found;
  }
  [[nodiscard]] std::string at(std::string_view key) const {
    return fmt::format("{}.{}", path_, key);
  }
  [[nodiscard]] const Json& json() const { return *value_; }

  Result<const Json*> need(std::string_view key) const {
    const Json* found = find(key);
    if (found == nullptr) return fail(Errc::kInvalid, "{} is missing", at(key));
    return found;
  }

  Result<std::string> text(std::string_view key) const {
    PX_TRY(const Json* value, need(key));
    return as_text(*value, at(key));
  }
  /// `fallback` when the key is missing.
  Result<std::string> text_or(std::string_view key, std::string_view fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return std::string(fallback);
    return as_text(*value, at(key));
  }
  Result<std::int64_t> integer(std::string_view key) const {
    PX_TRY(const Json* value, need(key));
    return as_integer(*value, at(key));
  }
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    return as_integer(*value, at(key));
  }
  /// An integer >= 0.
  Result<std::uint64_t> count(std::string_view key) const {
    PX_TRY(const std::int64_t value, integer(key));
    if (value < 0) return fail(Errc::kInvalid, "{}: {} is negative", at(key), value);
    return static_cast<std::uint64_t>(value);
  }
  Result<double> real(std::string_view key) const {
    PX_TRY(const Json* value, need(key));
    return as_real(*value, at(key));
  }
  Result<double> real_or(std::string_view key, double fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    return as_real(*value, at(key));
  }
  /// Null when the key is missing.
  Result<const Json*> array_or_null(std::string_view key) const {
    const Json* value = find(key);
    if (value != nullptr && !value->is_array())
      return fail(Errc::kInvalid, "{}: expected an array, found {}", at(key), value->type_name());
    return value;
  }

  static Result<std::string> as_text(const Json& value, const std::string& path) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text == nullptr)
      return fail(Errc::kInvalid, "{}: expected a string, found {}", path, value.type_name());
    return *text;
  }
  /// Integers are written without a point; 3.0 is not one.
  static Result<std::int64_t> as_integer(const Json& value, const std::string& path) {
    if (value.is_number_unsigned()) {
      const auto narrowed = checked_cast<std::int64_t>(value.get<std::uint64_t>());
      if (!narrowed) return fail(Errc::kInvalid, "{}: integer is too large", path);
      return *narrowed;
    }
    if (!value.is_number_integer())
      return fail(Errc::kInvalid, "{}: expected an integer, found {}", path,
                  value.is_number() ? "a real" : value.type_name());
    return value.get<std::int64_t>();
  }
  static Result<double> as_real(const Json& value, const std::string& path) {
    if (!value.is_number())
      return fail(Errc::kInvalid, "{}: expected a number, found {}", path, value.type_name());
    const double number = value.get<double>();
    if (!std::isfinite(number)) return fail(Errc::kInvalid, "{}: not a finite number", path);
    return number;
  }

 private:
  JsonObject(const Json& value, std::string path) : value_(&value), path_(std::move(path)) {}
  const Json* value_;
  std::string path_;
};

}  // namespace pxos::cartridges
