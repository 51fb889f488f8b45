//! How a panel is written down: `timeseries("Title", "What it shows.").unit(…).query(…)`.

use super::model::{Kind, Needs, Panel, Query, Row, Step, Unit};

/// A row of panels.
pub(super) fn row(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, panels }
}

/// Courses over time.
pub(super) fn timeseries(title: &'static str, description: &'static str) -> Panel {
    panel(Kind::TimeSeries, title, description, 12, 8)
}

/// A big number.
pub(super) fn stat(title: &'static str, description: &'static str) -> Panel {
    panel(Kind::Stat, title, description, 4, 4)
}

/// A number on a dial.
pub(super) fn gauge(title: &'static str, description: &'static str) -> Panel {
    panel(Kind::Gauge, title, description, 6, 8)
}

/// A ranking in bars.
pub(super) fn bargauge(title: &'static str, description: &'static str) -> Panel {
    panel(Kind::BarGauge, title, description, 12, 8)
}

/// Shares of a whole.
pub(super) fn piechart(title: &'static str, description: &'static str) -> Panel {
    panel(Kind::PieChart, title, description, 6, 8)
}

/// The buckets of a histogram over time.
pub(super) fn heatmap(title: &'static str, description: &'static str) -> Panel {
    panel(Kind::Heatmap, title, description, 12, 8)
}

/// Rows and columns; several queries are joined by their labels.
pub(super) fn table(title: &'static str, description: &'static str) -> Panel {
    panel(Kind::Table, title, description, 24, 9)
}

/// Log lines out of Loki.
pub(super) fn logs(title: &'static str, description: &'static str) -> Panel {
    Panel {
        needs: Needs::Capability("loki"),
        ..panel(Kind::Logs, title, description, 24, 9)
    }
}

/// Words in Markdown.
pub(super) fn text(title: &'static str, text: &'static str) -> Panel {
    Panel {
        text,
        ..panel(Kind::Text, title, "", 24, 3)
    }
}

fn panel(kind: Kind, title: &'static str, description: &'static str, width: u32, height: u32) -> Panel {
    Panel {
        title,
        description,
        kind,
        unit: Unit::None,
        queries: Vec::new(),
        steps: Vec::new(),
        needs: Needs::Always,
        no_data: "no traffic in this time",
        width,
        height,
        right: None,
        columns: Vec::new(),
        runbook: None,
        stacked: false,
        states: &[],
        max: None,
        text: "",
    }
}

impl Panel {
    /// Adds a query with the legend of its series.
    pub(super) fn query(mut self, expr: impl Into<String>, legend: &'static str) -> Self {
        let expr = expr.into();
        self.queries.push(Query {
            expr,
            legend,
            needs: None,
        });
        self
    }

    /// What the last query needs, where it is not what the panel needs.
    pub(super) fn which_needs(mut self, needs: Needs) -> Self {
        if let Some(query) = self.queries.last_mut() {
            query.needs = Some(needs);
        }
        self
    }

    pub(super) fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(super) fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Empty until something goes wrong; the text says that empty is well.
    pub(super) fn incident(mut self, no_data: &'static str) -> Self {
        (self.needs, self.no_data) = (Needs::Incident, no_data);
        self
    }

    /// Empty without a part that not every installation has.
    pub(super) fn capability(mut self, name: &'static str, no_data: &'static str) -> Self {
        (self.needs, self.no_data) = (Needs::Capability(name), no_data);
        self
    }

    pub(super) fn no_data(mut self, no_data: &'static str) -> Self {
        self.no_data = no_data;
        self
    }

    /// Green, from `warn` on yellow, from `bad` on red.
    pub(super) fn bad_above(mut self, warn: f64, bad: f64) -> Self {
        self.steps = steps("green", (warn, "yellow"), (bad, "red"));
        self
    }

    /// Red, from `warn` on yellow, from `good` on green.
    pub(super) fn good_above(mut self, warn: f64, good: f64) -> Self {
        self.steps = steps("red", (warn, "yellow"), (good, "green"));
        self
    }

    /// The series with this legend are drawn on the right axis.
    pub(super) fn on_the_right(mut self, legend: &'static str, unit: Unit) -> Self {
        self.right = Some((legend, unit));
        self
    }

    /// Names a column of a table.
    pub(super) fn column(mut self, field: &'static str, name: &'static str, unit: Unit) -> Self {
        self.columns.push((field, name, unit));
        self
    }

    /// The usual columns of a summary of endpoints, one for each query.
    pub(super) fn columns(self) -> Self {
        self.column("Value #A", "requests/s", Unit::Requests)
            .column("Value #B", "average", Unit::Seconds)
            .column("Value #C", "p95", Unit::Seconds)
            .column("Value #D", "p99", Unit::Seconds)
            .column("Value #E", "errors", Unit::Percent)
    }

    /// The burn rate over each window: the recorded share of bad requests by the share that the objective allows.
    pub(super) fn burn(self, recorded: &str, allowed: &str) -> Self {
        let with =
            |panel: Self, window: &&str| panel.query(format!("{recorded}{window}{{%}} / {allowed}"), "");
        ["5m", "1h", "6h", "1d", "3d"]
            .iter()
            .fold(self, with)
            .column("Value #A", "5m", Unit::None)
            .column("Value #B", "1h", Unit::None)
            .column("Value #C", "6h", Unit::None)
            .column("Value #D", "1d", Unit::None)
            .column("Value #E", "3d", Unit::None)
    }

    /// What the numbers of a state mean.
    pub(super) fn states(mut self, states: &'static [(&'static str, &'static str)]) -> Self {
        self.states = states;
        self
    }

    pub(super) fn runbook(mut self, name: &'static str) -> Self {
        self.runbook = Some(name);
        self
    }

    pub(super) fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    pub(super) fn max(mut self, max: f64) -> Self {
        self.max = Some(max);
        self
    }
}

fn steps(base: &'static str, second: (f64, &'static str), third: (f64, &'static str)) -> Vec<Step> {
    let step = |(from, colour)| Step {
        from: Some(from),
        colour,
    };
    vec![
        Step {
            from: None,
            colour: base,
        },
        step(second),
        step(third),
    ]
}

/// Quantiles of a histogram, one query each: `0.95` of `histogram{@}` by `labels` and `le`.
pub(super) fn quantiles(
    panel: Panel,
    histogram: &str,
    filter: &str,
    of: &[(&'static str, &'static str)],
) -> Panel {
    of.iter().fold(panel, |panel, (quantile, legend)| {
        panel.query(
            format!(
                "histogram_quantile({quantile}, sum by (le) (rate({histogram}_bucket{filter}[$__rate_interval])))"
            ),
            legend,
        )
    })
}

/// The percentage of `counter` with status 5xx; by `label`, or of all. Without an error it is 0, not nothing.
pub(super) fn failing(counter: &str, label: &str) -> String {
    let by = if label.is_empty() {
        String::new()
    } else {
        format!(" by ({label})")
    };
    let of = |filter: &str| format!("sum{by} (rate({counter}{{{filter}@}}[$__rate_interval]))");
    let (bad, all) = (of(r#"status=~"5..","#), of(""));
    format!("100 * ({bad} or 0 * {all}) / {all}")
}
