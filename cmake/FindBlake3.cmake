# Debian has no BLAKE3 C library, but librust-blake3-dev installs the reference C sources: compile those.
file(GLOB Blake3_ROOTS "/usr/share/cargo/registry/blake3-*/c")
find_path(Blake3_SOURCE_DIR blake3.c PATHS ${Blake3_ROOTS} NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Blake3 REQUIRED_VARS Blake3_SOURCE_DIR)
if(Blake3_FOUND AND NOT TARGET Blake3::Blake3)
  set(_b3 "${Blake3_SOURCE_DIR}")
  add_library(pxos_blake3 STATIC
    "${_b3}/blake3.c" "${_b3}/blake3_dispatch.c" "${_b3}/blake3_portable.c"
    "${_b3}/blake3_sse2_x86-64_unix.S" "${_b3}/blake3_sse41_x86-64_unix.S"
    "${_b3}/blake3_avx2_x86-64_unix.S" "${_b3}/blake3_avx512_x86-64_unix.S")
  target_include_directories(pxos_blake3 SYSTEM PUBLIC "${_b3}")
  add_library(Blake3::Blake3 ALIAS pxos_blake3)
endif()
