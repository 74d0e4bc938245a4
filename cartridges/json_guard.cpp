#include "cartridges/json_guard.hpp"

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pxos::cartridges {
namespace {

/// Follows the parser and stops it (by returning false) at the first thing that is not allowed.
class Guard final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Guard(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override {
    open_keys_.emplace_back();
    return enter();
  }
  bool end_object() override {
    open_keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(string_t& name) override {
    if (!open_keys_.back().insert(name).second) {
      error_ = {Errc::kInvalid, fmt::format("key \"{}\" appears twice", name)};
      return false;
    }
    return value();
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& problem) override {
    const std::string text = problem.what();
    const std::size_t colon = text.rfind(": ");
    error_ = {Errc::kInvalid,
              fmt::format("not JSON at byte {} (near \"{}\"): {}", position, printable(token),
                          colon == std::string::npos ? text : text.substr(colon + 2))};
    return false;
  }

  [[nodiscard]] Error take_error() { return std::move(error_); }

 private:
  static std::string printable(const std::string& token) {
    std::string out;
    for (const char c : token.substr(0, 24)) out += c >= ' ' && c <= '~' ? c : '?';
    return out;
  }
  bool enter() {
    if (++depth_ > limits_.max_depth) {
      error_ = {Errc::kLimit, fmt::format("nesting deeper than {}", limits_.max_depth)};
      return false;
    }
    return value();
  }
  bool value() {
    if (++values_ > limits_.max_values) {
      error_ = {Errc::kLimit, fmt::format("more than {} values", limits_.max_values)};
      return false;
    }
    return true;
  }

  JsonLimits limits_;
  std::vector<std::set<std::string>> open_keys_;
  std::uint32_t depth_ = 0;
  std::uint64_t values_ = 0;
  Error error_{Errc::kInvalid, "not JSON"};
};

}  // namespace

Result<void> check_json(Bytes text, std::string_view what, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    return fail(Errc::kLimit, "{}: {} bytes of JSON, at most {}", what, text.size(),
                limits.max_bytes);
  Guard guard(limits);
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &guard)) return {};
  return in_context(what, guard.take_error());
}

}  // namespace pxos::cartridges
