#!/usr/bin/env bash
# The official MCP conformance suite, both requirement sets.
set -euo pipefail
exec ./scripts/conformance
