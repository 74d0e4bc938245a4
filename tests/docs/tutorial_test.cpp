// Runs the listings of docs/tutorial. A block ```pxasm whose first line is "; NAME.pxasm" is a
// program; a block ```values NAME.pxasm gives its parameters, weights and calls:
//   param n = 2
//   vector b = 0 -1
//   weight w [2, 3] = 1 0 0  0 1 0      or: = eye 0.5, a multiple of the identity
//   call T = 2, pos = 0
//     x = 1 2 3 4                        inputs, then what the outputs must be
#include "assembler/formatter.hpp"
#include "pxvm/base/file.hpp"
#include "tests/pxvm/vm/guest.hpp"
#include "tests/support/conformance.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

namespace {

using pxos::test::Guest;

/// Rounded to two decimals in the text, and the caches hold f16.
constexpr float kTolerance = 0.01F;

struct Tutorial {
  std::map<std::string, std::string> listings;
  std::map<std::string, std::string> values;
};

Tutorial read_tutorial(const std::string& name) {
  const auto bytes = pxos::read_file(pxos::test::source_folder() / "docs" / "tutorial" / name);
  REQUIRE(bytes);
  std::istringstream in{std::string(pxos::as_text(*bytes))};
  Tutorial out;
  std::string fence, block;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("```")) {
      if (!fence.empty()) block += line + "\n";
      continue;
    }
    if (fence == "```pxasm" && block.starts_with("; "))
      out.listings[block.substr(2, block.find('\n') - 2)] = block;
    if (fence.starts_with("```values ")) out.values[fence.substr(10)] = block;
    // A fence without a word opens a block, too, when none is open.
    fence = fence.empty() ? line + (line == "```" ? "text" : "") : "";
    block.clear();
  }
  return out;
}

std::vector<float> numbers(std::istringstream& in) {
  std::vector<float> out;
  for (float value = 0; in >> value;) out.push_back(value);
  return out;
}

std::vector<float> identity(std::int64_t rows, std::int64_t cols, float scale) {
  std::vector<float> out(static_cast<std::size_t>(rows * cols));
  for (std::int64_t i = 0; i < std::min(rows, cols); ++i)
    out[static_cast<std::size_t>(i * cols + i)] = scale;
  return out;
}

/// weight NAME [R, C] = numbers | eye S
void add_weight(Guest& guest, std::istringstream& in) {
  std::string name, mark, eye;
  char bracket = 0, comma = 0, close = 0;
  std::int64_t rows = 0, cols = 0;
  in >> name >> bracket >> rows >> comma >> cols >> close >> mark;
  REQUIRE(mark == "=");
  const auto place = in.tellg();
  in >> eye;
  if (eye == "eye") {
    float scale = 0;
    in >> scale;
    guest.add_matrix(name, rows, cols, identity(rows, cols, scale));
    return;
  }
  in.seekg(place);
  auto values = numbers(in);
  REQUIRE(values.size() == static_cast<std::size_t>(rows * cols));
  guest.add_matrix(name, rows, cols, std::move(values));
}

/// The dimension and scalar arguments of a call: "T = 2, pos = 0".
struct Call {
  std::vector<std::pair<std::string, std::int64_t>> dims;
  std::vector<std::int64_t> scalars;
};

Call read_call(std::istringstream& in) {
  Call out;
  std::string name, mark, value;
  while (in >> name >> mark >> value) {
    const std::int64_t number = std::stoll(value);
    if (name == "T") out.dims.emplace_back(name, number);
    if (name != "T") out.scalars.push_back(number);
  }
  return out;
}

/// Runs the calls of a values block, in order, on one machine.
class Player {
 public:
  Player(Guest& guest, std::string program) : guest_(guest), program_(std::move(program)) {}

  void line(const std::string& text) {
    std::istringstream in(text);
    std::string word, name, mark;
    in >> word;
    if (word == "param") {
      std::int64_t value = 0;
      in >> name >> mark >> value;
      guest_.integers[name] = value;
    } else if (word == "vector") {
      in >> name >> mark;
      guest_.add_vector(name, numbers(in));
    } else if (word == "weight") {
      add_weight(guest_, in);
    } else if (word == "call") {
      pending_ = read_call(in);
      called_ = false;
    } else if (!word.empty()) {
      in >> mark;
      tensor(word, numbers(in));
    }
  }

  /// A whole block.
  void play(const std::string& values) {
    std::istringstream in(values);
    for (std::string text; std::getline(in, text);) line(text);
  }

  std::vector<std::uint32_t> bits;  ///< of the outputs, in the order they were looked at

