// Expected values: the examples of FIPS 180-4 and its companion document.

#include "pxvm/base/sha256.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace pxos;

namespace {

std::string hex(const Sha256& digest) {
  std::string out;
  for (const std::uint8_t byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace

TEST_CASE("SHA-256 of the published examples", "[base]") {
  CHECK(hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(sha256(ByteVector(1'000'000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("SHA-256 in pieces of any size is the same, and digest() does not end the stream",
          "[base]") {
  ByteVector bytes(300);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 31);
  for (const std::size_t piece : {1U, 3U, 63U, 64U, 65U, 128U, 299U}) {
    Sha256Stream stream;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      stream.update(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
      CHECK(stream.digest() == sha256(Bytes(bytes).first(std::min(at + piece, bytes.size()))));
    }
  }
}
