#pragma once
// Files to a flat list of lines: `.include`, `.macro` and `.repeat` are expanded here, as text.
// Every expansion adds lines to the SourceMap, whose size is capped, so no nesting of macros can
// take for ever.

#include "assembler/assembler.hpp"
#include "assembler/parser.hpp"

#include <map>
#include <span>

namespace pxos::assembler {

class Preprocessor {
 public:
  Preprocessor(SourceMap& map, Reporter& reporter, const IncludeReader& include)
      : map_(map), reporter_(reporter), include_(include) {}

  /// Indices of the lines to assemble, in order.
  std::vector<std::uint32_t> run(SourceFile file);
  /// Macros defined anywhere, in alphabetical order.
  [[nodiscard]] std::vector<std::string_view> macro_names() const;
  [[nodiscard]] std::vector<std::pair<std::string_view, Span>> unused_macros() const;

 private:
  using Lines = std::span<const std::uint32_t>;
  struct Macro {
    std::vector<std::string_view> parameters;
    std::vector<std::uint32_t> body;
    Span definition;
    bool used = false;
  };
  /// One substitution: `\name` becomes text.
  struct Binding {
    std::string_view name;
    std::string_view text;
  };
  /// A line's labels end and its directive or mnemonic stands here.
  struct Head {
    Token token;
    std::size_t labels_end = 0;
  };

  std::vector<std::uint32_t> split(SourceFile file);
  void expand(Lines lines, std::size_t depth);
  std::size_t expand_line(Lines lines, std::size_t at, std::size_t depth);
  [[nodiscard]] Head head_of(std::uint32_t line) const;
  void keep_labels(std::uint32_t line, const Head& head);
  [[nodiscard]] std::size_t find_end(Lines lines, std::size_t at, std::string_view opens,
                                     std::string_view closes) const;

  void define_macro(std::uint32_t line, Lines body);
  void use_macro(std::uint32_t line, const Head& head, const Macro& macro, std::size_t depth);
  void repeat(std::uint32_t line, Lines body, std::size_t depth);
  void include(std::uint32_t line, std::size_t depth);
  bool deeper(Span span, std::size_t depth);

  [[nodiscard]] std::string_view after(std::uint32_t line, const Token& head) const;
  std::string substitute(std::string_view text, std::span<const Binding> bindings);
  bool add_expanded(const Line& line, std::string text, std::vector<std::uint32_t>& out);
  bool add_line(const Line& line, std::vector<std::uint32_t>& out);
  void stop(Span span, std::string message);

  SourceMap& map_;
  Reporter& reporter_;
  const IncludeReader& include_;
  std::map<std::string_view, Macro> macros_;
  std::vector<std::string> open_files_;
  std::vector<std::uint32_t> out_;
  std::size_t expanded_bytes_ = 0;
  std::size_t expansions_ = 0;
  bool stopped_ = false;
};

}  // namespace pxos::assembler
