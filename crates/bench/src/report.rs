//! The figures as tables in the document, and as a drawing beside it.

mod agents;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

const BEGIN: &str = "<!-- figures begin: scripts/benchmark.sh writes what is between these lines -->";
const END: &str = "<!-- figures end -->";

/// Replaces the part between the markers, and draws `benchmarks.svg` beside the document.
pub fn run(figures: &Path, document: &Path) -> Result<()> {
    let read = |name: &str| -> Result<Value> {
        let path = figures.join(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    };
    let (calls, up) = (read("calls.json")?, read("up.json")?);
    let text = fs::read_to_string(document)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the document has no first marker")?;
    let (_, after) = rest
        .split_once(END)
        .context("the document has no second marker")?;
    // A scenario that was not run has no part.
    let part = |name: &str, show: fn(&Value) -> String| match figures.join(name).exists() {
        true => read(name).map(|figures| show(&figures)),
        false => Ok(String::new()),
    };
    let tables = [
        rates(&calls),
        part("telemetry.json", telemetry)?,
        part("instructions.json", instructions)?,
        latencies(&calls),
        part("bulkhead.json", bulkhead)?,
        part("worker.json", worker)?,
        part("agents.json", agents::show)?,
        part("import.json", import)?,
        growth(&up),
    ]
    .concat();
    fs::write(document, format!("{before}{BEGIN}\n\n{tables}{END}{after}"))?;
    let drawing = document.with_file_name("benchmarks.svg");
    fs::write(&drawing, draw(&calls["calls_per_second"]))?;
    let curves = document.with_file_name("growth.svg");
    fs::write(&curves, crate::curves::draw(&up["growth"]))?;
    for written in [document, &drawing, &curves] {
        println!("{}", written.display());
    }
    Ok(())
}

fn rates(calls: &Value) -> String {
    let mut table = format!(
        "Calls per second, {} connections, median of {} interleaved rounds of {} s and its 95 % interval; every body checked:\n\n\
         ![Calls per second](benchmarks.svg)\n\n\
         | | calls/s | 95 % | of the bare proxy | of the least rmcp server |\n|---|---|---|---|---|\n",
        calls["connections"], calls["rounds"], calls["seconds_each"]
    );
    for row in rows(&calls["calls_per_second"]) {
        let _ = writeln!(
            table,
            "| {} | {:.0} | {:.0} to {:.0} | {:.2} | {} |",
            text(row, "name"),
            number(row, "median"),
            number(row, "low"),
            number(row, "high"),
            number(row, "of_proxy"),
            row["of_least"]
                .as_f64()
                .map_or_else(|| "–".to_owned(), |of| format!("{of:.2}")),
        );
    }
    table
}

fn telemetry(figures: &Value) -> String {
    let cost = |of: &str, what: &str| {
        let figure = &figures[of];
        format!(
            "{:.1} % {what} (95 %: {:.1} to {:.1})",
            number(figure, "cost_percent"),
            number(figure, "low"),
            number(figure, "high"),
        )
    };
    let log = &figures["log"];
    format!(
        "Logs at info and every tenth trace exported, against neither, in {} interleaved blocks: {}, {} ({:.1} µs for {:.1}). \
         The log took {:.0} bytes in {:.2} lines a call, {:.0} lines a second.\n\n",
        figures["pairs"],
        cost("rate", "fewer calls a second"),
        cost("cpu", "more processor time of the mesh for a call"),
        number(&figures["with"], "cpu_us_per_call"),
        number(&figures["without"], "cpu_us_per_call"),
        number(log, "bytes_per_call"),
        number(log, "lines_per_call"),
        number(log, "lines_per_second"),
    )
}

fn instructions(counted: &Value) -> String {
    format!(
        "Counted by callgrind over {} calls of one connection, in the whole mesh: {:.0} instructions a call without logs and \
         traces, {:.0} with them ({:+.1} %).\n\n",
        counted["calls"],
        number(counted, "without"),
        number(counted, "with_telemetry"),
        number(counted, "telemetry_percent"),
    )
}

fn latencies(calls: &Value) -> String {
    let all = &calls["latency_ms_at_500_per_second"];
    let direct = rows(all).first().map_or(f64::NAN, |row| number(row, "p99"));
    let mut table = "Latency at 500 calls a second, from when a call was due:\n\n\
                     | | p50 | p99 | added to p99 |\n|---|---|---|---|\n"
        .to_owned();
    for row in rows(all) {
        let p99 = number(row, "p99");
        let _ = writeln!(
            table,
            "| {} | {:.2} ms | {:.2} ms | {:.2} ms |",
            text(row, "name"),
            number(row, "p50"),
            p99,
            p99 - direct,
        );
    }
    table.push('\n');
    table
}

fn bulkhead(bulkhead: &Value) -> String {
    let mut table = format!(
        "A provider that hangs, with {} calls of it held, beside one that is well at {} calls a second; medians of {} interleaved \
         pairs of {} s:\n\n| | alone | beside it | more | 95 % |\n|---|---|---|---|---|\n",
        bulkhead["held"], bulkhead["per_second"], bulkhead["pairs"], bulkhead["seconds_each"],
    );
    for name in ["p50", "p99"] {
        let row = &bulkhead[name];
        let _ = writeln!(
            table,
            "| {name} | {:.2} ms | {:.2} ms | {:+.1} % | {:+.1} to {:+.1} % |",
            number(row, "alone_ms"),
            number(row, "beside_ms"),
            number(row, "more_percent"),
            number(row, "low"),
            number(row, "high"),
        );
    }
    table.push('\n');
    table
}

fn worker(worker: &Value) -> String {
    let mut table = format!(
        "The worker beside bare loops, {} at once, median of {} interleaved rounds:\n\n\
         | | mesh, per second | bare, per second | ratio | 95 % |\n|---|---|---|---|---|\n",
        worker["prefetch"], worker["rounds"],
    );
    let compared = [
        ("/queue", "messages acknowledged: the adapter, a lapin consumer"),
        (
            "/jobs/audited",
            "whole jobs: rest-api and worker, lapin with sqlx and the same commits",
        ),
        ("/jobs/unaudited", "the same, the bare loop without audit records"),
    ];
    for (name, what) in compared {
        let row = worker.pointer(name).unwrap_or(&Value::Null);
        let _ = writeln!(
            table,
            "| {what} | {:.0} | {:.0} | {:.2} | {:.2} to {:.2} |",
            number(row, "ours_per_second"),
            number(row, "bare_per_second"),
            number(row, "ratio"),
            number(row, "low"),
            number(row, "high"),
        );
    }
    let start = &worker["start"];
    let _ = write!(
        table,
        "\nAt {} jobs a second, from the request for a job to the request that the job makes: p50 {:.1} ms, p99 {:.1} ms.\n\n",
        start["per_second"],
        number(start, "p50_ms"),
        number(start, "p99_ms"),
    );
    table
}

fn import(import: &Value) -> String {
    format!(
        "`devmesh tools add` of GitHub's description, {} operations: {:.1} s, {:.0} MB resident at the most in the whole mesh \
         (median and maximum of {}).\n\n",
        import["operations"],
        number(import, "seconds"),
        number(import, "peak_mb"),
        import["runs"],
    )
}

fn growth(up: &Value) -> String {
    let start = &up["start"];
    let mut text = format!(
        "`devmesh up` on an existing data directory: first answer {:.0} ms after its start (median of {}), {:.0} MB resident when \
         idle, binary {:.0} MB.\n\n",
        1_000.0 * number(start, "first_answer_s"),
        start["starts"],
        number(start, "idle_mb"),
        number(up, "binary_mb"),
    );
    let large = &up["growth"]["large"];
    if large.is_object() {
        let _ = write!(
            text,
            "{} tools and {} keys: {:.0} MB resident after a start, {:.0} MB right after the import and work.\n\n",
            large["tools"],
            large["keys"],
            number(large, "resident_mb_after_start"),
            number(large, "resident_mb_after_import"),
        );
    }
    text.push_str(
        "![Cost as tools, connections and keys grow in number](growth.svg)\n\n| tools | import | calls/s | lists/s | searches/s | resident |\n|---|---|---|---|---|---|\n",
    );
    for row in rows(&up["growth"]["tools"]) {
        let searches = row["searches_per_second"].as_f64();
        let _ = writeln!(
            text,
            "| {} | {:.2} s | {:.0} | {:.0} | {} | {:.0} MB |",
            row["tools"],
            number(row, "import_s"),
            number(row, "calls_per_second"),
            number(row, "lists_per_second"),
            searches.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.0}")),
            number(row, "resident_mb"),
        );
    }
    text.push_str("\n| connections | calls/s |\n|---|---|\n");
    for row in rows(&up["growth"]["connections"]) {
        let _ = writeln!(
            text,
            "| {} | {:.0} |",
            row["connections"],
            number(row, "calls_per_second")
        );
    }
    text.push_str("\n| keys | calls/s | resident |\n|---|---|---|\n");
    for row in rows(&up["growth"]["keys"]) {
        let (rate, memory) = (number(row, "calls_per_second"), number(row, "resident_mb"));
        let _ = writeln!(text, "| {} | {rate:.0} | {memory:.0} MB |", row["keys"]);
    }
    text.push('\n');
    text
}

