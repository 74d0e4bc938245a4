# Every third-party package, by its Debian name. Headers are SYSTEM (imported targets are).
find_package(fmt REQUIRED)            # libfmt-dev
find_package(tl-expected REQUIRED)    # libexpected-dev
find_package(LodePNG REQUIRED)        # liblodepng-dev        (cmake/FindLodePNG.cmake)
find_package(XxHash REQUIRED)         # libxxhash-dev         (cmake/FindXxHash.cmake)
find_package(Blake3 REQUIRED)         # librust-blake3-dev    (cmake/FindBlake3.cmake, compiled here)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)   # libpcre2-dev
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)     # libzstd-dev
pkg_check_modules(SDL2 REQUIRED IMPORTED_TARGET sdl2)          # libsdl2-dev
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)       # libedit-dev
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc) # libutf8proc-dev
