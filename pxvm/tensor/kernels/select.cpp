#include "pxvm/tensor/kernels/select.hpp"

#include <cstdlib>
#include <string>

#include <cpuid.h>

namespace pxos::tensor {

extern const KernelTable kScalarKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

namespace {

// __builtin_cpu_supports reads CPUID and, for vector features, XGETBV: it is false where the
// operating system does not save the wide registers.
bool has_avx2() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;  // f16c is not among the names clang 14 knows
  const bool f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
  return f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

std::vector<const KernelTable*> available_kernels() {
  __builtin_cpu_init();
  std::vector<const KernelTable*> sets = {&kScalarKernels};
  if (has_avx2()) sets.push_back(&kAvx2Kernels);
  if (has_avx512()) sets.push_back(&kAvx512Kernels);
  return sets;
}

Result<const KernelTable*> select_kernels(std::string_view name) {
  const std::vector<const KernelTable*> sets = available_kernels();
  if (name.empty()) return sets.back();
  std::string names;
  for (const KernelTable* set : sets) {
    if (name == set->name) return set;
    if (!names.empty()) names += ", ";
    names += set->name;
  }
  return fail(Errc::kUnsupported, "kernel set '{}': this processor has {}", name, names);
}

Result<const KernelTable*> select_kernels_from_environment() {
  const char* name = std::getenv("PXOS_KERNELS");
  auto selected = select_kernels(name == nullptr ? "" : name);
  if (!selected) return in_context("PXOS_KERNELS", selected.error());
  return selected;
}

}  // namespace pxos::tensor
