// make_seeds FOLDER: writes the fuzz seeds of our own formats (sheet, volume, program,
// cartridge, tokenizer) with our own writers. Run by hand when a format changes; the results are
// committed. Other seeds: make_text_seeds.py.

#include "assembler/assembler.hpp"
#include "cartridges/import/import_journal.hpp"
#include "cartridges/pack.hpp"
#include "cartridges/pixellm/model_v0.hpp"
#include "cartridges/quantize/importance.hpp"
#include "infinite_map/tile_manifest.hpp"
#include "pixelfs/memory_store.hpp"
#include "pixelfs/sheet.hpp"
#include "pixelfs/volume_directory.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/isa/image.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <cstdio>
#include <cstring>
#include <filesystem>

namespace {

namespace fs = std::filesystem;
using pxos::Bytes;
using pxos::ByteVector;
using pxos::MutBytes;
using pxos::Result;

Result<void> write_seed(const fs::path& folder, const std::string& name, Bytes content) {
  fs::create_directories(folder);
  std::printf("%s/%s: %zu bytes\n", folder.filename().c_str(), name.c_str(), content.size());
  return pxos::write_file_atomic(folder / name, content);
}

pxos::pixelfs::TensorInput tensor(std::string name, pxos::tensor::DType dtype,
                                  std::vector<std::int64_t> shape,
                                  pxos::pixelfs::SheetLayout layout) {
  pxos::pixelfs::TensorInput input;
  input.name = std::move(name);
  input.dtype = dtype;
  input.shape = std::move(shape);
  input.layout = layout;
  input.read_canonical = [](std::uint64_t offset, MutBytes out) -> Result<void> {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(offset++ % 61);
    return {};
  };
  return input;
}

/// Sheets of three dtypes, one of them with a tensor that spans sheets, with lines as short as they
/// can be.
Result<pxos::pixelfs::MemorySheetSink> small_sheets() {
  using pxos::pixelfs::SheetLayout;
  using pxos::tensor::DType;
  const std::vector<pxos::pixelfs::TensorInput> tensors = {
      tensor("norm", DType::kF32, {5}, SheetLayout::kLinear),
      tensor("w.q8", DType::kQ8_0, {3, 32}, SheetLayout::kPacked16),
      tensor("w.u8", DType::kU8Affine, {3, 4}, SheetLayout::kPacked16Transposed)};
  const pxos::pixelfs::SheetOptions options{.line_bytes = 64, .max_scanlines = 16};
  pxos::pixelfs::MemorySheetSink sink;
  PX_CHECK(pxos::pixelfs::write_sheets(tensors, sink, {}, options));
  return sink;
}

Result<ByteVector> small_program() {
  pxos::assembler::AssembleOptions options;
  options.source.path = "seed.pxasm";
  options.source.text =
      ".program seed\n.param dim\n.dim T = 1..4\n.import w : weight[dim, dim] = \"w\"\n"
      ".entry forward(x: f32[T, dim]) -> y: f32[T, dim]\n    .reg i\n    i64.const i, 0\n"
      "again:\n    matmul y, w, x\n    i64.addi i, i, 1\n    br.lt i, 2, again\n    halt\n";
  PX_TRY(const auto program, pxos::assembler::assemble_or_error(options));
  PX_TRY(const auto image, pxos::isa::encode_program(program.program()));
  return pxos::pixelfs::encode_png({image.width, image.height, 3, image.rgb});
}

Result<ByteVector> small_vocabulary(pxos::text::Vocabulary::Model model) {
  using pxos::text::TokenType;
  pxos::text::Vocabulary vocabulary;
  vocabulary.model = model;
  vocabulary.tokens = {"<unk>", "<s>", "a", "b", "ab", "\u2581", "<0x41>"};
  vocabulary.types = {TokenType::kUnknown, TokenType::kControl, TokenType::kNormal,
                      TokenType::kNormal,  TokenType::kNormal,  TokenType::kNormal,
                      TokenType::kByte};
  vocabulary.bos = 1;
  vocabulary.unk = 0;
  if (model == pxos::text::Vocabulary::Model::kSpm) {
    vocabulary.scores = {0, 0, -1, -2, -3, -1, 0};
    vocabulary.add_bos = vocabulary.add_space_prefix = true;
  } else {
    vocabulary.pre = "smollm";
    vocabulary.merges = {"a b"};
  }
  return pxos::text::serialize(vocabulary);
}

/// Every key of a manifest in use.
pxos::cartridges::Manifest full_manifest() {
  pxos::cartridges::Manifest manifest;
  manifest.name = "seed";
  manifest.version = "1.0.0";
  manifest.title = "Seed";
  manifest.creator_kind = "human";
  manifest.creator_name = "somebody";
  manifest.capabilities = {"console", "screen"};
  manifest.architecture = "seed";
  manifest.integers = {{"dim", 4}};
  manifest.reals = {{"eps", 1e-5}};
  manifest.chat_template = "{{ messages[0].content }}";
  manifest.stop_tokens = {2};
  manifest.stop_strings = {"\n"};
  manifest.self_tests = {{"one", {1, 2}, {3}}};
  manifest.unknown = {{"later", "[1]"}};
  return manifest;
}

Result<void> write_manifest(const fs::path& corpus) {
  pxos::cartridges::Manifest manifest = full_manifest();
  pxos::cartridges::ManifestEntry entry;
  entry.name = "a.pxi";
  entry.kind = pxos::cartridges::EntryKind::kSheet;
  entry.kind_text = "sheet";
  entry.offset = 65536;
  entry.size = 10;
  manifest.entries = {entry};
  const std::string json = pxos::cartridges::manifest_json(manifest);
  PX_CHECK(pxos::cartridges::parse_manifest(pxos::as_bytes(json)));
  return write_seed(corpus / "manifest", "full.json", pxos::as_bytes(json));
}

/// The meta.json of a fresh network.
/// Importance of one matrix, in lines as short as they can be.
Result<void> write_importance(const fs::path& corpus) {
  const auto vector = [](std::string name, std::vector<float> values) {
    pxos::pixelfs::TensorInput input;
    input.name = std::move(name);
    input.shape = {static_cast<std::int64_t>(values.size())};
    input.layout = pxos::pixelfs::SheetLayout::kLinear;
    input.read_canonical = [values = std::move(values)](std::uint64_t offset,
                                                        MutBytes out) -> Result<void> {
      std::memcpy(out.data(), reinterpret_cast<const std::uint8_t*>(values.data()) + offset,
                  out.size());
      return {};
    };
    return input;
  };
  const std::vector<pxos::pixelfs::TensorInput> tensors = {
      vector("pxos.importance", {1, 512}), vector("blk.0.attn_q.weight", {0, 1, 2.5F, 4})};
  pxos::pixelfs::MemorySheetSink sink;
  PX_CHECK(pxos::pixelfs::write_sheets(tensors, sink, {}, {.line_bytes = 64, .max_scanlines = 16}));
  PX_CHECK(pxos::cartridges::parse_importance(sink.files.front().bytes));
  return write_seed(corpus / "importance", "one.pxi", sink.files.front().bytes);
}

Result<void> write_pixellm(const fs::path& corpus) {
  namespace pixellm = pxos::cartridges::pixellm;
  PX_TRY(const auto encoded, pixellm::encode(pixellm::init_weights(1)));
  const std::string json = pixellm::meta_json(encoded.meta);
  PX_CHECK(pixellm::parse_meta(pxos::as_bytes(json)));
  return write_seed(corpus / "pixellm_meta", "meta.json", pxos::as_bytes(json));
}

/// A seed that does not assemble tests little: say so.
Result<void> check_assembly(const fs::path& folder) {
  for (const auto& file : fs::directory_iterator(folder)) {
    PX_TRY(const ByteVector text, pxos::read_file(file.path()));
    pxos::assembler::AssembleOptions options;
    options.source = {.path = file.path().filename(), .text = std::string(pxos::as_text(text))};
    PX_CHECK(pxos::assembler::assemble_or_error(options));
  }
  return {};
}

Result<void> write_cartridge(const fs::path& corpus, ByteVector sheet, ByteVector program) {
  using pxos::cartridges::EntryKind;
  const pxos::cartridges::Manifest manifest = full_manifest();
  std::vector<pxos::cartridges::EntrySource> entries;
  entries.push_back(
      pxos::cartridges::entry_from_bytes("u8.0.pxi", EntryKind::kSheet, std::move(sheet)));
  entries.push_back(
      pxos::cartridges::entry_from_bytes("seed.pxi", EntryKind::kProgram, std::move(program)));
  fs::create_directories(corpus / "cartridge");
  return pxos::cartridges::pack(corpus / "cartridge" / "small.pxa", manifest, std::move(entries));
}

/// Tiles on both sides of the origin, and a tile file's first page.
Result<void> write_tiles(const fs::path& corpus) {
  const pxos::infinite_map::TileManifest manifest{7, 2, {{{-2, 5}, 1, 11}, {{0, 0}, 0, 22}}};
  PX_CHECK(write_seed(corpus / "tiles", "manifest", pxos::infinite_map::encode_manifest(manifest)));
  return write_seed(corpus / "tiles", "header", pxos::infinite_map::encode_tile_header(7));
}

/// One entry of each coding, in scanlines as short as they can be.
std::vector<pxos::pixelfs::VolumeInput> volume_inputs() {
  using pxos::pixelfs::ChunkCoding;
  const auto input = [](std::string name, std::uint64_t size, std::uint64_t factor,
                        ChunkCoding coding) {
    const auto read = [factor](std::uint64_t offset, MutBytes out) -> Result<void> {
      for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(offset++ * factor >> 2U);
      return {};
    };
    return pxos::pixelfs::VolumeInput{std::move(name), size, read, coding};
  };
  return {input("raw", 70, 977, ChunkCoding::kNone), input("z", 150, 1, ChunkCoding::kZstd),
          input("d/palette", 140, 9, ChunkCoding::kPaletteDelta)};
}

/// The volume; its directory behind a count, and a chunk of each coding behind code and size, as
/// fuzz_volume.cpp reads them.
Result<void> write_volume_seeds(const fs::path& folder) {
  namespace pixelfs = pxos::pixelfs;
  pixelfs::MemoryStore store;
  pixelfs::VolumeWrite options;
  options.line_bytes = 66;
  PX_CHECK(pixelfs::write_volume(volume_inputs(), store, "v", options));
  PX_TRY(const auto blob, store.open("v"));
  PX_CHECK(write_seed(folder, "small.pxi", blob->view()));
  PX_TRY(const auto volume, pixelfs::Volume::open(*store.open("v")));
  ByteVector directory = pixelfs::encode_volume_directory(volume.entries());
  directory.insert(directory.begin(), static_cast<std::uint8_t>(volume.entries().size()));
  PX_CHECK(write_seed(folder, "directory", directory));
  const ByteVector raw = {1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3};
  pixelfs::ChunkCoder coder;
  for (std::uint8_t code = 1; code < pixelfs::kChunkCodings; ++code) {
    const auto coding = static_cast<pixelfs::ChunkCoding>(code);
    PX_TRY(ByteVector stored, coder.encode(coding, raw));
    stored.insert(stored.begin(), {code, static_cast<std::uint8_t>(raw.size() - 1), 0});
    PX_CHECK(write_seed(folder, std::string(pixelfs::coding_name(coding)), stored));
  }
  return {};
}

Result<void> write_journal(const fs::path& corpus) {
  fs::create_directories(corpus / "import_journal");
  PX_TRY(auto journal, pxos::cartridges::ImportJournal::open(corpus / "import_journal/small",
                                                             "0123456789abcdef"));
  PX_CHECK(journal.add_digest(0, {1, 2}));
  PX_CHECK(journal.add_digest(1, {3, 4}));
  return journal.add_kept(65536);
}

Result<void> write_all(const fs::path& corpus) {
  using Model = pxos::text::Vocabulary::Model;
  PX_TRY(const auto sheets, small_sheets());
  for (const auto& file : sheets.files)
    PX_CHECK(write_seed(corpus / "sheet", file.name, file.bytes));
  PX_CHECK(write_volume_seeds(corpus / "volume"));
  PX_TRY(const ByteVector program, small_program());
  PX_CHECK(write_seed(corpus / "program", "loop.pxi", program));
  PX_TRY(const auto image, pxos::pixelfs::decode_png(program));
  PX_CHECK(write_seed(corpus / "program", "loop.pixels", image.pixels));
  PX_TRY(const ByteVector spm, small_vocabulary(Model::kSpm));
  PX_CHECK(write_seed(corpus / "tokenizer", "spm", spm));
  PX_TRY(const ByteVector bpe, small_vocabulary(Model::kBpe));
  PX_CHECK(write_seed(corpus / "tokenizer", "bpe", bpe));
  PX_CHECK(write_manifest(corpus));
  PX_CHECK(write_tiles(corpus));
  PX_CHECK(write_pixellm(corpus));
  PX_CHECK(write_journal(corpus));
  PX_CHECK(write_importance(corpus));
  PX_CHECK(check_assembly(corpus / "run"));
  return write_cartridge(corpus, sheets.files.front().bytes, program);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds tests/fuzz/corpus\n");
    return 2;
  }
  const auto written = write_all(argv[1]);
  if (!written) std::fprintf(stderr, "make_seeds: %s\n", written.error().message.c_str());
  return written ? 0 : 1;
}
