#!/usr/bin/env python3
"""Writes the fuzz seeds of formats that need none of our code: png, gguf, npz, PXIF/PXFS/PXAR, deep JSON, token rows,
templates.

usage: make_text_seeds.py CORPUS_FOLDER      (tests/fuzz/corpus; the results are committed)
Every seed is valid and as small as it can be while it reaches the interesting code.
"""
import hashlib
import io
import json
import pathlib
import struct
import sys
import zipfile
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, colour, rows, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def png_seeds():
    yield "grey", png(3, 2, 0, b"\x00\x01\x02\x03" + b"\x02\x01\x01\x01")
    yield "rgb_filters", png(2, 5, 2, b"".join(bytes([f]) + bytes(range(6)) for f in range(5)))
    yield "rgba_chunk", png(1, 1, 6, b"\x00\x10\x20\x30\xff", chunk(b"pxLD", bytes(32)))
    yield "trailing", png(1, 1, 2, b"\x00abc") + b"payload after IEND"
    bomb = struct.pack(">IIBBBBB", 0x7fffffff, 0x7fffffff, 8, 6, 0, 0, 0)
    yield "bomb", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bomb) + chunk(b"IDAT", zlib.compress(bytes(9)))
    yield "zlib", zlib.compress(b"pixels pixels pixels pixels")
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield "deflate", raw.compress(b"pixels pixels pixels") + raw.flush()
    yield "protocol_v1", png(3, 1, 2, b"\x00" + bytes([2, 0, 1, 72, 0, 0, 105, 0, 0]))


def safetensors_seeds():
    def build(tensors, metadata=None):
        header, data = ({"__metadata__": metadata} if metadata else {}), b""
        for name, dtype, shape, raw in tensors:
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        text = json.dumps(header, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text)) + text + data

    yield "llama", build([("model.embed_tokens.weight", "F32", [3, 4], bytes(48)),
                          ("model.layers.0.self_attn.q_proj.weight", "F16", [4, 4], bytes(range(32))),
                          ("model.norm.weight", "BF16", [4], bytes(8))], {"format": "pt"})
    yield "others", build([("a", "I64", [], bytes(8)), ("b", "BOOL", [0, 3], b"")])
    yield "index.json", json.dumps({"metadata": {"total_size": 1}, "weight_map": {"a": "m-1.safetensors"}}).encode()


def hf_config_seeds():
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
             "intermediate_size": 128, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "vocab_size": 100,
             "eos_token_id": [2, 3]}
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 128}
    yield "llama3", json.dumps({"model_type": "llama", **sizes, "rope_scaling": llama3}).encode()
    longrope = {"type": "longrope", "long_factor": [1.5] * 8, "short_factor": [1.0] * 8}
    yield "phi3", json.dumps({"model_type": "phi3", **sizes, "rope_scaling": longrope,
                              "original_max_position_embeddings": 64}).encode()
    yield "gemma3", json.dumps({"model_type": "gemma3_text", **sizes, "head_dim": 16, "sliding_window": 64}).encode()
    yield "gpt2", json.dumps({"model_type": "gpt2", "n_embd": 48, "n_head": 3, "n_layer": 3, "vocab_size": 3,
                              "n_positions": 11, "activation_function": "gelu_new"}).encode()
    yield "tokenizer", json.dumps({"chat_template": [{"name": "default", "template": "{{ x }}"}]}).encode()


