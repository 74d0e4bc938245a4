#pragma once
// A small guest for tests: assembly text in, a machine out, weights given as f32 matrices.

#include "assembler/assembler.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "pxvm/tensor/pack.hpp"
#include "pxvm/vm/machine.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace pxos::test {

/// Owns everything a Machine needs. The scalar kernels keep the tests equal on every CPU.
class Guest {
 public:
  /// A weight [rows, cols] of dtype F32, packed as a cartridge would hold it.
  void add_matrix(const std::string& name, std::int64_t rows, std::int64_t cols,
                  std::vector<float> values) {
    Matrix& matrix = matrices_.emplace_back();
    const std::uint64_t row_bytes = static_cast<std::uint64_t>(cols) * sizeof(float);
    const std::uint64_t groups = (static_cast<std::uint64_t>(rows) + 15) / 16;
    const std::uint64_t units = (static_cast<std::uint64_t>(cols) + 31) / 32;
    matrix.units.resize(groups * units * 2048);
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(values.data()),
                      values.size() * sizeof(float));
    for (std::uint64_t g = 0; g < groups; ++g) {
      const auto count = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(16, static_cast<std::uint64_t>(rows) - g * 16));
      tensor::pack_row_group(tensor::DType::kF32,
                             bytes.subspan(g * 16 * row_bytes, count * row_bytes), row_bytes, count,
                             static_cast<std::uint64_t>(cols),
                             MutBytes(matrix.units).subspan(g * units * 2048, units * 2048));
    }
    matrix.packed = {tensor::DType::kF32, rows, cols, static_cast<std::uint32_t>(units), 0, 0, {}};
    matrix.packed.segments.push_back({matrix.units.data(), 0, groups * units, 0, groups});
    weights_[name] = {name, tensor::DType::kF32, {rows, cols}, &matrix.packed, {}, {}};
  }

  void add_vector(const std::string& name, std::vector<float> values) {
    auto& kept = vectors_.emplace_back(std::move(values));
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(kept.data()),
                      kept.size() * sizeof(float));
    weights_[name] = {
        name, tensor::DType::kF32, {static_cast<std::int64_t>(kept.size())}, nullptr, bytes, {}};
  }

  /// Assembles and links. Errors are returned, so that tests can look at them.
  Result<std::shared_ptr<const vm::LinkedProgram>> link(const std::string& text) {
    PX_TRY(isa::VerifiedProgram program,
           assembler::assemble_or_error({{"test.pxasm", text}, {}, true}));
    vm::LinkInputs inputs;
    inputs.integers = integers;
    inputs.reals = reals;
    inputs.memory_cap_bytes = memory_cap;
    inputs.find_weight = [this](const std::string& name) -> std::optional<vm::WeightTensor> {
      const auto it = weights_.find(name);
      return it != weights_.end() ? std::optional(it->second) : std::nullopt;
    };
    return vm::link(std::move(program), inputs);
  }

  Result<vm::Machine*> load(const std::string& text, std::uint64_t fuel = 0,
                            vm::HostPort* host = nullptr) {
    PX_TRY(linked_, link(text));
    pool_.emplace(threads);
    PX_TRY(session_, vm::Session::create(*linked_));
    PX_TRY(machine_, vm::Machine::create(linked_, {tensor::available_kernels().front(), &*pool_,
                                                   &stop, host, fuel, fusion, profile}));
    machine_->attach(*session_);
    return &*machine_;
  }

  /// What load() linked.
  [[nodiscard]] std::shared_ptr<const vm::LinkedProgram> linked() const { return linked_; }

  std::map<std::string, std::int64_t> integers;
  std::map<std::string, double> reals;
  std::uint64_t memory_cap = ~std::uint64_t{0};
  std::atomic<bool> stop{false};
  bool fusion = true;
  std::size_t threads = 1;
  vm::Profile* profile = nullptr;

 private:
  struct Matrix {
    std::vector<std::uint8_t> units;
    tensor::PackedTensor packed;
  };
  std::deque<Matrix> matrices_;
  std::deque<std::vector<float>> vectors_;
  std::map<std::string, vm::WeightTensor> weights_;
  std::shared_ptr<const vm::LinkedProgram> linked_;
  std::optional<ThreadPool> pool_;
  std::optional<vm::Session> session_;
  std::optional<vm::Machine> machine_;
};

}  // namespace pxos::test
