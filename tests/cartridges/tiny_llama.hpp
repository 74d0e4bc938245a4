#pragma once
// A complete llama GGUF file of a few KiB: one layer, 32 wide, two heads sharing one key/value
// head, nine tokens.

#include "cartridges/import/import.hpp"
#include "pxvm/base/rng.hpp"
#include "tests/cartridges/gguf_builder.hpp"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace pxos::test {

/// Changes the parts before they are written; every test breaks one of them.
struct TinyLlama {
  std::string architecture = "llama";
  std::string tokenizer = "llama";
  std::uint32_t layers = 1, dim = 32, heads = 2, kv = 1, ffn = 64, context = 128, rope = 16;
  std::uint32_t matrix_type = 0;  ///< f32; 8 = q8_0
  std::vector<std::string> tokens{"<unk>", "<s>",    "</s>",   "a",         "b",
                                  "ab",    "<0x41>", "<0x42>", "<|im_end|>"};
  std::vector<std::int32_t> types{2, 3, 3, 1, 1, 1, 6, 6, 3};
  std::vector<float> scores = std::vector<float>(9, -1.0F);
  std::uint32_t layer_key = 0, ffn_key = 0,
                row_count = 0;              ///< not 0: what the keys or the table lie
  std::function<void(GgufBuilder&)> extra;  ///< adds keys and tensors
  std::uint64_t seed = 0;  ///< not 0: random weights that keep a forward pass of order one

  [[nodiscard]] ByteVector build() const {
    GgufBuilder file;
    file.key_text("general.architecture", architecture);
    file.key_text("general.name", "Tiny Llama");
    file.key_text("general.license", "mit");
    file.key_u32(architecture + ".block_count", layer_key != 0 ? layer_key : layers);
    file.key_u32(architecture + ".embedding_length", dim);
    file.key_u32(architecture + ".feed_forward_length", ffn_key != 0 ? ffn_key : ffn);
    file.key_u32(architecture + ".context_length", context);
    file.key_u32(architecture + ".attention.head_count", heads);
    file.key_u32(architecture + ".attention.head_count_kv", kv);
    file.key_u32(architecture + ".rope.dimension_count", rope);
    file.key_f32(architecture + ".attention.layer_norm_rms_epsilon", 1e-5F);
    file.key_text("tokenizer.ggml.model", tokenizer);
    file.key_texts("tokenizer.ggml.tokens", tokens);
    file.key_floats("tokenizer.ggml.scores", scores);
    file.key_i32s("tokenizer.ggml.token_type", types);
    file.key_u32("tokenizer.ggml.bos_token_id", 1);
    file.key_u32("tokenizer.ggml.eos_token_id", 2);
    file.key_u32("tokenizer.ggml.unknown_token_id", 0);
    file.key_u32("tokenizer.ggml.padding_token_id", 0xFFFFFFFF);
    file.key_text("tokenizer.chat_template", "{{ messages[0]['content'] }}");
    add_tensors(file);
    if (extra) extra(file);
    return file.build();
  }

 private:
  /// `size` values around `middle`, uniform within `width`, that depend on the tensor's name.
  void random(GgufBuilder& file, const std::string& name, std::vector<std::uint64_t> ne,
              float middle, float width) const {
    CounterRng rng(seed + std::hash<std::string>{}(name));
    std::uint64_t size = 1;
    for (const std::uint64_t n : ne) size *= n;
    ByteWriter data;
    for (std::uint64_t i = 0; i < size; ++i)
      data.f32(middle + width * (2 * rng.next_unit_f32() - 1));
    file.tensor(name, std::move(ne), 0, data.view());
  }
  void matrix(GgufBuilder& file, const std::string& name, std::uint64_t rows,
              std::uint64_t cols) const {
    if (seed != 0)
      return random(file, name, {cols, rows}, 0, 2 / std::sqrt(static_cast<float>(cols)));
    const std::uint64_t bytes = matrix_type == 8 ? rows * cols / 32 * 34 : rows * cols * 4;
    ByteVector data(bytes);
    // Small bytes everywhere, so that no float is NaN or huge.
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<std::uint8_t>((i * 7 + name.size()) % 60);
    file.tensor(name, {cols, rows}, matrix_type, data);
  }
  void vector(GgufBuilder& file, const std::string& name, std::uint64_t size) const {
    if (seed != 0) return random(file, name, {size}, name.ends_with(".bias") ? 0.0F : 1.0F, 0.7F);
    ByteWriter data;
    for (std::uint64_t i = 0; i < size; ++i) data.f32(1.0F);
    file.tensor(name, {size}, 0, data.view());
  }
  void add_tensors(GgufBuilder& file) const {
    const std::uint64_t head_dim = dim / heads;
    matrix(file, "token_embd.weight", row_count != 0 ? row_count : tokens.size(), dim);
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      const std::string prefix = "blk." + std::to_string(layer) + ".";
      vector(file, prefix + "attn_norm.weight", dim);
      matrix(file, prefix + "attn_q.weight", heads * head_dim, dim);
      matrix(file, prefix + "attn_k.weight", kv * head_dim, dim);
      matrix(file, prefix + "attn_v.weight", kv * head_dim, dim);
      if (architecture == "qwen2") {
        vector(file, prefix + "attn_q.bias", heads * head_dim);
        vector(file, prefix + "attn_k.bias", kv * head_dim);
        vector(file, prefix + "attn_v.bias", kv * head_dim);
      }
      matrix(file, prefix + "attn_output.weight", dim, heads * head_dim);
      vector(file, prefix + "ffn_norm.weight", dim);
      matrix(file, prefix + "ffn_gate.weight", ffn, dim);
      matrix(file, prefix + "ffn_up.weight", ffn, dim);
      matrix(file, prefix + "ffn_down.weight", dim, ffn);
    }
    vector(file, "output_norm.weight", dim);
  }
};

/// A stand-in for the program table: the importer stores what it is given and does not look inside.
inline Result<cartridges::ProgramSource> fake_program(std::string_view architecture) {
  return cartridges::ProgramSource{
      std::string(architecture), ByteVector{1, 2, 3}, "; a program\n", {}};
}

}  // namespace pxos::test
