//! What only Prometheus remembers: budgets and weeks, for `--weekly`.

use serde_json::Value;
use url::Url;

use super::checklist::json;
use super::finding::Finding;

/// A question, and when its answer is worth a look.
struct Trend {
    check: &'static str,
    query: &'static str,
    show: fn(f64) -> String,
    is_bad: fn(f64) -> bool,
    advice: &'static str,
}

const TRENDS: [Trend; 4] = [
    Trend {
        check: "error budget of 30 days",
        query: "min(devmesh:slo_error_budget:remaining_ratio)",
        show: |left| format!("{:.1} % left", 100.0 * left),
        is_bad: |left| left < 0.25,
        advice: "what spent it: the SLO dashboard; below 0 no risky deployment",
    },
    Trend {
        check: "p95 against the week before",
        query: "avg_over_time(max(mcp:request_duration:p95)[7d:1h]) / avg_over_time(max(mcp:request_duration:p95)[7d:1h] offset 7d)",
        show: |ratio| format!("{ratio:.2} times"),
        is_bad: |ratio| ratio > 1.5,
        advice: "which tool: the Tools dashboard",
    },
    Trend {
        check: "requests against the week before",
        query: "sum(increase(mcp_requests_total[7d])) / sum(increase(mcp_requests_total[7d] offset 7d))",
        show: |ratio| format!("{ratio:.2} times"),
        is_bad: |ratio| !(0.5..=2.0).contains(&ratio),
        advice: "twice or half as many is worth a reason: who calls, `devmesh audit`",
    },
    Trend {
        check: "highest memory of the week",
        query: "max(max_over_time((process_resident_memory_bytes / process_memory_limit_bytes)[7d:5m]))",
        show: |share| format!("{:.0} % of the limit", 100.0 * share),
        is_bad: |share| share > 0.8,
        advice: "what holds it: /debug/pprof/heap; or more memory",
    },
];

/// The answers.
pub(super) async fn of(url: &Url) -> Vec<Finding> {
    let mut findings = Vec::new();
    for trend in &TRENDS {
        findings.push(trend.ask(url).await);
    }
    findings
}

impl Trend {
    async fn ask(&self, url: &Url) -> Finding {
        let mut address = url.clone();
        address.set_path(&format!("{}/api/v1/query", url.path().trim_end_matches('/')));
        address.query_pairs_mut().clear().append_pair("query", self.query);
        let answer = match json(&address).await {
            Ok(answer) => answer,
            Err(failure) => return Finding::fail(self.check, failure, "is this Prometheus's address?"),
        };
        let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
        match value
            .and_then(|value| value.parse::<f64>().ok())
            .filter(|value| value.is_finite())
        {
            None => Finding::skipped(self.check, "Prometheus has no data for it yet"),
            Some(value) if (self.is_bad)(value) => Finding::warn(self.check, (self.show)(value), self.advice),
            Some(value) => Finding::ok(self.check, (self.show)(value)),
        }
    }
}
