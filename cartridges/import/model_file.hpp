#pragma once
// A model as every importer hands it on and everything behind the importers takes it: metadata by
// GGUF's keys ("llama.block_count"), tensors by GGUF's names with rows in GGUF's order, and the
// vocabulary. GGUF is one producer; the others translate names, keys and row orders, so that no
// architecture is described twice. Move-only; immutable once made; safe to read from any thread.

#include "cartridges/import/metadata.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/tensor/dtype.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

/// Fills `out` with canonical bytes of a tensor, from `offset` on. Errors: those of the source.
using ReadCanonical = std::function<Result<void>(std::uint64_t offset, MutBytes out)>;

struct ModelTensor {
  std::string name;  ///< GGUF's, e.g. "blk.0.attn_q.weight"
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<std::int64_t> shape;  ///< outermost first, last = contiguous; 1 to 4 dimensions >= 1
  /// Row r of a matrix [rows, cols] is the row_bytes(dtype, cols) bytes at r * row_bytes. Asked for
  /// ranges inside bytes() only, in any order, any number of times.
  ReadCanonical read;

  [[nodiscard]] std::uint64_t elements() const;  ///< product of shape
  [[nodiscard]] std::uint64_t bytes() const;     ///< canonical size
};

/// Tensors in the order they were added, found by name.
class ModelTensors {
 public:
  /// Errors: kInvalid for a name twice, a shape that is no shape, rows that are not whole blocks of
  /// the dtype, a size beyond 2^62.
  Result<void> add(ModelTensor tensor);
  /// Null when there is none.
  [[nodiscard]] const ModelTensor* find(std::string_view name) const;
  [[nodiscard]] auto begin() const { return tensors_.begin(); }
  [[nodiscard]] auto end() const { return tensors_.end(); }
  [[nodiscard]] std::size_t size() const { return tensors_.size(); }

 private:
  std::vector<ModelTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

struct ModelFile {
  std::string format;  ///< for people: "GGUF version 3"
  /// What the tokenizer's arrays say is in `vocabulary`; the other keys are here as the source had
  /// them: general.*, <architecture>.*, tokenizer.chat_template, ...
  Metadata metadata;
  ModelTensors tensors;
  std::optional<text::Vocabulary> vocabulary;  ///< none: a model of token ids without text
  std::vector<std::int32_t> stop_ids;          ///< end a text, besides those the vocabulary names
  std::vector<MappedFile> sources;             ///< what tensors and metadata read from

  [[nodiscard]] const ModelTensor* find_tensor(std::string_view name) const {
    return tensors.find(name);
  }
  [[nodiscard]] std::uint64_t source_bytes() const;
  /// Errors: kIo when a source shrank while it was read: zeros were delivered for what is gone.
  Result<void> check_sources() const;
};

}  // namespace pxos::cartridges
