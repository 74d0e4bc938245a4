// The determinism contract on whole models (docs/spec/determinism.md): one hash of logits for every
// kernel set, number of threads, split of the prompt, with and without fusion, and from a sheet
// that is mapped or decoded.

#include "cartridges/cartridge.hpp"
#include "cartridges/pack.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <algorithm>
#include <optional>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using hypervisor::Hypervisor;
using hypervisor::Mount;

constexpr std::string_view kPrompt =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park "
    "with her friend Tom and his small brown dog. One day, the dog ran away and hid under a big "
    "tree. Lily looked for it all day long. She was very sad. Then her mom said, \"Do not cry. We "
    "will find him.\" They went to the lake and saw the dog in the water. It was so happy to see "
    "them that it jumped up and made them all wet, and they laughed and went home.";

/// A cartridge mounted with one kernel set and one number of threads.
class Mounted {
 public:
  Mounted(const std::filesystem::path& cartridge, const std::string& kernels, std::size_t threads) {
    hypervisor::HypervisorOptions options;
    options.kernels = kernels;
    options.threads = threads;
    auto created = Hypervisor::create(options);
    REQUIRE(created);
    hypervisor_ = *std::move(created);
    const auto info = hypervisor_->mount(cartridge, {});
    INFO((info ? "" : info.error().message));
    REQUIRE(info);
    name_ = info->name;
  }

  void with(const std::function<Result<void>(Mount&)>& use) {
    const auto done = hypervisor_->with_mount(name_, use);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
  }

  /// Hash of the logits of the last `compared` positions, the prompt evaluated in steps of `piece`
  /// tokens.
  std::uint64_t hash(std::size_t piece, bool fusion, std::size_t compared) {
    std::vector<float> logits;
    with([&](Mount& mount) -> Result<void> {
      PX_TRY(const auto tokens, mount.tokenizer()->encode(kPrompt));
      const std::size_t skipped = tokens.size() - compared;
      REQUIRE(tokens.size() > compared);
      mount.machine().set_fusion(fusion);
      mount.rewind(0);
      for (std::size_t at = 0; at < tokens.size(); at += piece) {
        const std::size_t count = std::min(tokens.size() - at, piece);
        const std::size_t wanted = at + count > skipped ? std::min(count, at + count - skipped) : 0;
        PX_TRY(const auto rows,
               mount.evaluate(std::span(tokens).subspan(at, count),
                              static_cast<std::int64_t>(std::max<std::size_t>(1, wanted))));
        if (wanted > 0) logits.insert(logits.end(), rows.begin(), rows.end());
      }
      return {};
    });
    return test::logit_hash(logits);
  }

 private:
  std::unique_ptr<Hypervisor> hypervisor_;
  std::string name_;
};

struct Matrix {
  std::vector<std::size_t> threads;
  std::vector<std::size_t> pieces;
  std::size_t compared = 1;
};

constexpr std::size_t kWhole = 4096;

void check_matrix(const std::filesystem::path& cartridge, const Matrix& matrix) {
  std::optional<std::uint64_t> expected;
  for (const tensor::KernelTable* kernels : tensor::available_kernels()) {
    for (const std::size_t threads : matrix.threads) {
      Mounted mounted(cartridge, kernels->name, threads);
      for (const std::size_t piece : matrix.pieces) {
        for (const bool fusion : {true, false}) {
          INFO(kernels->name << ", " << threads << " threads, pieces of " << piece << ", fusion "
                             << (fusion ? "on" : "off"));
          const std::uint64_t hash = mounted.hash(piece, fusion, matrix.compared);
          if (!expected) expected = hash;
          CHECK(hash == *expected);
        }
      }
    }
  }
}

/// Every GGUF of the two small models that can be imported, in a fixed order.
std::vector<std::filesystem::path> small_models(const std::filesystem::path& models) {
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"stories260K-gguf", "TinyStories-656K-gguf"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(models / folder)) {
      if (entry.path().extension() == ".gguf") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// False for types that this build does not know.
bool try_import(const std::filesystem::path& gguf, const std::filesystem::path& cartridge) {
  cartridges::ImportOptions options;
  options.output = cartridge;
  options.find_program = test::find_embedded_program;
  const auto report = cartridges::import_model(gguf, options);
  INFO(gguf << ": " << (report ? "" : report.error().message));
  if (!report) REQUIRE(report.error().code == Errc::kUnsupported);
  return report.has_value();
}

TEST_CASE("the bits of small models do not depend on kernels, threads, pieces or fusion",
          "[e2e][conformance][determinism]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  std::size_t checked = 0;
  for (const auto& gguf : small_models(models)) {
    const test::TempFolder folder;
    if (!try_import(gguf, folder / "model.pxa")) continue;
    INFO(gguf);
    check_matrix(folder / "model.pxa", {{1, 2, 3, 8}, {1, 7, 64, kWhole}, 40});
    ++checked;
  }
  CHECK(checked >= 10);
}

TEST_CASE("SmolLM2's bits do not depend on kernels, threads, pieces or fusion",
          "[.slow][smollm2][determinism]") {
  const auto gguf = test::smollm2_file();
  if (!gguf) return;
  const test::TempFolder folder;
  REQUIRE(try_import(*gguf, folder / "model.pxa"));
  check_matrix(folder / "model.pxa", {{1, 2, 3, 8}, {1, 7, 64, kWhole}, 1});
}

/// The same cartridge with its sheets saved again by an ordinary PNG writer: compressed, so that
/// they have to be decoded.
void resave_sheets(const std::filesystem::path& from, const std::filesystem::path& to) {
  const auto cartridge = cartridges::Cartridge::open(from);
  REQUIRE(cartridge);
  std::vector<cartridges::EntrySource> entries;
  for (const cartridges::ManifestEntry& entry : cartridge->manifest().entries) {
    const Bytes content = cartridge->bytes(entry);
    ByteVector bytes(content.begin(), content.end());
    if (entry.kind == cartridges::EntryKind::kSheet) {
      const auto image = pixelfs::decode_png(content);
      REQUIRE(image);
      const auto again = pixelfs::encode_png(*image);
      REQUIRE(again);
      bytes = *again;
    }
    entries.push_back(cartridges::entry_from_bytes(entry.name, entry.kind, std::move(bytes)));
    entries.back().kind_text = entry.kind_text;
  }
  const auto packed = cartridges::pack(to, cartridge->manifest(), std::move(entries));
  INFO((packed ? "" : packed.error().message));
  REQUIRE(packed);
}

TEST_CASE("a sheet that was saved again gives the same bits", "[e2e][conformance][determinism]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const char* file = GENERATE("stories260K-gguf/stories260K.gguf",
                              "TinyStories-656K-gguf/derived/TinyStories-656K-Q4_1-fixtok.gguf");
  const test::TempFolder folder;
  REQUIRE(try_import(models / file, folder / "mapped.pxa"));
  resave_sheets(folder / "mapped.pxa", folder / "decoded.pxa");
  Mounted mapped(folder / "mapped.pxa", "", 2);
  Mounted decoded(folder / "decoded.pxa", "", 2);
  bool noted = false;
  decoded.with([&](Mount& mount) -> Result<void> {
    for (const std::string& note : mount.notes)
      noted |= note.find("decoded, not mapped") != std::string::npos;
    return {};
  });
  CHECK(noted);
  CHECK(mapped.hash(7, true, 40) == decoded.hash(7, true, 40));
}

}  // namespace
}  // namespace pxos
