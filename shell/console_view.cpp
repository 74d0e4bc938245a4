#include "shell/console_view.hpp"

#include "shell/canvas.hpp"

#include <algorithm>
#include <deque>

namespace pxos::shell {
namespace {

namespace font = pixelfs::font;

constexpr std::int64_t kRowPitch = 18;  // a glyph and two pixels of air
constexpr std::int64_t kMarginX = 16;
constexpr std::int64_t kMarginTop = 12;
constexpr std::int64_t kBarHeight = 24;
constexpr std::int64_t kPictureGap = 6;
constexpr Size kPictureLimit{896, 288};

/// Where things stand in a frame of some size.
struct Geometry {
  explicit Geometry(Size size)
      : columns(static_cast<std::size_t>(
            std::max<std::int64_t>((size.width - 2 * kMarginX) / font::kGlyphWidth, 1))),
        top(kMarginTop),
        bottom(std::int64_t{size.height} - kBarHeight - 6),
        rows(static_cast<std::size_t>(std::max<std::int64_t>((bottom - top) / kRowPitch, 1))) {}
  std::size_t columns;
  std::int64_t top, bottom;
  std::size_t rows;
};

/// A row of text, or a picture that is as high as some rows.
struct Element {
  Row cells;
  std::shared_ptr<const pixelfs::Image> picture;
  Size picture_size;
  std::size_t rows = 1;
  std::optional<std::size_t> cursor;  ///< cell of the cursor
};

bool takes_no_cell(char32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF;
}

void append_cells(Row& row, std::string_view utf8, Style style) {
  while (!utf8.empty()) {
    const char32_t c = font::next_code_point(utf8);
    if (!takes_no_cell(c)) row.push_back({c, style});
  }
}

Element picture_element(const Line& line, const Geometry& geometry) {
  Element element;
  element.picture = line.picture;
  const auto width = static_cast<std::uint32_t>(geometry.columns * font::kGlyphWidth);
  const auto room = static_cast<std::uint32_t>(geometry.rows * kRowPitch);
  const Size limit{std::min(kPictureLimit.width, width), std::min(kPictureLimit.height, room)};
  element.picture_size = fit(*line.picture, limit);
  element.rows = static_cast<std::size_t>(
      (element.picture_size.height + 2 * kPictureGap + kRowPitch - 1) / kRowPitch);
  return element;
}

/// The input line wrapped hard, so that the cursor's place is its index.
void push_input(std::deque<Element>& elements, const InputLine& input, const Geometry& geometry) {
  Row cells;
  append_cells(cells, input.prompt, Style::kAccent);
  append_cells(cells, std::string_view(input.text).substr(0, input.cursor), Style::kUser);
  const std::size_t cursor = cells.size();
  append_cells(cells, std::string_view(input.text).substr(input.cursor), Style::kUser);
  append_cells(cells, input.hint, Style::kDim);
  if (cells.size() <= cursor) cells.push_back({});
  for (std::size_t begin = 0; begin < cells.size(); begin += geometry.columns) {
    const std::size_t end = std::min(begin + geometry.columns, cells.size());
    Element element;
    element.cells.assign(cells.begin() + static_cast<std::ptrdiff_t>(begin),
                         cells.begin() + static_cast<std::ptrdiff_t>(end));
    if (cursor >= begin && cursor < end) element.cursor = cursor - begin;
    elements.push_back(std::move(element));
  }
}

struct Laid {
  std::deque<Element> elements;  ///< top to bottom
  std::size_t rows = 0;
};

/// Lays out from the end until view and scroll are filled.
Laid lay_out(const Transcript& transcript, const ConsoleState& state, const Geometry& geometry) {
  Laid laid;
  if (state.input.visible) {
    laid.elements.emplace_back();  // air between what was said and the prompt
    push_input(laid.elements, state.input, geometry);
  }
  laid.rows = laid.elements.size();
  const std::size_t wanted = geometry.rows + std::min<std::size_t>(state.scroll_rows, 1U << 20U);
  transcript.visit_backwards([&](const Line& line) {
    if (line.picture) {
      laid.elements.push_front(picture_element(line, geometry));
      laid.rows += laid.elements.front().rows;
      return laid.rows < wanted;
    }
    std::vector<Row> rows = wrap(line.spans, geometry.columns);
    laid.rows += rows.size();
    for (auto row = rows.rbegin(); row != rows.rend(); ++row)
      laid.elements.push_front({std::move(*row), nullptr, {}, 1, std::nullopt});
    return laid.rows < wanted;
  });
  return laid;
}

void draw_cells(pixelfs::Image& image, std::int64_t y, const Element& element, bool cursor_on,
                const Theme& theme) {
  for (std::size_t i = 0; i < element.cells.size(); ++i) {
    const std::int64_t x = kMarginX + static_cast<std::int64_t>(i) * font::kGlyphWidth;
    Rgb colour = theme.colour(element.cells[i].style);
    if (element.cursor == i && cursor_on) {
      fill(image, {x, y - 1, font::kGlyphWidth, kRowPitch}, theme.cursor);
      colour = theme.cursor_text;
    }
    if (element.cells[i].code_point != U' ')
      draw_glyph(image, x, y, element.cells[i].code_point, colour);
  }
}

std::int64_t text_width(std::string_view utf8) {
  std::int64_t cells = 0;
  for (; !utf8.empty(); ++cells) font::next_code_point(utf8);
  return cells * font::kGlyphWidth;
}

void draw_status(pixelfs::Image& image, const StatusBar& status, const Theme& theme) {
  const std::int64_t width = image.width;
  const std::int64_t y = std::int64_t{image.height} - kBarHeight;
  fill(image, {0, y, width, kBarHeight}, theme.bar);
  const std::int64_t text_y = y + 4;
  const Rgb lamp = theme.colour(status.busy ? Style::kUser : Style::kGood);
  fill(image, {kMarginX, y + 8, 8, 8}, lamp);
  const std::int64_t left_end =
      draw_line(image, kMarginX + 16, text_y, status.left, theme.colour(Style::kText));
  const std::int64_t right_begin = width - kMarginX - text_width(status.right);
  if (right_begin > left_end + 16)
    draw_line(image, right_begin, text_y, status.right, theme.colour(Style::kDim));
  const std::int64_t middle_width = text_width(status.middle);
  const std::int64_t middle = std::max((width - middle_width) / 2, left_end + 16);
  if (middle + middle_width + 16 < right_begin)
    draw_line(image, middle, text_y, status.middle, theme.colour(Style::kAccent));
}

}  // namespace

std::vector<Row> wrap(const std::vector<Span>& spans, std::size_t columns) {
  Row all;
  for (const Span& span : spans) append_cells(all, span.text, span.style);
  std::vector<Row> rows;
  std::size_t begin = 0;
  while (all.size() - begin > columns) {
    // The last space that leaves a full word on this row; none: the word is cut.
    std::size_t end = begin + columns;
    while (end > begin && all[end].code_point != U' ') --end;
    const bool cut = end == begin;
    if (cut) end = begin + columns;
    rows.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(begin),
                      all.begin() + static_cast<std::ptrdiff_t>(end));
    begin = cut ? end : end + 1;
  }
  rows.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(begin), all.end());
  return rows;
}

