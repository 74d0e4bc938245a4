#include "pixelfs/kind.hpp"

#include "pixelfs/first_pixels.hpp"
#include "pixelfs/png.hpp"
#include "pixelfs/png_chunks.hpp"

#include <array>

#include <fmt/format.h>

namespace pxos::pixelfs {
namespace {

struct Magic {
  std::string_view bytes;
  FileKind kind;
};

/// In the first pixels of a PNG of ours. "pxPROG" is pxvm/isa's, a layer this folder does not
/// include.
constexpr std::array kPixelMagics{
    Magic{"pxSHET", FileKind::kSheet},
    Magic{"pxPROG", FileKind::kProgram},
    Magic{"pxSESS", FileKind::kSession},
    Magic{"pxVOLU", FileKind::kVolume},
};

/// At the start of files that are no PNG.
constexpr std::array kFileMagics{
    Magic{"PXIF", FileKind::kPxif},
    Magic{"PXAR", FileKind::kPxar},
    Magic{"GGUF", FileKind::kGguf},
    Magic{"PK\x03\x04", FileKind::kNpz},
};

/// False for files shorter than the magic.
bool starts_with(Bytes file, std::string_view magic) {
  return as_text(file).starts_with(magic);
}

/// A token image's first pixel is (N & 255, N >> 8, version) and its width N + 1.
bool is_token_image(const PngHeader& header, Bytes pixel) {
  if (header.height != 1 || header.channels != 3 || pixel.size() < 3) return false;
  const std::uint32_t tokens = pixel[0] + 256U * pixel[1];
  return (pixel[2] == 1 || pixel[2] == 2) && header.width == tokens + 1;
}

/// Row 0 of an original program starts with an opcode: a number 0..4 or one of the letters H D A R
/// M.
bool is_pxvm_opcode(std::uint8_t op) {
  return op <= 4 || std::string_view("HDARM").find(static_cast<char>(op)) != std::string_view::npos;
}

/// Pictures without a magic, told apart as the original systems did. `pixels` starts with pixel (0,
/// 0).
Identified by_pixel_type(const PngHeader& header, Bytes pixels) {
  if (is_token_image(header, pixels)) {
    return {FileKind::kProtocolInput,
            fmt::format("RGB, height 1, first pixel announces {} tokens of protocol v{}",
                        header.width - 1, pixels[2])};
  }
  const std::string size = fmt::format("{} x {}", header.width, header.height);
  if (header.channels == 3 && header.height == 1) {
    return {FileKind::kProtocolOutput,
            size + " RGB picture without a magic: one row is a protocol v1 prediction"};
  }
  if (header.channels == 3) {
    return {FileKind::kPixelLlmV0,
            size + " RGB picture without a magic: weights if a meta.json names it"};
  }
  if (header.channels == 4 && !pixels.empty() && is_pxvm_opcode(pixels[0])) {
    return {FileKind::kPxvmV0, size + " RGBA picture whose first pixel is an original pxVM opcode"};
  }
  return {FileKind::kPicture, size + " picture without a magic"};
}

/// First pixels before chunks: an editor that drops private chunks does not change what a file is.
Identified identify_png(Bytes file) {
  const Result<PngHeader> header = probe_png(file);
  if (!header) return {FileKind::kPicture, header.error().message};
  const Result<ByteVector> pixels = first_rgb_bytes(file, 8);
  const Bytes first = pixels ? Bytes(*pixels) : Bytes{};
  for (const Magic& magic : kPixelMagics) {
    if (starts_with(first, magic.bytes)) {
      return {magic.kind, fmt::format("the first pixels are \"{}\"", magic.bytes)};
    }
  }
  const Result<std::optional<Bytes>> index = find_png_chunk(file, "paCk");
  if (index && index->has_value())
    return {FileKind::kCartridge, "PNG with a paCk chunk before IDAT"};
  if (!pixels) return {FileKind::kPicture, pixels.error().message};
  return by_pixel_type(*header, first);
}

/// u64 header length, then a JSON object.
bool is_safetensors(Bytes file) {
  ByteReader reader(file);
  const Result<std::uint64_t> length = reader.u64("header length");
  return length && *length >= 2 && *length <= reader.remaining() && file[8] == '{';
}

}  // namespace

std::string_view kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::kUnknown:
      return "unknown";
    case FileKind::kSheet:
      return "weight sheet";
    case FileKind::kProgram:
      return "program";
    case FileKind::kSession:
      return "session";
    case FileKind::kVolume:
      return "volume";
    case FileKind::kCartridge:
      return "cartridge";
    case FileKind::kProtocolInput:
      return "protocol token image";
    case FileKind::kProtocolOutput:
      return "protocol prediction";
    case FileKind::kPixelLlmV0:
      return "Pixel-LLM v0 weights";
    case FileKind::kPxvmV0:
      return "original pxVM image";
    case FileKind::kPicture:
      return "picture";
    case FileKind::kPxif:
      return "PXIF file";
    case FileKind::kPxfs:
      return "PXFS file";
    case FileKind::kPxar:
      return "PXAR archive";
    case FileKind::kGguf:
      return "GGUF model";
    case FileKind::kNpz:
      return "npz archive";
    case FileKind::kSafetensors:
      return "safetensors model";
  }
  return "unknown";
}

Identified identify(Bytes file) {
  if (is_png(file)) return identify_png(file);
  constexpr std::size_t kPxfsHeaderBytes = 128;
  if (starts_with(file, "SFXP")) {
    const bool wraps =
        file.size() > kPxfsHeaderBytes && starts_with(file.subspan(kPxfsHeaderBytes), "PXAR");
    if (wraps) return {FileKind::kPxar, "PXAR magic behind a PXFS header"};
    return {FileKind::kPxfs, "starts with \"SFXP\""};
  }
  for (const Magic& magic : kFileMagics) {
    if (starts_with(file, magic.bytes)) {
      return {magic.kind, fmt::format("starts with \"{}\"",
                                      magic.bytes.substr(0, magic.kind == FileKind::kNpz ? 2 : 4))};
    }
  }
  if (is_safetensors(file)) return {FileKind::kSafetensors, "length-prefixed JSON header"};
  return {FileKind::kUnknown, file.empty() ? "empty file" : "no known magic"};
}

}  // namespace pxos::pixelfs
