#include "assembler/lint.hpp"

#include "assembler/assembler.hpp"

#include <catch2/catch.hpp>

namespace {

using pxos::assembler::assemble;
using pxos::assembler::AssembleOptions;
using pxos::assembler::AssembleResult;

AssembleResult run(const std::string& text) {
  AssembleOptions options;
  options.source = {"a.pxasm", text};
  return assemble(options);
}

std::vector<std::string> messages(const std::string& text) {
  std::vector<std::string> out;
  for (const auto& diagnostic : run(text).diagnostics)
    out.push_back(diagnostic.category + ": " + diagnostic.message);
  return out;
}

std::vector<std::size_t> dead(const std::string& text) {
  const AssembleResult result = run(text);
  INFO(pxos::assembler::render_all(result.diagnostics, result.sources));
  REQUIRE(result.program);
  return pxos::assembler::dead_stores(result.program->program());
}

}  // namespace

TEST_CASE("A store is dead when every path writes again or ends", "[assembler]") {
  CHECK(dead(".entry f()\n i64.const r1, 1\n i64.const r1, 2\n br.eq r1, r1, e\ne:\n halt\n") ==
        std::vector<std::size_t>{0});
  CHECK(dead(".entry f()\n i64.const r1, 1\n halt\n") == std::vector<std::size_t>{0});
  // One of two paths reads it.
  CHECK(dead(".entry f(a: i64)\n i64.const r1, 1\n br.eq a, a, e\n i64.const r1, 2\n"
             "e:\n st.i32 ids, r1, r1\n halt\n.temp ids : i32[9]\n")
            .empty());
}

TEST_CASE("A value that a loop carries round is not dead", "[assembler]") {
  CHECK(dead(".entry f(n: i64)\n i64.const r1, 0\ntop:\n i64.addi r1, r1, 1\n"
             " br.lt r1, n, top\n halt\n")
            .empty());
  // Written at the end of the loop, read at its start.
  CHECK(dead(".temp ids : i32[9]\n.entry f(n: i64)\n i64.const r2, 0\n i64.const r1, 0\ntop:\n"
             " st.i32 ids, r1, r2\n i64.addi r1, r1, 1\n mov r2, r1\n br.lt r1, n, top\n halt\n")
            .empty());
  // Read by nobody on the way out or round.
  CHECK(dead(".entry f(n: i64)\n i64.const r1, 0\ntop:\n i64.addi r1, r1, 1\n mov r2, r1\n"
             " br.lt r1, n, top\n halt\n") == std::vector<std::size_t>{2});
}

TEST_CASE("Host calls are made for what they do; their result may be left", "[assembler]") {
  CHECK(dead(".entry f()\n host r1, 0, 0, 0, screen.present\n halt\n").empty());
}

TEST_CASE("A long program of nested loops is answered in reasonable time", "[assembler]") {
  std::string text = ".entry f(n: i64)\n";
  for (int i = 0; i < 3000; ++i)
    text += "l" + std::to_string(i) + ":\n i64.addi r" + std::to_string(i % 200 + 1) + ", r9, 1\n";
  for (int i = 3000; i-- > 0;)
    text += " br.lt r" + std::to_string(i % 200 + 1) + ", n, l" + std::to_string(i) + "\n";
  const AssembleResult result = run(text + " halt\n");
  REQUIRE(result.program);
  (void)pxos::assembler::dead_stores(result.program->program());
}

TEST_CASE("Code behind a jump is reached only by a branch", "[assembler]") {
  const auto result =
      run(".entry f(n: i64)\n br.eq n, n, far\n halt\nnear:\n i64.const r1, 1\n br near\nfar:\n "
          "halt\n");
  REQUIRE(result.program);
  CHECK(pxos::assembler::reachable_code(result.program->program()) ==
        std::vector<bool>{true, true, false, false, true});
}

TEST_CASE("Names of included files are theirs to use or not, tensors are not", "[assembler]") {
  AssembleOptions options;
  options.source = {"a.pxasm", ".include \"b.pxasm\"\n.entry f()\n halt\n"};
  options.include = [](std::string_view) -> pxos::Result<std::string> {
    return std::string(".param p\n.const c : f32 = 1.0\n.import w : f32[4] = \"w\"\n");
  };
  const auto result = assemble(options);
  REQUIRE(result.program);
  REQUIRE(result.diagnostics.size() == 1);
  CHECK(result.diagnostics[0].category == "unused-import");
  CHECK(result.read == std::vector<std::string>{"b.pxasm"});
}

TEST_CASE("Warnings can be turned off and made errors", "[assembler]") {
  AssembleOptions options;
  options.source = {"a.pxasm", ".temp x : f32[4]\n.entry f()\n halt\n"};
  CHECK(assemble(options).diagnostics.size() == 1);
  options.warnings_are_errors = true;
  const auto refused = assemble(options);
  CHECK_FALSE(refused.program);
  REQUIRE(refused.diagnostics.size() == 1);
  CHECK(refused.diagnostics[0].severity == pxos::assembler::Severity::kError);
  CHECK(pxos::assembler::render_all(refused.diagnostics, {}).find("[-Werror=unused-temp]") !=
        std::string::npos);
  REQUIRE(options.warnings.apply("no-unused-temp"));
  CHECK(assemble(options).program);
}

TEST_CASE("A repeated line is spoken of when all its repetitions are meant, and once",
          "[assembler]") {
  CHECK(messages(".entry f()\n.repeat 3\n i64.const r1, \\i\n.endr\n halt\n") ==
        std::vector<std::string>{
            "dead-store: 'r1' is written here, but nothing reads it afterwards"});
}
