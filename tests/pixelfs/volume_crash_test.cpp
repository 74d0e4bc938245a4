// Writers that are killed: forked processes and a real file system. Afterwards the name has its old
// volume or the new one, whole, and nothing else is left once the store is opened again.

#include "pixelfs/file_store.hpp"
#include "tests/pixelfs/volume_fixture.hpp"
#include "tests/support/temp_folder.hpp"

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using namespace pxos;
using pixelfs::FileStore;
using test::StoredFile;

namespace {

namespace fs = std::filesystem;

/// Large enough for several writes to the blob.
std::vector<StoredFile> generation(std::uint64_t number) {
  return {{"noise", test::random_bytes(2'500'000, number)},
          {"prose", test::prose(50'000 + number)},
          {"number", {static_cast<std::uint8_t>(number)}}};
}

bool write_generation(pixelfs::BlobStore& store, const std::vector<StoredFile>& files) {
  pixelfs::VolumeWrite options;
  options.line_bytes = 12'288;
  return pixelfs::write_volume(test::inputs_of(files), store, "v", options).has_value();
}

/// Dies at the n-th call of a writer, before or after the call is done.
class DeadlyStore final : public pixelfs::BlobStore {
 public:
  DeadlyStore(pixelfs::BlobStore& disk, int calls) : disk_(disk), calls_(calls) {}
  Result<std::unique_ptr<pixelfs::BlobReader>> open(std::string_view name) override {
    return disk_.open(name);
  }
  Result<std::unique_ptr<pixelfs::BlobWriter>> create(std::string_view name) override {
    PX_TRY(auto inner, disk_.create(name));
    return std::make_unique<Writer>(*this, std::move(inner));
  }
  Result<void> remove(std::string_view name) override { return disk_.remove(name); }
  Result<std::vector<pixelfs::BlobInfo>> list() override { return disk_.list(); }

 private:
  class Writer final : public pixelfs::BlobWriter {
   public:
    Writer(DeadlyStore& store, std::unique_ptr<pixelfs::BlobWriter> inner)
        : store_(store), inner_(std::move(inner)) {}
    Result<void> write(Bytes bytes) override {
      store_.count();
      PX_CHECK(inner_->write(bytes.first(bytes.size() / 3)));
      store_.count();
      return inner_->write(bytes.subspan(bytes.size() / 3));
    }
    Result<void> rewrite(std::uint64_t offset, Bytes bytes) override {
      store_.count();
      PX_CHECK(inner_->rewrite(offset, bytes.first(bytes.size() / 2)));
      store_.count();
      return inner_->rewrite(offset, bytes);
    }
    Result<void> publish() override {
      store_.count();
      auto published = inner_->publish();
      store_.count();
      return published;
    }

   private:
    DeadlyStore& store_;
    std::unique_ptr<pixelfs::BlobWriter> inner_;
  };

  void count() {
    if (calls_-- == 0) ::kill(::getpid(), SIGKILL);
  }

  pixelfs::BlobStore& disk_;
  int calls_;
};

/// Runs `work` in a process of its own, which ends with 0 when it returns true. The child touches
/// nothing of the test framework.
::pid_t in_child(const std::function<bool()>& work) {
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(work() ? 0 : 1);
  return child;
}

/// True when the child was killed; it never fails by itself.
bool was_killed(::pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE((WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
  return WIFSIGNALED(status);
}

/// Opens the store as the next process would, and says whether the volume is the new one.
bool is_new(const fs::path& folder, const std::vector<StoredFile>& before,
            const std::vector<StoredFile>& after) {
  const auto store = FileStore::open_folder(folder);
  REQUIRE(store);
  REQUIRE(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1);
  const auto volume = pixelfs::Volume::open(*(*store)->open("v"));
  REQUIRE(volume);
  const auto report = volume->verify();
  REQUIRE(report);
  REQUIRE(report->damage.empty());
  const bool newer = test::content_of(*volume, "number") == after[2].content;
  for (const StoredFile& file : newer ? after : before) {
    REQUIRE(test::content_of(*volume, file.name) == file.content);
  }
  return newer;
}

}  // namespace

TEST_CASE("kill -9 at 200 random moments of a write leaves the old or the new volume",
          "[pixelfs][slow]") {
  const test::TempFolder folder;
  const auto store = FileStore::open_folder(folder.path());
  std::vector<StoredFile> before = generation(0);
  REQUIRE(write_generation(**store, before));
  // The wait adapts to how long a write takes here and now, so that most writers die in the middle.
  std::chrono::duration<double> longest(0.01);
  CounterRng rng(1);
  int killed = 0;
  for (std::uint64_t number = 1; killed < 200; ++number) {
    REQUIRE(number < 4000);
    const std::vector<StoredFile> after = generation(number);
    const ::pid_t child = in_child([&] { return write_generation(**store, after); });
    std::this_thread::sleep_for(longest * rng.next_unit_f64());
    ::kill(child, SIGKILL);
    const bool died = was_killed(child);
    killed += died ? 1 : 0;
    longest *= died ? 1.02 : 0.95;
    if (is_new(folder.path(), before, after)) before = after;
  }
}

TEST_CASE("kill -9 at every step of a write leaves the old or the new volume", "[pixelfs][slow]") {
  const std::vector<StoredFile> before = generation(1);
  const std::vector<StoredFile> after = generation(2);
  bool killed = true;
  bool published = false;
  int steps = 0;
  for (; killed; ++steps) {
    const test::TempFolder folder;
    const auto store = FileStore::open_folder(folder.path());
    REQUIRE(write_generation(**store, before));
    DeadlyStore deadly(**store, steps);
    killed = was_killed(in_child([&] { return write_generation(deadly, after); }));
    const bool newer = is_new(folder.path(), before, after);
    CHECK(newer >= published);  // once published, always published
    published = newer;
  }
  CHECK(published);
  CHECK(steps > 8);
}
