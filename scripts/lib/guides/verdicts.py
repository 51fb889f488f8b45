"""What each query of the guides is here: it answers, belongs to a capability that is still to come, or has no meaning."""

import re

# How many queries the five guides print, and how many different ones.
PRINTED, DIFFERENT = 122, 79

# Series that nobody emits yet, and the capability that will. Such a query must not answer: then it belongs out of this list.
LATER = (
    (r"mcp_contexts_", "contexts"),
    (r"cloud_cost_", "costs"),
    (r"synthetic_request_failure", "synthetic checks"),
    (r"rum_events", "real user monitoring"),
)

# Why a query can have no answer here, and the nearest one that has; ten at most.
NO_MEANING = {
    "histogram_quantile(0.99, rate(mcp_request_duration_bucket[5m]) ) > 1000":
        ("milliseconds; durations are seconds here", "histogram_quantile(0.99, rate(mcp_request_duration_bucket[5m])) > 1"),
    "changes(mcp_build_info[5m]) > 0":
        ("it is always 1; a new version is a new series",
         "sum by (service, version) (mcp_build_info) unless sum by (service, version) (mcp_build_info offset 5m)"),
    "avg by (alertname) (alertmanager_alert_resolution_seconds)":
        ("the name of a histogram has no samples of its own",
         "sum by (alertname) (rate(alertmanager_alert_resolution_seconds_sum[7d])) / sum by (alertname) (rate(alertmanager_alert_resolution_seconds_count[7d]))"),
    'synthetic_request_duration_seconds{quantile="0.95"} > 2':
        ("the quantile of a summary; it is a histogram, which replicas can add up",
         "histogram_quantile(0.95, sum by (region, endpoint, le) (rate(synthetic_request_duration_seconds_bucket[5m]))) > 2"),
    "SELECT instance, AVG(value) AS avg_cpu_percent FROM metrics":
        ("there is no table of metrics; Prometheus has them", "avg by (instance) (avg_over_time(mcp:cpu:usage_percent[7d]))"),
    "SELECT instance, SUM(value) AS total_requests FROM metrics":
        ("there is no table of metrics; Prometheus has them", "sum by (instance) (increase(mcp_requests_total[24h]))"),
}

# Nearest queries whose own series are still to come.
NEAREST_LATER = ("synthetic_",)

# Languages whose back end has not run beside these tests.
NOT_RUN = {
    "logql": "Loki, which is in no package source of the test machines",
    "traces": "Jaeger, which is in no package source of the test machines",
}


def one_line(query):
    return " ".join(query.split())


def verdict(row):
    """(kind, reason, nearest): kind is `answers`, `later`, `no meaning` or `not run`."""
    query = one_line(row["query"])
    for beginning, (reason, nearest) in NO_MEANING.items():
        if query.startswith(beginning):
            return "no meaning", reason, nearest
    if row["language"] in NOT_RUN:
        return "not run", NOT_RUN[row["language"]], ""
    for series, capability in LATER:
        if re.search(series, query):
            return "later", capability, ""
    return "answers", "", ""


def runnable(row):
    """The query as Prometheus takes it: Grafana's `label_values(a, b)` is the values of b, its variables match all."""
    query = one_line(row["query"]).replace("$environment", ".*")
    if match := re.fullmatch(r"label_values\((.*), (\w+)\)", query):
        return f"count by ({match[2]}) ({match[1]})"
    return query
