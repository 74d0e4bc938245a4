#include "shell/verbs/scratch_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace pxos::shell {

Result<ScratchFolder> ScratchFolder::create(const std::filesystem::path& parent) {
  std::error_code error;
  const std::filesystem::path folder =
      parent.empty() ? std::filesystem::temp_directory_path(error) : parent;
  if (error) return fail(Errc::kIo, "no folder for temporary files: {}", error.message());
  std::string name = (folder / ".pxos-scratch-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return fail(Errc::kIo, "{}: {}", name, std::strerror(errno));
  ScratchFolder out;
  out.path_ = name;
  return out;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace pxos::shell
