#include "hypervisor/trust.hpp"

#include "pxvm/base/file.hpp"

#include <fstream>

#include <fmt/format.h>

namespace pxos::hypervisor {
namespace {

constexpr std::uint64_t kMaxStoreBytes = std::uint64_t{16} << 20U;

std::string record_line(const cartridges::Cartridge& cartridge, const FileIdentity& identity) {
  return fmt::format("{} {} {} {} {}\n", identity.device, identity.inode, identity.size_bytes,
                     identity.mtime_ns, to_hex(cartridge.manifest_digest()));
}

}  // namespace

bool TrustStore::knows(const cartridges::Cartridge& cartridge) const {
  const auto identity = cartridge.identity();
  if (file_.empty() || !identity) return false;
  const auto content = read_file(file_, kMaxStoreBytes);
  return content &&
         as_text(*content).find(record_line(cartridge, *identity)) != std::string_view::npos;
}

void TrustStore::record(const cartridges::Cartridge& cartridge) const {
  const auto identity = cartridge.identity();
  if (file_.empty() || !identity) return;
  std::error_code ignored;
  std::filesystem::create_directories(file_.parent_path(), ignored);
  std::ofstream(file_, std::ios::app) << record_line(cartridge, *identity);
}

Result<void> verify_contents(const cartridges::Cartridge& cartridge,
                             const pixelfs::WeightSet& weights) {
  PX_CHECK(cartridge.verify());
  return weights.verify();
}

}  // namespace pxos::hypervisor
