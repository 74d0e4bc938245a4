#include "shell/terminal_output.hpp"

#include "shell/canvas.hpp"
#include "shell/print.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace pxos::shell {
namespace {

constexpr std::uint32_t kMostPictureRows = 24;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

}  // namespace

std::string printable(std::string_view utf8) {
  std::string out;
  while (!utf8.empty()) {
    const std::string_view before = utf8;
    const char32_t c = pixelfs::font::next_code_point(utf8);
    const bool control = (c < 0x20 && c != U'\n' && c != U'\t') || (c >= 0x7F && c < 0xA0);
    const bool shown = !control && c != 0xFFFD;
    out += shown ? before.substr(0, before.size() - utf8.size()) : kReplacement;
  }
  return out;
}

Colours colours_for(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  const char* no_colour = std::getenv("NO_COLOR");
  const bool refused = no_colour != nullptr && *no_colour != '\0';
  return isatty(fileno(stream)) == 1 && !dumb && !refused ? Colours::kOn : Colours::kOff;
}

std::size_t terminal_columns(std::FILE* stream) {
  winsize size{};
  const bool known = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

void TerminalOutput::coloured(std::FILE* stream, std::string_view text, Style style) {
  const std::string shown = printable(text);
  if (colours_ == Colours::kOff || style == Style::kText) {
    print_to(stream, "{}", shown);
  } else {
    const Rgb rgb = Theme{}.colour(style);
    print_to(stream, "\x1b[38;2;{};{};{}m{}\x1b[0m", rgb[0], rgb[1], rgb[2], shown);
  }
  std::fflush(stream);
}

void TerminalOutput::text(std::string_view utf8, Style style) {
  if (utf8.empty()) return;
  if (style == Style::kError) return note_styled(utf8, style);
  coloured(results_, utf8, style);
  line_open_ = utf8.back() != '\n';
}

void TerminalOutput::note(std::string_view line) {
  note_styled(std::string(line) + "\n", Style::kDim);
}

void TerminalOutput::note_styled(std::string_view text, Style style) {
  if (line_open_) print_to(results_, "\n");
  line_open_ = false;
  std::fflush(results_);
  coloured(notes_, text, style);
}

void TerminalOutput::picture(const pixelfs::Image& image, std::string_view caption) {
  if (line_open_) print_to(results_, "\n");
  line_open_ = false;
  if (colours_ == Colours::kOff) {
    print_to(results_, "[picture of {} x {} pixels{}{}]\n", image.width, image.height,
             caption.empty() ? "" : ": ", printable(caption));
    std::fflush(results_);
    return;
  }
  // Two pixels to a cell: the upper half block has one in the foreground, one in the background.
  const auto columns = static_cast<std::uint32_t>(std::min<std::size_t>(columns_, 160));
  const Size size = fit(image, {columns, kMostPictureRows * 2});
  pixelfs::Image small = make_frame({size.width, (size.height + 1) / 2 * 2}, Theme{}.background);
  draw_picture(small, {0, 0, size.width, size.height}, image);
  for (std::uint32_t y = 0; y < small.height; y += 2) {
    for (std::uint32_t x = 0; x < small.width; ++x) {
      const auto* top = small.pixels.data() + (std::size_t{y} * small.width + x) * 3;
      const auto* low = top + std::size_t{small.width} * 3;
      print_to(results_, "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀", top[0], top[1], top[2], low[0],
               low[1], low[2]);
    }
    print_to(results_, "\x1b[0m\n");
  }
  std::fflush(results_);
  if (!caption.empty()) text(std::string(caption) + "\n", Style::kDim);
}

}  // namespace pxos::shell
