#!/usr/bin/env python3
"""The debugger as a script drives it: line-JSON sessions over programs and over a model's forward pass.

usage: debug_test.py PXOS SOURCE_FOLDER [unittest arguments]
Tests of models need the conformance data and are skipped aloud without.
"""
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import unittest

import cli_test
import gguf_reader

STORIES = "models/stories260K-gguf/stories260K.gguf"


class Debug(cli_test.Cli):
    def session(self, commands, *words):
        """Replies to commands, the greeting first; every one must be ok."""
        requests = "".join(json.dumps({"id": i, "cmd": command}) + "\n" for i, command in enumerate(commands))
        lines = self.pxos("debug", "--json", *words, stdin=requests).splitlines()
        replies = [json.loads(line) for line in lines]
        self.assertEqual(len(commands) + 1, len(replies), lines)
        for i, reply in enumerate(replies[1:]):
            self.assertEqual((i, True), (reply["id"], reply["ok"]), (commands[i], reply))
        return replies[1:]

    def poisoned(self, layer, row, column):
        """The small LLaMA with a NaN in one weight of its w_down."""
        path = cli_test.conformance(STORIES)
        data = bytearray(path.read_bytes())
        dimensions, kind, content = gguf_reader.read(bytes(data)).tensors[f"blk.{layer}.ffn_down.weight"]
        self.assertEqual(0, kind)
        start = bytes(data).find(content)
        struct.pack_into("<f", data, start + 4 * (row * dimensions[0] + column), float("nan"))
        (self.folder / "nan.gguf").write_bytes(data)
        self.pxos("import", "nan.gguf", "-o", "nan.pxa", "-f")
        return "nan.pxa"

    def test_from_the_first_nan_back_to_the_instruction_that_made_it(self):
        cartridge = self.poisoned(layer=3, row=11, column=42)
        stopped, back, values, weight, again, heat = self.session(
            ["break if nan", "continue", "back", "print l delta gate", "print w_down[3] w_down[3][11,42] w_down[2]",
             "step", "heat delta d.png"], cartridge, "Once upon a time")[1:]
        # All layers before it were clean: the first NaN comes out of the poisoned product, in every row's column 11.
        self.assertEqual("stop", stopped["reason"])
        self.assertIn("delta [5, 64]: 5 of 320 elements, the first nan at [0, 11]", stopped["hits"][0]["why"])
        self.assertRegex(stopped["did"]["text"], "^matmul delta, t[0-9]+, gate$")
        self.assertIn("feed_forward l", stopped["did"]["source"])
        # One step back it has not happened yet: the same instruction is next, its inputs are finite.
        self.assertEqual(stopped["did"]["pc"], back["at"]["pc"])
        self.assertEqual(stopped["at"]["step"] - 1, back["at"]["step"])
        layer, delta, gate = values["values"]
        self.assertEqual((3, 0, 0), (layer["i64"], delta["summary"]["nan"], gate["summary"]["nan"]))
        # So it is the weight.
        whole, element, other = weight["values"]
        self.assertEqual((1, [11, 42]), (whole["summary"]["nan"], whole["summary"]["first_bad"]))
        self.assertEqual(("nan", 0), (element["value"], other["summary"]["nan"]))
        self.assertEqual(5, again["did"]["wrote"][0]["summary"]["nan"])
        self.assertTrue((self.folder / "d.png").read_bytes().startswith(b"\x89PNG"))
        self.assertGreater(heat["width"], 64)

    def test_a_conversation_is_walked_backwards_over_its_calls(self):
        self.pxos("import", cli_test.conformance(STORIES), "-o", "s.pxa", "-f")
        replies = self.session(
            ["continue", "print logits", "break forward", "reverse", "reverse", "print pos", "delete all", "continue",
             "print logits"], "s.pxa", "Once upon a time", "-n", 4, "--threads", 2)
        self.assertEqual(("end", 3), (replies[0]["reason"], replies[0]["at"]["call"]))
        self.assertIn("token ", replies[0]["console"])
        self.assertEqual([3, 2], [replies[i]["at"]["call"] for i in (3, 4)])
        self.assertEqual(6, replies[5]["values"][0]["i64"])
        self.assertEqual(replies[1]["values"], replies[8]["values"])
        self.assertNotIn("console", replies[7])  # nothing is said twice

    def test_the_debugger_computes_what_run_computes(self):
        self.pxos("import", cli_test.conformance(STORIES), "-o", "s.pxa", "-f")
        ran = json.loads(self.pxos("run", "s.pxa", "Once upon a time", "-n", 6, "--temp", 0, "--json"))
        console = self.session(["continue"], "s.pxa", "Once upon a time", "-n", 6)[0]["console"]
        self.assertEqual(ran["tokens"], [int(line.split()[1]) for line in console.splitlines()])

    def test_a_program_is_stepped_by_its_names(self):
        (self.folder / "count.pxasm").write_text(
            ".program count\n.entry main()\n    .reg i, n\n    i64.const i, 0\n    i64.const n, 5\n"
            "again:\n    i64.addi i, i, 1\n    host i, i, i, i, console.i64\n    br.lt i, n, again\n    halt\n")
        bad = self.session(["break again", "continue", "watch i", "continue", "list", "registers", "save s.bin",
                            "continue 3", "load s.bin", "print i"], "count.pxasm")
        self.assertEqual("break again", bad[1]["hits"][0]["stop"])
        self.assertIn("i: 0", bad[3]["hits"][0]["why"])
        self.assertTrue(bad[4]["file"].endswith("count.pxasm"))
        self.assertEqual(1, bad[9]["values"][0]["i64"])

    def test_a_mistake_is_one_reply_and_the_session_goes_on(self):
        (self.folder / "h.pxasm").write_text(".program h\n.entry main()\n    halt\n")
        lines = self.pxos("debug", "h.pxasm", "--json", stdin='nonsense\n{"cmd": "zz"}\n{"cmd": "where"}\n').splitlines()
        self.assertEqual([True, False, False, True], [json.loads(line)["ok"] for line in lines])
        self.pxos("debug", "none.pxasm", code=1)
        text = self.pxos("debug", "h.pxasm", stdin="where\nzz\nq\n")
        self.assertIn("no command 'zz'", text)


