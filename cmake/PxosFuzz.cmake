# pxos_fuzz_target(NAME SOURCES ... DEPS ...)
#   makes fuzz_NAME from a file that defines LLVMFuzzerTestOneInput.
#   With PXOS_FUZZ (clang): a libFuzzer binary, run by hand or by .ci/run.
#   Otherwise: a replayer that feeds every seed of tests/fuzz/corpus/NAME and PXOS_FUZZ_MUTATIONS
#   deterministic mutations of each; registered with ctest under the label fuzz_smoke.
set(PXOS_FUZZ_MUTATIONS 2000 CACHE STRING "Mutations of each fuzz seed in a ctest run")

function(pxos_fuzz_target NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  set(target fuzz_${NAME})
  set(corpus "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${NAME}")
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE pxos::build_flags ${ARG_DEPS})
  if(PXOS_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(${target} PRIVATE replay_main.cpp)
  target_link_libraries(${target} PRIVATE pxos_test_mutate)
  add_test(NAME ${target} COMMAND ${target} ${PXOS_FUZZ_MUTATIONS} "${corpus}")
  set_tests_properties(${target} PROPERTIES LABELS fuzz_smoke)
endfunction()
