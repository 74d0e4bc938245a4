#include "pixelfs/canonical.hpp"
#include "pixelfs/sheet.hpp"
#include "pixelfs/sheet_directory.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include <fmt/format.h>

namespace pxos::pixelfs {
namespace {

/// One tensor's pieces, collected over all sheets.
struct Piece {
  const Sheet* sheet;
  const SheetEntry* entry;
};

/// Borrows from `t`: valid while the tensor is.
UnitSource source_of(const WeightTensor& t) {
  return {t.meta, t.extent, t.packed.segments, sheet_unit_bytes(t.meta.dtype)};
}

/// Ranges compare by bits, so that a NaN range equals itself.
bool same_tensor(const SheetEntry& a, const SheetEntry& b) {
  const auto bits = [](const tensor::AffineRange& r) {
    std::array<std::uint32_t, 2> out{};
    std::memcpy(out.data(), &r, sizeof out);
    return out;
  };
  return a.meta.dtype == b.meta.dtype && a.meta.layout == b.meta.layout &&
         a.meta.shape == b.meta.shape && bits(a.meta.affine) == bits(b.meta.affine) &&
         a.digest == b.digest;
}

/// Every series must be there once and whole.
Result<void> check_series(const std::vector<Sheet>& sheets) {
  std::map<tensor::DType, std::vector<const Sheet*>> series;
  for (const Sheet& s : sheets) series[s.dtype()].push_back(&s);
  for (auto& [dtype, members] : series) {
    std::sort(members.begin(), members.end(),
              [](const Sheet* a, const Sheet* b) { return a->index() < b->index(); });
    for (std::size_t i = 0; i < members.size(); ++i) {
      const Sheet& s = *members[i];
      if (s.count() == members.size() && s.index() == i) continue;
      return fail(Errc::kInvalid, "{} sheet {} of {}: found {} sheets, expected number {} here",
                  tensor::info(dtype).text, s.index(), s.count(), members.size(), i);
    }
  }
  return {};
}

/// The pieces as one tensor; they must tile its groups and agree.
Result<WeightTensor> join(std::vector<Piece> pieces) {
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return a.entry->first_group < b.entry->first_group;
  });
  const SheetEntry& first = *pieces.front().entry;
  WeightTensor t{first.meta, first.extent, first.digest, {}, {}};
  std::uint64_t next = 0;
  for (const Piece& piece : pieces) {
    const SheetEntry& e = *piece.entry;
    if (!same_tensor(first, e))
      return fail(Errc::kInvalid, "tensor {}: its parts disagree", e.meta.name);
    // Neither a gap nor an overlap: together the parts cover each group once.
    if (e.first_group != next) {
      return fail(Errc::kInvalid, "tensor {}: a part starts at group {}, expected {}", e.meta.name,
                  e.first_group, next);
    }
    next += e.group_count;
    t.packed.segments.push_back(piece.sheet->segment(e));
  }
  if (next != t.extent.groups) {
    return fail(Errc::kInvalid, "tensor {}: {} of {} groups found", first.meta.name, next,
                t.extent.groups);
  }
  t.packed.dtype = t.meta.dtype;
  t.packed.rows = static_cast<std::int64_t>(t.extent.rows);
  t.packed.cols = static_cast<std::int64_t>(t.extent.cols);
  t.packed.units_per_group = static_cast<std::uint32_t>(t.extent.units_per_group);
  t.packed.affine_min = t.meta.affine.min;
  t.packed.affine_max = t.meta.affine.max;
  return t;
}

/// Points `t.linear` at its bytes: in the sheet when they lie in one scanline, else at a copy.
Result<void> bind_linear(WeightTensor& t, std::vector<AlignedBytes>& copies) {
  const tensor::UnitSegment& s = t.packed.segments.front();
  const UnitSource source = source_of(t);
  const std::uint64_t in_line = s.units_per_line - s.first_slot % s.units_per_line;
  if (t.packed.segments.size() == 1 && s.row_groups <= in_line) {
    ByteVector unused;
    const std::uint8_t* start = units_of(source, 0, 0, 1, unused).data();
    t.linear = {start, t.extent.canonical_bytes};
    return {};
  }
  PX_TRY(AlignedBytes copy, AlignedBytes::create(t.extent.canonical_bytes));
  copy_canonical(source, 0, copy.bytes());
  t.linear = copy.view();
  copies.push_back(std::move(copy));
  return {};
}

}  // namespace

