#include "pxvm/text/utf8.hpp"

#include <algorithm>

namespace pxos::text {
namespace {

/// What a lead byte asks for: total length, its own payload bits, and the range of the second byte
/// (the rule that excludes overlong forms, surrogates and codes above U+10FFFF). Length 0: no lead.
struct Lead {
  std::size_t length = 0;
  std::uint32_t bits = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
};

Lead classify(std::uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, byte & 0x1FU};
  if (byte == 0xE0) return {3, 0, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x0D, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, byte & 0x0FU};
  if (byte == 0xF0) return {4, 0, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, byte & 0x07U};
  if (byte == 0xF4) return {4, 4, 0x80, 0x8F};
  return {};
}

std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

}  // namespace

// The second byte carries the special ranges; after it any continuation will do. A byte out of
// range ends the invalid part before itself, so it may start the next character.
Utf8Step utf8_step(std::string_view bytes) {
  using Kind = Utf8Step::Kind;
  const std::uint8_t first = byte_at(bytes, 0);
  if (first < 0x80) return {Kind::kCharacter, first, 1};
  const Lead lead = classify(first);
  if (lead.length == 0) return {Kind::kInvalid, kReplacement, 1};
  std::uint32_t code = lead.bits;
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {Kind::kIncomplete, kReplacement, i};
    const std::uint8_t byte = byte_at(bytes, i);
    const std::uint8_t low = i == 1 ? lead.low : std::uint8_t{0x80};
    const std::uint8_t high = i == 1 ? lead.high : std::uint8_t{0xBF};
    if (byte < low || byte > high) return {Kind::kInvalid, kReplacement, i};
    code = (code << 6U) | (byte & 0x3FU);
  }
  return {Kind::kCharacter, static_cast<char32_t>(code), lead.length};
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Utf8Step step = utf8_step(bytes);
    if (step.kind != Utf8Step::Kind::kCharacter) return false;
    bytes.remove_prefix(step.length);
  }
  return true;
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Step step = utf8_step(bytes);
    if (step.kind == Utf8Step::Kind::kCharacter) {
      out.append(bytes.substr(0, step.length));
    } else {
      append_utf8(out, kReplacement);
    }
    bytes.remove_prefix(step.length);
  }
  return out;
}

void append_utf8(std::string& out, char32_t code) {
  const auto value = static_cast<std::uint32_t>(code);
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](unsigned shift) { put(0x80U | ((value >> shift) & 0x3FU)); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xC0U | (value >> 6U));
    tail(0);
  } else if (value < 0x10000) {
    put(0xE0U | (value >> 12U));
    tail(6);
    tail(0);
  } else {
    put(0xF0U | (value >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::size_t count_characters(std::string_view utf8) {
  // Every byte that is not 10xxxxxx starts a character.
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<std::uint8_t>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace pxos::text
