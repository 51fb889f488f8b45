#!/usr/bin/env bash
# 3,000 sessions that nobody closes leave no memory and no key in Redis behind (about a minute; 100,000 in the full tier).
set -euo pipefail
cargo build --workspace --example sessions --locked
exec "${CARGO_TARGET_DIR:-target}"/debug/examples/sessions 3000 1 15