class Reload(cli_test.Cli):
    def setUp(self):
        self.pxos("import", cli_test.conformance(STORIES), "-o", "s.pxa", "-f")
        for name in ("llama.pxasm", "rotary.pxasm", "decoder.pxasm"):
            (self.folder / name).write_text((cli_test.SOURCE / "programs" / name).read_text())

    def start(self, *words):
        environment = {**os.environ, "PXOS_HOME": str(self.folder / "home")}
        self.process = subprocess.Popen(
            [cli_test.PXOS, "run", "s.pxa", "Once upon a time", "--temp", "0", "--program", "llama.pxasm", "--watch",
             "--ctx", "512", "-n", "300000", "--context-policy", "shift", "--logit-bias", "1=-inf",
             "--logit-bias", "2=-inf", *words],
            cwd=self.folder, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.stop)
        self.bound(self.process)
        return self.said("took over at token 0")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def said(self, part):
        """Reads what it says until `part`, or until its end."""
        text = ""
        for line in self.process.stderr:
            text += line
            if part in line:
                return text
        self.fail(f"{part!r} was not said: {text}")

    def edit(self, name, old, new):
        text = (self.folder / name).read_text()
        self.assertIn(old, text)
        (self.folder / name).write_text(text.replace(old, new))

    def test_an_edited_program_takes_over_between_two_tokens(self):
        self.start()
        self.edit("llama.pxasm", "    feed_forward l\n    add       x, x, delta", "    feed_forward l\n    copy      x, x")
        told = self.said("took over at token")
        pause = float(re.search(r"stood still for ([0-9.]+) ms", told)[1])
        print(f"pause {pause} ms", flush=True)
        self.assertIn("mixed", told)
        # A mistake is shown with its place, and the program before runs on.
        self.edit("llama.pxasm", "copy      x, x", "coppy     x, x")
        told = self.said("runs on")
        self.assertIn("llama.pxasm:", told)
        self.assertIn("did you mean", told)
        self.assertIsNone(self.process.poll())
        # So does one that would keep other things between calls.
        self.edit("llama.pxasm", "coppy     x, x", "copy      x, x\n.region more : f32[8]")
        self.assertIn("must stay what they are", self.said("runs on"))
        # A file that is included counts as well.
        self.edit("llama.pxasm", "\n.region more : f32[8]", "")
        self.said("took over at token")
        self.edit("decoder.pxasm", ";", "; ")
        self.said("took over at token")
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(130, self.process.wait(cli_test.SECONDS))

    def test_no_edit_is_lost_however_soon_it_comes(self):
        """Saved while the watch still reads what was saved before, includes come and go."""
        self.start()
        end = "\n.include \"none.pxasm\"\n"
        for _ in range(12):
            self.edit("llama.pxasm", ".program", end + ".program")
            self.said("runs on")
            self.edit("llama.pxasm", end + ".program", ".program")
            self.said("took over at token")

    def test_a_replay_leaves_nothing_mixed(self):
        self.start("--replay")
        self.edit("llama.pxasm", "    feed_forward l\n    add       x, x, delta", "    feed_forward l\n    copy      x, x")
        told = self.said("took over at token")
        self.assertIn("evaluated again", told)
        self.assertNotIn("mixed", told)


if __name__ == "__main__":
    cli_test.PXOS = sys.argv[1]
    cli_test.SOURCE = pathlib.Path(sys.argv[2])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
