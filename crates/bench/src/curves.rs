//! What grows, as curves: one small plot beside the other, over a logarithmic axis.

use std::fmt::Write as _;

use serde_json::Value;

/// Size of a plot, and what is left around its curve for labels.
const WIDTH: f64 = 270.0;
const HEIGHT: f64 = 190.0;
const MARGIN: f64 = 36.0;
/// Plots in a row.
const COLUMNS: usize = 3;

/// What is drawn: the list of figures, the field over which, the field of which, and its title.
const PLOTS: [(&str, &str, &str, &str); 8] = [
    ("tools", "tools", "calls_per_second", "tools/call a second"),
    ("tools", "tools", "lists_per_second", "tools/list a second"),
    ("tools", "tools", "searches_per_second", "search_tools a second"),
    ("tools", "tools", "import_s", "import, seconds"),
    ("tools", "tools", "resident_mb", "memory after it, MB"),
    (
        "connections",
        "connections",
        "calls_per_second",
        "tools/call a second",
    ),
    ("keys", "keys", "calls_per_second", "tools/call a second"),
    ("keys", "keys", "resident_mb", "memory, MB"),
];

/// The plots of `growth` that have at least two points.
pub fn draw(growth: &Value) -> String {
    let drawn = PLOTS.iter().filter_map(|(list, x, y, title)| {
        let points = points(&growth[list], x, y);
        (points.len() > 1).then(|| plot(&points, x, title))
    });
    let drawn: Vec<String> = drawn.collect();
    let rows = drawn.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * rows as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (at, plot) in drawn.iter().enumerate() {
        let (left, top) = (WIDTH * (at % COLUMNS) as f64, HEIGHT * (at / COLUMNS) as f64);
        let _ = writeln!(svg, "<g transform=\"translate({left} {top})\">\n{plot}</g>");
    }
    svg.push_str("</svg>\n");
    svg
}

fn points(rows: &Value, x: &str, y: &str) -> Vec<(f64, f64)> {
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    rows.iter()
        .filter_map(|row| Some((row[x].as_f64()?, row[y].as_f64()?)))
        .collect()
}

/// One curve; its vertical axis begins at nothing.
fn plot(points: &[(f64, f64)], x: &str, title: &str) -> String {
    let most = points
        .iter()
        .map(|point| point.1)
        .fold(f64::MIN_POSITIVE, f64::max);
    let (first, last) = (points[0].0.log10(), points[points.len() - 1].0.log10());
    let across = |value: f64| MARGIN + (WIDTH - 2.0 * MARGIN) * (value.log10() - first) / (last - first);
    let up = |value: f64| HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * value / most;
    let (bottom, right) = (HEIGHT - MARGIN, WIDTH - MARGIN);
    let mut svg = format!(
        "<text x=\"{MARGIN}\" y=\"18\" font-weight=\"bold\">{title}</text>\n\
         <path d=\"M{MARGIN} {bottom}H{right}\" stroke=\"#9aa4b2\"/>\n"
    );
    let line: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{:.1} {:.1}", across(*x), up(*y)))
        .collect();
    let _ = writeln!(
        svg,
        "<path d=\"M{}\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"2\"/>",
        line.join("L")
    );
    for (at, value) in points {
        let (left, top) = (across(*at), up(*value));
        let shown = if *value < 10.0 {
            format!("{value:.2}")
        } else {
            format!("{value:.0}")
        };
        let _ = writeln!(
            svg,
            "<circle cx=\"{left:.1}\" cy=\"{top:.1}\" r=\"3\" fill=\"#1f6feb\"/>\
             <text x=\"{left:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{shown}</text>\
             <text x=\"{left:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#57606a\">{at}</text>",
            top - 7.0,
            bottom + 14.0,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#57606a\">{x}</text>",
        WIDTH / 2.0,
        bottom + 28.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_has_a_course_is_drawn() {
        let growth = json!({
            "tools": [
                {"tools": 10, "calls_per_second": 50.0, "searches_per_second": null},
                {"tools": 1000, "calls_per_second": 100.0, "searches_per_second": 7.0},
            ],
            "keys": [],
        });
        let svg = draw(&growth);
        assert_eq!(svg.matches("<g ").count(), 1, "{svg}");
        // Half of the most is half way up; the axis goes from the first to the last.
        assert!(svg.contains("M36.0 95.0L234.0 36.0"), "{svg}");
    }
}