/// One bar a target, with its interval.
fn draw(rates: &Value) -> String {
    let rows = rows(rates);
    let most = rows.iter().map(|row| number(row, "high")).fold(1.0, f64::max);
    let x = |rate: f64| 250.0 + 480.0 * rate / most;
    let height = 40 + 34 * rows.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"10\" y=\"22\" \
         font-weight=\"bold\">Calls per second</text>\n"
    );
    for (at, row) in rows.iter().enumerate() {
        let (y, name) = (40 + 34 * at, text(row, "name"));
        let colour = if name.starts_with("mesh") {
            "#1f6feb"
        } else {
            "#9aa4b2"
        };
        let (rate, low, high) = (number(row, "median"), number(row, "low"), number(row, "high"));
        let (middle, line) = (y + 17, y + 12);
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{middle}\">{name}</text><rect x=\"250\" y=\"{y}\" width=\"{:.0}\" height=\"24\" \
             fill=\"{colour}\"/><path d=\"M{:.0} {line}H{:.0}\" stroke=\"#111\"/><text x=\"{:.0}\" y=\"{middle}\">{rate:.0}</text>",
            x(rate) - 250.0,
            x(low),
            x(high),
            x(high) + 6.0,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn rows(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

fn number(of: &Value, name: &str) -> f64 {
    of[name].as_f64().unwrap_or(f64::NAN)
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}
