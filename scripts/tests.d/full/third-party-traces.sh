#!/usr/bin/env bash
# Arize Phoenix, a trace back end of which nobody here wrote a line, takes the mesh's OTLP: a call, and a call as a job, are each
# one whole tree in it, over all services.
set -euo pipefail
. scripts/tests.d/lib/mesh.sh

python=$(tool_python full/phoenix)
read -r port grpc < <("$python" -c '
import socket
both = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in both))')
env PHOENIX_WORKING_DIR="$WORK/phoenix" PHOENIX_HOST=127.0.0.1 PHOENIX_PORT="$port" PHOENIX_GRPC_PORT="$grpc" \
    PHOENIX_TELEMETRY_ENABLED=false HOME="$WORK" "$(dirname "$python")/phoenix" serve >"$WORK/phoenix.log" 2>&1 </dev/null &
started+=("$!")
wait_for 120 "$!" curl -sf -o /dev/null "http://127.0.0.1:$port/healthz" || { cat "$WORK/phoenix.log" >&2; exit 1; }

ENABLE_TRACING=true OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$grpc start_mesh
devmesh tools call mesh_whoami >/dev/null
devmesh tools call mesh_whoami --async --wait >/dev/null
python3 scripts/tests.d/lib/check_phoenix.py "http://127.0.0.1:$port" "$API_URL" "$ADMIN_KEY" >"$WORK/phoenix-check.log" 2>&1 || true
count_checks "traces in Phoenix" "$WORK/phoenix-check.log"
grep -q '^ok: ' "$WORK/phoenix-check.log"
finish
