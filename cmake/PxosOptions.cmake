# Build options and the one interface target that carries every compiler flag.
option(PXOS_WERROR "Treat warnings as errors" OFF)
option(PXOS_TESTS "Build the tests" ON)
option(PXOS_FUZZ "Build libFuzzer targets (clang only); otherwise they are corpus replayers" OFF)
set(PXOS_SANITIZE "" CACHE STRING "Comma-separated sanitizers, e.g. address,undefined")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(PXOS_CCACHE ccache)
if(PXOS_CCACHE)
  # Without these two ccache declines every source that uses a precompiled header (tests/CMakeLists.txt).
  set(PXOS_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${PXOS_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${PXOS_LAUNCHER}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${PXOS_LAUNCHER}")
endif()

add_library(pxos_build_flags INTERFACE)
add_library(pxos::build_flags ALIAS pxos_build_flags)
# -ffp-contract=off: an FMA is written as one or it does not happen (docs/spec/determinism.md).
target_compile_options(pxos_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast> -ffp-contract=off -fno-math-errno)
target_include_directories(pxos_build_flags INTERFACE "${PROJECT_SOURCE_DIR}")
# g++ 12 reports `"literal" + std::string` as an overlapping copy (GCC bug 105329): no finding of ours.
target_compile_options(pxos_build_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# clang counts PX_ASSERT(!"reason") among the conversions.
target_compile_options(pxos_build_flags INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-string-conversion>)
if(PXOS_WERROR)
  target_compile_options(pxos_build_flags INTERFACE -Werror)
endif()
if(PXOS_TESTS)
  target_compile_definitions(pxos_build_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(PXOS_SANITIZE)
  target_compile_options(pxos_build_flags INTERFACE
    -fsanitize=${PXOS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # The sanitizers' own code hides from GCC what it follows flow by: these warnings see ghosts then. They stay
  # warnings here and errors in the other presets.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(pxos_build_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-error=stringop-overflow
      -Wno-error=stringop-overread -Wno-error=array-bounds -Wno-error=maybe-uninitialized -Wno-error=restrict
      -Wno-error=null-dereference -Wno-error=free-nonheap-object>)
  endif()
  target_link_options(pxos_build_flags INTERFACE -fsanitize=${PXOS_SANITIZE})
  # g++ 12 takes the sanitizers' own checks for reads of uninitialized variants (GCC bug 105562).
  target_compile_options(pxos_build_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(PXOS_FUZZ)
  # Every library is instrumented; only the fuzz targets link libFuzzer's main (cmake/PxosFuzz.cmake).
  target_compile_options(pxos_build_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(pxos_build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
