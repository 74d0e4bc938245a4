// fmt: lays pixel assembly out, in place.

#include "assembler/formatter.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/text/utf8.hpp"
#include "shell/print.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct FmtArguments {
  std::vector<std::string> files;
  bool check = false;
};

/// Everything on stdin.
std::string read_stdin() {
  std::string out;
  char buffer[1 << 16];
  for (std::size_t got = sizeof buffer; got == sizeof buffer;) {
    got = std::fread(buffer, 1, sizeof buffer, stdin);
    out.append(buffer, got);
  }
  return out;
}

/// What laying out must not change.
std::string without_blanks(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) {
    return std::string_view(" \t\r\n").find(c) == std::string_view::npos;
  });
  return out;
}

/// True when the file has another layout than it should have.
Result<bool> format_file(const std::string& path, bool check) {
  if (path == "-") {
    const std::string text = read_stdin();
    const std::string laid = assembler::format(text);
    if (!check) print_out("{}", laid);
    return text != laid;
  }
  PX_TRY(const ByteVector bytes, read_file(path));
  if (as_text(bytes).find('\0') != std::string_view::npos ||
      text::to_valid_utf8(as_text(bytes)) != as_text(bytes))
    return fail(Errc::kInvalid, "{}: expected a text in UTF-8, found other bytes", path);
  const std::string laid = assembler::format(as_text(bytes));
  if (without_blanks(laid) != without_blanks(as_text(bytes)))
    return fail(Errc::kInvalid, "{}: cannot be laid out without changing it", path);
  if (laid == as_text(bytes)) return false;
  if (!check) PX_CHECK(write_file_atomic(path, as_bytes(laid)));
  print_to(stderr, "{}: {}\n", path, check ? "is laid out differently" : "laid out");
  return true;
}

}  // namespace

VerbAction setup_fmt(VerbSyntax& verb) {
  auto arguments = std::make_shared<FmtArguments>();
  verb.add_option("FILES", arguments->files, "pixel assembly texts; - for stdin to stdout")
      ->required();
  verb.add_flag("--check", arguments->check,
                "change nothing; name the files that would change and exit with 1");
  return [arguments]() -> Result<int> {
    bool differs = false;
    for (const std::string& path : arguments->files) {
      PX_TRY(const bool other, format_file(path, arguments->check));
      differs = differs || other;
    }
    return differs && arguments->check ? 1 : 0;
  };
}

}  // namespace pxos::shell
