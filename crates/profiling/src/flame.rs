//! A flame graph as SVG, without scripts: a tooltip has the whole name and the share.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::profile::Profile;

const WIDTH: f64 = 1200.0;
const ROW: f64 = 17.0;
const TOP: f64 = 44.0;
/// Narrower boxes are left out: nobody could point at them.
const NARROWEST: f64 = 0.3;
/// Of a letter, about.
const LETTER: f64 = 6.6;

#[derive(Default)]
struct Node {
    total: i64,
    calls: BTreeMap<String, Node>,
}

pub(crate) fn draw(profile: &Profile, title: &str) -> String {
    let mut root = Node::default();
    for sample in &profile.samples {
        let value = sample.values.last().copied().unwrap_or_default().max(0);
        root.add(
            value,
            sample.stack.iter().rev().map(|frame| frame.function.as_str()),
        );
    }
    let unit = profile.values.last().map_or("", |kind| kind.unit);
    let mut picture = Picture {
        boxes: String::new(),
        whole: root.total.max(1),
        unit,
        deepest: 0,
    };
    picture.node("all", &root, 0.0, 0);
    let height = TOP + ROW * f64::from(picture.deepest + 1) + 8.0;
    let title = format!("{title}: {}", amount(root.total, unit));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fffdf7\"/>\n\
         <text x=\"8\" y=\"24\" font-size=\"15\">{}</text>\n{}</svg>\n",
        escaped(&title),
        picture.boxes
    )
}

impl Node {
    fn add<'a>(&mut self, value: i64, stack: impl Iterator<Item = &'a str>) {
        let mut node = self;
        node.total = node.total.saturating_add(value);
        for function in stack {
            node = node.calls.entry(function.to_owned()).or_default();
            node.total = node.total.saturating_add(value);
        }
    }
}

struct Picture<'a> {
    boxes: String,
    whole: i64,
    unit: &'a str,
    deepest: u32,
}

impl Picture<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a picture's widths")]
    fn width(&self, value: i64) -> f64 {
        WIDTH * value as f64 / self.whole as f64
    }

    fn node(&mut self, name: &str, node: &Node, x: f64, depth: u32) {
        let width = self.width(node.total);
        if width < NARROWEST {
            return;
        }
        self.deepest = self.deepest.max(depth);
        let y = TOP + ROW * f64::from(depth);
        let share = 100.0 * width / WIDTH;
        let whole = escaped(name);
        let shown = escaped(&shortened(name, width));
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.boxes,
            "<g><title>{whole}: {} ({share:.1} %)</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
             rx=\"1\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{:.1}\">{shown}</text></g>",
            amount(node.total, self.unit),
            (width - 0.5).max(0.2),
            ROW - 1.0,
            colour(name),
            x + 3.0,
            y + 12.0,
        );
        let mut at = x;
        for (name, called) in &node.calls {
            self.node(name, called, at, depth + 1);
            at += self.width(called.total);
        }
    }
}

/// As much of the name's end as fits: the function matters more than its crate.
fn shortened(name: &str, width: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number of letters"
    )]
    let room = ((width - 6.0) / LETTER).max(0.0) as usize;
    let letters = name.chars().count();
    match room {
        _ if letters <= room => name.to_owned(),
        0..=2 => String::new(),
        room => {
            let end: String = name.chars().skip(letters - room + 1).collect();
            format!("…{end}")
        }
    }
}

/// The same function has the same colour in every picture; ours stand out.
fn colour(name: &str) -> String {
    const OURS: [&str; 12] = [
        "rest_api",
        "mcp_server",
        "worker",
        "control",
        "storage",
        "connectors",
        "telemetry",
        "runtime",
        "uplink",
        "queue",
        "cache",
        "domain",
    ];
    let hash = name.bytes().fold(17_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    let trimmed = name.trim_start_matches(['<', '&', '*', '(']);
    let hue = if OURS.iter().any(|ours| trimmed.starts_with(&format!("{ours}::"))) {
        190 + hash % 40
    } else {
        20 + hash % 35
    };
    format!("hsl({hue},{}%,{}%)", 60 + hash % 20, 70 + (hash >> 8) % 12)
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn amount(value: i64, unit: &str) -> String {
    match unit {
        "nanoseconds" => format!("{:.2} s", value as f64 / 1e9),
        "bytes" if value >= 1 << 20 => format!("{:.2} MiB", value as f64 / f64::from(1 << 20)),
        "bytes" => format!("{:.1} KiB", value as f64 / 1024.0),
        unit => format!("{value} {unit}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
