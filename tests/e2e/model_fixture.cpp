#include "tests/e2e/model_fixture.hpp"

#include "cartridges/import/import.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/hash.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>

namespace pxos::test {

Result<cartridges::ProgramSource> find_embedded_program(std::string_view architecture) {
  const programs::EmbeddedProgram* program = programs::find(architecture);
  if (program == nullptr) return fail(Errc::kNotFound, "no program for '{}'", architecture);
  return cartridges::ProgramSource{std::string(program->name),
                                   {program->png.begin(), program->png.end()},
                                   std::string(program->source),
                                   {}};
}

void import_gguf(const std::filesystem::path& gguf, const std::filesystem::path& output,
                 bool as_f32, const cartridges::FindProgram& find_program) {
  cartridges::ImportOptions options;
  options.output = output;
  if (as_f32) options.as_dtype = tensor::DType::kF32;
  options.find_program = find_program;
  const auto report = cartridges::import_model(gguf, options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
}

Model::Model(const std::filesystem::path& gguf, const ModelOptions& options) {
  const auto cartridge = folder_ / "model.pxa";
  import_gguf(gguf, cartridge, options.as_f32, options.find_program);
  hypervisor::HypervisorOptions host;
  host.threads = options.threads;
  host.kernels = options.kernels;
  auto created = hypervisor::Hypervisor::create(host);
  INFO((created ? "" : created.error().message));
  REQUIRE(created);
  hypervisor_ = *std::move(created);
  hypervisor::MountOptions mount;
  mount.context = options.context;
  mount.batch = options.batch;
  const auto info = hypervisor_->mount(cartridge, mount);
  INFO((info ? "" : info.error().message));
  REQUIRE(info);
  REQUIRE((info->has_model || options.ids_only));
  name_ = info->name;
}

void Model::with(const std::function<Result<void>(hypervisor::Mount&)>& use) {
  const auto done = hypervisor_->with_mount(name_, use);
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
}

std::uint64_t logit_hash(std::span<const float> logits) {
  std::vector<std::uint32_t> bits;
  for (const float value : logits) {
    bits.push_back(std::isnan(value) ? 0x7FC00000U : std::bit_cast<std::uint32_t>(value));
  }
  return xxh3_64(
      {reinterpret_cast<const std::uint8_t*>(bits.data()), bits.size() * sizeof(std::uint32_t)});
}

std::string read_text(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  INFO(path.string());
  REQUIRE(bytes);
  return std::string(as_text(*bytes));
}

std::optional<std::filesystem::path> smollm2_file() {
  const auto environment = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  std::filesystem::path path = environment("PXOS_SMOLLM2_GGUF");
  if (path.empty()) {
    const std::filesystem::path cache = environment("XDG_CACHE_HOME");
    path = (cache.empty() ? environment("HOME") / ".cache" : cache) /
           "pxos/SmolLM2-135M-Instruct.Q4_1.gguf";
  }
  if (std::filesystem::exists(path)) return path;
  skip("SmolLM2 is not fetched (programs/fetch_default_model.sh)");
  return std::nullopt;
}

}  // namespace pxos::test
