#include "shell/command_line.hpp"

#include <catch2/catch.hpp>

using namespace pxos::shell;
using Words = std::vector<std::string>;

TEST_CASE("A line is a verb and the rest", "[shell]") {
  CHECK(split_verb("  ask  what is this? ").verb == "ask");
  CHECK(split_verb("  ask  what is this? ").rest == "what is this?");
  CHECK(split_verb("").verb.empty());
  CHECK(split_verb("ls").rest.empty());
}

TEST_CASE("Words keep what is quoted together", "[shell]") {
  CHECK(split_words("a  b").value() == Words{"a", "b"});
  CHECK(split_words("\"a b\" 'c d'").value() == Words{"a b", "c d"});
  CHECK(split_words(R"("say \"hi\" \\ \n")").value() == Words{R"(say "hi" \ \n)"});
  CHECK(split_words("a\"b c\"d").value() == Words{"ab cd"});
  CHECK(split_words("\"\"").value() == Words{""});
  CHECK(split_words("").value().empty());
}

TEST_CASE("A quote that is never closed is a usage error", "[shell]") {
  for (const char* text : {"\"a", "a 'b", "\"a\\\"", "'"}) {
    const auto words = split_words(text);
    REQUIRE_FALSE(words);
    CHECK(words.error().code == pxos::Errc::kUsage);
  }
}

TEST_CASE("A script is split at semicolons outside double quotes", "[shell]") {
  CHECK(split_commands("mounts; ask \"a; b\" ;; help\nls") ==
        Words{"mounts", "ask \"a; b\"", "help", "ls"});
  CHECK(split_commands(R"(ask "a\"; b"; ls)") == Words{R"(ask "a\"; b")", "ls"});
  CHECK(split_commands("ask what's up; ls") == Words{"ask what's up", "ls"});
  CHECK(split_commands(" ; ").empty());
}

TEST_CASE("Free text loses quotes only when they enclose all of it", "[shell]") {
  CHECK(free_text("\"What is this?\"") == "What is this?");
  CHECK(free_text("\"a\" and \"b\"") == "\"a\" and \"b\"");
  CHECK(free_text("it's") == "it's");
  CHECK(free_text("\"open") == "\"open");
  CHECK(free_text(R"("say \"hi\"")") == "say \"hi\"");
}

TEST_CASE("quote_word is read back by split_words", "[shell]") {
  for (const std::string word : {"plain", "two words", "a\"b", "back\\slash", "it's", ""})
    CHECK(split_words(quote_word(word)).value() == Words{word});
  CHECK(quote_word("plain") == "plain");
}
