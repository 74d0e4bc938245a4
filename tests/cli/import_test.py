#!/usr/bin/env python3
"""Importing and exporting as a user types it: formats against each other, and GGUF files read by another reader.

usage: import_test.py PXOS SOURCE_FOLDER [unittest arguments]
Tests of recorded models need the conformance data and are skipped aloud without.
"""
import json
import pathlib
import struct
import sys
import unittest

import cli_test
import gguf_reader


class Import(cli_test.Cli):
    def assert_equal_logits(self, ours, theirs):
        """Not one probability of thousands of positions differs, and so no logit does."""
        text = cli_test.conformance("corpora") / "tinystories-valid-ts656k-charset-40k.txt"
        found = json.loads(self.pxos("ppl", ours, text, "--base", theirs, "--ctx", 256, "--json"))
        self.assertGreater(found["scored"], 1000)
        self.assertEqual((0, 1, found["base"]["mean_nll"]),
                         (found["kl_max"], found["same_top"], found["mean_nll"]))
        prompt = ("run", ours, "Once upon a time", "-n", 60, "--temp", 0)
        self.assertEqual(self.pxos(*prompt), self.pxos("run", theirs, *prompt[2:]))

    def import_as_f32(self, source, name):
        self.pxos("import", source, "-o", name, "--as", "f32", "--kv-bits", 32)
        return name

    def digests(self, cartridge):
        self.pxos("unpack", cartridge, "-o", cartridge + ".d")
        return {path.name: path.read_bytes() for path in (self.folder / (cartridge + ".d")).glob("*.pxi")}

    def test_a_folder_and_its_gguf_are_the_same_model(self):
        models = cli_test.conformance("models")
        ours = self.import_as_f32(models / "TinyStories-656K-hf", "hf.pxa")
        theirs = self.import_as_f32(models / "TinyStories-656K-gguf/derived/TinyStories-656K-F32-fixtok.gguf", "g.pxa")
        self.assert_equal_logits(ours, theirs)

    def test_a_llama2c_checkpoint_and_its_gguf_are_the_same_model(self):
        models = cli_test.conformance("models")
        ours = self.import_as_f32(models / "stories260K-llama2c/stories260K.bin", "c.pxa")
        theirs = self.import_as_f32(models / "stories260K-gguf/stories260K.gguf", "gg.pxa")
        self.assertEqual(self.digests(ours).keys(), self.digests(theirs).keys())
        self.assert_equal_logits(ours, theirs)

    def test_an_exported_file_is_the_imported_one(self):
        models = cli_test.conformance("models")
        for name in ("TinyStories-656K-gguf/TinyStories-656K-Q8_0.gguf",
                     "TinyStories-656K-gguf/derived/TinyStories-656K-Q4_K_M-fixtok.gguf",
                     "stories260K-gguf/stories260K.gguf"):
            self.pxos("import", models / name, "-o", "a.pxa", "-f")
            self.pxos("export", "a.pxa", "-o", "a.gguf", "-f")
            before = gguf_reader.read((models / name).read_bytes())
            after = gguf_reader.read((self.folder / "a.gguf").read_bytes())
            self.assertEqual(before.values, after.values)
            # One-dimensional tensors are kept in f32; the others are the same bytes.
            self.assertEqual(before.tensors.keys(), after.tensors.keys())
            for tensor, record in before.tensors.items():
                self.assertEqual(record, after.tensors[tensor], tensor)
            self.pxos("import", "a.gguf", "-o", "b.pxa", "-f")
            self.pxos("unpack", "a.pxa", "-o", "a.d")
            self.pxos("unpack", "b.pxa", "-o", "b.d")
            for path in (self.folder / "a.d").glob("*"):
                if path.suffix in (".pxi", ".bin", ".gguf"):
                    self.assertEqual(path.read_bytes(), (self.folder / "b.d" / path.name).read_bytes(), path.name)
            for folder in ("a.d", "b.d"):
                for path in sorted((self.folder / folder).rglob("*"), reverse=True):
                    path.unlink() if path.is_file() else path.rmdir()
                (self.folder / folder).rmdir()

    def test_what_is_missing_is_one_line(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertIn("config.json", self.pxos("import", "empty", code=1))
        (empty / "config.json").write_text('{"model_type":"mamba"}')
        self.assertRegex(self.pxos("import", "empty", code=1), "mamba.*llama")
        (self.folder / "x.bin").write_bytes(struct.pack("<7i", 64, 172, 5, 8, 4, 512, 512))
        self.assertIn("expected a GGUF file", self.pxos("import", "x.bin", code=1))
        self.assertEqual([], list(self.folder.glob("*.part*")))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    cli_test.PXOS, cli_test.SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
