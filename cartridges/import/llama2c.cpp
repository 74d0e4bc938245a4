#include "cartridges/import/llama2c.hpp"

#include "cartridges/import/llama2c_tokenizer.hpp"
#include "cartridges/import/row_order.hpp"
#include "pxvm/base/checked.hpp"
#include "pxvm/base/file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <system_error>

namespace pxos::cartridges {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kMagic = 0x616b3432;  // "ak42"
constexpr std::uint64_t kHeaderBytes = 256;   // versions 1 and 2
constexpr std::int32_t kMaxValue = 1 << 24;
constexpr std::int32_t kMaxLayers = 4096;
constexpr std::uint64_t kMaxTokenizerBytes = std::uint64_t{64} << 20U;
// Not in the files: llama2.c has them as constants.
constexpr double kEpsilon = 1e-5;
constexpr double kRopeBase = 10000.0;

struct Header {
  std::int32_t version = 0;
  std::int32_t dim = 0, hidden = 0, layers = 0, heads = 0, kv_heads = 0, vocab = 0, context = 0;
  std::int32_t group = 0;  ///< version 2: values per scale
  bool own_head = false;
  std::uint64_t bytes = 0;

  [[nodiscard]] std::int64_t head_dim() const { return dim / heads; }
  [[nodiscard]] std::int64_t kv_dim() const { return head_dim() * kv_heads; }
};

Result<void> read_numbers(ByteReader& reader, Header& out) {
  struct Number {
    std::string_view name;
    std::int32_t& value;
    std::int32_t most;
  };
  const std::array<Number, 7> numbers{{{"dim", out.dim, kMaxValue},
                                       {"hidden_dim", out.hidden, kMaxValue},
                                       {"n_layers", out.layers, kMaxLayers},
                                       {"n_heads", out.heads, kMaxValue},
                                       {"n_kv_heads", out.kv_heads, kMaxValue},
                                       {"vocab_size", out.vocab, kMaxValue},
                                       {"max_seq_len", out.context, kMaxValue}}};
  for (const Number& number : numbers) {
    PX_TRY(number.value, reader.i32(number.name));
    // Version 0 says "own head" by the sign of the vocabulary's size.
    if (out.version == 0 && number.name == "vocab_size" && number.value < 0 &&
        number.value >= -number.most) {
      out.own_head = true;
      number.value = -number.value;
    }
    if (number.value < 1 || number.value > number.most)
      return fail(Errc::kInvalid, "llama2.c {}: {} is not in [1, {}]", number.name, number.value,
                  number.most);
  }
  if (out.dim % out.heads != 0 || out.heads % out.kv_heads != 0 || out.head_dim() % 2 != 0)
    return fail(Errc::kInvalid,
                "llama2.c: dim {}, n_heads {}, n_kv_heads {} do not divide into even heads",
                out.dim, out.heads, out.kv_heads);
  return {};
}

Result<Header> read_header(Bytes file) {
  ByteReader reader(file);
  Header out;
  PX_TRY(const std::uint32_t first, reader.u32("llama2.c header"));
  if (first != kMagic) {
    ByteReader again(file);
    PX_CHECK(read_numbers(again, out));
    out.bytes = again.position();
    return out;
  }
  PX_TRY(out.version, reader.i32("llama2.c version"));
  if (out.version < 1 || out.version > 2)
    return fail(Errc::kUnsupported, "llama2.c version {} at byte 4; versions 0 to 2 can be read",
                out.version);
  PX_CHECK(read_numbers(reader, out));
  PX_TRY(const std::uint8_t shared, reader.u8("llama2.c shared head"));
  if (shared > 1) return fail(Errc::kInvalid, "llama2.c shared head: {}, expected 0 or 1", shared);
  out.own_head = shared == 0;
  if (out.version == 2) {
    PX_TRY(out.group, reader.i32("llama2.c group size"));
    if (out.group < 1 || out.group > kMaxValue)
      return fail(Errc::kInvalid, "llama2.c group size: {}", out.group);
  }
  if (file.size() < kHeaderBytes)
    return fail(Errc::kInvalid, "llama2.c header: {} of {} bytes", file.size(), kHeaderBytes);
  out.bytes = kHeaderBytes;
  return out;
}

/// One run of equal tensors in the file: `count` times [rows, cols]; rows 0: a vector of cols.
struct Run {
  std::string_view name;  ///< "{}" stands for the layer; empty: bytes nobody needs
  std::int64_t rows = 0, cols = 0, count = 1;
};

/// The tensors in the order of the file.
std::vector<Run> runs_of(const Header& h) {
  const std::int64_t q = h.dim;
  const std::vector<Run> attention{{"blk.{}.attn_q.weight", q, h.dim, h.layers},
                                   {"blk.{}.attn_k.weight", h.kv_dim(), h.dim, h.layers},
                                   {"blk.{}.attn_v.weight", h.kv_dim(), h.dim, h.layers},
                                   {"blk.{}.attn_output.weight", h.dim, q, h.layers}};
  const std::vector<Run> ffn{{"blk.{}.ffn_gate.weight", h.hidden, h.dim, h.layers},
                             {"blk.{}.ffn_down.weight", h.dim, h.hidden, h.layers},
                             {"blk.{}.ffn_up.weight", h.hidden, h.dim, h.layers}};
  const Run embedding{"token_embd.weight", h.vocab, h.dim, 1};
  const Run attention_norm{"blk.{}.attn_norm.weight", 0, h.dim, h.layers};
  const Run ffn_norm{"blk.{}.ffn_norm.weight", 0, h.dim, h.layers};
  const Run norm{"output_norm.weight", 0, h.dim, 1};
  std::vector<Run> out;
  const auto append = [&](const std::vector<Run>& runs) {
    out.insert(out.end(), runs.begin(), runs.end());
  };
  if (h.version == 0) {
    append({embedding, attention_norm});
    append(attention);
    append({ffn_norm});
    append(ffn);
    append({norm, {"", h.context, h.head_dim(), 1}});
  } else {
    append({attention_norm, ffn_norm, norm, embedding});
    append(attention);
    append(ffn);
  }
  if (h.own_head) out.push_back({"output.weight", h.vocab, h.dim, 1});
  return out;
}

std::uint64_t elements_of(const Run& run) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(run.rows, 1)) *
         static_cast<std::uint64_t>(run.cols);  // each at most 2^24
}