ConsoleFrame draw_console(const Transcript& transcript, const ConsoleState& state, Size size,
                          const Theme& theme) {
  const Geometry geometry(size);
  const Laid laid = lay_out(transcript, state, geometry);
  ConsoleFrame frame{make_frame(size, theme.background), 0, geometry.rows};
  const std::size_t above = laid.rows > geometry.rows ? laid.rows - geometry.rows : 0;
  frame.scroll_rows = std::min(state.scroll_rows, above);
  // Rows [skip, skip + view_rows) are visible.
  const auto skip = static_cast<std::int64_t>(above - frame.scroll_rows);
  std::int64_t y = geometry.top - skip * kRowPitch;
  for (const Element& element : laid.elements) {
    const std::int64_t height = static_cast<std::int64_t>(element.rows) * kRowPitch;
    const bool visible = element.picture ? y + height > 0 : y >= geometry.top;
    if (visible && y < geometry.bottom) {
      if (element.picture) {
        draw_picture(
            frame.image,
            {kMarginX, y + kPictureGap, element.picture_size.width, element.picture_size.height},
            *element.picture);
      } else {
        draw_cells(frame.image, y, element, state.cursor_on, theme);
      }
    }
    y += height;
  }
  draw_status(frame.image, state.status, theme);
  return frame;
}

}  // namespace pxos::shell
