#!/usr/bin/env bash
# Holds our credentials, status lists, keys and canonical forms against spruceid/ssi, both ways (docs/testing.md). The first run
# builds its 350 packages. Arguments go to cargo test: `scripts/oracle.sh tokens` runs those whose name contains the word.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo test --manifest-path oracle/Cargo.toml --target-dir "$CARGO_TARGET_DIR/oracle" --locked "$@"