/// Bytes of one tensor. Errors: kInvalid when its values are not whole groups.
Result<std::uint64_t> bytes_of(const Header& h, const Run& run) {
  const std::uint64_t elements = elements_of(run);
  if (h.version < 2 || run.rows == 0) return elements * 4;
  const auto group = static_cast<std::uint64_t>(h.group);
  if (elements % group != 0)
    return fail(Errc::kInvalid, "llama2.c {}: {} values are not whole groups of {}", run.name,
                elements, group);
  return elements + elements / group * 4;
}

/// Size of the whole file by its header.
Result<std::uint64_t> size_of(const Header& h) {
  std::uint64_t total = h.bytes;
  for (const Run& run : runs_of(h)) {
    PX_TRY(const std::uint64_t bytes, bytes_of(h, run));
    const auto all = checked_mul(bytes, static_cast<std::uint64_t>(run.count));
    const auto sum = all ? checked_add(total, *all) : std::nullopt;
    if (!sum) return fail(Errc::kInvalid, "llama2.c {}: size overflows", run.name);
    total = *sum;
  }
  return total;
}

/// f32 values of int8 values and the scale of each group, made when they are read.
ReadCanonical read_scaled(std::string name, Bytes bytes, std::uint64_t elements,
                          std::uint64_t group) {
  return [=, name = std::move(name)](std::uint64_t offset, MutBytes out) -> Result<void> {
    if (!range_fits(offset, out.size(), elements * 4))
      return fail(Errc::kUsage, "tensor {}: {} bytes at {} of {}", name, out.size(), offset,
                  elements * 4);
    const Bytes scales = bytes.subspan(elements);
    for (std::size_t i = 0; i < out.size();) {
      const std::uint64_t element = (offset + i) / 4;
      const std::size_t skip = (offset + i) % 4;
      float scale = 0;
      std::memcpy(&scale, scales.data() + element / group * 4, 4);
      const float value = static_cast<float>(std::bit_cast<std::int8_t>(bytes[element])) * scale;
      const auto raw = std::bit_cast<std::array<std::uint8_t, 4>>(value);
      const std::size_t take = std::min<std::size_t>(4 - skip, out.size() - i);
      std::copy_n(raw.begin() + static_cast<std::ptrdiff_t>(skip), take,
                  out.begin() + static_cast<std::ptrdiff_t>(i));
      i += take;
    }
    return {};
  };
}

