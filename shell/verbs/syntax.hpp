#pragma once
// What a verb declares of its command line: arguments, options, flags, verbs below it. The parser
// behind it (CLI11) is a library of headers that costs every source seconds to compile: only
// syntax.cpp and main() include it.
//
// Names are CLI11's: "NAME" for an argument by its place, "-o,--output" for an option. What is
// bound to must outlive the parse; defaults are the values it has when it is declared.

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pxos::shell {

/// Where an option's value goes.
using OptionTarget =
    std::variant<std::string*, int*, unsigned*, std::int64_t*, std::uint64_t*, float*, double*,
                 std::optional<std::string>*, std::optional<std::filesystem::path>*,
                 std::optional<float>*, std::optional<unsigned>*, std::optional<std::int64_t>*,
                 std::filesystem::path*, std::vector<std::string>*, std::vector<std::int32_t>*,
                 std::vector<std::int64_t>*>;

/// One declared option; every member returns it again, so that declarations read as one sentence.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option* required();
  Option* in_range(int low, int high);
  Option* in_range(double low, double high);
  Option* one_of(const std::vector<std::string>& words);
  Option* one_of_numbers(const std::vector<int>& numbers);
  /// `--help` shows the value that the target has now.
  Option* capture_default_str();
  /// `--help` shows this instead.
  Option* default_str(const std::string& text);
  /// Sets the target as if this had been typed.
  Option* default_val(const std::string& text);
  /// One occurrence takes several values, split here.
  Option* delimiter(char separator);
  /// False: an occurrence takes one value, however many words follow.
  Option* allow_extra_args(bool allowed);
  /// Every occurrence counts.
  Option* take_all();
  Option* excludes(const std::string& other);
  /// The heading that `--help` lists it under.
  Option* group(const std::string& heading);
  /// How often it was given.
  [[nodiscard]] std::size_t count() const;

 private:
  CLI::Option* option_;
};

/// The command line of one verb. Keeps the App: it must outlive this object.
class VerbSyntax {
 public:
  explicit VerbSyntax(CLI::App& app) : app_(app) {}
  VerbSyntax(const VerbSyntax&) = delete;
  VerbSyntax& operator=(const VerbSyntax&) = delete;

  /// The Option lives as long as this object.
  template <class T>
  Option* add_option(const std::string& names, T& target, const std::string& summary = "") {
    return bind(names, OptionTarget(&target), summary);
  }
  Option* add_flag(const std::string& names, bool& target, const std::string& summary);
  /// `chosen` is called when the command line names it.
  VerbSyntax& add_subcommand(const std::string& name, const std::string& summary,
                             std::function<void()> chosen);
  void require_subcommand(int count);

 private:
  Option* bind(const std::string& names, OptionTarget target, const std::string& summary);

  CLI::App& app_;
  std::deque<Option> options_;
  std::deque<VerbSyntax> subcommands_;
};

}  // namespace pxos::shell
