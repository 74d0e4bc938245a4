#pragma once
// The canonical bytes of each block dtype, as GGUF files hold them: read fills every field the
// dtype has, write is its exact inverse. Used by the table in block.cpp.

#include "pxvm/tensor/block.hpp"

namespace pxos::tensor {

// Blocks of 32: d, then m where there is one, the fifth bits of 5-bit types (u32, bit k), and
// nibbles: byte i holds k = i low and k = 16 + i high.
void read_q8_0(const std::uint8_t* block, BlockFields& fields);
void write_q8_0(const BlockFields& fields, std::uint8_t* block);
void read_q4_0(const std::uint8_t* block, BlockFields& fields);  ///< also IQ4_NL
void write_q4_0(const BlockFields& fields, std::uint8_t* block);
void read_q4_1(const std::uint8_t* block, BlockFields& fields);
void write_q4_1(const BlockFields& fields, std::uint8_t* block);
void read_q5_0(const std::uint8_t* block, BlockFields& fields);
void write_q5_0(const BlockFields& fields, std::uint8_t* block);
void read_q5_1(const std::uint8_t* block, BlockFields& fields);
void write_q5_1(const BlockFields& fields, std::uint8_t* block);
void read_mxfp4(const std::uint8_t* block, BlockFields& fields);
void write_mxfp4(const BlockFields& fields, std::uint8_t* block);

// Super-blocks of 256: see block_super.cpp.
void read_q2_k(const std::uint8_t* block, BlockFields& fields);
void write_q2_k(const BlockFields& fields, std::uint8_t* block);
void read_q3_k(const std::uint8_t* block, BlockFields& fields);
void write_q3_k(const BlockFields& fields, std::uint8_t* block);
void read_q4_k(const std::uint8_t* block, BlockFields& fields);
void write_q4_k(const BlockFields& fields, std::uint8_t* block);
void read_q5_k(const std::uint8_t* block, BlockFields& fields);
void write_q5_k(const BlockFields& fields, std::uint8_t* block);
void read_q6_k(const std::uint8_t* block, BlockFields& fields);
void write_q6_k(const BlockFields& fields, std::uint8_t* block);

}  // namespace pxos::tensor
