//! The figures as bars, one small plot for each figure, as the benchmarks of the mesh are drawn.

use std::fmt::Write as _;

use crate::statistics::Mean;

/// One figure of all strategies.
pub struct Plot {
    pub title: &'static str,
    pub less: bool,
    pub places: usize,
    pub bars: Vec<(&'static str, Mean)>,
}

const WIDTH: usize = 380;
const LINE: usize = 20;
/// Where the bars begin, and how long the longest is.
const LEFT: f64 = 130.0;
const LONGEST: f64 = 170.0;
const COLUMNS: usize = 3;

/// All plots.
pub fn draw(plots: &[Plot]) -> String {
    let height = 44 + LINE * plots.first().map_or(0, |plot| plot.bars.len());
    let (wide, high) = (WIDTH * COLUMNS, height * plots.len().div_ceil(COLUMNS));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (at, plot) in plots.iter().enumerate() {
        let (x, y) = (WIDTH * (at % COLUMNS), height * (at / COLUMNS));
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">\n{}</g>", one(plot));
    }
    svg.push_str("</svg>\n");
    svg
}

fn one(plot: &Plot) -> String {
    let most = plot
        .bars
        .iter()
        .map(|(_, bar)| bar.value + bar.reach)
        .fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| LEFT + LONGEST * value / most;
    let better = if plot.less {
        "less is better"
    } else {
        "more is better"
    };
    let mut svg = format!(
        "<text x=\"10\" y=\"20\"><tspan font-weight=\"bold\">{}</tspan> ({better})</text>\n",
        plot.title
    );
    for (at, (name, bar)) in plot.bars.iter().enumerate() {
        let y = 30 + LINE * at;
        let colour = if name.contains("random") || name.contains("power_of") {
            "#9aa4b2"
        } else {
            "#1f6feb"
        };
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{}\">{name}</text><rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"15\" fill=\"{colour}\"/>\
             <path d=\"M{:.1} {}H{:.1}\" stroke=\"#111\"/><text x=\"{:.1}\" y=\"{}\">{:.*}</text>",
            y + 12,
            x(bar.value) - LEFT,
            x(bar.value - bar.reach),
            y + 7,
            x(bar.value + bar.reach),
            x(bar.value + bar.reach) + 5.0,
            y + 12,
            plot.places,
            bar.value,
        );
    }
    svg
}
