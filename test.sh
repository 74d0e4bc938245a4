#!/usr/bin/env bash
# ./test.sh: installs what is missing, builds the release preset, runs every test.
# Needs Debian 12 with bash, git and apt. PXOS_CONFORMANCE=folder points the tests at outside data.
# ./test.sh -R name (or any other ctest option) runs a selection.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\n== %s\n' "$*"; }

say "packages"
cmake/install_packages.sh build test
echo "all there"

say "build (preset release, $(nproc) jobs)"
cmake --preset release
cmake --build --preset release --parallel "$(nproc)"

say "tests"
junit=build/release/ctest.xml
rm -f "$junit"
failed=0
ctest --preset release --parallel "$(nproc)" --output-junit "$PWD/$junit" "$@" || failed=1
python3 tests/tools/summary.py "$junit" || failed=1
exit "$failed"
