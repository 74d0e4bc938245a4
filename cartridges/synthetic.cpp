#include "cartridges/synthetic.hpp"

#include "cartridges/import/model_entries.hpp"
#include "cartridges/synthetic_weights.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <array>
#include <chrono>

namespace pxos::cartridges {
namespace {

using tensor::DType;

// Changes whenever the same name would give other bytes.
constexpr std::string_view kGeneratorVersion = "1.0.0";

//                     layers dim   heads kv head  ffn    vocab   ctx    rope  base    eps
constexpr std::array<SyntheticModel, 5> kModels{{
    {"qwen2.5-0.5b",
     "0.5b",
     "qwen2",
     {nullptr, 24, 896, 14, 2, 64, 4864, 151936, 32768, 64, 1e6, 1e-6},
     false},
    {"qwen2.5-1.5b",
     "1.5b",
     "qwen2",
     {nullptr, 28, 1536, 12, 2, 128, 8960, 151936, 32768, 128, 1e6, 1e-6},
     false},
    {"qwen2.5-7b",
     "7b",
     "qwen2",
     {nullptr, 28, 3584, 28, 4, 128, 18944, 152064, 32768, 128, 1e6, 1e-6},
     true},
    {"llama-3.2-1b",
     "1b",
     "llama",
     {nullptr, 16, 2048, 32, 8, 64, 8192, 128256, 131072, 64, 5e5, 1e-5},
     false},
    {"smollm2-135m",
     "135m",
     "llama",
     {nullptr, 30, 576, 9, 3, 64, 1536, 49152, 8192, 64, 1e5, 1e-5},
     false},
}};

/// What a K type becomes where its block does not fit.
struct Fallback {
  std::string_view from, to;
};
constexpr std::array<Fallback, 5> kFallbacks{
    {{"q4_k", "q5_0"}, {"q5_k", "q5_1"}, {"q6_k", "q8_0"}, {"q2_k", "iq4_nl"}, {"q3_k", "iq4_nl"}}};

/// The first and last eighth of the layers, and every third between.
bool gets_more_bits(std::int64_t layer, std::int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

std::string_view mixed_dtype(const SyntheticModel& model, std::string_view tensor,
                             std::int64_t layer) {
  const std::string_view head = model.own_head ? "output.weight" : "token_embd.weight";
  if (tensor == head) return "q6_k";
  const bool profits = tensor.ends_with("attn_v.weight") || tensor.ends_with("ffn_down.weight");
  return profits && gets_more_bits(layer, model.shape.n_layer) ? "q6_k" : "q4_k";
}

Result<DType> fitting(std::string_view dtype, std::int64_t cols) {
  PX_TRY(const DType wanted, tensor::dtype_from_text(dtype));
  if (cols % tensor::info(wanted).block_elems == 0) return wanted;
  for (const Fallback& row : kFallbacks)
    if (row.from == dtype) return tensor::dtype_from_text(row.to);
  return wanted;
}

/// Words of one token each: enough to tokenize any text, by bytes where it must.
Result<ByteVector> vocabulary_of(std::int64_t size) {
  text::Vocabulary out;
  out.tokens = {"<unk>", "<s>", "</s>"};
  out.types = {text::TokenType::kUnknown, text::TokenType::kControl, text::TokenType::kControl};
  for (int byte = 0; byte < 256; ++byte) {
    out.tokens.push_back(fmt::format("<0x{:02X}>", byte));
    out.types.push_back(text::TokenType::kByte);
  }
  while (static_cast<std::int64_t>(out.tokens.size()) < size) {
    out.tokens.push_back(fmt::format("\xE2\x96\x81w{}", out.tokens.size()));
    out.types.push_back(text::TokenType::kNormal);
  }
  for (std::size_t i = 0; i < out.tokens.size(); ++i) out.scores.push_back(-static_cast<float>(i));
  out.unk = 0;
  out.bos = 1;
  out.eos = 2;
  return text::serialize(out);
}

std::string cartridge_name(const SyntheticModel& model, std::string_view weights) {
  return fmt::format("synthetic-{}-{}", model.name, weights);
}

Manifest describe(const SyntheticModel& model, std::string_view weights) {
  Manifest out;
  out.name = cartridge_name(model, weights);
  out.title = fmt::format("{} shape, random {}", model.name, weights);
  out.version = kGeneratorVersion;
  out.architecture = model.program;
  out.notes = "random weights for measuring; it has learned nothing";
  out.creator_name = "pxos bench";
  out.genesis_version = "1";
  out.stop_tokens = {2};
  describe_shape(model.shape, out);
  return out;
}

}  // namespace

std::span<const SyntheticModel> synthetic_models() {
  return kModels;
}

Result<SyntheticModel> find_synthetic_model(std::string_view name) {
  std::string names;
  for (const SyntheticModel& row : kModels) {
    if (row.name == name || row.alias == name) {
      SyntheticModel model = row;
      PX_TRY(model.shape.architecture, find_architecture(model.program));
      return model;
    }
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", row.name, row.alias);
  }
  return fail(Errc::kUsage, "no shape '{}'; there are: {}", name, names);
}

Result<std::vector<pixelfs::TensorInput>> synthetic_tensors(const SyntheticModel& model,
                                                            std::string_view weights) {
  std::vector<pixelfs::TensorInput> out;
  const auto per_layer = static_cast<std::int64_t>(model.shape.architecture->layer.size());
  for (const LayoutTensor& tensor : model_layout(model.shape, model.own_head)) {
    if (tensor.shape.size() == 1) {
      out.push_back(synthetic_vector(tensor.name, tensor.shape[0]));
      continue;
    }
    // The embedding is first, then come whole layers.
    const std::int64_t layer = (static_cast<std::int64_t>(out.size()) - 1) / per_layer;
    const std::string_view wanted =
        weights == "q4_k_m" ? mixed_dtype(model, tensor.name, layer) : weights;
    PX_TRY(const DType dtype, fitting(wanted, tensor.shape[1]));
    PX_TRY(pixelfs::TensorInput input, synthetic_matrix(tensor.name, dtype, tensor.shape));
    out.push_back(std::move(input));
  }
  return out;
}

Result<ImportReport> write_synthetic(const SyntheticModel& model, std::string_view weights,
                                     const ImportOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  PX_CHECK(check_options(options));
  PX_TRY(const auto tensors, synthetic_tensors(model, weights));
  PX_TRY(const auto plan, pixelfs::plan_sheets(tensors));
  ImportReport report;
  for (const pixelfs::SheetPlan& sheet : plan) report.source_bytes += sheet.size_bytes;
  report.tensors = tensors.size();
  PX_CHECK(check_room(options.output, report.source_bytes));
  PX_TRY(const ByteVector tokenizer, vocabulary_of(model.shape.vocab));
  PX_TRY(const ProgramSource program, options.find_program(model.program));
  PX_TRY(CartridgeWriter writer, CartridgeWriter::create(options.output));
  PX_CHECK(add_program(writer, program));
  PX_CHECK(writer.add({"tokenizer.bin", EntryKind::kTokenizer, "", 0}, tokenizer));
  PX_CHECK(add_sheets(writer, tensors, options.progress));
  Manifest manifest = describe(model, weights);
  for (const pixelfs::TensorInput& tensor : tensors) {
    std::uint64_t elements = 1;
    for (const std::int64_t n : tensor.shape) elements *= static_cast<std::uint64_t>(n);
    manifest.parameter_count += elements;
  }
  PX_CHECK(finish_import(std::move(writer), std::move(manifest), options, report));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

bool is_current_synthetic(const Manifest& manifest, const SyntheticModel& model,
                          std::string_view weights) {
  return manifest.name == cartridge_name(model, weights) && manifest.version == kGeneratorVersion;
}

}  // namespace pxos::cartridges
