#include "shell/transcript.hpp"

#include "pixelfs/font.hpp"

namespace pxos::shell {
namespace {

constexpr std::size_t kTabColumns = 8;

std::size_t columns_of(const Line& line) {
  std::size_t columns = 0;
  for (const Span& span : line.spans) {
    for (const char c : span.text)
      columns += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
  }
  return columns;
}

std::size_t bytes_of(const Line& line) {
  std::size_t bytes = 0;
  for (const Span& span : line.spans) bytes += span.text.size();
  return bytes;
}

/// Adds one code point as it is to be seen: tabs as spaces, what is not text as U+FFFD.
void append_visible(Line& line, char32_t code_point, std::string_view bytes, Style style) {
  if (line.spans.empty() || line.spans.back().style != style) line.spans.push_back({{}, style});
  std::string& text = line.spans.back().text;
  const bool control = code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
  if (code_point == U'\t') {
    text.append(kTabColumns - columns_of(line) % kTabColumns, ' ');
  } else if (control || code_point == 0xFFFD) {
    text += "\xEF\xBF\xBD";
  } else {
    text += bytes;
  }
}

}  // namespace

struct Transcript::Block {
  std::deque<Line> lines;
  bool open = false;     ///< the last line is not ended yet
  bool removed = false;  ///< cleared or scrolled out: what is written now is dropped
};

class Transcript::Writer final : public Output {
 public:
  Writer(Transcript& transcript, std::shared_ptr<Block> block)
      : transcript_(transcript), block_(std::move(block)) {}

  void text(std::string_view utf8, Style style) override {
    change([&] { transcript_.append(*block_, utf8, style); });
  }

  void picture(const pixelfs::Image& image, std::string_view caption) override {
    auto copy = std::make_shared<const pixelfs::Image>(image);
    change([&] {
      block_->open = false;
      block_->lines.push_back({{}, std::move(copy)});
      ++transcript_.lines_;
      if (!caption.empty()) transcript_.append(*block_, std::string(caption) + "\n", Style::kDim);
    });
  }

  void note(std::string_view line) override {
    change([&] {
      const bool begin = block_->open && !block_->lines.back().spans.empty();
      transcript_.append(*block_, (begin ? "\n" : "") + std::string(line) + "\n", Style::kDim);
    });
  }

  void activity(std::string_view line) override {
    change([&] { transcript_.activity_ = line; });
  }

 private:
  template <class Change>
  void change(Change apply) {
    {
      const std::scoped_lock lock(transcript_.mutex_);
      apply();
      transcript_.trim();
    }
    if (transcript_.changed_) transcript_.changed_();
  }

  Transcript& transcript_;
  std::shared_ptr<Block> block_;
};

Transcript::Transcript(std::function<void()> changed) : changed_(std::move(changed)) {}
Transcript::~Transcript() = default;

std::unique_ptr<Output> Transcript::begin_block() {
  const std::scoped_lock lock(mutex_);
  blocks_.push_back(std::make_shared<Block>());
  return std::make_unique<Writer>(*this, blocks_.back());
}

void Transcript::clear() {
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& block : blocks_) block->removed = true;
    blocks_.clear();
    lines_ = 0;
  }
  if (changed_) changed_();
}

Line& Transcript::open_line(Block& block) {
  if (!block.open || bytes_of(block.lines.back()) > kMaxLineBytes) {
    block.lines.emplace_back();
    ++lines_;
    block.open = true;
  }
  return block.lines.back();
}

void Transcript::append(Block& block, std::string_view utf8, Style style) {
  if (block.removed) return;
  while (!utf8.empty()) {
    const std::string_view before = utf8;
    const char32_t code_point = pixelfs::font::next_code_point(utf8);
    const std::string_view bytes = before.substr(0, before.size() - utf8.size());
    if (code_point == U'\n') {
      open_line(block);  // an empty line is a line
      block.open = false;
    } else if (code_point != U'\r') {
      append_visible(open_line(block), code_point, bytes, style);
    }
  }
}

void Transcript::trim() {
  while (lines_ > kMaxLines && !blocks_.empty()) {
    Block& oldest = *blocks_.front();
    if (oldest.lines.size() > 1 || (blocks_.size() == 1 && !oldest.lines.empty())) {
      oldest.lines.pop_front();
      --lines_;
      continue;
    }
    lines_ -= oldest.lines.size();
    oldest.removed = true;
    blocks_.pop_front();
  }
}

void Transcript::visit_backwards(const std::function<bool(const Line&)>& visit) const {
  const std::scoped_lock lock(mutex_);
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
    const auto& lines = (*block)->lines;
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
      if (!visit(*line)) return;
    }
  }
}

std::string Transcript::text() const {
  const std::scoped_lock lock(mutex_);
  std::string all;
  for (const auto& block : blocks_) {
    for (const Line& line : block->lines) {
      for (const Span& span : line.spans) all += span.text;
      all += line.picture ? "[picture]\n" : "\n";
    }
  }
  return all;
}

std::string Transcript::activity() const {
  const std::scoped_lock lock(mutex_);
  return activity_;
}

}  // namespace pxos::shell
