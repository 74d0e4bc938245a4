#include "shell/guest_window.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <optional>
#include <set>

#include <SDL.h>

namespace pxos::shell {
namespace {

using Clock = std::chrono::steady_clock;
constexpr const char* kDisplays[] = {"DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"};
constexpr std::size_t kMaxWaitingKeys = 256;
constexpr std::int64_t kSpecialKeys = 1'114'112;  ///< behind all characters

/// SDL's video for the life of the object.
class Video {
 public:
  Video() = default;
  ~Video() { SDL_QuitSubSystem(SDL_INIT_VIDEO); }
  Video(const Video&) = delete;
  Video& operator=(const Video&) = delete;
};

struct Deleter {
  void operator()(SDL_Window* window) const { SDL_DestroyWindow(window); }
  void operator()(SDL_Renderer* renderer) const { SDL_DestroyRenderer(renderer); }
  void operator()(SDL_Texture* texture) const { SDL_DestroyTexture(texture); }
};
template <class T>
using Owned = std::unique_ptr<T, Deleter>;

/// Keys that give no character, in the order of their numbers; 0 leaves a number out.
constexpr SDL_Keycode kKeys[] = {SDLK_UP,     SDLK_DOWN,   SDLK_LEFT,   SDLK_RIGHT,
                                 SDLK_HOME,   SDLK_END,    SDLK_PAGEUP, SDLK_PAGEDOWN,
                                 SDLK_INSERT, SDLK_DELETE, SDLK_LSHIFT, SDLK_LCTRL,
                                 SDLK_LALT,   0,           0,           0,
                                 0,           0,           0,           0,
                                 SDLK_F1,     SDLK_F2,     SDLK_F3,     SDLK_F4,
                                 SDLK_F5,     SDLK_F6,     SDLK_F7,     SDLK_F8,
                                 SDLK_F9,     SDLK_F10,    SDLK_F11,    SDLK_F12};

/// The right one of a pair is the same key.
SDL_Keycode left_of(SDL_Keycode code) {
  if (code == SDLK_RSHIFT) return SDLK_LSHIFT;
  if (code == SDLK_RCTRL) return SDLK_LCTRL;
  if (code == SDLK_RALT) return SDLK_LALT;
  return code == SDLK_KP_ENTER ? SDLK_RETURN : code;
}

/// nullopt for keys without a number. SDL's codes of keys with a character are that character.
std::optional<std::int64_t> key_number(SDL_Keycode given) {
  const SDL_Keycode code = left_of(given);
  const auto* found = std::find(std::begin(kKeys), std::end(kKeys), code);
  if (code != 0 && found != std::end(kKeys)) return kSpecialKeys + (found - std::begin(kKeys));
  if (code > 0 && code < 0x110000) return code;
  return std::nullopt;
}

/// SDL finds a driver for screens that nobody sees even where there is no display.
bool has_display() {
  return std::any_of(std::begin(kDisplays), std::end(kDisplays), [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  });
}

}  // namespace

struct GuestWindow::State {
  std::string title;
  std::unique_ptr<Video> video;
  Owned<SDL_Window> window;
  Owned<SDL_Renderer> renderer;
  Owned<SDL_Texture> texture;
  pixelfs::Image picture;  ///< the last one, to draw again
  std::set<std::int64_t> down;
  std::deque<std::int64_t> pressed;
  bool closed = false;
  Clock::time_point polled{};

