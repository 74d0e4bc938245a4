// The target pxos_catch_header exists for its precompiled header (tests/CMakeLists.txt); this is
// its one source.
