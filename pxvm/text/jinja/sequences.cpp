// The half of builtins.hpp that reads parts of values: items, subscripts, slices, membership.
#include "pxvm/text/jinja/builtins.hpp"
#include "pxvm/text/jinja/strings.hpp"

#include <algorithm>
#include <limits>

namespace pxos::text::jinja {
namespace {

/// `index` counted from the end when negative.
std::optional<std::size_t> position_of(std::int64_t index, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  if (index < -count || index >= count) return std::nullopt;
  return static_cast<std::size_t>(index < 0 ? index + count : index);
}

Result<std::int64_t> bound(const Value& value, std::int64_t open) {
  if (value.is_undefined() || value.is_none()) return open;
  if (value.as_integer() == nullptr)
    return fail(Errc::kInvalid, "a slice bound is {}, expected an integer", value.kind());
  return *value.as_integer();
}

/// Indices start, start + step, ... before stop, as Python's slice.indices gives them.
Result<std::vector<std::size_t>> slice_indices(const SliceBounds& bounds, std::size_t size) {
  constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max() / 4;
  const auto count = static_cast<std::int64_t>(size);
  PX_TRY(std::int64_t step, bound(bounds.step, 1));
  if (step == 0) return fail(Errc::kInvalid, "a slice step is 0");
  step = std::clamp(step, -kFar, kFar);
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? count : count - 1;
  const auto clip = [&](std::int64_t value) {
    const std::int64_t near = std::clamp(value, -kFar, kFar);
    return std::clamp(near < 0 ? near + count : near, low, high);
  };
  PX_TRY(const std::int64_t start_bound, bound(bounds.start, step > 0 ? 0 : kFar));
  const std::int64_t start = clip(start_bound);
  std::int64_t stop = high;
  if (step < 0) stop = low;
  if (!bounds.stop.is_undefined() && !bounds.stop.is_none()) {
    PX_TRY(const std::int64_t stop_bound, bound(bounds.stop, 0));
    stop = clip(stop_bound);
  }
  std::vector<std::size_t> indices;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop; i += step)
    indices.push_back(static_cast<std::size_t>(i));
  return indices;
}

}  // namespace

// Charged for what is copied: a value of a list is a pointer and a count.
Result<std::vector<Value>> items_of(const Value& value, Budget& budget) {
  std::vector<Value> items;
  if (const List* const list = value.as_list()) {
    PX_CHECK(budget.spend(1 + list->items.size() / 2));
    return list->items;
  }
  if (const Dict* const dict = value.as_dict()) {
    PX_CHECK(budget.spend(1 + dict->items.size()));
    for (const auto& item : dict->items) items.push_back(Value::text(item.first));
    return items;
  }
  if (const std::string* const text = value.as_text()) {
    PX_CHECK(budget.spend(1 + text->size()));
    for (const std::string_view c : characters(*text)) items.push_back(Value::text(std::string(c)));
    return items;
  }
  if (value.is_undefined()) return items;
  return fail(Errc::kInvalid, "{} cannot be iterated", value.kind());
}

// What is missing is undefined, as in Jinja; only looking into undefined is an error, because that
// is a misspelt variable.
Result<Value> subscript(const Value& object, const Value& key, Budget& budget) {
  if (const Dict* const dict = object.as_dict()) {
    const std::string* const name = key.as_text();
    if (name == nullptr) return Value();
    PX_CHECK(budget.spend_lookup(dict->items.size(), name->size()));
    const Value* const found = dict->find(*name);
    return found == nullptr ? Value() : *found;
  }
  if (object.is_undefined()) return fail(Errc::kInvalid, "undefined has no items");
  const std::int64_t* const index = key.as_integer();
  if (index == nullptr) return Value();
  if (const List* const list = object.as_list()) {
    const auto at = position_of(*index, list->items.size());
    return at ? list->items[*at] : Value();
  }
  if (const std::string* const text = object.as_text()) {
    PX_CHECK(budget.spend_bytes(text->size()));
    const std::vector<std::string_view> all = characters(*text);
    const auto at = position_of(*index, all.size());
    return at ? Value::text(std::string(all[*at])) : Value();
  }
  return Value();
}

Result<Value> slice(const Value& object, const SliceBounds& bounds, Budget& budget) {
  if (const List* const list = object.as_list()) {
    PX_TRY(const std::vector<std::size_t> indices, slice_indices(bounds, list->items.size()));
    PX_CHECK(budget.spend(1 + indices.size() / 2));
    std::vector<Value> items;
    for (const std::size_t i : indices) items.push_back(list->items[i]);
    return make_list(std::move(items));
  }
  if (const std::string* const text = object.as_text()) {
    PX_CHECK(budget.spend_bytes(text->size()));
    const std::vector<std::string_view> all = characters(*text);
    PX_TRY(const std::vector<std::size_t> indices, slice_indices(bounds, all.size()));
    std::string out;
    for (const std::size_t i : indices) out += all[i];
    return Value::text(std::move(out));
  }
  if (object.is_undefined()) return fail(Errc::kInvalid, "undefined cannot be sliced");
  return Value();
}

// Membership in undefined is false: templates ask "tools" in a message that has none.
Result<bool> contains(const Value& haystack, const Value& needle, Budget& budget) {
  if (const std::string* const text = haystack.as_text()) {
    if (needle.as_text() == nullptr)
      return fail(Errc::kInvalid, "'in' looks for {} in a string", needle.kind());
    PX_CHECK(budget.spend_search(text->size(), needle.as_text()->size()));
    return text->find(*needle.as_text()) != std::string::npos;
  }
  if (const Dict* const dict = haystack.as_dict()) {
    if (needle.as_text() == nullptr) return false;
    PX_CHECK(budget.spend_lookup(dict->items.size(), needle.as_text()->size()));
    return dict->find(*needle.as_text()) != nullptr;
  }
  if (const List* const list = haystack.as_list()) {
    for (const Value& item : list->items) {
      PX_TRY(const bool same, equal(item, needle, budget));
      if (same) return true;
    }
    return false;
  }
  if (haystack.is_undefined()) return false;
  return fail(Errc::kInvalid, "'in' cannot look into {}", haystack.kind());
}

}  // namespace pxos::text::jinja
