// The table of a set, from the bodies. Included last.

constexpr KernelTable kTable = {
    kName,          kMatmul,          attention_widen, attention_turn,   attention_tile,
    attention_rows, attention_reduce, attention_merge, attention_finish, rmsnorm_row,
    softmax_row,    rope_row,         to_f16_row,      quantize_q8_row,  dequantize_q8_row,
    mean_of_rows,   add_rows,         mul_rows,        scale_row,        relu_row,
    silu_mul_rows,  layernorm_row,    gelu_row,        gelu_mul_rows,    gelu_erf_row,
    softcap_row,    exp_row,          tanh_row,        erf_row,
};
