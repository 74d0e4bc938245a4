#pragma once
// A small cartridge for tests: a text entry, an empty entry, an entry of an unknown kind, and a
// real sheet.

#include "cartridges/pack.hpp"
#include "pixelfs/sheet.hpp"
#include "pxvm/base/file.hpp"

#include <cstring>
#include <filesystem>

namespace pxos::test {

/// The bytes of a one-sheet weight set: tensor "w" f32 [rows, 33], element i = i.
inline ByteVector sample_sheet(std::int64_t rows = 3) {
  pixelfs::TensorInput input;
  input.name = "w";
  input.shape = {rows, 33};
  input.read_canonical = [](std::uint64_t offset, MutBytes out) -> Result<void> {
    for (std::uint64_t i = 0; i < out.size(); i += 4) {
      const auto value = static_cast<float>((offset + i) / 4);
      std::memcpy(out.data() + i, &value, 4);
    }
    return {};
  };
  pixelfs::MemorySheetSink sink;
  const std::vector<pixelfs::TensorInput> inputs{input};
  const auto written = pixelfs::write_sheets(inputs, sink);
  PX_ASSERT(written.has_value() && sink.files.size() == 1);
  return sink.files[0].bytes;
}

inline cartridges::Manifest sample_manifest() {
  cartridges::Manifest manifest;
  manifest.name = "sample";
  manifest.title = "Sample";
  manifest.unknown = {{"later", "{\"x\":1}"}};
  return manifest;
}

inline std::vector<cartridges::EntrySource> sample_entries() {
  using cartridges::entry_from_bytes;
  using cartridges::EntryKind;
  std::vector<cartridges::EntrySource> out;
  out.push_back(entry_from_bytes("docs/readme.txt", EntryKind::kText, {'h', 'i'}));
  out.push_back(entry_from_bytes("f32.0.pxi", EntryKind::kSheet, sample_sheet()));
  out.push_back(entry_from_bytes("empty.bin", EntryKind::kOther, {}));
  out.push_back(entry_from_bytes("strange.bin", EntryKind::kOther, ByteVector(5000, 3)));
  out.back().kind_text = "npixel";
  return out;
}

/// Packs the sample at `path` and returns the file's bytes.
inline ByteVector pack_sample(const std::filesystem::path& path) {
  const auto packed = cartridges::pack(path, sample_manifest(), sample_entries());
  PX_ASSERT(packed.has_value());
  auto bytes = read_file(path);
  PX_ASSERT(bytes.has_value());
  return *std::move(bytes);
}

}  // namespace pxos::test