Result<WeightSet> WeightSet::open(std::vector<Sheet> sheets) {
  WeightSet set;
  set.sheets_ = std::move(sheets);
  PX_CHECK(check_series(set.sheets_));
  std::vector<std::vector<Piece>> pieces;  // per tensor, in order of appearance
  for (const Sheet& sheet : set.sheets_) {
    for (const SheetEntry& entry : sheet.entries()) {
      const auto [at, fresh] = set.index_.try_emplace(entry.meta.name, pieces.size());
      if (fresh) pieces.emplace_back();
      pieces[at->second].push_back({&sheet, &entry});
    }
  }
  set.tensors_.reserve(pieces.size());
  for (std::vector<Piece>& group : pieces) {
    PX_TRY(WeightTensor t, join(std::move(group)));
    if (t.meta.layout == SheetLayout::kLinear) PX_CHECK(bind_linear(t, set.copies_));
    set.tensors_.push_back(std::move(t));
  }
  return set;
}

const WeightTensor* WeightSet::find(std::string_view name) const {
  const auto at = index_.find(std::string(name));
  return at == index_.end() ? nullptr : &tensors_[at->second];
}

std::uint64_t WeightSet::canonical_bytes() const {
  std::uint64_t sum = 0;
  for (const WeightTensor& t : tensors_) sum += t.extent.canonical_bytes;
  return sum;
}

// The first one is enough: sheets of a model are re-saved together.
std::string WeightSet::slow_note() const {
  for (const Sheet& s : sheets_) {
    if (s.in_place()) continue;
    return fmt::format("{} sheet {} is decoded into memory instead of mapped: {}",
                       tensor::info(s.dtype()).text, s.index(), s.slow_reason());
  }
  return {};
}

Result<void> WeightSet::read_canonical(const WeightTensor& t, std::uint64_t offset,
                                       MutBytes out) const {
  if (offset > t.extent.canonical_bytes || out.size() > t.extent.canonical_bytes - offset) {
    return fail(Errc::kUsage, "tensor {}: bytes {} + {} of {}", t.meta.name, offset, out.size(),
                t.extent.canonical_bytes);
  }
  copy_canonical(source_of(t), offset, out);
  return {};
}

Result<void> WeightSet::verify_tensor(const WeightTensor& t) const {
  const UnitSource source = source_of(t);
  // Streamed in steps of whole row groups, so that no group is unpacked twice.
  const std::uint64_t step = canonical_step(source);
  Xxh128Stream stream;
  ByteVector buffer;
  for (std::uint64_t offset = 0; offset < t.extent.canonical_bytes; offset += buffer.size()) {
    buffer.resize(std::min(step, t.extent.canonical_bytes - offset));
    copy_canonical(source, offset, buffer);
    stream.update(buffer);
  }
  if (stream.digest() != t.digest) {
    return fail(Errc::kInvalid, "tensor {}: digest {}, expected {}", t.meta.name,
                to_hex(stream.digest()), to_hex(t.digest));
  }
  if (!padding_is_clean(source))
    return fail(Errc::kInvalid, "tensor {}: padding is damaged", t.meta.name);
  return {};
}

Result<void> WeightSet::verify(const SheetProgress& progress) const {
  for (const Sheet& s : sheets_) {
    Result<void> framing = s.verify_framing();
    if (framing) continue;
    return in_context(fmt::format("{}.{}", tensor::info(s.dtype()).text, s.index()),
                      std::move(framing).error());
  }
  std::uint64_t done = 0;
  for (const WeightTensor& t : tensors_) {
    PX_CHECK(verify_tensor(t));
    done += t.extent.canonical_bytes;
    if (progress && !progress(done, canonical_bytes())) {
      return fail(Errc::kInterrupted, "verify stopped after {} bytes", done);
    }
  }
  return {};
}

}  // namespace pxos::pixelfs
