#pragma once
// How the kernel bodies become code: everything in one function, short loops written out, so that
// vectors stay in registers. Macros only: what is included beside them is compiled with a set's
// flags.
//
// Under g++'s sanitizers the same bodies are functions that call each other: with a check at every
// access the one function is so long that each set takes g++ minutes, and it is no faster either.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PX_INLINE inline
#undef PX_UNROLL
#define PX_UNROLL _Pragma("GCC unroll 1")
#else
#define PX_INLINE inline __attribute__((always_inline))
#ifndef PX_UNROLL
#define PX_UNROLL _Pragma("GCC unroll 8")
#endif
#endif
