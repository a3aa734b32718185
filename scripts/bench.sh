#!/usr/bin/env bash
# Measures everything that docs/performance.md shows: writes docs/benchmarks/*.json and, from them, the page's tables.
#   scripts/bench.sh           everything; about half an hour on two cores that have nothing else to do, once it is built
#   scripts/bench.sh --quick   the same with short runs and few sizes, in a few minutes; writes nothing into docs/
# What is measured is a release build, as an operator runs it: the first time RocksDB is compiled for it. Figures of a busy machine
# are noise.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=""
case "${1:-}" in
  "") ;;
  --quick) quick=yes ;;
  *) echo "usage: scripts/bench.sh [--quick]" >&2; exit 2 ;;
esac

if [ -n "$quick" ]; then
  load=(--seconds 5 --warm-up 2 --accounts 10000)
  idle=(--seconds 5 --warm-up 2)
  sizes=(--validators 4,7 --seconds 3 --warm-up 1)
  times=1
  restarts=3
  resolve=(--dids 10000 --seconds 2)
  keys=(100000)
  opaque=(45000)
  opaque_seconds=3
else
  load=(--seconds 30 --warm-up 10 --accounts 100000)
  idle=(--seconds 20 --warm-up 5)
  sizes=(--validators 4,7,10,16,31 --seconds 10 --warm-up 3)
  times=5
  restarts=50
  resolve=(--dids 1000000 --seconds 20)
  keys=(100000 1000000 10000000)
  opaque=(45000 60000 75000)
  opaque_seconds=20
fi

started=$SECONDS
stage() { echo "== $1 (at $((SECONDS - started)) s)"; }

stage "build"
./scripts/setup.sh
. scripts/env.sh
cargo build --locked --release --bin starfire 2>&1 | awk -f scripts/progress.awk
starfire="$CARGO_TARGET_DIR/release/starfire"

work=$(mktemp -d "${TMPDIR:-/tmp}/starfire-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
if [ -n "$quick" ]; then
  out="$work/benchmarks"
  page="$work/performance.md"
  cp docs/performance.md "$page"
else
  out=docs/benchmarks
  page=docs/performance.md
fi
mkdir -p "$out"

# One measurement: its file's name, then the command. A file is replaced only by a whole one.
measure() {
  local name=$1; shift
  stage "$name"
  "$starfire" bench "$@" --json > "$work/$name.json"
  jq . "$work/$name.json" > "$work/$name.pretty.json"
  mv "$work/$name.pretty.json" "$out/$name.json"
}

measure durable-saturate run --mode durable --rate saturate "${load[@]}"
eighty=$(jq '.committed_per_second * 8 / 10 | floor' "$out/durable-saturate.json")
measure durable-80 run --mode durable --rate "$eighty" "${load[@]}"
measure durable-4800 run --mode durable --rate 4800 "${load[@]}"
measure durable-2000 run --mode durable --rate 2000 "${load[@]}"
measure durable-broadcast run --mode durable --rate saturate --routing broadcast "${load[@]}"
for rate in "${opaque[@]}"; do
  stage "opaque-$rate"
  mkdir "$work/stores-$rate"
  "$starfire" opaque run --rate "$rate" --seconds "$opaque_seconds" --data "$work/stores-$rate" --json >> "$work/opaque.jsonl"
  rm -r "$work/stores-$rate"
done
jq -s . "$work/opaque.jsonl" > "$out/opaque.json"
measure idle run --mode idle "${idle[@]}"
for fault in kill pause censor kill-two; do
  measure "gap-$fault" gap --fault "$fault" --times "$times"
done
measure restart restart --times "$restarts"
measure scaling scaling "${sizes[@]}"
measure resolve resolve "${resolve[@]}"

for count in "${keys[@]}"; do
  stage "block-$count"
  "$starfire" bench block --accounts "$count" --json >> "$work/block.jsonl"
done
jq -s . "$work/block.jsonl" > "$out/block.json"

stage "tree"
cargo build --locked --release -p starfire-state --example tree_bench 2>&1 | awk -f scripts/progress.awk
for count in "${keys[@]}"; do
  "$CARGO_TARGET_DIR/release/examples/tree_bench" "$count" >> "$work/tree.jsonl"
done
jq -s . "$work/tree.jsonl" > "$out/tree.json"

stage "tables"
"$starfire" bench report "$out" "$page"
if [ -n "$quick" ]; then
  sed -n '/<!-- table /,/<!-- end -->/p' "$page"
fi
echo "All measured in $((SECONDS - started)) s."
