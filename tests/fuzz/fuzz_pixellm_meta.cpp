// meta.json of a Pixel-LLM v0 picture, and the protocol's pictures.

#include "cartridges/pixellm/model_v0.hpp"
#include "cartridges/pixellm/protocol.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace pixellm = pxos::cartridges::pixellm;
  const pxos::Bytes input(data, size);
  const auto meta = pixellm::parse_meta(input);
  if (meta && meta->image_width > 0 && meta->image_height > 0) {
    const pxos::ByteVector pixel(3);
    static_cast<void>(pixellm::decode({1, 1, 3, pixel}, *meta));
  }
  const auto width = static_cast<std::uint32_t>(size / 3);
  const pxos::pixelfs::ImageView row(width, 1, 3, input.first(std::size_t{width} * 3));
  static_cast<void>(pixellm::decode_input(row, 1024));
  static_cast<void>(pixellm::decode_output(row));
  return 0;
}
