// An import killed with SIGKILL goes on where it was, and the cartridge is the same.

#include "cartridges/import/import.hpp"
#include "pxvm/base/file.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/temp_folder.hpp"

#include <csignal>
#include <filesystem>

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

using pxos::cartridges::import_model;
using pxos::cartridges::ImportOptions;
using pxos::test::TempFolder;
using pxos::test::TinyLlama;

namespace {

/// Matrices in q8_0, norms in f32: two sheets.
TinyLlama two_types() {
  TinyLlama model;
  model.matrix_type = 8;
  return model;
}

ImportOptions to(const std::filesystem::path& output) {
  ImportOptions options;
  options.output = output;
  options.find_program = pxos::test::fake_program;
  options.resumable_bytes = 0;
  return options;
}

/// Imports in a process of its own that is killed once `share` of the work is done. Returns whether
/// it died of that.
bool import_and_die(const std::filesystem::path& source, ImportOptions options, double share) {
  const pid_t child = ::fork();
  if (child == 0) {
    options.progress = [share](std::uint64_t done, std::uint64_t total) {
      if (static_cast<double>(done) >= share * static_cast<double>(total)) ::raise(SIGKILL);
    };
    ::_exit(import_model(source, options) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace

TEST_CASE("A killed import goes on, wherever it was killed", "[import]") {
  const TempFolder folder;
  const auto source = folder.write("m.gguf", two_types().build());
  REQUIRE(import_model(source, to(folder / "whole.pxa")).has_value());
  const auto whole = pxos::read_file(folder / "whole.pxa").value();
  bool has_resumed = false;
  for (const double share : {0.0, 0.2, 0.45, 0.55, 0.8, 1.0}) {
    CAPTURE(share);
    const auto output = folder / "m.pxa";
    REQUIRE(import_and_die(source, to(output), share));
    CHECK_FALSE(std::filesystem::exists(output));
    CHECK(std::filesystem::exists(folder / "m.pxa.part"));
    const auto report = import_model(source, to(output));
    REQUIRE(report.has_value());
    has_resumed = has_resumed || report->resumed_bytes > 0;
    CHECK(pxos::read_file(output).value() == whole);
    CHECK_FALSE(std::filesystem::exists(folder / "m.pxa.part"));
    CHECK_FALSE(std::filesystem::exists(folder / "m.pxa.part.journal"));
    std::filesystem::remove(output);
  }
  CHECK(has_resumed);
}

TEST_CASE("A partial import of another source is not gone on with", "[import]") {
  const TempFolder folder;
  const auto output = folder / "m.pxa";
  const auto source = folder.write("m.gguf", two_types().build());
  REQUIRE(import_and_die(source, to(output), 0.9));
  TinyLlama other = two_types();
  other.tokens[3] = "c";
  const auto second = folder.write("n.gguf", other.build());
  const auto report = import_model(second, to(output));
  REQUIRE(report.has_value());
  CHECK(report->resumed_bytes == 0);
}

TEST_CASE("A partial import is thrown away when that is asked for", "[import]") {
  const TempFolder folder;
  const auto output = folder / "m.pxa";
  const auto source = folder.write("m.gguf", two_types().build());
  REQUIRE(import_and_die(source, to(output), 0.9));
  ImportOptions options = to(output);
  options.restart = true;
  const auto report = import_model(source, options);
  REQUIRE(report.has_value());
  CHECK(report->resumed_bytes == 0);
}
