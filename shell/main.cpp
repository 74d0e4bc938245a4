// pxos: the composition root. Parses the command line, runs one verb, reports its error as one line
// and gives its exit code. Without a verb it boots the shell.

#include "shell/exit_code.hpp"
#include "shell/print.hpp"
#include "shell/verbs/verb.hpp"

#include <csignal>
#include <cstdio>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace {

using pxos::shell::VerbAction;

/// A reader that went away (`pxos ... | head`) is a write error, not a signal that kills us.
void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

int report(const pxos::Error& error) {
  pxos::shell::print_to(stderr, "pxos: {}\n", pxos::shell::one_line(error));
  return pxos::shell::exit_code(error.code);
}

/// Help and version are answers; everything else CLI11 throws is a usage error of one line.
int report_parse(CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  pxos::shell::print_to(stderr,
                        "pxos: {} (pxos --help lists the verbs, pxos VERB --help its options)\n",
                        pxos::shell::one_line({pxos::Errc::kUsage, error.what()}));
  return pxos::shell::kExitUsage;
}

int run(const std::vector<std::pair<CLI::App*, VerbAction>>& verbs) {
  for (const auto& [app, action] : verbs) {
    if (!app->parsed()) continue;
    const auto code = action();
    return code ? *code : report(code.error());
  }
  const auto code = verbs.front().second();  // the shell, with its defaults
  return code ? *code : report(code.error());
}

/// `code`, or the failure to say what was to be said.
int finish(int code) {
  if (!pxos::shell::output_lost() || code != 0) return code;
  return report({pxos::Errc::kIo, "stdout cannot be written"});
}

}  // namespace

int main(int argc, char** argv) {
  ignore_broken_pipes();
  CLI::App app("pxOS: a cartridge operating system for neural networks");
  app.name("pxos");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "pxos " PXOS_VERSION);
  std::vector<std::pair<CLI::App*, VerbAction>> verbs;
  std::deque<pxos::shell::VerbSyntax> syntaxes;  // what the actions keep of their options
  for (const pxos::shell::VerbInfo& verb : pxos::shell::verbs()) {
    CLI::App* sub = app.add_subcommand(std::string(verb.name), std::string(verb.summary));
    verbs.emplace_back(sub, verb.setup(syntaxes.emplace_back(*sub)));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return finish(report_parse(app, error));
  }
  return finish(run(verbs));
}
