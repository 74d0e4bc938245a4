#!/usr/bin/env python3
"""Tests of architecture.py: every rule finds its violation in a small made-up project."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import architecture  # noqa: E402  (the folder above must be on the path first)


class Project(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.write("docs/layers.txt", "low:\nhigh: low\n")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def findings(self, check):
        return "\n".join(check(self.root))

    def test_downward_include_is_fine(self):
        self.write("high/a.cpp", '#include "high/a.hpp"\n#include "low/b.hpp"\n#include <vector>\n')
        self.assertEqual("", self.findings(architecture.check_layers))

    def test_a_header_is_guarded_and_comes_first_in_its_source(self):
        self.write("high/a.hpp", "// words\n#pragma once\n")
        self.write("high/a.cpp", '// words\n#include "high/a.hpp"\n')
        self.assertEqual("", self.findings(architecture.check_layers))
        self.write("high/a.cpp", '#include <vector>\n#include "high/a.hpp"\n')
        self.assertIn("high/a.cpp:1: its first directive does not include a.hpp",
                      self.findings(architecture.check_layers))
        self.write("high/a.hpp", "#include <vector>\n#pragma once\n")
        self.assertIn("high/a.hpp:1: its first directive is not #pragma once",
                      self.findings(architecture.check_layers))

    def test_upward_include_is_found(self):
        self.write("low/b.cpp", '\n#include "high/a.hpp"\n')
        self.assertIn("low/b.cpp:2: low may not include high", self.findings(architecture.check_layers))

    def test_cyclic_layers_are_found(self):
        self.write("docs/layers.txt", "low: high\nhigh: low\n")
        self.assertIn("include each other", self.findings(architecture.check_layers))

    def test_relative_include_is_found(self):
        self.write("low/b.cpp", '#include "../high/a.hpp"\n')
        self.assertIn("not written from the project root", self.findings(architecture.check_layers))

    def test_third_party_header_away_from_home_is_found(self):
        self.write("low/b.cpp", "#include <lodepng.h>\n")
        self.assertIn("is included in pixelfs/ only", self.findings(architecture.check_layers))

    def test_missing_mirror_needs_a_reason(self):
        self.write("low/b.cpp", "int b;\n")
        self.assertIn("low/b.cpp:1: no tests/low/b_test.cpp", self.findings(architecture.check_tests))
        self.write("docs/untested.txt", "low/b.cpp: a table\n")
        self.assertEqual("", self.findings(architecture.check_tests))

    def test_stale_reasons_are_found(self):
        self.write("docs/untested.txt", "low/gone.cpp: a table\n")
        self.assertIn("low/gone.cpp does not exist", self.findings(architecture.check_tests))
        self.write("low/b.cpp", "int b;\n")
        self.write("docs/untested.txt", "low/b.cpp: see tests/low/gone_test.cpp\n")
        self.assertIn("tests/low/gone_test.cpp does not exist", self.findings(architecture.check_tests))

    def test_unregistered_test_is_found(self):
        self.write("low/b.cpp", "int b;\n")
        self.write("tests/low/b_test.cpp", "int t;\n")
        self.assertIn("no CMakeLists.txt names it", self.findings(architecture.check_tests))
        self.write("tests/low/CMakeLists.txt", "pxos_test(b_test SOURCES b_test.cpp)\n")
        self.assertEqual("", self.findings(architecture.check_tests))

    def test_long_function_and_long_file_are_found(self):
        body = "".join(f"  x += {i};  // why\n" for i in range(70))
        self.write("low/b.cpp", "namespace n {\nvoid f(int& x) {\n" + body + "}\n}\n")
        self.assertIn("low/b.cpp:2: a function of 72 lines", self.findings(architecture.check_sizes))
        self.write("low/c.hpp", "// a line\n" * 601)
        self.assertIn("low/c.hpp:1: 601 lines", self.findings(architecture.check_sizes))

    def test_functions_are_told_from_other_braces(self):
        text = ("struct S {\n  S() : a_{1}, b_(2) {}\n  int get() const { return a_; }\n"
                "  int a_{0};\n};\nconstexpr int kTable[] = {1, 2};\n"
                "enum class E : int { kA };\nconst char* t = \"{ f() {\";\nint big = 1'000'000;\n"
                "template <class T>\nvoid g(T v) {\n  if (v) {\n    v();\n  }\n}\n")
        self.assertEqual([(2, 1), (3, 1), (10, 6)], list(architecture.functions(text)))


if __name__ == "__main__":
    unittest.main()
