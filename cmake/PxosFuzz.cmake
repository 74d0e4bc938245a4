# pxos_fuzz_target(NAME SOURCES ... DEPS ...)
#   makes fuzz_NAME from a file that defines LLVMFuzzerTestOneInput, as part of the target pxos_fuzz_targets.
#   With PXOS_FUZZ (clang): a libFuzzer binary, run by hand or by .ci/run.
#   Otherwise: a replayer that feeds every seed of tests/fuzz/corpus/NAME and PXOS_FUZZ_MUTATIONS
#   deterministic mutations of each; registered with ctest under the label fuzz_smoke.
#   DEPS are the plain target names; a layer that is not built leaves its fuzz targets out.
set(PXOS_FUZZ_MUTATIONS 2000 CACHE STRING "Mutations of each fuzz seed in a ctest run")

function(pxos_fuzz_target NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  foreach(dependency IN LISTS ARG_DEPS)
    if(NOT TARGET ${dependency})
      message(STATUS "fuzz_${NAME} is left out: no target ${dependency}")
      return()
    endif()
  endforeach()
  set(target fuzz_${NAME})
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${NAME}")
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE pxos::build_flags ${ARG_DEPS})
  if(NOT TARGET pxos_fuzz_targets)
    add_custom_target(pxos_fuzz_targets)
  endif()
  add_dependencies(pxos_fuzz_targets ${target})
  if(PXOS_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(${target} PRIVATE replay_main.cpp)
  target_link_libraries(${target} PRIVATE pxos_test_mutate)
  add_test(NAME ${target} COMMAND ${target} ${PXOS_FUZZ_MUTATIONS} "${corpus}")
  set_tests_properties(${target} PROPERTIES LABELS fuzz_smoke TIMEOUT 600)
endfunction()
