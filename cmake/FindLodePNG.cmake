# Debian's liblodepng-dev ships a header and a shared library, no CMake or pkg-config file.
find_path(LodePNG_INCLUDE_DIR lodepng.h)
find_library(LodePNG_LIBRARY lodepng)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LodePNG REQUIRED_VARS LodePNG_LIBRARY LodePNG_INCLUDE_DIR)
if(LodePNG_FOUND AND NOT TARGET LodePNG::LodePNG)
  add_library(LodePNG::LodePNG UNKNOWN IMPORTED)
  set_target_properties(LodePNG::LodePNG PROPERTIES
    IMPORTED_LOCATION "${LodePNG_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${LodePNG_INCLUDE_DIR}")
endif()
