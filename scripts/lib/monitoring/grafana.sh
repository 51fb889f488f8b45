# shellcheck shell=bash
# --grafana URL: the dashboards through Grafana's API. Part of setup-monitoring.sh.

# The value of NAME, or of the file NAME_FILE.
secret() {
    local file=$1_FILE
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-}"; fi
}

# Credentials go to curl by a file descriptor: the command line is seen by others.
grafana_call() {
    local method=$1 path=$2 token user
    token=$(secret GRAFANA_TOKEN) user=${GRAFANA_USER:-admin}
    if [ -n "$token" ]; then
        curl -sS --max-time 20 -X "$method" -H 'content-type: application/json' --data-binary @- -o "$answer" -w '%{http_code}' \
            -K <(printf 'header = "Authorization: Bearer %s"\n' "$token") "$grafana$path"
    else
        curl -sS --max-time 20 -X "$method" -H 'content-type: application/json' --data-binary @- -o "$answer" -w '%{http_code}' \
            -K <(printf 'user = "%s:%s"\n' "$user" "$(secret GRAFANA_PASSWORD)") "$grafana$path"
    fi
}

grafana_import() {
    local file code
    answer=$(mktemp)
    trap 'rm -f "$answer"' EXIT
    command -v jq >/dev/null && command -v curl >/dev/null || fail "curl and jq are needed"
    # 409 and 412: the folder is there.
    code=$(grafana_call POST /api/folders <<<'{"uid": "mcp", "title": "MCP"}') || fail "Grafana does not answer at $grafana"
    case $code in 200 | 409 | 412) ;; *) fail "the folder MCP: $code $(head -c 300 "$answer")" ;; esac
    for file in "$pack"/grafana/dashboards/*.json; do
        code=$(jq '{dashboard: (. + {id: null}), folderUid: "mcp", overwrite: true, message: "setup-monitoring.sh"}' "$file" |
            grafana_call POST /api/dashboards/db)
        [ "$code" = 200 ] || fail "$(basename "$file"): $code $(head -c 300 "$answer")"
        say "imported $(jq -r .title "$file"): $grafana/d/$(jq -r .uid "$file")"
    done
    code=$(grafana_call PUT /api/org/preferences <<<'{"homeDashboardUID": "grafana-mcp-overview"}')
    [ "$code" = 200 ] || say "MCP Overview was not made the home page: $code (needs an admin)"
    say "The dashboards ask for data sources of the kinds Prometheus, Loki and Tempo: choose yours at the top of each."
}
