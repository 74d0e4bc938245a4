#include "cartridges/synthetic.hpp"

#include "cartridges/cartridge.hpp"
#include "pxvm/base/file.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/temp_folder.hpp"

#include <map>
#include <set>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::Errc;
using namespace pxos::cartridges;

namespace {

/// Small enough to write, with everything a big one has.
SyntheticModel tiny(bool own_head) {
  SyntheticModel model = find_synthetic_model("0.5b").value();
  model.name = "tiny";
  model.shape.n_layer = 2;
  model.shape.dim = 64;
  model.shape.ffn_dim = 96;
  model.shape.vocab = 300;
  model.shape.n_head = 2;
  model.shape.n_kv = 1;
  model.shape.head_dim = model.shape.rope_dims = 32;
  model.own_head = own_head;
  return model;
}

std::uint64_t parameters(const SyntheticModel& model) {
  std::uint64_t sum = 0;
  for (const LayoutTensor& tensor : model_layout(model.shape, model.own_head)) {
    std::uint64_t elements = 1;
    for (const std::int64_t n : tensor.shape) elements *= static_cast<std::uint64_t>(n);
    sum += elements;
  }
  return sum;
}

ImportOptions to(const std::filesystem::path& path) {
  ImportOptions options;
  options.output = path;
  options.find_program = pxos::test::fake_program;
  return options;
}

}  // namespace

TEST_CASE("Shapes have the parameter counts of the originals", "[synthetic]") {
  const std::map<std::string_view, std::uint64_t> published{{"qwen2.5-0.5b", 494032768},
                                                            {"qwen2.5-1.5b", 1543714304},
                                                            {"qwen2.5-7b", 7615616512},
                                                            {"llama-3.2-1b", 1235814400},
                                                            {"smollm2-135m", 134515008}};
  CHECK(synthetic_models().size() == published.size());
  for (const auto& [name, count] : published)
    CHECK(parameters(find_synthetic_model(name).value()) == count);
  CHECK(find_synthetic_model("7b").value().name == "qwen2.5-7b");
  CHECK(find_synthetic_model("70b").error().code == Errc::kUsage);
  CHECK_THAT(find_synthetic_model("70b").error().message, Contains("llama-3.2-1b (1b)"));
}

TEST_CASE("A synthetic cartridge is whole, the same every time, and known again", "[synthetic]") {
  const pxos::test::TempFolder folder;
  for (const bool own_head : {false, true}) {
    const SyntheticModel model = tiny(own_head);
    const auto path = folder / (own_head ? "head.pxa" : "tied.pxa");
    const auto report = write_synthetic(model, "q8_0", to(path));
    INFO((report ? "" : report.error().message));
    REQUIRE(report);
    CHECK(report->manifest.parameter_count == parameters(model));
    const auto cartridge = Cartridge::open(path);
    REQUIRE(cartridge);
    CHECK(cartridge->verify());
    CHECK(cartridge->manifest().integers.at("rope_pairing") == 1);
    CHECK(is_current_synthetic(cartridge->manifest(), model, "q8_0"));
    CHECK_FALSE(is_current_synthetic(cartridge->manifest(), model, "q4_0"));
    ImportOptions again = to(folder / "again.pxa");
    again.overwrite = true;
    REQUIRE(write_synthetic(model, "q8_0", again));
    CHECK(pxos::read_file(path).value() == pxos::read_file(folder / "again.pxa").value());
  }
}

TEST_CASE("An unknown dtype costs no file", "[synthetic]") {
  const pxos::test::TempFolder folder;
  CHECK_FALSE(write_synthetic(tiny(false), "q9_9", to(folder / "a.pxa")));
  CHECK_FALSE(std::filesystem::exists(folder / "a.pxa"));
}

TEST_CASE("The mix puts more bits where they pay, and falls back where blocks do not fit",
          "[synthetic]") {
  if (!pxos::tensor::dtype_from_text("q4_k") || !pxos::tensor::dtype_from_text("q6_k") ||
      !pxos::tensor::dtype_from_text("q5_0")) {
    WARN("SKIPPED: no K types in this build");
    return;
  }
  const auto dtypes = [](std::string_view name) {
    std::map<std::string, std::string_view> out;
    const auto model = find_synthetic_model(name).value();
    const auto tensors = synthetic_tensors(model, "q4_k_m").value();
    for (const auto& tensor : tensors) out[tensor.name] = pxos::tensor::info(tensor.dtype).text;
    return out;
  };
  auto large = dtypes("1.5b");
  CHECK(large["token_embd.weight"] == "q6_k");  // tied: it is the head
  CHECK(large["blk.0.attn_q.weight"] == "q4_k");
  CHECK(large["blk.0.attn_v.weight"] == "q6_k");  // 28 layers: the first three, the last four,
  CHECK(large["blk.3.ffn_down.weight"] == "q4_k");
  CHECK(large["blk.5.ffn_down.weight"] == "q6_k");  // and every third between
  CHECK(large["blk.27.ffn_down.weight"] == "q6_k");
  auto small = dtypes("0.5b");  // 896 columns are no blocks of 256, 4864 are
  CHECK(small["token_embd.weight"] == "q8_0");
  CHECK(small["blk.4.attn_q.weight"] == "q5_0");
  CHECK(small["blk.4.ffn_down.weight"] == "q4_k");
}
