#include "shell/sdl_screen.hpp"

#include "shell/style.hpp"

#include <algorithm>

#include <SDL.h>

namespace pxos::shell {
namespace {

struct WindowDeleter {
  void operator()(SDL_Window* window) const { SDL_DestroyWindow(window); }
};
struct RendererDeleter {
  void operator()(SDL_Renderer* renderer) const { SDL_DestroyRenderer(renderer); }
};
struct TextureDeleter {
  void operator()(SDL_Texture* texture) const { SDL_DestroyTexture(texture); }
};
struct StringDeleter {
  void operator()(char* text) const { SDL_free(text); }
};

/// SDL's video for the life of the object.
class Video {
 public:
  Video() = default;
  ~Video() { SDL_QuitSubSystem(SDL_INIT_VIDEO); }
  Video(const Video&) = delete;
  Video& operator=(const Video&) = delete;
};

std::optional<Key> special_key(SDL_Keycode code) {
  switch (code) {
    case SDLK_RETURN:
    case SDLK_KP_ENTER:
      return Key::kEnter;
    case SDLK_TAB:
      return Key::kTab;
    case SDLK_BACKSPACE:
      return Key::kBackspace;
    case SDLK_DELETE:
      return Key::kDelete;
    case SDLK_LEFT:
      return Key::kLeft;
    case SDLK_RIGHT:
      return Key::kRight;
    case SDLK_UP:
      return Key::kUp;
    case SDLK_DOWN:
      return Key::kDown;
    case SDLK_HOME:
      return Key::kHome;
    case SDLK_END:
      return Key::kEnd;
    case SDLK_PAGEUP:
      return Key::kPageUp;
    case SDLK_PAGEDOWN:
      return Key::kPageDown;
    case SDLK_ESCAPE:
      return Key::kEscape;
    case SDLK_F1:
      return Key::kF1;
    case SDLK_F8:
      return Key::kF8;
    default:
      return std::nullopt;
  }
}

/// The stroke of a key-down event; nullopt for keys that arrive as text or mean nothing here.
std::optional<KeyStroke> key_stroke(const SDL_Keysym& symbol) {
  KeyStroke stroke;
  stroke.ctrl = (symbol.mod & KMOD_CTRL) != 0;
  // The right Alt of many layouts composes characters: those arrive as text.
  stroke.alt = (symbol.mod & KMOD_LALT) != 0;
  stroke.shift = (symbol.mod & KMOD_SHIFT) != 0;
  if (const auto key = special_key(symbol.sym)) {
    stroke.key = *key;
    return stroke;
  }
  const bool letter = symbol.sym >= SDLK_a && symbol.sym <= SDLK_z;
  if (!letter || (!stroke.ctrl && !stroke.alt)) return std::nullopt;
  stroke.letter = static_cast<char>(symbol.sym);
  return stroke;
}

class SdlScreen final : public Screen {
 public:
  static Result<std::unique_ptr<Screen>> open(const SdlScreenOptions& options);
  ~SdlScreen() override = default;

  [[nodiscard]] Size size() const override;
  void present(const pixelfs::Image& frame) override;
  std::optional<Event> next_event(std::chrono::milliseconds timeout) override;
  void wake() override;
  [[nodiscard]] std::string clipboard() const override;

 private:
  SdlScreen() = default;
  [[nodiscard]] std::uint32_t scale() const;
  bool fit_texture(Size size);
  void toggle_full_screen();
  std::optional<Event> translate(const SDL_Event& event);
  std::optional<Event> translate_key(const SDL_KeyboardEvent& event);

