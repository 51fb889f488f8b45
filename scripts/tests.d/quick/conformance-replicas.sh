#!/usr/bin/env bash
# The official MCP conformance suite, both requirement sets, on two replicas behind a strict round robin.
set -euo pipefail
exec ./scripts/conformance --replicas 2
