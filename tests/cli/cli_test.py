#!/usr/bin/env python3
"""The command line as a user types it: the tour of README.md, exit codes, one-line errors, damaged files.

usage: cli_test.py PXOS SOURCE_FOLDER [unittest arguments]
Model tests need the conformance data (PXOS_CONFORMANCE, else ../shared/conformance) and are skipped aloud without.
"""
import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import zlib

PXOS = ""
SOURCE = pathlib.Path()
SECONDS = 300


def conformance(name):
    root = pathlib.Path(os.environ.get("PXOS_CONFORMANCE") or SOURCE / "../shared/conformance")
    if not (root / name).exists():
        print(f"SKIPPED: no conformance data ({name})", flush=True)
        raise unittest.SkipTest(name)
    return root / name


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.holder.name)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def bound(self, process):
        """Kills a process that outlives SECONDS: who reads from it sees its end instead of waiting for ever."""
        timer = threading.Timer(SECONDS, process.kill)
        timer.daemon = True
        timer.start()
        self.addCleanup(timer.cancel)

    def pxos(self, *words, code=0, stdin=""):
        """Runs pxos, checks its exit code, returns stdout; for failures stderr, which must be one line."""
        environment = {**os.environ, "PXOS_HOME": str(self.folder / "home"), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
        done = subprocess.run([PXOS, *map(str, words)], cwd=self.folder, env=environment, input=stdin, text=True,
                              capture_output=True, timeout=SECONDS, check=False)
        self.assertEqual(code, done.returncode, f"pxos {words}: {done.stdout[-500:]}{done.stderr[-500:]}")
        if code == 1:
            self.assertEqual(1, done.stderr.count("\n"), done.stderr)
        return done.stdout if code == 0 else done.stderr


class PixelLlm(Cli):
    def test_from_fresh_weights_to_a_prediction(self):
        self.pxos("init", "pixellm_v0", "--seed", 7, "-o", "w.npz")
        self.assertIn("279", self.pxos("encode", "w.npz", "-o", "m.pxi"))
        self.assertTrue((self.folder / "m.pxi").read_bytes().startswith(b"\x89PNG"))
        self.pxos("verify", "w.npz", "m.pxi")
        self.pxos("decode", "m.pxi", "-o", "again.npz")
        self.pxos("encode", "again.npz", "-o", "again.pxi")
        self.pxos("tokenize", "hello pixels", "-o", "input_tokens.pxi")
        self.pxos("infer", "--input", "input_tokens.pxi", "--model", "m.pxi", "--out", "a", "--verbose")
        self.pxos("infer", "hello pixels", "--model", "m.pxi", "--out", "b")
        for name in ("output_token.pxi", "logits_heatmap.pxi"):
            self.assertEqual((self.folder / "a" / name).read_bytes(), (self.folder / "b" / name).read_bytes())
        self.assertIn("5", self.pxos("inspect", "a/output_token.pxi"))
        infer = f"'{PXOS}' infer --model '{self.folder / 'm.pxi'}'"
        self.pxos("conform", infer, infer)

    def test_the_same_from_a_cartridge(self):
        self.pxos("init", "pixellm_v0", "-o", "c.npz")
        self.pxos("encode", "c.npz", "-o", "c.pxi")
        self.pxos("encode", "c.npz", "-o", "c.pxa")
        self.pxos("verify", "c.pxa")
        self.pxos("infer", "pxOS", "--model", "c.pxi", "--out", "pixels")
        self.pxos("infer", "pxOS", "--model", "c.pxa", "--out", "cartridge")
        for name in ("output_token.pxi", "logits_heatmap.pxi"):
            self.assertEqual((self.folder / "pixels" / name).read_bytes(),
                             (self.folder / "cartridge" / name).read_bytes())

    def test_both_engines_make_the_same_pictures(self):
        self.pxos("init", "pixellm_v0", "--seed", 3, "-o", "n.npz")
        self.pxos("encode", "n.npz", "-o", "n.pxa")
        for engine in ("pxvm", "cartridge"):
            self.pxos("infer", "engines", "--model", "n.pxa", "--engine", engine, "--out", engine)
        for name in ("output_token.pxi", "logits_heatmap.pxi"):
            self.assertEqual((self.folder / "pxvm" / name).read_bytes(),
                             (self.folder / "cartridge" / name).read_bytes())

    def test_an_empty_prompt_is_refused(self):
        self.pxos("init", "pixellm_v0", "-o", "e.npz")
        self.pxos("encode", "e.npz", "-o", "e.pxi")
        self.pxos("infer", "", "--model", "e.pxi", code=2)


class Programs(Cli):
    def write(self, name, text):
        (self.folder / name).write_text(text)

    def test_assemble_disassemble_execute(self):
        self.write("p.pxasm", '.program p\n.string hi = "hello\\n"\n.entry main()\n    .reg s, z, r\n'
                   "    i64.const s, hi\n    host r, s, z, z, console.text\n    halt\n")
        self.pxos("asm", "p.pxasm", "-o", "p.pxi")
        self.write("back.pxasm", self.pxos("dis", "p.pxi"))
        self.pxos("asm", "back.pxasm", "-o", "again.pxi")
        self.assertEqual((self.folder / "p.pxi").read_bytes(), (self.folder / "again.pxi").read_bytes())
        self.assertEqual("hello\n", self.pxos("exec", "p.pxi"))

    def test_what_asm_emits(self):
        self.write("part.pxasm", ".temp spare : f32[4]\n")
        self.write("e.pxasm", ".program e\n.include \"part.pxasm\"\n.entry main()\nlast:\n    halt\n")
        rule = self.pxos("asm", "e.pxasm", "--emit", "deps")
        self.assertRegex(rule, r"\Ae\.pxi: e\.pxasm \\\n  part\.pxasm\n\npart\.pxasm:\n\Z")
        self.assertFalse((self.folder / "e.pxi").exists())
        self.assertIn("temp\tspare\tt0 f32[4]\tpart.pxasm:1:7\n", self.pxos("asm", "e.pxasm", "--emit", "symbols"))
        self.assertIn("08 00 00 | 00 00 00 | 00 00 00  halt", self.pxos("asm", "e.pxasm", "--emit", "listing"))
        self.pxos("asm", "e.pxasm", "--emit", "listing", "-o", "e.lst", "--depfile", "e.d")
        self.assertIn("halt", (self.folder / "e.lst").read_text())
        self.assertEqual(rule, (self.folder / "e.d").read_text())
        for line in self.pxos("asm", "--list-warnings").splitlines():
            self.assertRegex(line, r"^[a-z-]+ +\S")

    def test_warnings_are_chosen_and_can_be_errors(self):
        self.write("w.pxasm", ".program w\n.temp spare : f32[4]\n.entry main()\n    halt\n")
        self.pxos("asm", "w.pxasm", "-o", "w.pxi")
        shown = self.pxos("asm", "w.pxasm", "--werror", "-o", "x.pxi", code=None)
        self.assertIn("error: temp 'spare' is never used [-Werror=unused-temp]", shown)
        self.assertFalse((self.folder / "x.pxi").exists())
        self.pxos("asm", "w.pxasm", "--werror", "-W", "no-unused", "-o", "x.pxi")
        self.pxos("asm", "w.pxasm", "-Wno-unused-tmp", code=2)

    def test_included_files_are_looked_for_beside_the_source_and_in_folders(self):
        (self.folder / "shared").mkdir(exist_ok=True)
        self.write("shared/inc.pxasm", ".string hi = \"from afar\\n\"\n")
        self.write("i.pxasm", ".include \"inc.pxasm\"\n.entry main()\n    host r1, hi, 0, 0, console.text\n    halt\n")
        self.pxos("asm", "i.pxasm", code=None)
        self.pxos("asm", "i.pxasm", "-I", "shared", "-o", "i.pxi")
        self.assertEqual("from afar\n", self.pxos("exec", "i.pxi"))

    def test_a_program_reaches_only_the_files_that_it_was_given(self):
        self.write("files.pxasm", """.region file : u8[16]
.string in = "rom"
.string out = "save"
.entry main()
    .reg n, k
    host n, in, n, n, file.size
    host k, n, n, n, console.i64
    host n, in, 1, 0, file.read
    host k, n, n, n, console.i64
    host n, out, 2, n, file.write
    halt
""")
        (self.folder / "game.bin").write_bytes(b"abcd")
        self.assertEqual("43", self.pxos("exec", "files.pxasm", "--file", "rom=game.bin",
                                         "--output-file", "save=saved.bin"))
        self.assertEqual(b"\0\0bcd", (self.folder / "saved.bin").read_bytes())
        self.assertIn("read only", self.pxos("exec", "files.pxasm", "--file", "rom=game.bin", "--file",
                                             "save=saved.bin", code=3))
        self.assertIn("no file was given the name 'rom'", self.pxos("exec", "files.pxasm", code=3))
        self.pxos("exec", "files.pxasm", "--file", "game.bin", code=2)

    def test_keys_tokens_and_frames_of_a_program(self):
        self.write("world.pxasm", """.region screen : u8[2, 3]
.entry main()
    .reg key, n
again:
    host n, n, n, n, key.next
    br.lt n, 0, pictures
    host n, n, n, n, tokens.put
    br again
pictures:
    host n, 1, n, n, tokens.get
    st.u8 screen, 5, n
    host n, n, n, n, screen.present
    host key, 1000000, n, n, clock.wait
    br pictures
""")
        said = self.pxos("exec", "world.pxasm", "--keys", "ab", "--tokens", "7,200", "--frames", 3, "--virtual-clock",
                         "--screenshot", "seen.png", "--scale", 4)
        self.assertEqual("97 98\n", said)
        picture = (self.folder / "seen.png").read_bytes()
        self.assertEqual((12, 8), struct.unpack(">II", picture[16:24]))

    def test_a_trace_shows_what_every_instruction_reads(self):
        self.write("t.pxasm", ".entry main()\n    i64.const r3, 7\n    call f, r3\n    halt\n"
                   ".func f(a)\n    i64.mul a, a, a\n    ret\n")
        done = subprocess.run([PXOS, "exec", "--trace", "t.pxasm"], cwd=self.folder, capture_output=True, text=True,
                              timeout=SECONDS, check=True)
        self.assertEqual("", done.stdout)
        self.assertEqual(["i64.const r3, 7", "call L3, r3", "i64.mul r0, r0, r0 (r0 = 7, r0 = 7)", "ret", "halt"],
                         [line.split(maxsplit=2)[2] for line in done.stderr.splitlines()])

    def test_an_endless_program_is_interrupted_at_once(self):
        self.write("endless.pxasm", '.string begun = "begun\\n"\n.entry main()\n    host r1, begun, 0, 0, console.text\n'
                   "again:\n    call f, r0\n    br again\n.func f\n    ret\n")
        terminal, its_end = os.openpty()  # a pipe would get the text only when the program ends
        with subprocess.Popen([PXOS, "exec", "endless.pxasm"], cwd=self.folder, stdout=its_end,
                              stderr=subprocess.DEVNULL) as running:
            self.bound(running)
            os.close(its_end)
            self.assertIn(b"begun", os.read(terminal, 100))
            running.send_signal(signal.SIGINT)
            self.assertEqual(130, running.wait(SECONDS))
        os.close(terminal)

    def test_fmt_lays_out_in_place_and_checks(self):
        self.write("f.pxasm", ".entry main()\nhalt\n")
        self.assertIn("f.pxasm", self.pxos("fmt", "--check", "f.pxasm", code=None))
        self.assertEqual(".entry main()\nhalt\n", (self.folder / "f.pxasm").read_text())
        self.pxos("fmt", "f.pxasm")
        self.assertEqual(".entry main()\n    halt\n", (self.folder / "f.pxasm").read_text())
        self.pxos("fmt", "--check", "f.pxasm")
        self.assertEqual(".entry main()\n    halt\n", self.pxos("fmt", "-", stdin=".entry main()\n halt"))

    def test_the_first_listing_of_the_tutorial_says_hello(self):
        text = (SOURCE / "docs/tutorial/first_forward_pass.md").read_text()
        self.write("hello.pxasm", text.split("```pxasm\n")[1].split("```")[0])
        self.assertEqual("Hello, pixels.\n", self.pxos("exec", "hello.pxasm"))

    def test_the_plan_and_the_profile_of_a_program(self):
        self.write("p.pxasm", ".program p\n.temp a : f32[2, 4]\n.temp b : f32[2, 4]\n.entry main()\n    .reg f\n"
                   "    fill a, f\n    add b, a, a\n    softmax a, b\n    halt\n")
        plan = self.pxos("exec", "--plan", "p.pxasm")
        self.assertIn("3 operations, one section over rows", plan)
        self.assertIn("| softmax a, b", plan)
        profile = self.pxos("exec", "--profile", "p.pxasm")
        self.assertRegex(profile, r"fill a \+ add b \+ softmax a +1 ")
        self.assertIn("everything else", profile)

    def test_a_cartridge_shows_the_plan_of_its_program(self):
        self.pxos("init", "pixellm_v0", "-o", "p.npz")
        self.pxos("encode", "p.npz", "-o", "p.pxa")
        self.assertIn("rows of x made and quantised together", self.pxos("exec", "--plan", "p.pxa"))

    def test_a_mistake_is_shown_with_place_and_caret(self):
        self.write("bad.pxasm", ".program p\n.entry main()\n    hault\n")
        shown = self.pxos("asm", "bad.pxasm", "-o", "bad.pxi", code=None)
        self.assertRegex(shown, r"bad\.pxasm:3:5: error: .*\n.*hault\n[ |]+\^")
        self.assertFalse((self.folder / "bad.pxi").exists())

    def test_programs_that_ship_run_by_their_names(self):
        self.assertIn("Hello, pixels!", self.pxos("exec", "hello"))
        self.assertIn("lift-off", self.pxos("exec", "--virtual-clock", "countdown"))
        self.pxos("exec", "life", "--virtual-clock", "--steps", 3, "--screenshot", "life.png", "--set", "soup=1")
        self.assertIn("640 x 480", self.pxos("inspect", "life.png"))
        self.assertIn("soop", self.pxos("exec", "life", "--set", "soop=1", code=2))
        self.assertIn("needs a ROM", self.pxos("exec", "chip8", code=3))
        self.assertIn("call", self.pxos("dis", "fibonacci"))

    def test_a_window_shows_a_program_where_there_is_a_display(self):
        self.assertIn("there is no display", self.pxos("exec", "life", "--window", code=1))
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        try:
            self.pxos("exec", "life", "--window", "--virtual-clock", "--frames", 3)
        finally:
            del os.environ["SDL_VIDEODRIVER"]

    def test_keys_are_pressed_in_turn_or_by_frames(self):
        self.assertIn("element of C: 1.25", self.pxos("exec", "matmul", "--virtual-clock", "--frames", 1, "--keys", "5w"))
        shown = self.pxos("exec", "matmul", "--virtual-clock", "--frames", 9, "--keys", "2:5,4:w,6-8:1")
        self.assertEqual(4, shown.count("largest element"), shown)
        self.pxos("exec", "matmul", "--keys", "2-1:5", code=2)
        # A CHIP-8 that waits for a key and draws it.
        (self.folder / "key.ch8").write_bytes(bytes([0xF0, 0x0A, 0xF0, 0x29, 0xD1, 0x15, 0x12, 0x06]))
        chip8 = ["exec", "chip8", "--rom", "key.ch8", "--virtual-clock", "--frames", 20, "--screenshot"]
        self.pxos(*chip8, "none.png")
        self.pxos(*chip8, "q.png", "--keys", "3-6:q")
        self.pxos(*chip8, "w.png", "--keys", "3-6:w")
        pictures = {(self.folder / name).read_bytes() for name in ("none.png", "q.png", "w.png")}
        self.assertEqual(3, len(pictures))

    def v0_picture(self, name, code):
        """A picture of the original machine, 8 x 4: row 0 is `code`, row 1 and 2 start with 1 2 3 and 10 20 30."""
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        rows = [code, [(1,), (2,), (3,)], [(10,), (20,), (30,)], []]
        lines = b"".join(b"\0" + b"".join(bytes(p).ljust(4, b"\0") for p in row).ljust(32, b"\0") for row in rows)
        (self.folder / name).write_bytes(b"\x89PNG\r\n\x1a\n"
                                         + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 4, 8, 6, 0, 0, 0))
                                         + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))

    def test_a_program_of_the_original_machine_runs_by_translation(self):
        self.v0_picture("dot.pxi", [(1, 1, 2, 3)])
        self.assertEqual("row   3  140\n", self.pxos("exec", "dot.pxi"))
        self.assertEqual("row   3  130\n", self.pxos("exec", "--dialect", "v002h", "dot.pxi", "-o", "after.pxi"))
        self.assertIn("0  dot      1 2 -> 3", self.pxos("inspect", "after.pxi"))
        self.assertIn("pxos exec", self.pxos("dis", "dot.pxi", code=1))
        self.assertIn("v0_dot 1, 2, 3, 0", self.pxos("exec", "--source", "dot.pxi"))
        self.v0_picture("wrong.pxi", [(1, 1, 2, 3), (99, 1, 2, 3)])
        self.assertIn("wrong.pxi:2: ", self.pxos("exec", "wrong.pxi", code=3))
        self.assertEqual("row   3  140\n", self.pxos("exec", "--compat", "wrong.pxi"))
        self.assertIn("missing.npy", self.pxos("exec", "--row", "1=missing.npy", "dot.pxi", code=1))

    def test_a_trap_and_the_end_of_the_fuel_have_their_exit_code(self):
        self.write("trap.pxasm", '.program p\n.string why = "enough"\n.entry main()\n    trap why\n')
        self.assertIn("enough", self.pxos("exec", "trap.pxasm", code=3))
        self.write("loop.pxasm", ".program p\n.entry main()\nagain:\n    br again\n")
        self.assertIn("fuel", self.pxos("exec", "--fuel", 1000, "loop.pxasm", code=None))

    def pxos(self, *words, code=0, stdin=""):
        if code is not None:
            return super().pxos(*words, code=code, stdin=stdin)
        done = subprocess.run([PXOS, *map(str, words)], cwd=self.folder, text=True, capture_output=True,
                              timeout=SECONDS, check=False)
        self.assertIn(done.returncode, (1, 3))
        return done.stderr


