//! What agents over WebSocket cost, as tables.

use serde_json::Value;

use super::number;

pub(super) fn show(agents: &Value) -> String {
    [
        codec(&agents["codec"]),
        echo(&agents["echo"]),
        tasks(&agents["tasks"]),
        connections(&agents["connections"]),
    ]
    .concat()
}

fn codec(codec: &Value) -> String {
    let mut table = format!(
        "A message of {} bytes written and read by one thread, beside serde_json over the same text ({:.0} a second), {} interleaved \
         rounds:\n\n| form | per second | ratio | 95 % |\n|---|---|---|---|\n",
        codec["bytes"],
        number(codec, "serde_json"),
        codec["rounds"],
    );
    for form in ["text", "binary", "compressed"] {
        let row = &codec[form];
        let (rate, ratio) = (number(row, "per_second"), number(row, "ratio"));
        let (low, high) = (number(row, "low"), number(row, "high"));
        table.push_str(&format!(
            "| {form} | {rate:.0} | {ratio:.2} | {low:.2} to {high:.2} |\n"
        ));
    }
    table.push('\n');
    table
}

fn echo(echo: &Value) -> String {
    format!(
        "`ping` over `/ws`, {} connections with one request under way each: {:.0} a second; a bare axum WebSocket sends {:.0} back: {:.2} of \
         it (95 %: {:.2} to {:.2}).\n\n",
        echo["connections"],
        number(echo, "mesh"),
        number(echo, "bare"),
        number(echo, "ratio"),
        number(echo, "low"),
        number(echo, "high"),
    )
}

fn tasks(tasks: &Value) -> String {
    let mut table = format!(
        "{} tasks from creation to completion by {} agents that do nothing; one alone, and as many as the mesh takes:\n\n\
         | | created a second | done a second | one alone, p50 | p99 |\n|---|---|---|---|---|\n",
        tasks["tasks"], tasks["agents"],
    );
    for (name, what) in [
        ("embedded", "`devmesh up` on SQLite"),
        ("apart", "services on PostgreSQL, RabbitMQ, Redis"),
    ] {
        let row = &tasks[name];
        table.push_str(&format!(
            "| {what} | {:.0} | {:.0} | {:.1} ms | {:.1} ms |\n",
            number(row, "created_per_second"),
            number(row, "done_per_second"),
            number(row, "one_p50_ms"),
            number(row, "one_p99_ms"),
        ));
    }
    table.push_str(&format!(
        "\n{:.0} statements to PostgreSQL for each task, from its creation to its end, with all that a mesh says besides.\n\n",
        number(&tasks["apart"], "statements_per_task"),
    ));
    table
}

fn connections(many: &Value) -> String {
    format!(
        "{} agents connected to one `devmesh up`, with {:.0} heartbeats a second: {:.1} KB of its memory each, {:.2} cores, opened in {:.0} s; a \
         request of one of them takes {:.2} ms (p50), {:.2} ms (p99); a message from one to another, stored before it is handed \
         on, {:.2} ms and {:.2} ms.\n\n",
        many["connections"],
        number(many, "heartbeats_per_second"),
        number(many, "kb_each"),
        number(many, "cores_with_heartbeats"),
        number(many, "opened_in_seconds"),
        number(many, "request_p50_ms"),
        number(many, "request_p99_ms"),
        number(many, "message_p50_ms"),
        number(many, "message_p99_ms"),
    )
}
