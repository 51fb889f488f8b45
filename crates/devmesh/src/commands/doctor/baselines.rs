//! The figures of the services against the baselines of docs/monitoring.md: what `--daily` and `devmesh top` call wrong.

use super::finding::Finding;
use crate::pages::{AgentsOf, Figures, Process, Queue, Requests, TasksOf};

/// From when on something is worth a look, and from when on it is wrong.
#[derive(Clone, Copy)]
struct Bounds {
    warn: f64,
    fail: f64,
}

const P99_SECONDS: Bounds = Bounds {
    warn: 5.0,
    fail: 10.0,
};
/// Below it latency is as it should be.
const P99_AIM: f64 = 1.0;
const ERRORS: Bounds = Bounds {
    warn: 0.01,
    fail: 0.05,
};
/// Two seconds of a busy CPU fail no list: that it lasts, the alert sees.
const CPU: Bounds = Bounds {
    warn: 0.8,
    fail: f64::INFINITY,
};
const MEMORY: Bounds = Bounds { warn: 0.8, fail: 0.9 };
const POOL: Bounds = Bounds { warn: 0.8, fail: 1.0 };
const SPOOL: Bounds = Bounds { warn: 0.5, fail: 0.9 };
const QUEUE_AGE_SECONDS: Bounds = Bounds {
    warn: 60.0,
    fail: 600.0,
};

/// Above five minutes an alert stands (TasksWaiting).
const TASK_WAIT_SECONDS: Bounds = Bounds {
    warn: 60.0,
    fail: 300.0,
};

/// One finding for each figure.
pub(in crate::commands) fn judge(figures: &Figures) -> Vec<Finding> {
    let mut findings: Vec<Finding> = figures.requests.iter().flat_map(requests).collect();
    findings.extend(figures.processes.iter().flat_map(process));
    findings.extend(figures.queues.iter().map(queue));
    findings.extend(figures.agents.iter().map(agents));
    let waiting = figures.tasks.iter().filter(|of| of.waiting > 0.0);
    findings.extend(waiting.map(|of| tasks(of, &figures.agents)));
    findings.push(breakers(&figures.breakers));
    if let Some(pool) = figures.pool {
        let advice = "see `devmesh doctor --slow-queries`, then database.max_connections";
        findings.push(bounded("database pool", pool, POOL, &percent(pool), advice));
    }
    if let Some(spool) = figures.spool {
        let advice = "is rest-api reachable? Audit records wait for it";
        findings.push(bounded("audit spool", spool, SPOOL, &percent(spool), advice));
    }
    findings.extend([
        none("dead letters", figures.dead_letters, "`devmesh jobs dead-letters` shows them; hand them to their queues again when the cause is mended"),
        none("jobs in doubt", figures.in_doubt, "`devmesh jobs list --state in_doubt`: look upstream, then resolve them"),
        none("telemetry dropped", figures.dropped, "the collector or the log's disk is too slow: see docs/observability.md"),
        none("label overflow", figures.overflow, "more values than monitoring.metrics.values_per_label: who makes them?"),
    ]);
    findings.extend(figures.missing.iter().map(|(service, why)| {
        Finding::fail(
            format!("{service}: metrics"),
            why,
            "start it, or say where it is: --url, --mcp-url, --worker-url",
        )
    }));
    findings
}

fn requests(of: &Requests) -> Vec<Finding> {
    let service = of.service;
    let Some(errors) = of.errors else {
        return vec![Finding::ok(format!("{service}: requests"), "none yet")];
    };
    let shown = format!("{:.2} % of {}", 100.0 * errors, of.count);
    let mut findings = vec![bounded(
        &format!("{service}: errors"),
        errors,
        ERRORS,
        &shown,
        "filter the log by outcome; `devmesh audit` has the calls with their traces",
    )];
    if let Some(p99) = of.p99 {
        let aim = if p99 > P99_AIM {
            ", above the aim of 1 s"
        } else {
            ""
        };
        let shown = format!("{p99:.3} s{aim}");
        let advice =
            "which tool: mcp_tool_duration_seconds; where: /debug/pprof/profile and /debug/pprof/tasks";
        findings.push(bounded(
            &format!("{service}: p99"),
            p99,
            P99_SECONDS,
            &shown,
            advice,
        ));
    }
    findings
}

fn process(of: &Process) -> Vec<Finding> {
    let service = &of.service;
    let mut findings = Vec::new();
    if let Some(share) = of.memory_share {
        let shown = format!(
            "{} of the limit, {:.0} MiB",
            percent(share),
            of.memory / f64::from(1 << 20)
        );
        let advice = "what holds it: /debug/pprof/heap";
        findings.push(bounded(
            &format!("{service}: memory"),
            share,
            MEMORY,
            &shown,
            advice,
        ));
    }
    if let Some(share) = of.cpu_share {
        let advice = "where it goes: /debug/pprof/profile?seconds=30";
        findings.push(bounded(
            &format!("{service}: CPU"),
            share,
            CPU,
            &percent(share),
            advice,
        ));
    }
    findings
}

fn queue(of: &Queue) -> Finding {
    let shown = format!(
        "{} due, the oldest for {:.0} s, {} not published",
        of.depth, of.oldest, of.outbox
    );
    let advice = "do workers run, and does the broker answer?";
    bounded(
        &format!("queue {}", of.queue),
        of.oldest,
        QUEUE_AGE_SECONDS,
        &shown,
        advice,
    )
}

fn agents(of: &AgentsOf) -> Finding {
    let check = format!("agents of type {}", of.agent_type);
    let found = format!("{} here, {} degraded, {} lost", of.here, of.degraded, of.lost);
    if of.degraded > 0.0 || of.lost > 0.0 {
        Finding::warn(
            check,
            found,
            "`devmesh agents list --all` shows which, and since when",
        )
    } else {
        Finding::ok(check, found)
    }
}

fn tasks(of: &TasksOf, agents: &[AgentsOf]) -> Finding {
    let found = format!(
        "{} wait, the oldest was created {:.0} s ago",
        of.waiting, of.oldest
    );
    let advice = if agents.iter().any(|of| of.here > 0.0) {
        "`devmesh tasks list --state pending`, then `devmesh tasks explain ID`: who could not take it, and why"
    } else {
        "no agent is here: start one"
    };
    let check = format!("tasks of type {}", of.task_type);
    bounded(&check, of.oldest, TASK_WAIT_SECONDS, &found, advice)
}

fn breakers(open: &[(String, &'static str)]) -> Finding {
    if open.is_empty() {
        return Finding::ok("circuit breakers", "all closed");
    }
    let named: Vec<String> = open
        .iter()
        .map(|(name, state)| format!("{name} {state}"))
        .collect();
    Finding::warn("circuit breakers", named.join(", "), "do these providers answer?")
}

fn bounded(check: &str, value: f64, bounds: Bounds, shown: &str, advice: &str) -> Finding {
    if value >= bounds.fail {
        Finding::fail(check, shown, advice)
    } else if value >= bounds.warn {
        Finding::warn(check, shown, advice)
    } else {
        Finding::ok(check, shown)
    }
}

fn none(check: &str, count: f64, advice: &str) -> Finding {
    if count > 0.0 {
        Finding::warn(check, count, advice)
    } else {
        Finding::ok(check, "none")
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
