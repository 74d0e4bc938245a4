#!/usr/bin/env python3
"""Writes a GGUF file with the exact shapes and vocabulary size of Qwen2.5-7B and random Q4_0 weights: 4.3 GB, for
importing and running at full size what cannot be shipped.

usage: make_qwen7b_gguf.py OUT.gguf [--layers N]      (28 layers; fewer for a quick try)

The vocabulary is made up but valid: 256 bytes, 151 387 merges that each give a token, 22 special tokens, and unused
ones up to 152 064. The weights have learned nothing. Streams; the same arguments give the same file.
"""
import argparse
import random
import struct

DIM, FFN, HEADS, KV_HEADS, HEAD, VOCAB = 3584, 18944, 28, 4, 128, 152064
MERGES, SPECIALS = 151387, 22
F32, Q4_0 = 0, 2
ALIGNMENT = 32


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key, kind, form, value):
    return text(key) + struct.pack("<I" + form, kind, value)


def string(key, value):
    return text(key) + struct.pack("<I", 8) + text(value)


def strings(key, values):
    return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))


def byte_letters():
    """The 256 letters byte-level tokenizers write bytes with: printable ones stand for themselves."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(extra)) for byte in range(256)]


def vocabulary():
    letters = byte_letters()
    merges = [(a, b) for a in letters for b in letters]
    pairs = [a + b for a, b in merges]
    merges += [(pairs[i // 256], letters[i % 256]) for i in range(MERGES - len(merges))]
    tokens = letters + [a + b for a, b in merges]
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    specials += [f"<|special_{i}|>" for i in range(SPECIALS - len(specials))]
    types = [1] * len(tokens) + [3] * SPECIALS
    tokens += specials
    types += [5] * (VOCAB - len(tokens))
    tokens += [f"[PAD{i}]" for i in range(len(tokens), VOCAB)]
    return tokens, types, [f"{a} {b}" for a, b in merges]


def tensors(layers):
    yield "token_embd.weight", [DIM, VOCAB], Q4_0
    for layer in range(layers):
        prefix = f"blk.{layer}."
        yield prefix + "attn_norm.weight", [DIM], F32
        for name, rows in (("q", HEADS * HEAD), ("k", KV_HEADS * HEAD), ("v", KV_HEADS * HEAD)):
            yield f"{prefix}attn_{name}.weight", [DIM, rows], Q4_0
            yield f"{prefix}attn_{name}.bias", [rows], F32
        yield prefix + "attn_output.weight", [HEADS * HEAD, DIM], Q4_0
        yield prefix + "ffn_norm.weight", [DIM], F32
        yield prefix + "ffn_gate.weight", [DIM, FFN], Q4_0
        yield prefix + "ffn_up.weight", [DIM, FFN], Q4_0
        yield prefix + "ffn_down.weight", [FFN, DIM], Q4_0
    yield "output_norm.weight", [DIM], F32
    yield "output.weight", [DIM, VOCAB], Q4_0


def size_of(dimensions, kind):
    count = 1
    for dimension in dimensions:
        count *= dimension
    return count * 4 if kind == F32 else count // 32 * 18


def metadata(layers):
    tokens, types, merges = vocabulary()
    name = "qwen2."
    pairs = [string("general.architecture", "qwen2"), string("general.name", "Qwen2.5-7B shape, random weights"),
             pair(name + "block_count", 4, "I", layers), pair(name + "embedding_length", 4, "I", DIM),
             pair(name + "feed_forward_length", 4, "I", FFN), pair(name + "context_length", 4, "I", 32768),
             pair(name + "attention.head_count", 4, "I", HEADS),
             pair(name + "attention.head_count_kv", 4, "I", KV_HEADS),
             pair(name + "attention.layer_norm_rms_epsilon", 6, "f", 1e-6),
             pair(name + "rope.freq_base", 6, "f", 1e6), string("tokenizer.ggml.model", "gpt2"),
             string("tokenizer.ggml.pre", "qwen2"), strings("tokenizer.ggml.tokens", tokens),
             text("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, VOCAB) + struct.pack(f"<{VOCAB}i", *types),
             strings("tokenizer.ggml.merges", merges), pair("tokenizer.ggml.eos_token_id", 4, "I", MERGES + 258),
             pair("tokenizer.ggml.padding_token_id", 4, "I", MERGES + 256),
             pair("tokenizer.ggml.add_bos_token", 7, "?", False)]
    return pairs


def blocks(count, generator):
    """Q4_0 blocks: scale 1/512 as f16 and 32 random nibbles; about the spread of trained weights."""
    raw = generator.randbytes(16 * count)
    return b"".join(b"\x00\x18" + raw[16 * i:16 * i + 16] for i in range(count))


def padding(size):
    return bytes(-size % ALIGNMENT)


def write(path, layers):
    table, records, offset = list(tensors(layers)), [], 0
    for name, dimensions, kind in table:
        records.append(text(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, offset))
        offset += size_of(dimensions, kind)
        offset += -offset % ALIGNMENT
    pairs = metadata(layers)
    front = struct.pack("<4sIQQ", b"GGUF", 3, len(table), len(pairs)) + b"".join(pairs) + b"".join(records)
    generator = random.Random(7)
    # Long enough, and its length odd in blocks, so that no two rows of a tensor are equal.
    pattern = blocks(300001, generator)
    with open(path, "wb") as out:
        out.write(front + padding(len(front)))
        for name, dimensions, kind in table:
            left = size_of(dimensions, kind)
            if kind == F32:
                value = 0.01 if name.endswith(".bias") else 1.0
                out.write(struct.pack("<f", value) * (left // 4))
            while kind == Q4_0 and left > 0:
                out.write(pattern[:left])
                left -= min(left, len(pattern))
            out.write(padding(size_of(dimensions, kind)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, default=28)
    arguments = parser.parse_args()
    write(arguments.out, arguments.layers)


if __name__ == "__main__":
    main()
