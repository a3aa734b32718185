#!/usr/bin/env bash
# Every check and test: format, lints, documentation, dependency rules, tests, the web's tests.
# Closes with a line of counts. Build output goes to $CARGO_TARGET_DIR, by default outside the tree.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
./scripts/setup.sh --tests
. scripts/env.sh
export CARGO_TERM_COLOR=never

stage() { echo "== $1 (at $((SECONDS - started)) s)"; }

stage "format"
cargo fmt --all --check

stage "dependency rules (cargo-deny)"
cargo fetch --locked --quiet
"$cache/tools/bin/cargo-deny" --offline check --hide-inclusion-graph bans licenses sources

stage "lints (clippy, warnings are errors)"
cargo clippy --workspace --all-targets --locked -- -Dwarnings 2>&1 | awk -f scripts/progress.awk

stage "documentation (rustdoc, warnings are errors)"
RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --document-private-items --locked 2>&1 | awk -f scripts/progress.awk

log=$(mktemp)
trap 'rm -f "$log"' EXIT
stage "build of the binary and the tests"
cargo build --locked --bin starfire 2>&1 | awk -f scripts/progress.awk
cargo test --workspace --locked --no-run 2>&1 | awk -f scripts/progress.awk

stage "tests"
failed=0
cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log" || failed=1

stage "model"
cargo test --manifest-path model/Cargo.toml --target-dir "$CARGO_TARGET_DIR/model" --locked 2>&1 | tee -a "$log" || failed=1

stage "web"
(cd web && node --test 2>&1) | tee -a "$log" || failed=1

rust_passed=$(grep -Eo '^test result: [a-zA-Z]+\. [0-9]+ passed' "$log" | awk '{n += $4} END {print n + 0}')
rust_failed=$(grep -Eo '[0-9]+ failed;' "$log" | awk '{n += $1} END {print n + 0}')
web_passed=$(grep -Eo '^(# |ℹ )pass [0-9]+' "$log" | awk '{n += $3} END {print n + 0}')
web_failed=$(grep -Eo '^(# |ℹ )fail [0-9]+' "$log" | awk '{n += $3} END {print n + 0}')
echo "rust: $rust_passed, web: $web_passed, in $((SECONDS - started)) s"
echo "$((rust_passed + web_passed)) passed, $((rust_failed + web_failed)) failed"
exit "$failed"
