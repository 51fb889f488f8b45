//! One look, as lines.

use std::fmt::{self, Display, Formatter};

use crate::pages::{AgentsOf, Figures, Process, Queue, Requests, TasksOf};
use crate::terminal::{BAD, BOLD, DIM, GOOD, WARN, paint};

/// What is shown.
pub(super) struct Frame<'a> {
    figures: &'a Figures,
    alerts: &'a [String],
}

impl<'a> Frame<'a> {
    pub(super) fn of(figures: &'a Figures, alerts: &'a [String]) -> Self {
        Self { figures, alerts }
    }

    fn requests(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let titles = ["SERVICE", "RATE/S", "ERRORS", "P50", "P95", "P99"];
        heading(
            f,
            &format!(
                "{:<12}{:>10}{:>9}{:>10}{:>10}{:>10}",
                titles[0], titles[1], titles[2], titles[3], titles[4], titles[5]
            ),
        )?;
        for of in &self.figures.requests {
            request_line(f, of)?;
        }
        for (service, _) in &self.figures.missing {
            writeln!(f, "{service:<12}{}", paint(BAD, format!("{:>10}", "away")))?;
        }
        Ok(())
    }

    fn processes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(
            f,
            &format!("{:<12}{:>10}{:>9}{:>10}", "PROCESS", "MEMORY", "LIMIT", "CPU"),
        )?;
        for Process {
            service,
            memory,
            memory_share,
            cpu_share,
            ..
        } in &self.figures.processes
        {
            let memory = format!("{:.0} MiB", memory / f64::from(1 << 20));
            let limit = graded(*memory_share, (0.8, 0.9), 9, percent);
            let cpu = graded(*cpu_share, (0.8, 0.9), 10, percent);
            writeln!(f, "{service:<12}{memory:>10}{limit}{cpu}")?;
        }
        Ok(())
    }

    fn queues(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(
            f,
            &format!("{:<12}{:>10}{:>9}{:>10}", "QUEUE", "DUE", "OLDEST", "OUTBOX"),
        )?;
        for Queue {
            queue,
            depth,
            oldest,
            outbox,
        } in &self.figures.queues
        {
            let oldest = graded(Some(*oldest), (60.0, 600.0), 9, |age| format!("{age:.0} s"));
            writeln!(f, "{queue:<12}{depth:>10}{oldest}{outbox:>10}")?;
        }
        Ok(())
    }

    /// Nothing in a mesh without agents.
    fn agents(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.figures.agents.is_empty() {
            let titles = ["AGENTS", "HERE", "DEGRADED", "LOST"];
            let [agents, here, degraded, lost] = titles;
            heading(f, &format!("{agents:<12}{here:>10}{degraded:>9}{lost:>10}"))?;
        }
        for AgentsOf {
            agent_type,
            here,
            degraded,
            lost,
        } in &self.figures.agents
        {
            let degraded = graded(Some(*degraded), (1.0, f64::INFINITY), 9, whole);
            let lost = graded(Some(*lost), (1.0, f64::INFINITY), 10, whole);
            writeln!(f, "{agent_type:<12}{here:>10}{degraded}{lost}")?;
        }
        if !self.figures.tasks.is_empty() {
            let titles = ["TASKS", "WAITING", "OLDEST", "ENDED", "FAILED", "RELEASED"];
            let [tasks, waiting, oldest, ended, failed, released] = titles;
            heading(
                f,
                &format!("{tasks:<12}{waiting:>10}{oldest:>9}{ended:>10}{failed:>10}{released:>10}"),
            )?;
        }
        for of in &self.figures.tasks {
            task_line(f, of)?;
        }
        Ok(())
    }

    fn rest(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let figures = self.figures;
        heading(f, "MESH")?;
        let pool = figures.pool.map_or_else(|| "-".to_owned(), percent);
        let spool = figures.spool.map_or_else(|| "-".to_owned(), percent);
        writeln!(
            f,
            "agents' sessions {}   connections {}   streams {}   database pool {pool}   audit spool {spool}",
            figures.sessions, figures.connections, figures.streams
        )?;
        writeln!(
            f,
            "dead letters {}   in doubt {}   telemetry dropped {}   label overflow {}",
            figures.dead_letters, figures.in_doubt, figures.dropped, figures.overflow
        )?;
        if figures.breakers.is_empty() {
            return writeln!(f, "circuit breakers {}", paint(GOOD, "all closed"));
        }
        let named: Vec<String> = figures
            .breakers
            .iter()
            .map(|(name, state)| format!("{name} {state}"))
            .collect();
        writeln!(f, "circuit breakers {}", paint(WARN, named.join(", ")))
    }

    fn alerts(&self, f: &mut Formatter<'_>) -> fmt::Result {
        heading(f, "ALERTS")?;
        if self.alerts.is_empty() {
            return write!(f, "{}", paint(GOOD, "none"));
        }
        let lines: Vec<String> = self.alerts.iter().map(|line| paint(BAD, line)).collect();
        write!(f, "{}", lines.join("\n"))
    }
}

impl Display for Frame<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.requests(f)?;
        writeln!(f)?;
        self.processes(f)?;
        writeln!(f)?;
        self.queues(f)?;
        writeln!(f)?;
        if !self.figures.agents.is_empty() || !self.figures.tasks.is_empty() {
            self.agents(f)?;
            writeln!(f)?;
        }
        self.rest(f)?;
        writeln!(f)?;
        self.alerts(f)
    }
}

fn request_line(f: &mut Formatter<'_>, of: &Requests) -> fmt::Result {
    let rate = of
        .rate
        .map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
    let errors = graded(of.errors, (0.01, 0.05), 9, |share| {
        format!("{:.2} %", 100.0 * share)
    });
    let time = |seconds| graded(seconds, (5.0, 10.0), 10, duration);
    writeln!(
        f,
        "{:<12}{rate:>10}{errors}{}{}{}",
        of.service,
        time(of.p50),
        time(of.p95),
        time(of.p99)
    )
}

fn task_line(f: &mut Formatter<'_>, of: &TasksOf) -> fmt::Result {
    let oldest = graded(Some(of.oldest), (60.0, 300.0), 9, |age| format!("{age:.0} s"));
    let failed = graded(Some(of.failed), (1.0, f64::INFINITY), 10, whole);
    writeln!(
        f,
        "{:<12}{:>10}{oldest}{:>10}{failed}{:>10}",
        of.task_type, of.waiting, of.ended, of.released
    )
}

fn whole(count: f64) -> String {
    format!("{count:.0}")
}

fn heading(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    writeln!(f, "{}", paint(BOLD, text))
}

/// To the right of its column, in the colour of its bounds.
fn graded(
    value: Option<f64>,
    (warn, fail): (f64, f64),
    width: usize,
    show: impl Fn(f64) -> String,
) -> String {
    match value {
        None => paint(DIM, format!("{:>width$}", "-")),
        Some(value) if value >= fail => paint(BAD, format!("{:>width$}", show(value))),
        Some(value) if value >= warn => paint(WARN, format!("{:>width$}", show(value))),
        Some(value) => format!("{:>width$}", show(value)),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.1} ms", 1_000.0 * seconds)
    } else {
        format!("{seconds:.2} s")
    }
}
