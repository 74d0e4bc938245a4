#include "cartridges/quantize/quantize.hpp"

#include "cartridges/import/model_entries.hpp"
#include "cartridges/weights.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/thread_pool.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <system_error>

namespace pxos::cartridges {
namespace {

namespace fs = std::filesystem;
using pixelfs::SheetLayout;
using pixelfs::WeightTensor;
using tensor::DType;

/// Values converted between two writes.
constexpr std::uint64_t kPanelValues = std::uint64_t{4} << 20U;

/// What becomes of one tensor.
struct Plan {
  const WeightTensor* tensor = nullptr;
  DType to = DType::kF32;
  std::span<const float> importance;
  std::uint64_t offset = 0;  ///< of the new bytes in the file of parts; unused when it stays

  [[nodiscard]] bool stays() const { return to == tensor->meta.dtype; }
};

bool is_matrix(const WeightTensor& tensor) {
  // U8Affine and transposed matrices belong to Pixel-LLM v0, whose bytes are their own contract.
  return tensor.meta.layout == SheetLayout::kPacked16 && tensor.meta.dtype != DType::kU8Affine;
}

Result<Plan> plan_tensor(const WeightTensor& tensor, const QuantizeOptions& options,
                         const MatrixPlace& place) {
  Plan plan{&tensor, tensor.meta.dtype, {}, 0};
  if (!is_matrix(tensor)) return plan;
  plan.to = type_for(options.recipe, place);
  plan.importance = options.importance.find(tensor.meta.name);
  if (!plan.importance.empty() && plan.importance.size() != tensor.extent.canonical_cols)
    return fail(Errc::kInvalid, "importance of {}: {} columns, the matrix has {}", tensor.meta.name,
                plan.importance.size(), tensor.extent.canonical_cols);
  return plan;
}

Result<std::vector<Plan>> make_plans(const Manifest& manifest, const pixelfs::WeightSet& weights,
                                     const QuantizeOptions& options) {
  const auto layers = manifest.integers.find("n_layer");
  MatrixPlace place;
  place.layers = layers == manifest.integers.end() ? 0 : layers->second;
  place.own_head = weights.find("output.weight") != nullptr;
  std::vector<Plan> plans;
  for (const WeightTensor& tensor : weights.tensors()) {
    place.name = tensor.meta.name;
    place.cols = tensor.extent.canonical_cols;
    PX_TRY(const Plan plan, plan_tensor(tensor, options, place));
    plans.push_back(plan);
  }
  return plans;
}

/// Converts tensors panel by panel and appends them to a file.
class Converter {
 public:
  Converter(const pixelfs::WeightSet& weights, const QuantizeOptions& options, AtomicFile& out)
      : weights_(weights),
        options_(options),
        out_(out),
        pool_(std::max<std::size_t>(1, options.threads)) {}

  Result<void> convert(Plan& plan) {
    const pixelfs::TensorExtent& extent = plan.tensor->extent;
    plan.offset = out_.size();
    PX_TRY(const std::uint64_t row_bytes, tensor::row_bytes(plan.to, extent.canonical_cols));
    const std::uint64_t panel =
        std::max<std::uint64_t>(1, kPanelValues / extent.canonical_cols / tensor::kUnitRows) *
        tensor::kUnitRows;
    for (std::uint64_t row = 0; row < extent.canonical_rows; row += panel) {
      const std::uint64_t rows = std::min(panel, extent.canonical_rows - row);
      panel_.resize(rows * row_bytes);
      PX_CHECK(convert_rows(plan, row, rows, row_bytes));
      PX_CHECK(out_.write(panel_));
      done_ += rows * extent.canonical_row_bytes;
      if (options_.progress) options_.progress(done_, weights_.canonical_bytes());
    }
    return {};
  }

 private:
  /// panel_ = rows [first, first + rows), one group of rows per chunk.
  Result<void> convert_rows(const Plan& plan, std::uint64_t first, std::uint64_t rows,
                            std::uint64_t row_bytes) {
    std::atomic<bool> failed = false;
    auto group = [&](std::size_t chunk, std::size_t) {
      const std::uint64_t from = chunk * tensor::kUnitRows;
      const std::uint64_t count = std::min<std::uint64_t>(tensor::kUnitRows, rows - from);
      const MutBytes out = MutBytes(panel_).subspan(from * row_bytes, count * row_bytes);
      if (!convert_group(plan, first + from, count, out)) failed = true;
    };
    pool_.run((rows + tensor::kUnitRows - 1) / tensor::kUnitRows, group);
    if (failed) return fail(Errc::kIo, "tensor {}: cannot be read", plan.tensor->meta.name);
    return {};
  }

  /// One group of rows, on any thread.
  [[nodiscard]] bool convert_group(const Plan& plan, std::uint64_t first, std::uint64_t rows,
                                   MutBytes out) const {
    const pixelfs::TensorExtent& extent = plan.tensor->extent;
    ByteVector canonical(rows * extent.canonical_row_bytes);
    if (!weights_.read_canonical(*plan.tensor, first * extent.canonical_row_bytes, canonical))
      return false;
    std::vector<float> values(extent.canonical_cols);
    const std::uint64_t row_bytes = out.size() / rows;
    for (std::uint64_t r = 0; r < rows; ++r) {
      const Bytes row(canonical.data() + r * extent.canonical_row_bytes,
                      extent.canonical_row_bytes);
      tensor::dequantize_row(plan.tensor->meta.dtype, row, values);
      tensor::quantize_row(plan.to, values, out.subspan(r * row_bytes, row_bytes), plan.importance);
    }
    return true;
  }

