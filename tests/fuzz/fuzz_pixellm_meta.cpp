// meta.json of a Pixel-LLM v0 picture, and the protocol's pictures.

#include "cartridges/pixellm/model_v0.hpp"
#include "cartridges/pixellm/sequence.hpp"
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
  const std::uint32_t height = size > 0 ? 1 + data[0] % 4 : 1;
  const std::uint32_t columns = width / height;
  const pxos::pixelfs::ImageView rows(columns, height, 3,
                                      input.first(std::size_t{columns} * height * 3));
  static_cast<void>(pixellm::decode_output(rows));
  if (const auto sequence = pixellm::decode_sequence(rows))
    static_cast<void>(pixellm::encode_sequence(*sequence));
  for (const auto version : {pixellm::ProtocolVersion::kV1, pixellm::ProtocolVersion::kV2})
    static_cast<void>(pixellm::decode_beams(rows, version));
  return 0;
}
