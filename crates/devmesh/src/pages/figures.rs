//! The figures that a person looks at, from one or two moments of the pages.

use std::time::Duration;

use serde::Serialize;

use super::agents::{AgentsOf, TasksOf};
use super::quantile::quantile;
use super::text::{Page, Sample};
use super::{Pages, agents};

/// What a service was asked and how it did; since its start, or since the moment before.
#[derive(Clone, Debug, Serialize)]
pub struct Requests {
    /// The service.
    pub service: &'static str,
    /// A second; none without a moment before.
    pub rate: Option<f64>,
    /// How many.
    pub count: f64,
    /// Share of those that failed by our fault or the upstream's (5xx), 0 to 1; none without any.
    pub errors: Option<f64>,
    /// Half of them took at most so many seconds.
    pub p50: Option<f64>,
    /// 95 of a hundred.
    pub p95: Option<f64>,
    /// 99 of a hundred.
    pub p99: Option<f64>,
}

/// A process.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// The label `service`: `devmesh` where it is all in one.
    pub service: String,
    /// Bytes in memory.
    pub memory: f64,
    /// Of its limit, 0 to 1.
    pub memory_share: Option<f64>,
    /// Of the cores that it may use, 0 to 1; none without a moment before.
    pub cpu_share: Option<f64>,
    /// Seconds of Unix time when it started.
    pub started: Option<f64>,
}