  std::unique_ptr<Video> video_;
  std::unique_ptr<SDL_Window, WindowDeleter> window_;
  std::unique_ptr<SDL_Renderer, RendererDeleter> renderer_;
  std::unique_ptr<SDL_Texture, TextureDeleter> texture_;
  Size texture_size_;
  std::uint32_t wanted_scale_ = 0;
  Uint32 wake_event_ = 0;
};

/// The largest whole scale at which the design size fits well into the display's work area.
int initial_scale(std::uint32_t wanted) {
  if (wanted != 0) return static_cast<int>(std::min(wanted, 8U));
  SDL_Rect area{};
  if (SDL_GetDisplayUsableBounds(0, &area) != 0) return 1;
  return std::clamp(std::min(area.w / static_cast<int>(kDesignSize.width),
                             area.h / static_cast<int>(kDesignSize.height)),
                    1, 8);
}

Result<std::unique_ptr<Screen>> SdlScreen::open(const SdlScreenOptions& options) {
  SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "nearest");
  SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
  SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
  SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
  if (SDL_InitSubSystem(SDL_INIT_VIDEO) != 0) return fail(Errc::kIo, "window: {}", SDL_GetError());
  std::unique_ptr<SdlScreen> screen(new SdlScreen());
  screen->video_ = std::make_unique<Video>();
  const int scale = initial_scale(options.scale);
  Uint32 flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI;
  if (options.mode == WindowMode::kFullScreen) flags |= SDL_WINDOW_FULLSCREEN_DESKTOP;
  screen->window_.reset(SDL_CreateWindow("pxOS", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                         static_cast<int>(kDesignSize.width) * scale,
                                         static_cast<int>(kDesignSize.height) * scale, flags));
  if (!screen->window_) return fail(Errc::kIo, "window: {}", SDL_GetError());
  SDL_SetWindowMinimumSize(screen->window_.get(), static_cast<int>(kMinimumSize.width),
                           static_cast<int>(kMinimumSize.height));
  // One blit per changed frame needs no GPU, and loading a driver for it costs more time than
  // everything else until the first frame.
  screen->renderer_.reset(SDL_CreateRenderer(screen->window_.get(), -1, SDL_RENDERER_SOFTWARE));
  if (!screen->renderer_) screen->renderer_.reset(SDL_CreateRenderer(screen->window_.get(), -1, 0));
  if (!screen->renderer_) return fail(Errc::kIo, "window: {}", SDL_GetError());
  screen->wanted_scale_ = options.scale;
  screen->wake_event_ = SDL_RegisterEvents(1);
  SDL_EventState(SDL_DROPFILE, SDL_ENABLE);
  SDL_StartTextInput();
  return std::unique_ptr<Screen>(std::move(screen));
}

std::uint32_t SdlScreen::scale() const {
  if (wanted_scale_ != 0) return std::min(wanted_scale_, 8U);
  int width = 0;
  int height = 0;
  SDL_GetRendererOutputSize(renderer_.get(), &width, &height);
  return static_cast<std::uint32_t>(
      std::clamp(std::min(width / static_cast<int>(kDesignSize.width),
                          height / static_cast<int>(kDesignSize.height)),
                 1, 8));
}

Size SdlScreen::size() const {
  int width = 0;
  int height = 0;
  SDL_GetRendererOutputSize(renderer_.get(), &width, &height);
  const std::uint32_t times = scale();
  return {std::max(static_cast<std::uint32_t>(std::max(width, 1)) / times, kMinimumSize.width),
          std::max(static_cast<std::uint32_t>(std::max(height, 1)) / times, kMinimumSize.height)};
}

bool SdlScreen::fit_texture(Size size) {
  if (texture_ && texture_size_ == size) return true;
  texture_.reset(SDL_CreateTexture(renderer_.get(), SDL_PIXELFORMAT_RGB24,
                                   SDL_TEXTUREACCESS_STREAMING, static_cast<int>(size.width),
                                   static_cast<int>(size.height)));
  texture_size_ = size;
  return texture_ != nullptr;
}

void SdlScreen::present(const pixelfs::Image& frame) {
  // A frame that cannot be shown is not an error of the shell: the next one may be.
  if (!fit_texture({frame.width, frame.height})) return;
  SDL_UpdateTexture(texture_.get(), nullptr, frame.pixels.data(),
                    static_cast<int>(frame.width * frame.channels));
  const auto times = static_cast<int>(scale());
  const SDL_Rect target{0, 0, static_cast<int>(frame.width) * times,
                        static_cast<int>(frame.height) * times};
  const Rgb edge = Theme{}.bar;
  SDL_SetRenderDrawColor(renderer_.get(), edge[0], edge[1], edge[2], 255);
  SDL_RenderClear(renderer_.get());
  SDL_RenderCopy(renderer_.get(), texture_.get(), nullptr, &target);
  SDL_RenderPresent(renderer_.get());
}

std::optional<Event> SdlScreen::next_event(std::chrono::milliseconds timeout) {
  SDL_Event event;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    const int wait = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    const bool got = (wait == 0 ? SDL_PollEvent(&event) : SDL_WaitEventTimeout(&event, wait)) == 1;
    if (!got) return std::nullopt;
    if (auto translated = translate(event)) return translated;
  }
}

std::optional<Event> SdlScreen::translate(const SDL_Event& event) {
  if (event.type == wake_event_) return Event{};
  switch (event.type) {
    case SDL_QUIT:
      return Event{Event::Kind::kClose, {}, {}, 0};
    case SDL_TEXTINPUT:
      return Event{Event::Kind::kText, event.text.text, {}, 0};
    case SDL_KEYDOWN:
      return translate_key(event.key);
    case SDL_MOUSEWHEEL:
      return Event{Event::Kind::kWheel, {}, {}, event.wheel.y};
    case SDL_DROPFILE: {
      const std::unique_ptr<char, StringDeleter> file(event.drop.file);
      return Event{Event::Kind::kFile, file.get(), {}, 0};
    }
    case SDL_WINDOWEVENT:
      if (event.window.event == SDL_WINDOWEVENT_SIZE_CHANGED ||
          event.window.event == SDL_WINDOWEVENT_EXPOSED)
        return Event{Event::Kind::kSize, {}, {}, 0};
      return std::nullopt;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET:
      texture_.reset();
      return Event{Event::Kind::kSize, {}, {}, 0};
    default:
      return std::nullopt;
  }
}

std::optional<Event> SdlScreen::translate_key(const SDL_KeyboardEvent& event) {
  const bool alt_enter = event.keysym.sym == SDLK_RETURN && (event.keysym.mod & KMOD_ALT) != 0;
  if (event.keysym.sym == SDLK_F11 || alt_enter) {
    if (event.repeat == 0) toggle_full_screen();
    return std::nullopt;
  }
  const auto stroke = key_stroke(event.keysym);
  if (!stroke) return std::nullopt;
  return Event{Event::Kind::kKey, {}, *stroke, 0};
}

void SdlScreen::toggle_full_screen() {
  const bool full = (SDL_GetWindowFlags(window_.get()) & SDL_WINDOW_FULLSCREEN_DESKTOP) != 0;
  SDL_SetWindowFullscreen(window_.get(), full ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
}

void SdlScreen::wake() {
  SDL_Event event{};
  event.type = wake_event_;
  SDL_PushEvent(&event);
}

std::string SdlScreen::clipboard() const {
  const std::unique_ptr<char, StringDeleter> text(SDL_GetClipboardText());
  return text ? text.get() : "";
}

}  // namespace

Result<std::unique_ptr<Screen>> open_sdl_screen(const SdlScreenOptions& options) {
  return SdlScreen::open(options);
}

}  // namespace pxos::shell
