#!/usr/bin/env python3
"""Forward passes in float64, written from the papers' equations: the oracle for programs/*.pxasm.

usage: forward.py CASE MODEL.gguf LOGITS.f64

Makes a small model of random weights, writes it as GGUF (version 3, F32), runs it over TOKENS tokens and writes the
logits of the last OUT of them, row by row. All positions at once, whole matrices, no cache: nothing here is shared with
the programs or with the machine they run on. Slow on purpose, and short.
"""
import struct
import sys

import numpy as np

TOKENS, OUT, VOCAB = 150, 64, 37


def tokens():
    return [(7 * i * i + 3 * i) % VOCAB for i in range(TOKENS)]


# What every case has, and what it changes. `keys` go to the file under "<arch>."; names are GGUF's.
BASE = dict(arch="llama", layers=3, dim=64, heads=4, kv=2, head=16, ffn=96, ctx=256, base=10000.0, halves=False, eps=1e-5,
            rope_dims=None, window=0, keys={}, rope=True, own_head=False)
CASES = {
    "llama": {},
    "llama_linear": dict(keys={"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}, factor=4.0),
    "llama_yarn": dict(keys={"rope.scaling.type": "yarn", "rope.scaling.factor": 8.0,
                             "rope.scaling.original_context_length": 32}, factor=8.0, original=32, head=32),
    "llama3": dict(factors="rope_freqs.weight", own_head=True),
    "mistral": dict(window=21, keys={"attention.sliding_window": 21}),
    "qwen2": dict(arch="qwen2", halves=True, base=1e6),
    "qwen3": dict(arch="qwen3", halves=True, base=1e6, head=32),
    "smollm3": dict(arch="smollm3", layers=5),
    "gemma3": dict(arch="gemma3", halves=True, base=1e6, layers=7, window=21, eps=1e-6, head=32, kv=1,
                   keys={"attention.sliding_window": 21, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0},
                   factor=8.0),
    "phi3": dict(arch="phi3", halves=True, window=30, rope_dims=12, keys={"attention.sliding_window": 30}),
    "phi3_short": dict(arch="phi3", halves=True, factors="rope_factors_short.weight", magnitude=1.19,
                       keys={"rope.scaling.original_context_length": 256, "rope.scaling.attn_factor": 1.19}),
    "phi3_long": dict(arch="phi3", halves=True, factors="rope_factors_long.weight", magnitude=1.19,
                      keys={"rope.scaling.original_context_length": 64, "rope.scaling.attn_factor": 1.19}),
    "olmo2": dict(arch="olmo2", halves=True, base=5e5),
    "gpt2": dict(arch="gpt2", rope=False, kv=4),
}


class Model:
    def __init__(self, case):
        self.c = dict(BASE, **CASES[case])
        self.rng = np.random.default_rng(sum(map(ord, case)))
        self.w = {}
        c = self.c
        c["rope_dims"] = c["rope_dims"] or c["head"]
        q, kv = c["heads"] * c["head"], c["kv"] * c["head"]
        dim, ffn, arch = c["dim"], c["ffn"], c["arch"]
        self.matrix("token_embd.weight", VOCAB, dim)
        if arch == "gpt2":
            self.matrix("position_embd.weight", c["ctx"], dim)
        for i in range(c["layers"]):
            self.layer(f"blk.{i}.", dim, ffn, q, kv, arch)
        self.norm("output_norm", dim)
        if c["own_head"]:
            self.matrix("output.weight", VOCAB, dim)
        if arch == "phi3" and "factors" in c:
            self.factors("rope_factors_long.weight", 9.0)
            self.factors("rope_factors_short.weight", 1.5)
        if arch == "llama" and "factors" in c:
            self.factors("rope_freqs.weight", 6.0)

    def put(self, name, values):
        self.w[name] = values.astype(np.float32)

    def matrix(self, name, rows, cols):
        self.put(name, self.rng.uniform(-2, 2, (rows, cols)) / np.sqrt(cols))

    def vector(self, name, size, middle):
        self.put(name, middle + self.rng.uniform(-0.7, 0.7, size))

    def norm(self, name, size):
        self.vector(name + ".weight", size, 1.0)
        if self.c["arch"] == "gpt2":
            self.vector(name + ".bias", size, 0.0)

    def factors(self, name, most):
        self.put(name, np.linspace(1.0, most, self.c["rope_dims"] // 2))

    def layer(self, b, dim, ffn, q, kv, arch):
        head = self.c["head"]
        if arch != "olmo2":
            self.norm(b + "attn_norm", dim)
            self.norm(b + "ffn_norm", dim)
        if arch in ("gemma3", "olmo2"):
            self.norm(b + "post_attention_norm", dim)
            self.norm(b + "post_ffw_norm", dim)
        if arch in ("qwen3", "gemma3"):
            self.norm(b + "attn_q_norm", head)
            self.norm(b + "attn_k_norm", head)
        if arch == "olmo2":
            self.norm(b + "attn_q_norm", q)
            self.norm(b + "attn_k_norm", kv)
        if arch in ("phi3", "gpt2"):
            self.matrix(b + "attn_qkv.weight", q + 2 * kv, dim)
        else:
            for name, rows in (("q", q), ("k", kv), ("v", kv)):
                self.matrix(f"{b}attn_{name}.weight", rows, dim)
        if arch == "qwen2":
            for name, rows in (("q", q), ("k", kv), ("v", kv)):
                self.vector(f"{b}attn_{name}.bias", rows, 0.0)
        self.matrix(b + "attn_output.weight", dim, q)
        if arch == "phi3":
            self.matrix(b + "ffn_up.weight", 2 * ffn, dim)
        else:
            self.matrix(b + "ffn_up.weight", ffn, dim)
            if arch != "gpt2":
                self.matrix(b + "ffn_gate.weight", ffn, dim)
        self.matrix(b + "ffn_down.weight", dim, ffn)
        if arch == "gpt2":
            self.vector(b + "attn_qkv.bias", q + 2 * kv, 0.0)
            for name, rows in (("attn_output", dim), ("ffn_up", ffn), ("ffn_down", dim)):
                self.vector(f"{b}{name}.bias", rows, 0.0)

    # The forward pass.

    def t(self, name):
        return self.w[name].astype(np.float64)

    def linear(self, name, x):
        y = x @ self.t(name + ".weight").T
        return y + self.t(name + ".bias") if name + ".bias" in self.w else y

    def normed(self, name, x):
        if self.c["arch"] == "gpt2":
            d = x - x.mean(-1, keepdims=True)
            return d / np.sqrt((d * d).mean(-1, keepdims=True) + self.eps()) * self.t(name + ".weight") + self.t(name + ".bias")
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps()) * self.t(name + ".weight")

    def eps(self):
        return float(np.float32(self.c["eps"]))

    def frequencies(self, local):
        """(frequency per pair, length of what is rotated)"""
        c, dims = self.c, self.c["rope_dims"]
        base = 10000.0 if local else c["base"]
        f = base ** (-2.0 * np.arange(dims // 2) / dims)
        if local:
            return f, 1.0
        if "factors" in c:
            return f / self.t(c["factors"]), c.get("magnitude", 1.0)
        factor = c.get("factor", 1.0)
        if "original" not in c:
            return f / factor, 1.0
        # YaRN, arXiv 2309.00071: pairs by how often they turn within the original context.
        pair = lambda turns: dims * np.log(c["original"] / (turns * 2 * np.pi)) / (2 * np.log(base))
        low, high = max(np.floor(pair(32.0)), 0), min(np.ceil(pair(1.0)), dims - 1)
        divided = np.clip((np.arange(dims // 2) - low) / max(high - low, 0.001), 0, 1)
        return f * (1 - divided) + f / factor * divided, 1 + 0.1 * np.log(factor)

    def rotated(self, x, local):
        """x[token, head, element] turned by its position."""
        f, length = self.frequencies(local)
        angle = np.arange(len(x))[:, None, None] * f
        half = len(f)
        out = x.copy()
        first = slice(0, half) if self.c["halves"] else slice(0, 2 * half, 2)
        second = slice(half, 2 * half) if self.c["halves"] else slice(1, 2 * half, 2)
        a, b = x[..., first], x[..., second]
        out[..., first] = length * (a * np.cos(angle) - b * np.sin(angle))
        out[..., second] = length * (a * np.sin(angle) + b * np.cos(angle))
        return out

    def split(self, b, x):
        """q, k, v of a layer, [token, head, element]"""
        c = self.c
        q, kv = c["heads"] * c["head"], c["kv"] * c["head"]
        if b + "attn_qkv.weight" in self.w:
            parts = np.split(self.linear(b + "attn_qkv", x), [q, q + kv], axis=-1)
        else:
            parts = [self.linear(f"{b}attn_{name}", x) for name in "qkv"]
        if c["arch"] == "olmo2":
            parts = [self.normed(b + "attn_q_norm", parts[0]), self.normed(b + "attn_k_norm", parts[1]), parts[2]]
        parts = [part.reshape(len(x), -1, c["head"]) for part in parts]
        if c["arch"] in ("qwen3", "gemma3"):
            parts = [self.normed(b + "attn_q_norm", parts[0]), self.normed(b + "attn_k_norm", parts[1]), parts[2]]
        return parts

    def attention(self, layer, x):
        c, b = self.c, f"blk.{layer}."
        q, k, v = self.split(b, x)
        sixth = c["arch"] == "gemma3" and (layer + 1) % 6 == 0
        if c["rope"] and not (c["arch"] == "smollm3" and (layer + 1) % 4 == 0):
            local = c["arch"] == "gemma3" and not sixth
            q, k = self.rotated(q, local), self.rotated(k, local)
        group = c["heads"] // c["kv"]
        k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
        scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(c["head"])
        back = np.arange(len(x))[:, None] - np.arange(len(x))[None, :]
        hidden = back < 0
        if c["window"] and not sixth:
            hidden |= back >= c["window"]
        scores[:, hidden] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum("hts,shd->thd", weights, v).reshape(len(x), -1)
        return self.linear(b + "attn_output", mixed)

    def feed_forward(self, layer, x):
        b, arch = f"blk.{layer}.", self.c["arch"]
        up = self.linear(b + "ffn_up", x)
        if arch == "gpt2":
            return self.linear(b + "ffn_down", gelu(up))
        gate, up = np.split(up, 2, axis=-1) if arch == "phi3" else (self.linear(b + "ffn_gate", x), up)
        bent = gelu(gate) if arch == "gemma3" else gate / (1 + np.exp(-gate))
        return self.linear(b + "ffn_down", bent * up)

    def logits(self):
        c, arch = self.c, self.c["arch"]
        x = self.t("token_embd.weight")[tokens()]
        if arch == "gpt2":
            x = x + self.t("position_embd.weight")[: len(x)]
        if arch == "gemma3":
            x = x * np.sqrt(c["dim"])
        for i in range(c["layers"]):
            b = f"blk.{i}."
            for block, before, after in ((self.attention, "attn_norm", "post_attention_norm"),
                                         (self.feed_forward, "ffn_norm", "post_ffw_norm")):
                y = block(i, x if arch == "olmo2" else self.normed(b + before, x))
                x = x + (self.normed(b + after, y) if arch in ("olmo2", "gemma3") else y)
        head = "output.weight" if c["own_head"] else "token_embd.weight"
        return self.normed("output_norm", x[-OUT:]) @ self.t(head).T


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


# GGUF.

def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key, value):
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    code, item = {str: (8, text), float: (6, lambda v: struct.pack("<f", v)), int: (5, lambda v: struct.pack("<i", v))}[type(value[0])]
    return text(key) + struct.pack("<IIQ", 9, code, len(value)) + b"".join(map(item, value))


def gguf(model):
    c = model.c
    own = {"block_count": c["layers"], "embedding_length": c["dim"], "feed_forward_length": c["ffn"],
           "context_length": c["ctx"], "attention.head_count": c["heads"], "attention.head_count_kv": c["kv"],
           "attention.key_length": c["head"], "attention.value_length": c["head"], **c["keys"]}
    own["attention.layer_norm_epsilon" if c["arch"] == "gpt2" else "attention.layer_norm_rms_epsilon"] = c["eps"]
    if c["rope"]:
        own.update({"rope.dimension_count": c["rope_dims"], "rope.freq_base": c["base"]})
    keys = {"general.architecture": c["arch"], **{f"{c['arch']}.{key}": value for key, value in own.items()},
            "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>"] + [f"w{i}" for i in range(VOCAB - 3)],
            "tokenizer.ggml.scores": [-float(i) for i in range(VOCAB)], "tokenizer.ggml.token_type": [2, 3, 3] + [1] * (VOCAB - 3),
            "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2}
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(model.w), len(keys)) + b"".join(pair(k, v) for k, v in keys.items())
    data = b""
    for name, values in model.w.items():
        head += text(name) + struct.pack("<I", values.ndim) + b"".join(struct.pack("<Q", n) for n in reversed(values.shape))
        head += struct.pack("<IQ", 0, len(data))
        data += values.tobytes() + bytes(-values.nbytes % 32)
    return head + bytes(-len(head) % 32) + data


def main():
    case, model_path, logits_path = sys.argv[1:]
    model = Model(case)
    with open(model_path, "wb") as out:
        out.write(gguf(model))
    with open(logits_path, "wb") as out:
        out.write(model.logits().astype("<f8").tobytes())


if __name__ == "__main__":
    main()