/// A queue.
#[derive(Clone, Debug, Serialize)]
pub struct Queue {
    /// Its class.
    pub queue: String,
    /// Jobs that are due.
    pub depth: f64,
    /// Age of the oldest in seconds.
    pub oldest: f64,
    /// Jobs that are not yet published.
    pub outbox: f64,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// One for each service that answered.
    pub requests: Vec<Requests>,
    /// One for each process.
    pub processes: Vec<Process>,
    /// One for each class.
    pub queues: Vec<Queue>,
    /// One for each type of agents.
    pub agents: Vec<AgentsOf>,
    /// One for each sort of tasks.
    pub tasks: Vec<TasksOf>,
    /// WebSocket connections.
    pub connections: f64,
    /// Circuit breakers that are not closed, with their state.
    pub breakers: Vec<(String, &'static str)>,
    /// Sessions of agents.
    pub sessions: f64,
    /// Streams that are open.
    pub streams: f64,
    /// Share of the database's connections in use, 0 to 1.
    pub pool: Option<f64>,
    /// Dead letters since the start.
    pub dead_letters: f64,
    /// Writes that wait for a person.
    pub in_doubt: f64,
    /// Log lines and spans that were dropped since the start.
    pub dropped: f64,
    /// Label values that did not fit since the start.
    pub overflow: f64,
    /// Share of the audit spool in use, 0 to 1.
    pub spool: Option<f64>,
    /// Services that did not answer, and why.
    pub missing: Vec<(&'static str, String)>,
}

/// What counts as a request of a service.
struct Asked {
    service: &'static str,
    counter: &'static str,
    histogram: &'static str,
    is_one: fn(&Sample) -> bool,
    is_error: fn(&Sample) -> bool,
}

const ASKED: [Asked; 3] = [
    Asked {
        service: "mcp-server",
        counter: "mcp_requests_total",
        histogram: "mcp_request_duration_seconds",
        is_one: |_| true,
        is_error: |sample| sample.label("status").starts_with('5'),
    },
    Asked {
        service: "rest-api",
        counter: "http_requests_total",
        histogram: "http_request_duration_seconds",
        // Not probes and scrapes.
        is_one: |sample| sample.label("path").starts_with("/api/"),
        is_error: |sample| sample.label("status").starts_with('5'),
    },
    Asked {
        service: "worker",
        counter: "mcp_jobs_processed_total",
        histogram: "mcp_job_duration_seconds",
        is_one: |_| true,
        is_error: |sample| sample.label("outcome") == "failed",
    },
];

impl Figures {
    /// The figures of `now`; with `before`, rates and latencies of the time between them.
    #[must_use]
    pub fn of(now: &Pages, before: Option<&Pages>) -> Self {
        let sum = |name: &str| now.sum(name).unwrap_or(0.0);
        Self {
            requests: ASKED
                .iter()
                .filter_map(|asked| requests(asked, now, before))
                .collect(),
            processes: processes(now, before),
            queues: queues(now),
            agents: agents::agents(now, before),
            tasks: agents::tasks(now, before),
            connections: sum("mcp_websocket_connections_active"),
            breakers: breakers(now),
            sessions: sum("mcp_sessions_active"),
            streams: sum("http_streams_active"),
            pool: share(
                now.sum("db_connection_pool_used"),
                now.sum("db_connection_pool_size"),
            ),
            dead_letters: sum("mcp_jobs_dead_lettered_total"),
            in_doubt: sum("mcp_jobs_in_doubt"),
            dropped: sum("telemetry_dropped_total"),
            overflow: sum("telemetry_label_overflow_total"),
            spool: share(
                now.sum("mcp_audit_spool_bytes"),
                now.sum("mcp_audit_spool_limit_bytes"),
            ),
            missing: now.missing.clone(),
        }
    }
}

fn requests(asked: &Asked, now: &Pages, before: Option<&Pages>) -> Option<Requests> {
    let page = now.of(asked.service)?;
    let earlier = before.and_then(|pages| pages.of(asked.service));
    let more = |wanted: &dyn Fn(&Sample) -> bool| {
        let count = |page: &Page| page.sum(asked.counter, wanted).unwrap_or(0.0);
        // A service that started again counts from 0.
        let more = count(page) - earlier.map_or(0.0, count);
        if more < 0.0 { count(page) } else { more }
    };
    let count = more(&asked.is_one);
    let failed = more(&|sample| (asked.is_one)(sample) && (asked.is_error)(sample));
    let time = |q| quantile(asked.histogram, page, earlier, asked.is_one, q);
    Some(Requests {
        service: asked.service,
        rate: elapsed(now, before).map(|time| count / time),
        count,
        errors: (count > 0.0).then(|| failed / count),
        p50: time(0.5),
        p95: time(0.95),
        p99: time(0.99),
    })
}

fn elapsed(now: &Pages, before: Option<&Pages>) -> Option<f64> {
    let time = now.at.duration_since(before?.at);
    (time > Duration::ZERO).then_some(time.as_secs_f64())
}

fn processes(now: &Pages, before: Option<&Pages>) -> Vec<Process> {
    let of = |pages: &Pages, name: &str, service: &str| {
        let mut samples = pages
            .samples(name)
            .filter(|sample| sample.label("service") == service);
        samples.next().map(|sample| sample.value)
    };
    let memory = now.samples("process_resident_memory_bytes");
    memory
        .map(|sample| {
            let service = sample.label("service");
            let cpu = |pages| of(pages, "process_cpu_seconds_total", service);
            let used = before.and_then(|before| Some(cpu(now)? - cpu(before)?));
            let cores = of(now, "process_cpu_limit_cores", service);
            let available = elapsed(now, before).zip(cores).map(|(time, cores)| time * cores);
            Process {
                service: service.to_owned(),
                memory: sample.value,
                memory_share: share(Some(sample.value), of(now, "process_memory_limit_bytes", service)),
                cpu_share: share(used, available),
                started: of(now, "process_start_time_seconds", service),
            }
        })
        .collect()
}

fn queues(now: &Pages) -> Vec<Queue> {
    let value = |name: &str, queue: &str| {
        let of = now.samples(name).filter(|sample| sample.label("queue") == queue);
        of.map(|sample| sample.value).fold(0.0, f64::max)
    };
    let mut queues: Vec<Queue> = now
        .samples("mcp_queue_depth")
        .map(|sample| {
            let queue = sample.label("queue");
            Queue {
                queue: queue.to_owned(),
                depth: sample.value,
                oldest: value("mcp_queue_oldest_age_seconds", queue),
                outbox: value("mcp_outbox_pending", queue),
            }
        })
        .collect();
    queues.sort_by(|one, other| one.queue.cmp(&other.queue));
    queues
}

fn breakers(now: &Pages) -> Vec<(String, &'static str)> {
    let open = now
        .samples("mcp_circuit_breaker_state")
        .filter(|sample| sample.value > 0.0);
    open.map(|sample| {
        let state = if sample.value > 1.0 { "open" } else { "half-open" };
        (sample.label("breaker").to_owned(), state)
    })
    .collect()
}

fn share(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    let (part, whole) = part.zip(whole)?;
    (whole > 0.0).then(|| part / whole)
}
