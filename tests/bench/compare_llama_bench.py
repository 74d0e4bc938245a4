#!/usr/bin/env python3
"""The same GGUF files in llama.cpp and in pxos, on this machine, turn by turn.

    tests/bench/compare_llama_bench.py LLAMA_BENCH MODEL.gguf [MODEL.gguf ...] [--threads 1,2] [--rounds 3]

LLAMA_BENCH is a llama-bench you built. A round runs both programs once, one after the other, so that what else the
machine does falls on both; the table has the median of the rounds. pp512: a prompt of 512 tokens at once; tg128: 128
tokens one by one. Both keep keys and values as f16 (`--type-k f16` is llama-bench's default), greedy, no batch beyond.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

PROMPT, ANSWER = 512, 128


def llama(program, model, threads):
    """(pp, tg) in tokens per second."""
    text = subprocess.run([program, "-m", model, "-t", str(threads), "-p", str(PROMPT), "-n", str(ANSWER), "-r", "1",
                           "-o", "json"], check=True, capture_output=True, text=True).stdout
    rows = json.loads(text)
    rate = {row["n_prompt"] > 0: row["avg_ts"] for row in rows}
    return rate[True], rate[False], rows[0]["build_commit"]


def pxos(program, cartridge, threads):
    text = subprocess.run([program, "bench", cartridge, "--threads", str(threads), "--prefill", str(PROMPT),
                           "--decode", str(ANSWER), "--depth", "0", "--repeat", "1", "--json"],
                          check=True, capture_output=True, text=True).stdout
    report = json.loads(text)
    return report["prefill_tps"], report["decode_tps"]


def compare(arguments, model, cartridge, threads):
    """One line of the table for each work."""
    theirs, ours, build = [], [], ""
    for _ in range(arguments.rounds):
        *rates, build = llama(arguments.llama_bench, model, threads)
        theirs.append(rates)
        ours.append(pxos(arguments.pxos, cartridge, threads))
    for work, name in enumerate((f"pp{PROMPT}", f"tg{ANSWER}")):
        a = statistics.median(rates[work] for rates in theirs)
        b = statistics.median(rates[work] for rates in ours)
        print(f"| {model.name} | {threads} | {name} | {a:.1f} | {b:.1f} | {b / a:.2f} |", flush=True)
    return build


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("llama_bench")
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--pxos", default=str(pathlib.Path(__file__).parents[2] / "build/release/pxos"))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("| model | threads | work | llama.cpp tok/s | pxos tok/s | ratio |\n|---|---|---|---|---|---|")
    build = ""
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            cartridge = str(pathlib.Path(folder) / (model.stem + ".pxa"))
            subprocess.run([arguments.pxos, "import", str(model), "-o", cartridge], check=True, capture_output=True)
            for threads in arguments.threads.split(","):
                build = compare(arguments, model, cartridge, int(threads))
    print(f"\nllama.cpp build {build}, medians of {arguments.rounds} rounds")


if __name__ == "__main__":
    main()