def llama2c_seeds():
    numbers = (4, 6, 1, 2, 1, 5, 8)
    matrices = [20, 16, 8, 8, 16, 24, 24, 24]
    norms = 4 + 4 + 4
    yield "v0", struct.pack("<7i", *numbers) + bytes(4 * (sum(matrices) + norms + 8 * 2))
    start = struct.pack("<Ii7iB", 0x616b3432, 1, *numbers, 1)
    yield "v1", start.ljust(256, b"\0") + bytes(4 * (sum(matrices) + norms))
    start = struct.pack("<Ii7iBi", 0x616b3432, 2, *numbers, 1, 4)
    yield "v2", start.ljust(256, b"\0") + bytes(4 * norms + sum(n + n // 4 * 4 for n in matrices))


def gguf_text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_seeds():
    kinds = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?"), "u64": (10, "<Q")}

    def pair(key, kind, value):
        code, form = kinds[kind]
        return gguf_text(key) + struct.pack("<I", code) + struct.pack(form, value)

    def text(key, value):
        return gguf_text(key) + struct.pack("<I", 8) + gguf_text(value)

    def array(key, code, parts):
        return gguf_text(key) + struct.pack("<IIQ", 9, code, len(parts)) + b"".join(parts)

    pairs = [text("general.architecture", "llama"), pair("general.alignment", "u32", 32),
             pair("llama.block_count", "u32", 1), pair("llama.rope.freq_base", "f32", 10000.0),
             pair("tokenizer.ggml.add_bos_token", "bool", True), pair("x.i", "i32", -1), pair("x.q", "u64", 2**63),
             array("tokenizer.ggml.tokens", 8, [gguf_text(t) for t in ("<unk>", "<s>", "a", "<0x41>")]),
             array("tokenizer.ggml.scores", 6, [struct.pack("<f", -n) for n in range(4)]),
             array("tokenizer.ggml.token_type", 5, [struct.pack("<i", t) for t in (2, 3, 1, 6)])]
    tensors = [("token_embd.weight", (32, 2), 0, 0, 256), ("output_norm.weight", (32,), 0, 256, 128),
               ("blk.0.attn_q.weight", (32, 1), 8, 384, 34), ("blk.0.ffn_up.weight", (32, 1), 3, 448, 20)]
    for version in (3, 2):
        head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs)
        for name, shape, dtype, offset, _ in tensors:
            head += gguf_text(name) + struct.pack("<I", len(shape))
            head += b"".join(struct.pack("<Q", n) for n in shape) + struct.pack("<IQ", dtype, offset)
        head += bytes(-len(head) % 32)
        yield f"v{version}", head + bytes(480)
    wrap = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + gguf_text("w") + struct.pack("<IQQIQ", 2, 2**32, 2**32, 0, 0)
    yield "wrapping_shape", wrap + bytes(64)


def plan_seeds():
    """The smallest models that the table of architectures takes: one layer of 4 numbers, without text."""
    dim, ffn, vocab = 4, 6, 3

    def text(key, value):
        return gguf_text(key) + struct.pack("<I", 8) + gguf_text(value)

    def model(arch, keys, tensors):
        own = {"block_count": 1, "embedding_length": dim, "feed_forward_length": ffn, "context_length": 8,
               "attention.head_count": 1, **keys}
        norm = "attention.layer_norm_epsilon" if arch == "gpt2" else "attention.layer_norm_rms_epsilon"
        pairs = [text("general.architecture", arch), text("tokenizer.ggml.model", "none"),
                 gguf_text(f"{arch}.{norm}") + struct.pack("<If", 6, 1e-5)]
        for key, value in own.items():
            form = {str: "", int: "<II", float: "<If"}[type(value)]
            pairs.append(text(f"{arch}.{key}", value) if not form else
                         gguf_text(f"{arch}.{key}") + struct.pack(form, 4 if form == "<II" else 6, value))
        head, offset = b"", 0
        for name, shape in tensors:
            head += gguf_text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
            head += struct.pack("<IQ", 0, offset)
            count = shape[0] * (shape[1] if len(shape) == 2 else 1)
            offset += (4 * count + 31) // 32 * 32
        head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + head
        return head + bytes(-len(head) % 32) + struct.pack("<f", 1.0) * (offset // 4)

    square, b = (dim, dim), "blk.0."
    ends = [("token_embd.weight", (vocab, dim)), ("output_norm.weight", (dim,))]
    heads = [(f"{b}attn_{n}.weight", square) for n in ("q", "k", "v", "output")]
    norms = [(f"{b}{n}_norm.weight", (dim,)) for n in ("attn", "ffn")]
    gated = [(f"{b}ffn_gate.weight", (ffn, dim)), (f"{b}ffn_up.weight", (ffn, dim)), (f"{b}ffn_down.weight", (dim, ffn))]
    yield "llama3", model("llama", {}, ends + heads + norms + gated + [("rope_freqs.weight", (dim // 2,))])
    yield "yarn", model("llama", {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "attention.sliding_window": 4},
                        ends + heads + norms + gated)
    more = [(f"{b}{n}.weight", (dim,)) for n in ("attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm")]
    yield "gemma3", model("gemma3", {"attention.sliding_window": 4}, ends + heads + norms + gated + more)
    fused = [(b + "attn_qkv.weight", (3 * dim, dim)), heads[3], (b + "ffn_up.weight", (2 * ffn, dim)), gated[2]]
    yield "phi3", model("phi3", {"rope.scaling.type": "longrope"}, ends + norms + fused + [
        (f"rope_factors_{n}.weight", (dim // 2,)) for n in ("long", "short")])
    biases = [(f"{b}{n}.bias", (size,)) for n, size in (("attn_norm", dim), ("attn_qkv", 3 * dim), ("attn_output", dim),
                                                        ("ffn_norm", dim), ("ffn_up", ffn), ("ffn_down", dim))]
    yield "gpt2", model("gpt2", {}, ends + norms + fused[:2] + gated[1:] + biases + [
        ("position_embd.weight", (8, dim)), ("output_norm.bias", (dim,))])


def npy(shape, values):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    head += b" " * (-(10 + len(head) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack(f"<{len(values)}f", *values)


def npz_seeds():
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for member, content in (("b.npy", npy((3,), [1, 2, 3])), ("w.npy", npy((2, 2), [0, -1, 0.5, 9]))):
                archive.writestr(zipfile.ZipInfo(member), content, method)
        yield name, out.getvalue()


def original_seeds():
    def wrap(header, size, content):
        padded = content + bytes(-len(content) % 12)
        return (header + hashlib.sha256(content).digest()).ljust(size, b"\0") + padded

    def rows(content):
        return (len(content) + 11) // 12

    content = bytes(range(20))
    yield "pxif", wrap(struct.pack(">4sBBQIIB", b"PXIF", 1, 0, 20, 4, 2, 0), 64, content)
    yield "pxfs", wrap(struct.pack("<4sIQII", b"SFXP", 1, 20, 4, 2), 128, content)
    paths = (b"a/b", b"c")
    index_bytes = sum(34 + len(path) for path in paths)
    start = 128 + index_bytes
    index = b"".join(struct.pack("<H", len(path)) + path + struct.pack("<QQ16x", start + 5 * i, 5)
                     for i, path in enumerate(paths))
    head = struct.pack("<4sIIQQQ", b"PXAR", 1, 2, 128, index_bytes, start + 10).ljust(128, b"\0")
    archive = head + index + content[:10]
    yield "pxar", archive
    yield "wrapped", wrap(struct.pack("<4sIQII", b"SFXP", 1, len(archive), 4, rows(archive)), 128, archive)


def manifest_seeds():
    yield "deep.json", b"[" * 600 + b"]" * 600


def protocol_seeds():
    yield "row", bytes([2, 0, 1, 72, 0, 0, 105, 0, 0])


def template_seeds():
    yield "chatml", (b"{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>'"
                     b" + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
    yield "mixed", (b"{{ bos_token }}{%- if messages[0].role == 'system' -%}{%- set s = messages[0]['content'] -%}"
                    b"{%- set messages = messages[1:] -%}{%- else -%}{%- set s = '' -%}{%- endif -%}"
                    b"{%- set ns = namespace(n=0) -%}{%- for m in messages -%}{%- if (m.role == 'user') != "
                    b"(loop.index0 % 2 == 0) -%}{{ raise_exception('order') }}{%- endif -%}"
                    b"{%- set ns.n = ns.n + 1 -%}{{ m.content.strip() if m.content is string else '' }}"
                    b"{%- endfor -%}{{ eos_token | upper }}")


def pxvm_v0_seeds():
    """Dialect and mode, width - 1, height - 1, pixels (fuzz_pxvm_v0.cpp)."""
    def picture(mode, width, height, rows):
        lines = [b"".join(bytes(p) for p in row).ljust(width * 4, b"\0") for row in rows]
        return bytes([mode, width - 1, height - 1]) + b"".join(lines)

    def red(*values):
        return [(v, 0, 0, 0) for v in values]

    def scaled(cols, rows, scale, offset, *values):
        return [(cols, 0, rows, 0), struct.pack("<f", scale), struct.pack("<f", offset), *red(*values)]
    yield "bytes", picture(1, 8, 6, [[(1, 1, 2, 3), (2, 1, 2, 4), (3, 4, 0, 0)], red(1, 2, 3), red(9, 250, 255)])
    yield "product", picture(2, 8, 6, [[(4, 1, 2, 3)], [(2, 0, 2, 0)] + red(1, 2, 3, 4),
                                       [(1, 0, 2, 0)] + red(9, 200)])
    yield "quantised", picture(3, 12, 8, [[(77, 1, 2, 3), (65, 3, 4, 5), (82, 5, 0, 0), (72, 0, 0, 0)],
                                          scaled(2, 1, 127.5, -1.0, 255, 0), scaled(2, 2, 1.0, 0.0, 0, 255, 100, 50),
                                          [], scaled(2, 1, 25.5, 0.0, 0, 255)])
    yield "skips", picture(7, 4, 3, [[(9, 9, 9, 9), (2, 1, 1, 0)], red(1)])


SEEDS = {"png": png_seeds, "gguf": gguf_seeds, "model_plan": plan_seeds,
         "npz": npz_seeds, "originals": original_seeds, "manifest": manifest_seeds,
         "pixellm_meta": protocol_seeds, "chat_template": template_seeds, "safetensors": safetensors_seeds,
         "hf_config": hf_config_seeds, "llama2c": llama2c_seeds,
         "pxvm_v0": pxvm_v0_seeds}


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    for folder, seeds in SEEDS.items():
        target = pathlib.Path(arguments[0]) / folder
        target.mkdir(parents=True, exist_ok=True)
        for name, content in seeds():
            (target / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