void put_metadata(const Header& h, Metadata& out) {
  out.set_text("general.architecture", "llama");
  const std::array<std::pair<std::string_view, std::int64_t>, 8> integers{
      {{"llama.block_count", h.layers},
       {"llama.embedding_length", h.dim},
       {"llama.feed_forward_length", h.hidden},
       {"llama.context_length", h.context},
       {"llama.attention.head_count", h.heads},
       {"llama.attention.head_count_kv", h.kv_heads},
       {"llama.rope.dimension_count", h.head_dim()},
       {"llama.vocab_size", h.vocab}}};
  for (const auto& [key, value] : integers) out.set_integer(key, static_cast<std::uint32_t>(value));
  out.set_real("llama.attention.layer_norm_rms_epsilon",
               static_cast<double>(static_cast<float>(kEpsilon)));
  out.set_real("llama.rope.freq_base", kRopeBase);
}

Result<void> add_run(const Header& h, const Run& run, Bytes bytes, ModelFile& out) {
  PX_TRY(const std::uint64_t each, bytes_of(h, run));
  for (std::int64_t i = 0; i < run.count && !run.name.empty(); ++i) {
    ModelTensor tensor;
    const std::size_t hole = run.name.find("{}");
    tensor.name = hole == std::string_view::npos ? std::string(run.name)
                                                 : fmt::format("{}{}{}", run.name.substr(0, hole),
                                                               i, run.name.substr(hole + 2));
    tensor.shape = {run.cols};
    if (run.rows > 0) tensor.shape.insert(tensor.shape.begin(), run.rows);
    const Bytes part = bytes.subspan(static_cast<std::uint64_t>(i) * each, each);
    tensor.read = h.version < 2 || run.rows == 0 ? read_in_place(tensor.name, part)
                                                 : read_scaled(tensor.name, part, elements_of(run),
                                                               static_cast<std::uint64_t>(h.group));
    PX_CHECK(out.tensors.add(std::move(tensor)));
  }
  return {};
}

/// The tokenizer beside the model, by its usual names.
fs::path find_tokenizer(const fs::path& model, std::int64_t vocab) {
  std::error_code ignored;
  for (const std::string& name : {std::string("tokenizer.bin"), fmt::format("tok{}.bin", vocab)}) {
    const fs::path candidate = model.parent_path() / name;
    if (candidate != model && fs::is_regular_file(candidate, ignored)) return candidate;
  }
  return {};
}

}  // namespace

bool is_llama2c(Bytes file) {
  ByteReader reader(file);
  const auto first = reader.u32("magic");
  if (!first) return false;
  if (*first == kMagic) return true;
  const auto header = read_header(file);
  if (!header) return false;
  const auto size = size_of(*header);
  return size && *size == file.size();
}

Result<ModelFile> llama2c_model(Bytes file) {
  PX_TRY(const Header header, read_header(file));
  PX_TRY(const std::uint64_t size, size_of(header));
  if (size != file.size())
    return fail(Errc::kInvalid, "llama2.c: the header asks for {} bytes, the file has {}", size,
                file.size());
  ModelFile out;
  out.format = fmt::format("llama2.c version {}", header.version);
  put_metadata(header, out.metadata);
  std::uint64_t offset = header.bytes;
  for (const Run& run : runs_of(header)) {
    PX_TRY(const std::uint64_t each, bytes_of(header, run));
    const std::uint64_t all = each * static_cast<std::uint64_t>(run.count);
    PX_CHECK(add_run(header, run, file.subspan(offset, all), out));
    offset += all;
  }
  return out;
}

Result<ModelFile> open_llama2c_model(const fs::path& path, const fs::path& tokenizer) {
  PX_TRY(MappedFile mapped, MappedFile::open(path));
  auto model = llama2c_model(mapped.bytes());
  if (!model) return in_context(path.string(), std::move(model).error());
  PX_TRY(const std::int64_t vocab, model->metadata.integer("llama.vocab_size"));
  const fs::path beside = tokenizer.empty() ? find_tokenizer(path, vocab) : tokenizer;
  if (!beside.empty()) {
    PX_TRY(const ByteVector bytes, read_file(beside, kMaxTokenizerBytes));
    auto vocabulary = read_llama2c_tokenizer(bytes, vocab);
    if (!vocabulary) return in_context(beside.string(), std::move(vocabulary).error());
    model->vocabulary = *std::move(vocabulary);
  }
  model->sources.push_back(std::move(mapped));
  return model;
}

}  // namespace pxos::cartridges
