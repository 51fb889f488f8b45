//! Frames read and written per second, beside serde_json over the same text without a frame around it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use frames::wire::{self, Form, Frame, Limits, Ready, Writer};
use frames::{Content, Message};
use serde_json::{Value, json};

use crate::Options;
use crate::stats::{interval, median};

/// What is looked at between two looks at the clock.
const BURST: u32 = 64;

pub(super) fn run(options: &Options) -> Result<Value> {
    let (rounds, time) = if options.quick { (2, 0.1) } else { (11, 0.5) };
    let time = Duration::from_secs_f64(time);
    let message = told();
    let text = String::from_utf8(message.json())?;
    let forms = [
        (
            "text",
            Writer {
                form: Form::Text,
                compress_from: usize::MAX,
            },
        ),
        (
            "binary",
            Writer {
                form: Form::Binary,
                compress_from: usize::MAX,
            },
        ),
        (
            "compressed",
            Writer {
                form: Form::Binary,
                compress_from: 0,
            },
        ),
    ];
    for (_, writer) in forms {
        ensure!(
            read(&write(writer, &message))? == message,
            "what was read is not what was written"
        );
    }
    let mut rates: Vec<(&str, Vec<f64>)> = forms.iter().map(|(name, _)| (*name, Vec::new())).collect();
    let mut plain = Vec::new();
    for _ in 0..rounds {
        plain.push(rate(time, || serde(&text))?);
        for ((_, rates), (_, writer)) in rates.iter_mut().zip(forms) {
            rates.push(rate(time, || {
                read(&write(writer, black_box(&message))).map(drop)
            })?);
        }
    }
    let mut figures = json!({ "bytes": text.len(), "rounds": rounds, "serde_json": median(&plain) });
    for (name, rates) in rates {
        let shares: Vec<f64> = rates
            .iter()
            .zip(&plain)
            .map(|(rate, plain)| rate / plain)
            .collect();
        let (low, high) = interval(&shares);
        figures[name] =
            json!({ "per_second": median(&rates), "ratio": median(&shares), "low": low, "high": high });
    }
    Ok(figures)
}

/// As an agent is told of a task.
fn told() -> Message {
    let task = json!({
        "id": "0199a4c2-7f3e-7cc0-9a51-2f9f0c1d7b10", "type": "code_review", "state": "assigned", "fence": 1, "attempt": 0,
        "max_attempts": 3, "silence_seconds": 300, "priority": "normal", "strategy": "auto", "delegation": "automatic",
        "input": { "diff": "+fn add(a: u32, b: u32) -> u32 {\n+    a + b\n+}\n".repeat(8) },
        "trace": { "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "deadline": "2026-01-02T00:00:00Z",
    });
    let params = Some(json!({ "agent_id": "0199a4c2-7f3e-7cc0-9a51-2f9f0c1d7b11", "task": task }));
    Message::Notification {
        method: "task.assigned".to_owned(),
        params,
    }
}

fn write(writer: Writer, message: &Message) -> Frame {
    writer.write(&Ready::from(message), 7).frame
}

fn read(frame: &Frame) -> Result<Message> {
    let limits = Limits::default();
    let received = match frame {
        Frame::Text(bytes) => wire::read_text(std::str::from_utf8(bytes)?, &limits)?,
        Frame::Binary(bytes) => wire::read_binary(bytes, &limits)?,
    };
    match received.content {
        Ok(Content::One(message)) => Ok(message),
        other => anyhow::bail!("{other:?}"),
    }
}

fn serde(text: &str) -> Result<()> {
    let value: Value = serde_json::from_str(black_box(text))?;
    black_box(serde_json::to_vec(&value)?);
    Ok(())
}

fn rate(time: Duration, once: impl Fn() -> Result<()>) -> Result<f64> {
    let (began, mut count) = (Instant::now(), 0_u32);
    while began.elapsed() < time {
        for _ in 0..BURST {
            once()?;
        }
        count += BURST;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