  const pixelfs::WeightSet& weights_;
  const QuantizeOptions& options_;
  AtomicFile& out_;
  ThreadPool pool_;
  ByteVector panel_;
  std::uint64_t done_ = 0;
};

/// Removes a file when it goes.
class Remover {
 public:
  explicit Remover(fs::path path) : path_(std::move(path)) {}
  ~Remover() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  Remover(const Remover&) = delete;
  Remover& operator=(const Remover&) = delete;

 private:
  fs::path path_;
};

pixelfs::TensorInput input_of(const Plan& plan, const pixelfs::WeightSet& weights, Bytes parts) {
  pixelfs::TensorInput input;
  input.name = plan.tensor->meta.name;
  input.dtype = plan.to;
  input.shape = plan.tensor->meta.shape;
  input.layout = plan.tensor->meta.layout;
  input.affine = plan.tensor->meta.affine;
  if (plan.stays()) {
    input.read_canonical = [&weights, tensor = plan.tensor](std::uint64_t offset, MutBytes out) {
      return weights.read_canonical(*tensor, offset, out);
    };
    return input;
  }
  input.read_canonical = [parts, first = plan.offset](std::uint64_t offset,
                                                      MutBytes out) -> Result<void> {
    if (!out.empty()) std::memcpy(out.data(), parts.data() + first + offset, out.size());
    return {};
  };
  return input;
}

void count(const Plan& plan, QuantizeReport& report) {
  const pixelfs::TensorExtent& extent = plan.tensor->extent;
  const tensor::DTypeInfo& info = tensor::info(plan.to);
  const std::uint64_t values = extent.canonical_rows * extent.canonical_cols;
  const std::uint64_t bytes = values / info.block_elems * info.block_bytes;
  QuantizeReport::Type& type = report.types[plan.to];
  ++type.tensors;
  type.bytes += bytes;
  if (!is_matrix(*plan.tensor)) return;
  report.matrix_values += values;
  report.matrix_bytes += bytes;
  if (!plan.importance.empty() && !plan.stays()) ++report.weighted;
}

Manifest manifest_of(const Cartridge& source, const QuantizeOptions& options) {
  Manifest out = source.manifest();
  out.name = options.name.empty()
                 ? make_cartridge_name(out.name + "-" + options.recipe.name).substr(0, 128)
                 : options.name;
  out.parent = to_hex(source.manifest_digest());
  out.created = options.created;
  out.creator_name = "pxos quantize";
  out.notes = fmt::format("{} quantised to {}{}", source.manifest().name, options.recipe.name,
                          options.importance.mean_squares.empty() ? "" : " by importance");
  out.self_tests.clear();
  const auto kv_bits = out.integers.find("kv_bits");
  if (kv_bits != out.integers.end() && kv_bits->second == 32 && options.recipe.dtype != DType::kF32)
    out.integers.erase(kv_bits);
  return out;
}

Result<void> check(const QuantizeOptions& options) {
  if (!options.name.empty()) PX_CHECK(check_cartridge_name(options.name));
  std::error_code error;
  if (!options.overwrite && fs::exists(options.output, error))
    return fail(Errc::kUsage, "{}: already exists", options.output.string());
  return {};
}

Result<Manifest> write_cartridge(const Cartridge& source, const QuantizeOptions& options,
                                 std::span<const pixelfs::TensorInput> tensors) {
  PX_TRY(CartridgeWriter writer, CartridgeWriter::create(options.output));
  for (const ManifestEntry& entry : source.manifest().entries) {
    if (entry.kind == EntryKind::kSheet) continue;
    PX_CHECK(
        writer.add({entry.name, entry.kind, entry.kind_text, entry.size}, source.bytes(entry)));
  }
  PX_CHECK(add_sheets(writer, tensors, {}));
  if (source.poisoned()) return fail(Errc::kIo, "{} shrank while it was read", source.path());
  return writer.finish(manifest_of(source, options));
}

}  // namespace

Result<QuantizeReport> quantize_cartridge(const Cartridge& source, const QuantizeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  PX_CHECK(check(options));
  PX_TRY(const pixelfs::WeightSet weights, open_weights(source));
  PX_TRY(std::vector<Plan> plans, make_plans(source.manifest(), weights, options));
  const fs::path parts_path = options.output.string() + ".parts";
  PX_TRY(AtomicFile parts_file, AtomicFile::create(parts_path));
  Converter converter(weights, options, parts_file);
  QuantizeReport report;
  for (Plan& plan : plans) {
    if (!plan.stays()) PX_CHECK(converter.convert(plan));
    count(plan, report);
  }
  PX_CHECK(parts_file.commit());
  const Remover remover(parts_path);
  PX_TRY(const MappedFile parts, MappedFile::open(parts_path));
  std::vector<pixelfs::TensorInput> inputs;
  for (const Plan& plan : plans) inputs.push_back(input_of(plan, weights, parts.bytes()));
  PX_TRY(report.manifest, write_cartridge(source, options, inputs));
  if (parts.poisoned()) return fail(Errc::kIo, "{} shrank while it was read", parts_path.string());
  std::error_code error;
  report.cartridge_bytes = fs::file_size(options.output, error);
  if (error) return fail(Errc::kIo, "{}: {}", options.output.string(), error.message());
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace pxos::cartridges
