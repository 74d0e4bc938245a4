// The forward pass is the pixel program: edit its text and the model changes; break it and nothing
// runs. And the weights are the picture: save it again with other software and the same bits come
// out.

#include "assembler/assembler.hpp"
#include "cartridges/pack.hpp"
#include "pixelfs/png.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/isa/image.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using hypervisor::Mount;
using test::Model;
using test::ModelOptions;

constexpr const char* kModel = "stories260K-gguf/stories260K.gguf";

std::string llama_text() {
  const programs::EmbeddedProgram* program = programs::find("llama");
  REQUIRE(program != nullptr);
  return std::string(program->source);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

cartridges::FindProgram program_of(const std::string& text) {
  return [text](std::string_view name) -> Result<cartridges::ProgramSource> {
    PX_TRY(const isa::VerifiedProgram program,
           assembler::assemble_or_error({{"llama.pxasm", text}, programs::read_include, true}));
    PX_TRY(const isa::RgbImage image, isa::encode_program(program.program()));
    PX_TRY(ByteVector png, pixelfs::encode_png({image.width, image.height, 3, image.rgb}));
    return cartridges::ProgramSource{std::string(name), std::move(png), text, {}};
  };
}

std::uint64_t hash_of_prompt(hypervisor::Hypervisor& hypervisor, const std::string& name) {
  std::uint64_t hash = 0;
  const auto done = hypervisor.with_mount(name, [&](Mount& mount) -> Result<void> {
    mount.rewind(0);
    PX_TRY(const auto tokens, mount.tokenizer()->encode("Once upon a time, there was a"));
    PX_TRY(const auto logits, mount.evaluate(tokens, 1));
    hash = test::logit_hash(logits);
    return {};
  });
  REQUIRE(done);
  return hash;
}

TEST_CASE("dropping a residual from llama.pxasm changes the logits", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  Model original(models / kModel);
  ModelOptions options;
  options.find_program = program_of(llama_text());
  Model same(models / kModel, options);
  options.find_program =
      program_of(replaced(llama_text(), "    add       x, x, delta", "    copy      x, delta"));
  Model edited(models / kModel, options);
  const std::uint64_t expected = hash_of_prompt(original.hypervisor(), original.name());
  CHECK(hash_of_prompt(same.hypervisor(), same.name()) == expected);
  CHECK(hash_of_prompt(edited.hypervisor(), edited.name()) != expected);
}

TEST_CASE("a shape error in llama.pxasm is reported with a caret before anything runs", "[e2e]") {
  const std::string broken =
      replaced(llama_text(), "    project   l\n", "    project   l\n    matmul    q, wk[l], xn\n");
  const auto program = program_of(broken)("llama");
  REQUIRE_FALSE(program);
  const std::string& message = program.error().message;
  INFO(message);
  CHECK(message.find("llama.pxasm:") != std::string::npos);
  CHECK(message.find('^') != std::string::npos);
  CHECK(message.find("n_kv*head_dim") != std::string::npos);
}

TEST_CASE("sheets saved again by other software give the same logits", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  Model model(models / kModel);
  test::TempFolder folder;
  const auto cartridge = cartridges::Cartridge::open(model.cartridge());
  REQUIRE(cartridge);
  REQUIRE(cartridges::unpack(*cartridge, folder / "parts"));
  for (const cartridges::ManifestEntry* entry : cartridge->of_kind(cartridges::EntryKind::kSheet)) {
    const auto picture = pixelfs::decode_png(cartridge->bytes(*entry));
    REQUIRE(picture);
    const auto saved =
        pixelfs::encode_png(*picture);  // filtered, compressed, one IDAT, no private chunk
    REQUIRE(saved);
    REQUIRE(write_file_atomic(folder / "parts" / entry->name, *saved));
  }
  const auto packed = cartridges::pack_folder(folder / "parts", folder / "saved.pxa");
  INFO((packed ? "" : packed.error().message));
  REQUIRE(packed);
  auto hypervisor = hypervisor::Hypervisor::create({});
  REQUIRE(hypervisor);
  const auto info = (*hypervisor)->mount(folder / "saved.pxa");
  INFO((info ? "" : info.error().message));
  REQUIRE(info);
  CHECK_FALSE(info->fast_path);
  CHECK_FALSE(info->notes.empty());
  CHECK(hash_of_prompt(**hypervisor, info->name) ==
        hash_of_prompt(model.hypervisor(), model.name()));
}

TEST_CASE("two cartridges are mounted side by side and both answer", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  Model model(models / kModel);
  test::TempFolder folder;
  test::import_gguf(models / "TinyStories-656K-gguf/derived/TinyStories-656K-Q8_0-fixtok.gguf",
                    folder / "second.pxa");
  const auto second = model.hypervisor().mount(folder / "second.pxa");
  REQUIRE(second);
  const std::uint64_t before = hash_of_prompt(model.hypervisor(), model.name());
  const std::uint64_t other = hash_of_prompt(model.hypervisor(), second->name);
  CHECK(before != other);
  CHECK(hash_of_prompt(model.hypervisor(), model.name()) == before);
  REQUIRE(model.hypervisor().unmount(second->name));
  CHECK_FALSE(model.hypervisor().info(second->name));
}

}  // namespace
}  // namespace pxos
