#!/usr/bin/env bash
# Feeds every decoder of outside bytes with what libFuzzer makes up, so many seconds each (docs/testing.md).
#   scripts/fuzz.sh                        every target for 60 seconds
#   scripts/fuzz.sh 600 token credential   these, for ten minutes each
# What was found to be new is kept beside the build, and a later run begins with it. What makes a target fail lies in
# fuzz/artifacts/TARGET/; `cargo fuzz run TARGET FILE` shows it again.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh

seconds="${1:-60}"
case "$seconds" in
  *[!0-9]* | "") echo "usage: scripts/fuzz.sh [SECONDS [TARGET]...]" >&2; exit 2 ;;
esac
shift || true

tools="${XDG_CACHE_HOME:-$HOME/.cache}/starfire/tools"
[ -x "$tools/bin/cargo-fuzz" ] || cargo install --locked --quiet --root "$tools" cargo-fuzz@0.13.2
export PATH="$tools/bin:$PATH"
corpus="$CARGO_TARGET_DIR/fuzz-corpus"
cargo run --locked --quiet --no-default-features -p starfire-tests --example samples -- "$corpus"

# The sanitizer and the coverage of the instrumented build are unstable options of the compiler.
export RUSTC_BOOTSTRAP=1
export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz"
[ $# -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
[ $# -eq 0 ] || targets=("$@")
cargo fuzz build
for target in "${targets[@]}"; do
  echo "== $target"
  # An allocation that outruns its bytes is a failure: the largest decoded list takes 8 MiB.
  cargo fuzz run "$target" "$corpus/$target" -- -rss_limit_mb=1024 -malloc_limit_mb=64 \
    -max_total_time="$seconds" -timeout=10 -print_final_stats=1 -verbosity=0
done
