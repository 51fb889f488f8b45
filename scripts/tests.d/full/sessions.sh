#!/usr/bin/env bash
# 100,000 sessions that nobody closes leave no memory and no key in Redis behind, three times over (about ten minutes).
set -euo pipefail
cargo build --workspace --example sessions --locked
exec "${CARGO_TARGET_DIR:-target}"/debug/examples/sessions 100000 3