  Result<void> make_window();
  Result<void> make_texture();
  void draw();
  void take(const SDL_Event& event);
  [[nodiscard]] SDL_Rect target() const;
};

namespace {

/// How often the picture fits into the display, in whole pixels.
int fitting_scale(const pixelfs::Image& picture) {
  SDL_Rect area{};
  if (SDL_GetDisplayUsableBounds(0, &area) != 0) return 1;
  return std::clamp(
      std::min(area.w / static_cast<int>(picture.width), area.h / static_cast<int>(picture.height)),
      1, 16);
}

}  // namespace

Result<void> GuestWindow::State::make_window() {
  const int scale =
      std::min(fitting_scale(picture), std::max(1, 960 / static_cast<int>(picture.width)));
  window.reset(SDL_CreateWindow(title.c_str(), SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                static_cast<int>(picture.width) * scale,
                                static_cast<int>(picture.height) * scale, SDL_WINDOW_RESIZABLE));
  if (!window) return fail(Errc::kIo, "window: {}", SDL_GetError());
  renderer.reset(SDL_CreateRenderer(window.get(), -1, SDL_RENDERER_SOFTWARE));
  if (!renderer) return fail(Errc::kIo, "window: {}", SDL_GetError());
  return {};
}

Result<void> GuestWindow::State::make_texture() {
  int width = 0;
  int height = 0;
  if (texture) SDL_QueryTexture(texture.get(), nullptr, nullptr, &width, &height);
  const bool fits =
      width == static_cast<int>(picture.width) && height == static_cast<int>(picture.height);
  if (texture && fits) return {};
  const Uint32 format = picture.channels == 4 ? SDL_PIXELFORMAT_RGBA32 : SDL_PIXELFORMAT_RGB24;
  texture.reset(SDL_CreateTexture(renderer.get(), format, SDL_TEXTUREACCESS_STREAMING,
                                  static_cast<int>(picture.width),
                                  static_cast<int>(picture.height)));
  if (!texture) return fail(Errc::kIo, "window: {}", SDL_GetError());
  return {};
}

/// Where the picture is in the window: in the middle, whole pixels when it fits at all.
SDL_Rect GuestWindow::State::target() const {
  int width = 0;
  int height = 0;
  SDL_GetRendererOutputSize(renderer.get(), &width, &height);
  const auto w = static_cast<int>(picture.width);
  const auto h = static_cast<int>(picture.height);
  const int scale = std::max(1, std::min(width / w, height / h));
  return {(width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale};
}

void GuestWindow::State::draw() {
  if (!texture) return;
  SDL_UpdateTexture(texture.get(), nullptr, picture.pixels.data(),
                    static_cast<int>(picture.width * picture.channels));
  const SDL_Rect where = target();
  SDL_SetRenderDrawColor(renderer.get(), 0, 0, 0, 255);
  SDL_RenderClear(renderer.get());
  SDL_RenderCopy(renderer.get(), texture.get(), nullptr, &where);
  SDL_RenderPresent(renderer.get());
}

void GuestWindow::State::take(const SDL_Event& event) {
  const bool resized =
      event.type == SDL_WINDOWEVENT && (event.window.event == SDL_WINDOWEVENT_SIZE_CHANGED ||
                                        event.window.event == SDL_WINDOWEVENT_EXPOSED);
  const bool left =
      event.type == SDL_WINDOWEVENT && event.window.event == SDL_WINDOWEVENT_FOCUS_LOST;
  if (event.type == SDL_QUIT) closed = true;
  if (resized) draw();
  if (left) down.clear();  // whoever is elsewhere lets keys go unseen
  if (event.type != SDL_KEYDOWN && event.type != SDL_KEYUP) return;
  const auto key = key_number(event.key.keysym.sym);
  if (!key) return;
  if (event.type == SDL_KEYUP) {
    down.erase(*key);
    return;
  }
  down.insert(*key);
  if (event.key.repeat == 0 && pressed.size() < kMaxWaitingKeys) pressed.push_back(*key);
}

GuestWindow::GuestWindow(std::unique_ptr<State> state) : state_(std::move(state)) {}
GuestWindow::~GuestWindow() = default;

Result<std::unique_ptr<GuestWindow>> GuestWindow::open(const std::string& title) {
  if (!has_display()) return fail(Errc::kIo, "window: there is no display");
  SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "nearest");
  SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
  SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
  if (SDL_InitSubSystem(SDL_INIT_VIDEO) != 0) return fail(Errc::kIo, "window: {}", SDL_GetError());
  auto state = std::make_unique<State>();
  state->title = title;
  state->video = std::make_unique<Video>();
  return std::unique_ptr<GuestWindow>(new GuestWindow(std::move(state)));
}

Result<void> GuestWindow::show(const pixelfs::Image& picture) {
  if (picture.width == 0 || picture.height == 0) return {};
  state_->picture = picture;
  if (!state_->window) PX_CHECK(state_->make_window());
  PX_CHECK(state_->make_texture());
  state_->draw();
  poll();
  return {};
}

void GuestWindow::poll() {
  const auto now = Clock::now();
  if (now - state_->polled < std::chrono::milliseconds(1)) return;
  state_->polled = now;
  SDL_Event event;
  while (SDL_PollEvent(&event) == 1) state_->take(event);
}

bool GuestWindow::is_closed() const {
  return state_->closed;
}

bool GuestWindow::is_down(std::int64_t key) {
  poll();
  return state_->down.contains(key);
}

std::int64_t GuestWindow::next_key() {
  poll();
  if (state_->pressed.empty()) return -1;
  const std::int64_t key = state_->pressed.front();
  state_->pressed.pop_front();
  return key;
}

hypervisor::HostPorts::Mouse GuestWindow::mouse() {
  poll();
  hypervisor::HostPorts::Mouse out;
  if (!state_->window) return out;
  int x = 0;
  int y = 0;
  const Uint32 buttons = SDL_GetMouseState(&x, &y);
  const SDL_Rect where = state_->target();
  const SDL_Point point{x, y};
  if (SDL_PointInRect(&point, &where) == SDL_TRUE) {
    out.x = (x - where.x) * static_cast<int>(state_->picture.width) / where.w;
    out.y = (y - where.y) * static_cast<int>(state_->picture.height) / where.h;
  }
  out.buttons = ((buttons & SDL_BUTTON_LMASK) != 0 ? 1 : 0) |
                ((buttons & SDL_BUTTON_RMASK) != 0 ? 2 : 0) |
                ((buttons & SDL_BUTTON_MMASK) != 0 ? 4 : 0);
  return out;
}

}  // namespace pxos::shell
