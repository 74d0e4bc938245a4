#include "cartridges/import/import_journal.hpp"

#include "pxvm/base/file.hpp"

#include <charconv>
#include <optional>
#include <system_error>
#include <vector>

namespace pxos::cartridges {
namespace {

constexpr std::uint64_t kMaxJournalBytes = std::uint64_t{64} << 20U;
constexpr std::string_view kStart = "import 1 ";
constexpr std::size_t kSumDigits = 16;

std::string sealed(const std::string& line) {
  return fmt::format("{:016x} {}\n", xxh3_64(as_bytes(line)), line);
}

/// The line without its checksum; empty when they disagree.
std::optional<std::string_view> unseal(std::string_view line) {
  if (line.size() <= kSumDigits + 1 || line[kSumDigits] != ' ') return {};
  const std::string_view rest = line.substr(kSumDigits + 1);
  if (fmt::format("{:016x}", xxh3_64(as_bytes(rest))) != line.substr(0, kSumDigits)) return {};
  return rest;
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return {};
  return value;
}

/// False for a line that is none of ours.
bool apply(std::string_view line, JournalState& out) {
  if (line.starts_with("kept ")) {
    const auto bytes = number(line.substr(5));
    if (!bytes || *bytes < out.kept) return false;
    out.kept = *bytes;
    return true;
  }
  if (!line.starts_with("digest ")) return false;
  const std::string_view rest = line.substr(7);
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return false;
  const auto tensor = number(rest.substr(0, space));
  const auto digest = parse_xxh128(rest.substr(space + 1));
  if (!tensor || !digest) return false;
  out.digests[*tensor] = *digest;
  return true;
}

}  // namespace

JournalState parse_journal(Bytes bytes) {
  JournalState out;
  std::string_view text = as_text(bytes);
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    const auto line = unseal(text.substr(0, end));
    text = text.substr(end + 1);
    if (!line) return out;
    if (!out.guard.empty()) {
      if (!apply(*line, out)) return out;
      continue;
    }
    if (!line->starts_with(kStart) || line->size() == kStart.size()) return out;
    out.guard = line->substr(kStart.size());
  }
  return out;
}

Result<ImportJournal> ImportJournal::open(const std::filesystem::path& path,
                                          const std::string& guard) {
  ImportJournal out;
  out.path_ = path;
  if (const auto old = read_file(path, kMaxJournalBytes)) out.state_ = parse_journal(*old);
  const bool goes_on = out.state_.guard == guard;
  if (!goes_on) out.state_ = {guard, {}, 0};
  // Written anew from what is believed: nothing follows a damaged line.
  std::string text = sealed(std::string(kStart) + guard);
  for (const auto& [tensor, digest] : out.state_.digests)
    text += sealed(fmt::format("digest {} {}", tensor, to_hex(digest)));
  if (out.state_.kept > 0) text += sealed(fmt::format("kept {}", out.state_.kept));
  PX_CHECK(write_file_atomic(path, as_bytes(text)));
  out.out_.open(path, std::ios::binary | std::ios::app);
  if (!out.out_) return fail(Errc::kIo, "{}: cannot open", path.string());
  return out;
}

Result<void> ImportJournal::append(const std::string& line) {
  out_ << sealed(line) << std::flush;
  if (!out_) return fail(Errc::kIo, "{}: cannot write", path_.string());
  return {};
}

Result<void> ImportJournal::add_digest(std::size_t tensor, const Xxh128& digest) {
  state_.digests[tensor] = digest;
  return append(fmt::format("digest {} {}", tensor, to_hex(digest)));
}

Result<void> ImportJournal::add_kept(std::uint64_t bytes) {
  state_.kept = bytes;
  return append(fmt::format("kept {}", bytes));
}

void ImportJournal::remove() {
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace pxos::cartridges
