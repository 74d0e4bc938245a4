#!/usr/bin/env bash
# install_packages.sh GROUP...: installs what is missing from cmake/packages.txt with apt.
# Nothing is asked of apt (or of sudo) when everything is there already.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
for group in "$@"; do
  while read -r package; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [[ $status == *" installed" ]] || missing+=("$package")
  done < <(awk -v group="$group" '$1 == group { print $2 }' packages.txt)
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "not a Debian system: please install the equivalents of: ${missing[*]}" >&2
  exit 1
fi
root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "not root and no sudo; run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi
echo "installing: ${missing[*]}"
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
