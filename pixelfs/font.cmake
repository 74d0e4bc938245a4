# pxos::font: the built-in bitmap font, converted from Debian's fonts-spleen when the project is built.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_file(PXOS_FONT_FILE spleen-8x16.psfu.gz PATHS /usr/share/consolefonts REQUIRED) # fonts-spleen

set(font_cpp "${CMAKE_CURRENT_BINARY_DIR}/font_data.cpp")
set(font_script "${PROJECT_SOURCE_DIR}/cmake/embed_font.py")
add_custom_command(
  OUTPUT "${font_cpp}"
  COMMAND Python3::Interpreter "${font_script}" "${PXOS_FONT_FILE}" "${font_cpp}"
  DEPENDS "${font_script}" "${PXOS_FONT_FILE}"
  COMMENT "Embedding the Spleen font" VERBATIM)
pxos_library(font SOURCES font.cpp "${font_cpp}" DEPS pxos::base)
