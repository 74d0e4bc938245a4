#pragma once
// Tells files apart by content, never by name.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pxos::pixelfs {

enum class FileKind : std::uint8_t {
  kUnknown,
  kSheet,           ///< "pxSHET" in the first pixels
  kProgram,         ///< "pxPROG" in the first pixels
  kSession,         ///< "pxSESS" in the first pixels
  kVolume,          ///< "pxVOLU" in the first pixels
  kCartridge,       ///< PNG with a paCk chunk before IDAT
  kProtocolInput,   ///< Pixel Protocol v1 / v2 token image
  kProtocolOutput,  ///< Pixel Protocol v1 prediction: RGB, one row
  kPixelLlmV0,      ///< RGB blob that needs its meta.json
  kPxvmV0,          ///< original RGBA program image
  kPicture,         ///< some other PNG
  kPxif,
  kPxfs,
  kPxar,
  kGguf,
  kNpz,  ///< zip of .npy members
  kSafetensors,
};

struct Identified {
  FileKind kind = FileKind::kUnknown;
  std::string reason;  ///< what was seen, in words
};

[[nodiscard]] std::string_view kind_name(FileKind kind);

/// Never fails: what cannot be told is kUnknown with the reason. Looks at the beginning of the file
/// only.
[[nodiscard]] Identified identify(Bytes file);

}  // namespace pxos::pixelfs
