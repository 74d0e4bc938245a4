// Feeds a fuzz target without libFuzzer: replay <mutations per seed> <file or folder>...
// Every seed as it is, every prefix of seeds up to kPrefixLimit bytes, then mutations 0..n-1 of
// each. The same inputs on every run; an input that crashes is found again by its printed name and
// mutation number.

#include "pxvm/base/file.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/mutate.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>
#include <vector>

namespace {

constexpr std::size_t kPrefixLimit = 4096;
constexpr std::uint64_t kLargestSeed = std::uint64_t{4} << 20U;

/// Gives the target a heap buffer of exactly this size, so that AddressSanitizer sees overreads.
void feed(pxos::Bytes input) {
  const pxos::ByteVector exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

/// Returns how many inputs were fed.
std::uint64_t replay_seed(pxos::Bytes seed, std::uint64_t mutations) {
  feed(seed);
  std::uint64_t inputs = 1;
  if (seed.size() <= kPrefixLimit) {
    pxos::test::for_each_truncation(seed, feed);
    inputs += seed.size();
  }
  for (std::uint64_t number = 0; number < mutations; ++number) {
    feed(pxos::test::mutate(seed, number));
  }
  return inputs + mutations;
}

std::vector<std::filesystem::path> seeds_of(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return {path};
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.is_regular_file(error)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());  // the folder's order is not defined
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  std::uint64_t mutations = 0;
  const char* const count = argc > 1 ? arguments[1] : "";
  if (std::from_chars(count, count + std::strlen(count), mutations).ec != std::errc() || argc < 3) {
    std::fprintf(stderr, "usage: %s MUTATIONS FILE_OR_FOLDER...\n", arguments[0]);
    return 2;
  }
  std::uint64_t inputs = replay_seed({}, mutations);
  std::uint64_t seeds = 0;
  for (char* const argument : arguments.subspan(2)) {
    for (const std::filesystem::path& path : seeds_of(argument)) {
      const auto seed = pxos::read_file(path, kLargestSeed);
      if (!seed) {
        std::fprintf(stderr, "%s\n", seed.error().message.c_str());
        return 1;
      }
      inputs += replay_seed(*seed, mutations);
      ++seeds;
    }
  }
  std::printf("%llu seeds, %llu inputs survived\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(inputs));
  // A target whose corpus is missing tests next to nothing: that is a failure of the frame.
  return seeds == 0 ? 1 : 0;
}
