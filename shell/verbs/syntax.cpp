#include "shell/verbs/syntax.hpp"

#include <utility>

#include <CLI/CLI.hpp>

namespace pxos::shell {

Option* Option::required() {
  option_->required();
  return this;
}

Option* Option::in_range(int low, int high) {
  option_->check(CLI::Range(low, high));
  return this;
}

Option* Option::in_range(double low, double high) {
  option_->check(CLI::Range(low, high));
  return this;
}

Option* Option::one_of(const std::vector<std::string>& words) {
  option_->check(CLI::IsMember(words));
  return this;
}

Option* Option::one_of_numbers(const std::vector<int>& numbers) {
  option_->check(CLI::IsMember(numbers));
  return this;
}

Option* Option::capture_default_str() {
  option_->capture_default_str();
  return this;
}

Option* Option::default_str(const std::string& text) {
  option_->default_str(text);
  return this;
}

Option* Option::default_val(const std::string& text) {
  option_->default_val(text);
  return this;
}

Option* Option::delimiter(char separator) {
  option_->delimiter(separator);
  return this;
}

Option* Option::allow_extra_args(bool allowed) {
  option_->allow_extra_args(allowed);
  return this;
}

Option* Option::take_all() {
  option_->take_all();
  return this;
}

Option* Option::excludes(const std::string& other) {
  option_->excludes(other);
  return this;
}

Option* Option::group(const std::string& heading) {
  option_->group(heading);
  return this;
}

std::size_t Option::count() const {
  return option_->count();
}

Option* VerbSyntax::bind(const std::string& names, OptionTarget target,
                         const std::string& summary) {
  CLI::Option* const option =
      std::visit([&](auto* value) { return app_.add_option(names, *value, summary); }, target);
  return &options_.emplace_back(*option);
}

Option* VerbSyntax::add_flag(const std::string& names, bool& target, const std::string& summary) {
  return &options_.emplace_back(*app_.add_flag(names, target, summary));
}

VerbSyntax& VerbSyntax::add_subcommand(const std::string& name, const std::string& summary,
                                       std::function<void()> chosen) {
  CLI::App& app = *app_.add_subcommand(name, summary);
  app.callback(std::move(chosen));
  return subcommands_.emplace_back(app);
}

void VerbSyntax::require_subcommand(int count) {
  app_.require_subcommand(count);
}

}  // namespace pxos::shell