 private:
  /// Inputs are written, outputs compared; the call is made between them.
  void tensor(const std::string& name, const std::vector<float>& values) {
    if (machine_ == nullptr) {
      auto machine = guest_.load(program_);
      INFO((machine ? "" : machine.error().message));
      REQUIRE(machine);
      machine_ = *machine;
    }
    const auto& program = machine_->linked().program();
    const auto index = program.find_tensor(name);
    REQUIRE(index);
    if (program.tensors[*index].kind == pxos::isa::TensorDecl::Kind::kInput) {
      const auto memory = machine_->memory(name);
      REQUIRE(memory);
      REQUIRE(memory->size() >= values.size() * sizeof(float));
      std::memcpy(memory->data(), values.data(), values.size() * sizeof(float));
      return;
    }
    if (!called_) call();
    const auto view = machine_->view(name);
    REQUIRE(view);
    REQUIRE(static_cast<std::size_t>(view->elements()) == values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      float found = 0;
      std::memcpy(&found, view->data + i * sizeof(float), sizeof(float));
      INFO(name << "[" << i << "]");
      CHECK(std::abs(found - values[i]) <= kTolerance);
      bits.push_back(std::bit_cast<std::uint32_t>(found));
    }
  }

  void call() {
    pxos::vm::CallArguments arguments;
    arguments.scalars = pending_.scalars;
    for (const auto& [name, value] : pending_.dims) arguments.dims.emplace_back(name, value);
    const auto done = machine_->call("forward", arguments);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
    called_ = true;
  }

  Guest& guest_;
  std::string program_;
  pxos::vm::Machine* machine_ = nullptr;
  Call pending_;
  bool called_ = false;
};

}  // namespace

TEST_CASE("The listings of the first forward pass give the numbers below them", "[docs]") {
  const Tutorial tutorial = read_tutorial("first_forward_pass.md");
  REQUIRE(tutorial.listings.size() == 4);
  REQUIRE(tutorial.values.size() == 3);
  for (const auto& [name, values] : tutorial.values) {
    INFO(name);
    REQUIRE(tutorial.listings.contains(name));
    Guest guest;
    Player player(guest, tutorial.listings.at(name));
    player.play(values);
    CHECK_FALSE(player.bits.empty());
  }
}

TEST_CASE("The listings assemble without a warning and are laid out", "[docs]") {
  for (const auto& [name, text] : read_tutorial("first_forward_pass.md").listings) {
    INFO(name);
    const auto result = pxos::assembler::assemble({{name, text}, {}, true});
    CHECK(pxos::assembler::render_all(result.diagnostics, result.sources).empty());
    CHECK(pxos::assembler::format(text) == text);
  }
}

TEST_CASE("Splitting the rows over calls changes no bit", "[docs]") {
  const Tutorial tutorial = read_tutorial("first_forward_pass.md");
  const std::string& parts = tutorial.values.at("block.pxasm");
  const std::size_t calls = parts.find("call ");
  REQUIRE(calls != std::string::npos);
  const std::string whole = parts.substr(0, calls) +
                            "call T = 3, pos = 0\n  in = 1 0 0 0  0 1 0 1  1 1 -1 0\n"
                            "  x = 14.38 0 0 0  1.46 9.22 0 1.67  6.94 6.12 -1.09 0.48\n";
  std::vector<std::vector<std::uint32_t>> bits;
  for (const std::string& values : {parts, whole}) {
    Guest guest;
    Player player(guest, tutorial.listings.at("block.pxasm"));
    player.play(values);
    bits.push_back(player.bits);
  }
  CHECK(bits[0].size() == 12);
  CHECK(bits[0] == bits[1]);
}

TEST_CASE("The lines that are explained stand in the programs that ship", "[docs]") {
  std::set<std::string> known;
  const auto code_of = [](const std::string& line) {
    const std::string code = line.substr(0, line.find(';'));
    const std::size_t first = code.find_first_not_of(' ');
    const std::size_t last = code.find_last_not_of(' ');
    return first == std::string::npos ? std::string() : code.substr(first, last - first + 1);
  };
  const auto root = pxos::test::source_folder();
  for (const auto& file : std::filesystem::directory_iterator(root / "programs")) {
    if (file.path().extension() != ".pxasm") continue;
    const auto bytes = pxos::read_file(file.path());
    REQUIRE(bytes);
    std::istringstream in{std::string(pxos::as_text(*bytes))};
    for (std::string line; std::getline(in, line);) known.insert(code_of(line));
  }
  const auto bytes = pxos::read_file(root / "docs" / "tutorial" / "llama_line_by_line.md");
  REQUIRE(bytes);
  std::istringstream in{std::string(pxos::as_text(*bytes))};
  bool quoted = false;
  std::size_t lines = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      quoted = !quoted && line == "```pxasm";
      continue;
    }
    if (!quoted) continue;
    INFO(line);
    CHECK(known.contains(code_of(line)));
    ++lines;
  }
  CHECK(lines > 40);
}
