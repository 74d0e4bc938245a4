# pxos_library(NAME SOURCES ... DEPS ... [PRIVATE_DEPS ...])
#   makes static library pxos_NAME with alias pxos::NAME and the project's flags.
function(pxos_library NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(pxos_${NAME} STATIC ${ARG_SOURCES})
  add_library(pxos::${NAME} ALIAS pxos_${NAME})
  target_link_libraries(pxos_${NAME} PUBLIC ${ARG_DEPS} PRIVATE pxos::build_flags ${ARG_PRIVATE_DEPS})
  target_include_directories(pxos_${NAME} PUBLIC "${PROJECT_SOURCE_DIR}")
endfunction()

# pxos_test(NAME SOURCES ... DEPS ... [LABELS ...] [ARGS ...])
#   makes a Catch2 executable NAME (tests/catch_main.cpp holds main) and registers it with ctest. Catch2's header is
#   precompiled once for all; what is tested keeps the flags of its preset, the test code itself is built with -O1.
function(pxos_test NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LABELS;ARGS" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE pxos_catch_main pxos::build_flags ${ARG_DEPS})
  # With -O1 g++ 12 sees copies behind the end of strings that are not there.
  target_compile_options(${NAME} PRIVATE -O1
    $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>)
  target_precompile_headers(${NAME} REUSE_FROM pxos_catch_header)
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_test(NAME ${NAME} COMMAND ${NAME} ${ARG_ARGS} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  # What hangs fails after five minutes, not after ctest's twenty-five; slow tests set their own limit.
  set_tests_properties(${NAME} PROPERTIES LABELS "${ARG_LABELS}" SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()
