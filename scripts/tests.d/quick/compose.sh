#!/usr/bin/env bash
# docker-compose.production.yml runs without an engine: each service in a network and a mount name space of its own, ours in the root
# file systems of their images, read-only and without rights, the others by this machine's programs; with the file's variables,
# secrets, health checks and order. Through the published ports: a key, a tool, a job; a replica is killed; SIGTERM ends with 0.
set -euo pipefail
unset "${!DEVMESH_TEST_@}"
. scripts/lib/install.sh
if [ "$(id -u)" != 0 ] || ! unshare --net --mount true 2>/dev/null; then
    echo "left out: it needs root, and name spaces for network and mounts"
    exit 0
fi
need_servers
need_commands haproxy prometheus openssl wget curl ip
python=$(tool_python shipping)
"$python" scripts/tests.d/lib/shipping/check_deployment.py "$(realpath -m "${CARGO_TARGET_DIR:-target}/debug")"
