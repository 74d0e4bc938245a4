#include "infinite_map/placer.hpp"

#include <algorithm>

namespace pxos::infinite_map {

// Empty rectangle when the model has none of that kind.
Rect Placer::kind_bounds(const Model& model, RegionKind kind) {
  Rect out;
  for (const auto& [key, band] : model.bands) {
    if (key.kind == kind) out = united(out, band.bounds);
  }
  return out;
}

/// Under every model that is there.
std::int64_t Placer::new_top() const {
  bool any = false;
  std::int64_t bottom = 0;
  for (const auto& [name, model] : models_) {
    for (const auto& [key, band] : model.bands) {
      if (key.kind == RegionKind::kScreen) continue;
      bottom = any ? std::max(bottom, band.bounds.bottom()) : band.bounds.bottom();
      any = true;
    }
  }
  return any ? bottom + kModelGap : 0;
}

Point Placer::choose_weights(const RegionSpec& spec, const Model& model) const {
  // Same layer: one more step west in its band.
  const auto band = model.bands.find({RegionKind::kWeights, spec.layer});
  if (band != model.bands.end()) {
    const Rect& bounds = band->second.bounds;
    return {bounds.x - kRegionGap - spec.width_px, bounds.y};
  }
  const Rect all = kind_bounds(model, RegionKind::kWeights);
  if (all.empty()) return {-kRegionGap - spec.width_px, model.top};
  // No layer: the column west of all bands. It is tall (embeddings), so it must not push bands
  // south.
  if (spec.layer < 0) return {all.x - kRegionGap - spec.width_px, model.top};
  Rect layers;  // bands of layers only: the column of the others does not push them south
  for (const auto& [key, other] : model.bands) {
    if (key.kind == RegionKind::kWeights && key.layer >= 0) layers = united(layers, other.bounds);
  }
  const std::int64_t y = layers.empty() ? model.top : layers.bottom() + kRegionGap;
  return {-kRegionGap - spec.width_px, y};
}

// Screens of all models share the north, so they stay together whatever is mounted.
Point Placer::choose_screen(const RegionSpec& spec) const {
  Rect screens;
  for (const auto& [name, model] : models_) {
    screens = united(screens, kind_bounds(model, RegionKind::kScreen));
  }
  const std::int64_t x = screens.empty() ? 0 : screens.right() + kRegionGap;
  return {x, -kModelGap - spec.height_px};
}

Point Placer::choose(const RegionSpec& spec) const {
  if (spec.kind == RegionKind::kScreen) return choose_screen(spec);
  const auto found = models_.find(spec.model);
  Model fresh;
  fresh.top = new_top();
  const Model& model = found != models_.end() ? found->second : fresh;
  if (spec.kind == RegionKind::kWeights) return choose_weights(spec, model);
  const Rect same = kind_bounds(model, spec.kind);
  const Rect activations = kind_bounds(model, RegionKind::kActivation);
  if (spec.kind == RegionKind::kActivation) {
    return {0, same.empty() ? model.top : same.bottom() + kRegionGap};
  }
  if (!same.empty()) return {same.right() + kRegionGap, same.y};
  // East of what is there; place_all has placed the activations before.
  if (spec.kind == RegionKind::kKv) return {activations.right() + kModelGap, model.top};
  Rect others = activations;
  others = united(others, kind_bounds(model, RegionKind::kWeights));
  others = united(others, kind_bounds(model, RegionKind::kKv));
  return {0, others.empty() ? model.top : others.bottom() + kModelGap};
}

Point Placer::next(const RegionSpec& spec, Point tried, const Rect& taken) {
  if (spec.kind == RegionKind::kScreen) return {tried.x, taken.y - kRegionGap - spec.height_px};
  return {tried.x, taken.bottom() + kRegionGap};
}

// A model's first region fixes its top line; a screen says nothing about it.
void Placer::added(const Region& region) {
  auto found = models_.find(region.model);
  if (found == models_.end()) {
    Model fresh;
    fresh.top = region.kind == RegionKind::kScreen ? new_top() : region.rect.y;
    found = models_.emplace(region.model, std::move(fresh)).first;
  }
  Band& band = found->second.bands[{region.kind, region.layer}];
  band.members.emplace(region.id.index, region.rect);
  band.bounds = united(band.bounds, region.rect);
}

// Bounds are rebuilt from the band's members: removal is rare, and bands are short.
void Placer::removed(const Region& region) {
  const auto model = models_.find(region.model);
  if (model == models_.end()) return;
  const auto band = model->second.bands.find({region.kind, region.layer});
  if (band == model->second.bands.end()) return;
  band->second.members.erase(region.id.index);
  band->second.bounds = {};
  for (const auto& [index, rect] : band->second.members) {
    band->second.bounds = united(band->second.bounds, rect);
  }
  if (band->second.members.empty()) model->second.bands.erase(band);
  if (model->second.bands.empty()) models_.erase(model);
}

}  // namespace pxos::infinite_map