class Errors(Cli):
    def test_usage_errors_have_exit_code_2(self):
        self.pxos("nonsense", code=2)
        self.pxos("asm", code=2)
        self.pxos("import", "--nonsense", code=2)

    def test_every_verb_explains_itself(self):
        table = (SOURCE / "shell/verbs/verbs.def").read_text()
        for verb in re.findall(r"^PX_VERB\((\w+)", table, re.MULTILINE):
            self.assertIn("--help", self.pxos(verb, "--help"))

    def test_a_missing_file_is_named(self):
        for verb in (["inspect", "gone"], ["verify", "gone"], ["dis", "gone"], ["run", "gone.pxa", "x"],
                     ["import", "gone", "-o", "x.pxa"], ["unpack", "gone", "-o", "x"]):
            self.assertIn("gone", self.pxos(*verb, code=1))

    def test_damaged_files_end_in_one_line(self):
        self.pxos("init", "pixellm_v0", "-o", "d.npz")
        self.pxos("encode", "d.npz", "-o", "d.pxa")
        original = (self.folder / "d.pxa").read_bytes()
        rng = random.Random(1)
        for number in range(25):
            damaged = bytearray(original)
            if number % 5 == 0:
                del damaged[rng.randrange(len(damaged)):]
            else:
                damaged[rng.randrange(min(len(damaged), 100_000))] ^= 1 << rng.randrange(8)
            (self.folder / "x.pxa").write_bytes(damaged)
            environment = {**os.environ, "PXOS_HOME": str(self.folder / "home")}
            for words in (["verify", "x.pxa"], ["inspect", "x.pxa"], ["infer", "a", "--model", "x.pxa"]):
                done = subprocess.run([PXOS, *words], cwd=self.folder, env=environment, text=True, errors="replace",
                                      capture_output=True, timeout=SECONDS, check=False)
                self.assertIn(done.returncode, (0, 1, 3), f"{words} {number}: {done.stderr}")
                self.assertLessEqual(done.stderr.count("\n"), 1, done.stderr)


    def test_what_is_read_is_not_written_over(self):
        (self.folder / "p.pxasm").write_text(".program p\n.entry main()\n    halt\n")
        kept = (self.folder / "p.pxasm").read_bytes()
        (self.folder / "same.pxasm").symlink_to("p.pxasm")
        for output in ("p.pxasm", "./same.pxasm"):
            self.assertIn("another name", self.pxos("asm", "p.pxasm", "-o", output, code=2))
        self.assertEqual(kept, (self.folder / "p.pxasm").read_bytes())
        (self.folder / "bytes").write_bytes(b"a\0b")
        self.assertIn("expected a text", self.pxos("fmt", "bytes", code=1))
        self.assertEqual(b"a\0b", (self.folder / "bytes").read_bytes())

    def test_output_that_nobody_takes_is_a_failure_and_no_crash(self):
        def run(*words, **streams):
            return subprocess.run([PXOS, *words], cwd=self.folder, timeout=SECONDS, check=False, **streams)

        with open("/dev/full", "w") as full:
            done = run("dis", "hello", stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual((1, "pxos: stdout cannot be written\n"), (done.returncode, done.stderr))
            self.assertEqual(1, run("--help", stdout=full, stderr=subprocess.DEVNULL).returncode)
            self.assertEqual(2, run("nosuch", stderr=full).returncode)
        # A reader that goes away ends even a program that would print for ever.
        (self.folder / "o.pxasm").write_text(
            ".program o\n.entry main()\n    .reg i\nagain:\n    host i, i, i, i, console.i64\n    br again\n")
        endless = subprocess.Popen([PXOS, "exec", "o.pxasm"], cwd=self.folder, stdout=subprocess.PIPE)
        self.addCleanup(endless.kill)
        endless.stdout.read(10)
        endless.stdout.close()
        self.assertEqual(-signal.SIGPIPE, endless.wait(SECONDS))

    def test_arenas_beyond_the_memory_are_refused(self):
        (self.folder / "big.pxasm").write_text(
            ".program p\n.temp x : f32[1000000, 1000000]\n.entry main()\n    add x, x, x\n    halt\n")
        self.assertIn("MiB are allowed", self.pxos("exec", "big.pxasm", code=1))

    def test_a_model_file_in_place_of_a_cartridge_says_what_to_do(self):
        (self.folder / "m.gguf").write_bytes(b"GGUF\3\0\0\0" + bytes(16))
        for words in (("run", "m.gguf", "x"), ("bench", "m.gguf")):
            self.assertIn("pxos import m.gguf", self.pxos(*words, code=1))


class Volumes(Cli):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = {"noise.bin": random.Random(1).randbytes(300_000), "folder/text": b"pixels of a model; " * 9000,
                     "folder/deep/empty": b"", "ramp": bytes((i * i >> 9) & 255 for i in range(200_000))}
        for name, content in cls.files.items():
            (cls.folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (cls.folder / "in" / name).write_bytes(content)
        cls.pxos(cls(), "volume", "pack", "in/folder", "in/noise.bin", "in/ramp", "-o", "v.pxi")

    def test_files_come_back_whole_and_in_part(self):
        listed = {file["name"]: file for file in json.loads(self.pxos("volume", "ls", "v.pxi", "--json"))["files"]}
        self.assertEqual(set(self.files), set(listed))
        self.assertEqual("none", listed["noise.bin"]["coding"])
        self.assertEqual("zstd", listed["folder/text"]["coding"])
        for name, content in self.files.items():
            self.assertEqual(len(content), listed[name]["size"])
            self.pxos("volume", "get", "v.pxi", name, "-o", "out")
            self.assertEqual(content, (self.folder / "out").read_bytes())
        self.pxos("volume", "get", "v.pxi", "noise.bin@123456+7890", "-o", "out")
        self.assertEqual(self.files["noise.bin"][123456:131346], (self.folder / "out").read_bytes())
        self.assertEqual(self.files["folder/text"][5:23].decode(),
                         self.pxos("volume", "get", "v.pxi", "folder/text@5+18", "-o", "-"))

    def test_inspect_verify_and_unpack_know_it(self):
        self.assertIn("folder/text", self.pxos("inspect", "v.pxi"))
        self.assertIn("folder/text", self.pxos("volume", "ls", "v.pxi"))
        self.assertIn("ok: 4 files", self.pxos("verify", "v.pxi"))
        self.assertIn("4 entries", self.pxos("unpack", "v.pxi", "-o", "parts"))
        for name, content in self.files.items():
            self.assertEqual(content, (self.folder / "parts" / name).read_bytes())
        self.pxos("unpack", "v.pxi", "-o", "parts", code=2)

    def test_damage_is_named(self):
        damaged = bytearray((self.folder / "v.pxi").read_bytes())
        at = damaged.index(self.files["noise.bin"][100_000:100_016])
        damaged[at] ^= 1
        (self.folder / "damaged.pxi").write_bytes(damaged)
        words = ["volume", "verify", "damaged.pxi"]
        done = subprocess.run([PXOS, *words], cwd=self.folder, text=True, capture_output=True, check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("1 damaged places", done.stderr)
        chunk = json.loads(self.pxos("volume", "ls", "v.pxi", "--json"))["chunk_bytes"]
        self.assertIn(f"'noise.bin' chunk {100_000 // chunk},", done.stdout)
        self.assertIn("noise.bin", self.pxos("volume", "get", "damaged.pxi", "noise.bin", "-o", "out2", code=1))
        self.assertFalse((self.folder / "out2").exists())
        self.pxos("volume", "get", "damaged.pxi", "ramp", "-o", "out2")
        (self.folder / "torn.pxi").write_bytes(damaged[:-1000])
        self.assertIn("torn.pxi", self.pxos("verify", "torn.pxi", code=1))

    def test_mistakes_are_explained(self):
        self.pxos("volume", code=2)
        self.pxos("volume", "pack", "in/ramp", "-o", "v.pxi", code=2)  # exists already
        self.pxos("volume", "pack", "in/ramp", "in/folder/../ramp", "-o", "w.pxi", code=2)  # one name twice
        self.assertIn("gone", self.pxos("volume", "pack", "gone", "-o", "w.pxi", code=1))
        self.assertIn("gone", self.pxos("volume", "get", "v.pxi", "gone", "-o", "out", code=1))
        self.pxos("volume", "get", "v.pxi", "ramp@199999+2", "-o", "out", code=2)
        self.pxos("volume", "get", "v.pxi", "ramp@x+2", "-o", "out", code=2)
        self.pxos("volume", "ls", "in/ramp", code=1)

    def test_the_original_containers(self):
        storage = conformance("storage")
        self.assertIn("docs/unicode-\u03bb.md", self.pxos("inspect", storage / "archives/sample.PXFS-wrapped.pxa"))
        self.pxos("unpack", storage / "archives/sample.PXAR-raw.bin", "-o", "pxar")
        self.assertEqual((storage / "archives/pxos_manifest.json").read_bytes(),
                         (self.folder / "pxar/pxos_manifest.json").read_bytes())
        self.pxos("unpack", storage / "pixelfs/demo.PXIF-v1.pxi", "-o", "pxif")
        self.assertEqual(3600, (self.folder / "pxif/demo.PXIF-v1").stat().st_size)
        for name in ("pixelfs/demo.PXIF-v1.pxi", "pixelfs/hello_world.PXFS-v1.pxi", "archives/sample.PXFS-wrapped.pxa"):
            self.assertIn("SHA-256", self.pxos("verify", storage / name))


class Models(Cli):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = conformance("models/stories260K-gguf/stories260K.gguf")
        cls.cartridge = cls.folder / "stories.pxa"
        cls.pxos(cls(), "import", cls.source, "-o", cls.cartridge)

    def test_tokenize_and_detokenize(self):
        for model in (self.cartridge, self.source):
            ids = self.pxos("tokenize", "Once upon  a time", "-m", model).split()
            self.assertEqual("1", ids[0])
            self.assertEqual("Once upon  a time\n", self.pxos("detokenize", *ids, "-m", model))
        described = json.loads(self.pxos("tokenize", "-", "-m", self.cartridge, "--json", stdin="a\u00e9"))
        self.assertEqual(512, described["vocabulary"])
        self.assertEqual(len(described["ids"]), len(described["pieces"]))
        self.assertIn('"<s>"', self.pxos("tokenize", "x", "-m", self.cartridge, "--pieces"))
        plain = self.pxos("tokenize", "x", "-m", self.cartridge, "--no-special").split()
        self.assertNotIn("1", plain)
        self.assertIn("512", self.pxos("detokenize", 512, "-m", self.cartridge, code=1))
        hf = conformance("models/TinyStories-656K-hf")
        self.assertEqual(self.pxos("tokenize", "a cat", "-m", hf), self.pxos("tokenize", "a cat", "-m", hf / "tokenizer.json"))
        (self.folder / "odd.json").write_text('{"model": {"type": "WordLevel", "vocab": {}}}')
        self.assertIn("WordLevel", self.pxos("tokenize", "x", "-m", "odd.json", code=1))

    def test_a_model_without_a_tokenizer_takes_no_text(self):
        self.pxos("import", conformance("models/gpt-nano-sort"), "-o", "sort.pxa")
        self.assertIn("no tokenizer", self.pxos("run", "sort.pxa", "CAB", code=1))

    def test_sampling_options_and_grammars(self):
        (self.folder / "yes.gbnf").write_text('root ::= " yes" | " no"')
        words = ["run", self.cartridge, "Is it red?", "-n", 20, "--json"]
        self.assertIn(json.loads(self.pxos(*words, "--grammar", "yes.gbnf"))["text"], (" yes", " no"))
        (self.folder / "s.json").write_text('{"type": "object", "properties": {"n": {"type": "integer", "maximum": 7}}, '
                                            '"required": ["n"]}')
        answer = json.loads(self.pxos("run", self.cartridge, "n is", "-n", 200, "--json", "--json-schema", "s.json",
                                      "--temp", 1, "--seed", 3))
        self.assertLessEqual(json.loads(answer["text"])["n"], 7)
        beams = json.loads(self.pxos(*words, "--beams", 3))["beams"]
        self.assertEqual(3, len(beams))
        self.assertGreaterEqual(beams[0]["score"], beams[2]["score"])
        told = json.loads(self.pxos(*words, "--logprobs", 2))
        self.assertEqual(len(told["tokens"]), len(told["logprobs"]))
        self.assertEqual(2, len(told["logprobs"][0]["top"]))
        many = ["--temp", 0.9, "--samplers", "dry;top_k;temperature;top_p", "--top-k", 40, "--top-p", 0.9, "--typical-p", 0.9,
                "--xtc-probability", 0.5, "--dry-multiplier", 0.8, "--presence-penalty", 0.1, "--mirostat-tau", 0]
        self.assertEqual(json.loads(self.pxos(*words, *many))["tokens"], json.loads(self.pxos(*words, *many))["tokens"])
        first = json.loads(self.pxos(*words))["tokens"][0]
        self.assertNotEqual(first, json.loads(self.pxos(*words, "--logit-bias", f"{first}=-inf"))["tokens"][0])
        for wrong in (["--samplers", "tfs"], ["--logit-bias", "x"], ["--typical-p", 0], ["--beams", 99]):
            self.pxos(*words, *wrong, code=2)
        self.assertIn("1:10", self.pxos(*words, "--grammar", self.bad_grammar(), code=1))
        self.pxos("run", self.cartridge, "x", "-n", 600, "--ctx", 64, "--context-policy", "refuse", code=1)

    def bad_grammar(self):
        (self.folder / "bad.gbnf").write_text("root ::= )")
        return "bad.gbnf"

    def test_run_is_repeatable_and_counts(self):
        words = ["run", self.cartridge, "Once upon a time", "-n", 20, "--json"]
        first, second = json.loads(self.pxos(*words)), json.loads(self.pxos(*words, "--threads", 1))
        self.assertEqual(first["text"], second["text"])
        self.assertEqual(first["tokens"], second["tokens"])

    def test_every_load_mode_runs_the_same(self):
        words = ["run", self.cartridge, "Once upon a time", "-n", 10]
        self.assertEqual(1, len({self.pxos(*words, "--load", mode) for mode in ("mmap", "prefault", "read")}))
        self.pxos(*words, "--load", "tape", code=2)

    def test_a_seed_decides_what_is_sampled(self):
        def text(seed):
            return json.loads(self.pxos("run", self.cartridge, "The", "-n", 30, "--temp", 1, "--seed", seed,
                                        "--json"))["text"]
        self.assertEqual(text(1), text(1))
        self.assertGreater(len({text(seed) for seed in range(4)}), 1)

    def test_verify_inspect_unpack_pack(self):
        self.pxos("verify", self.cartridge)
        self.assertIn("llama", self.pxos("inspect", self.cartridge))
        self.pxos("inspect", self.cartridge, "--png", "map.png")
        self.assertTrue((self.folder / "map.png").read_bytes().startswith(b"\x89PNG"))
        self.pxos("unpack", self.cartridge, "-o", "parts")
        self.pxos("pack", "parts", "-o", "packed.pxa")
        self.assertEqual(self.cartridge.read_bytes(), (self.folder / "packed.pxa").read_bytes())

    def test_the_headless_shell_answers_and_draws_its_screen(self):
        shown = self.pxos("shell", "--headless", "--cmd", f'mount "{self.cartridge}" s; ask "Once"; mounts; map m.png; log',
                          "--screenshot", "screen.png")
        self.assertIn("upon a time", shown)
        self.assertRegex(shown, r"\bmount\b")  # a line of the log
        for picture in ("screen.png", "m.png"):
            self.assertTrue((self.folder / picture).read_bytes().startswith(b"\x89PNG"))

    def test_perplexity_is_the_recorded_one(self):
        text = conformance("corpora/tinystories-valid-ts656k-charset-40k.txt")
        found = json.loads(self.pxos("ppl", self.cartridge, text, "--ctx", 256, "--json"))["perplexity"]
        self.assertAlmostEqual(4.9636, found, delta=0.005)  # 0.1 %

    def test_a_model_is_compared_with_a_base(self):
        text = conformance("corpora/tinystories-valid-ts656k-charset-40k.txt")
        self.pxos("import", self.source, "--as", "q8_0", "-o", "q8.pxa")
        words = ["ppl", "q8.pxa", text, "--ctx", 128, "--bytes", 6000, "--base", self.cartridge]
        found = json.loads(self.pxos(*words, "--json"))
        self.assertGreater(found["perplexity_error"], 0)
        self.assertLess(abs(found["ratio"] - found["perplexity"] / found["base"]["perplexity"]), 1e-6)
        self.assertTrue(0 < found["kl_mean"] < found["kl_99"] < found["kl_max"] < 0.1)
        self.assertGreater(found["same_top"], 0.95)
        shown = self.pxos(*words, "--chunks")
        self.assertEqual(found["chunks"], len(re.findall(r"^chunk .* mean KL", shown, re.MULTILINE)))
        self.assertIn("same top", shown)
        words[1] = self.cartridge  # a model is itself
        self.assertEqual(1, json.loads(self.pxos(*words, "--json"))["same_top"])

    def test_quantising_costs_what_its_bits_say(self):
        text = conformance("corpora/tinystories-valid-ts656k-charset-40k.txt")
        self.pxos("imatrix", self.cartridge, text, "-o", "importance.pxi", "--ctx", 128, "--bytes", 4000)
        self.assertIn("pxos.importance", self.pxos("inspect", "importance.pxi"))
        report = json.loads(self.pxos("quantize", self.cartridge, "--to", "q8_0", "-o", "q8_0.pxa", "--json"))
        self.assertAlmostEqual(9.9, report["bits_per_value"], delta=0.1)  # ffn_down is f16: 172 columns
        report = json.loads(self.pxos("quantize", self.source, "--to", "q4_0", "-o", "q4_0.pxa", "--imatrix",
                                      "importance.pxi", "--tensor", "ffn_down=f16", "--json"))
        self.assertGreater(report["weighted"], 20)
        self.pxos("verify", "q4_0.pxa")
        self.assertEqual([], list(self.folder.glob("**/.pxos-scratch-*")) + list(self.folder.glob("*.parts")))
        self.pxos("quantize", self.cartridge, "--to", "q4_0", "-o", "q4_0.pxa", code=2)  # exists
        self.assertIn("q4_k_m", self.pxos("quantize", self.cartridge, "--to", "q9", code=2))
        self.pxos("quantize", self.cartridge, code=2)
        table = self.pxos("quantize", self.cartridge, "--table", text, "--types", "f16,q8_0,q4_0", "--ctx", 128,
                          "--bytes", 4000)
        divergence = [float(row.split("|")[7].split("±")[0]) for row in table.splitlines()[2:]]
        self.assertEqual(3, len(divergence))
        self.assertEqual(sorted(divergence), divergence)
        self.assertLess(divergence[0], 1e-4)

    def test_every_weight_is_looked_at(self):
        self.assertIn("all finite", self.pxos("inspect", "--check", self.cartridge))
        gguf = bytearray(self.source.read_bytes())
        gguf[-4:] = b"\x00\x00\xc0\x7f"  # the last value of the last tensor becomes NaN
        (self.folder / "nan.gguf").write_bytes(gguf)
        self.pxos("import", "nan.gguf", "-o", "nan.pxa")
        done = subprocess.run([PXOS, "inspect", "--check", "nan.pxa"], cwd=self.folder, text=True,
                              capture_output=True, timeout=SECONDS, check=False)
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stdout, r"bad +\S+ row \d+: 1 NaN")
        self.assertIn("1 bad values in 1 rows", done.stderr)

    def test_any_model_speaks_the_pixel_protocol(self):
        prompt = "Once upon a time"
        self.pxos("tokenize", prompt, "--model", self.cartridge, "-o", "in.pxi")
        shown = self.pxos("infer", "--input", "in.pxi", "--model", self.cartridge, "--out", "a", "--emit",
                          "sequence,beams", "-n", 12, "-k", 3)
        self.pxos("infer", prompt, "--model", self.cartridge, "--out", "b", "-k", 3)
        for name in ("input_tokens.pxi", "output_token.pxi", "logits_heatmap.pxi"):
            self.assertEqual((self.folder / "a" / name).read_bytes(), (self.folder / "b" / name).read_bytes())
        run = json.loads(self.pxos("run", self.cartridge, prompt, "-n", 12, "--json"))
        watched = self.pxos("watch", "a/output_sequence.pxi", "--model", self.cartridge)
        self.assertEqual(run["text"], watched.rstrip("\n"))
        self.assertIn(run["text"], shown)
        ids = [int(column.split(":")[0]) for column in self.pxos("watch", "a/output_sequence.pxi").split()]
        self.assertEqual(12, len(ids))
        self.assertEqual(3, shown.count("\nbeam "))
        self.assertIn("of listed", shown)
        self.assertTrue((self.folder / "a/output_beams.pxi").read_bytes().startswith(b"\x89PNG"))
        beams = json.loads(self.pxos("run", self.cartridge, prompt, "-n", 12, "--beams", 3, "--json"))["beams"]
        self.assertEqual([f"{beam['score']:.4f}" for beam in beams], re.findall(r"\nbeam +\d+ +(\S+)", shown))
        self.assertIn("not there", self.pxos("watch", "gone.pxi", "--timeout", 0.1, code=1))

    def test_watch_prints_a_sequence_while_it_grows(self):
        answer = subprocess.Popen([PXOS, "infer", "Once", "--model", self.cartridge, "--out", "live", "--emit",
                                   "sequence", "-n", "200"], cwd=self.folder, stdout=subprocess.DEVNULL)
        self.bound(answer)
        watched = self.pxos("watch", "live/output_sequence.pxi", "--model", self.cartridge, "--timeout", SECONDS)
        self.assertEqual(0, answer.wait(SECONDS))
        run = json.loads(self.pxos("run", self.cartridge, "Once", "-n", 200, "--json"))
        self.assertEqual(run["text"].rstrip("\n"), watched.rstrip("\n"))

    def test_an_export_imports_again_and_says_the_same(self):
        self.assertIn("every digest checked", self.pxos("export", self.cartridge, "-o", "back.gguf"))
        self.pxos("import", "back.gguf", "-o", "again.pxa")
        words = ["The dragon", "-n", 30, "--json"]
        self.assertEqual(json.loads(self.pxos("run", self.cartridge, *words))["tokens"],
                         json.loads(self.pxos("run", "again.pxa", *words))["tokens"])
        self.pxos("export", self.cartridge, "-o", "back.gguf", code=2)
        self.pxos("export", self.cartridge, "--gguf", "-o", "other")
        self.assertEqual((self.folder / "back.gguf").read_bytes(), (self.folder / "other").read_bytes())
        self.assertIn("--gguf", self.pxos("export", self.cartridge, code=2))
        self.pxos("export", self.cartridge, "-o", "tensors")
        index = json.loads((self.folder / "tensors/index.json").read_text())
        for row in index["tensors"]:
            self.assertEqual(row["bytes"], (self.folder / "tensors" / row["file"]).stat().st_size)
        self.pxos("export", self.cartridge, "-o", "tensors", code=2)

    def test_an_existing_cartridge_is_not_replaced_unasked(self):
        self.pxos("import", self.source, "-o", self.cartridge, code=2)


class Bench(Models):
    def test_bench_measures_limits_and_shares(self):
        report = json.loads(self.pxos("bench", self.cartridge, "--prefill", 32, "--decode", 16, "--repeat", 1,
                                      "--json"))
        for key in ("dram_gbs", "int8_gops", "prefill_tps", "decode_tps", "decode_share", "prefill_share"):
            self.assertGreater(report[key], 0, key)
        operations = {row["operation"] for row in report["decode_operations"]["rows"]}
        self.assertTrue(any("matmul output" in name for name in operations), operations)  # alone or fused
        # Beside a much better report this one is a regression; beside a much worse one it is not.
        for factor, code in ((100, 1), (0.01, 0)):
            then = {**report, "decode_share": report["decode_share"] * factor, "prefill_share": 1e-6}
            (self.folder / "then.json").write_text(json.dumps(then))
            self.pxos("bench", self.cartridge, "--prefill", 32, "--decode", 16, "--repeat", 1, "--threshold", 0.3,
                      "--compare", "then.json", code=code)

    def test_bench_makes_a_model_of_a_known_shape(self):
        words = ["bench", "--shape", "135m", "--dtype", "q4_0", "--prefill", 8, "--decode", 4, "--repeat", 1, "--depth", 16]
        shown = self.pxos(*words, "--md")
        self.assertIn("| pp8 |", shown)
        self.assertIn("| tg4 @ 16 |", shown)
        self.assertEqual([], list(self.folder.glob("home/cache/bench/*.pxa")))
        self.pxos("bench", code=2)
        self.pxos("bench", "--shape", "999b", code=2)


if __name__ == "__main__":
    PXOS, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
