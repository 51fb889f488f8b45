//! What a dashboard is made of.

/// A page of panels.
pub(super) struct Dashboard {
    /// Its file's name, its address in Grafana, and its name in `queries.json`.
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) rows: Vec<Row>,
}

/// Panels under one heading.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// How a panel is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stat,
    TimeSeries,
    Gauge,
    BarGauge,
    PieChart,
    Heatmap,
    Table,
    Logs,
    Text,
}

/// Grafana's units.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    PerSecond,
    Requests,
    Seconds,
    /// 0 to 100.
    Percent,
    /// 0 to 1.
    Ratio,
    Bytes,
}

/// What a query needs before it can answer with a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Ordinary traffic: calls of tools, jobs, lists.
    Always,
    /// Something that goes wrong: an error, a retry, a refusal.
    Incident,
    /// A part that not every installation has.
    Capability(&'static str),
}

/// The language and the data source of a query.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    PromQl,
    LogQl,
}

/// One query of a panel.
pub(super) struct Query {
    pub(super) expr: String,
    pub(super) legend: &'static str,
    /// Of a panel in which others answer earlier.
    pub(super) needs: Option<Needs>,
}

/// From this value on, this colour.
pub(super) struct Step {
    pub(super) from: Option<f64>,
    pub(super) colour: &'static str,
}

/// A panel; made by the functions in `panels.rs`.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) queries: Vec<Query>,
    pub(super) steps: Vec<Step>,
    pub(super) needs: Needs,
    /// What stands there while there is no data.
    pub(super) no_data: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    /// The legends drawn on the right axis, in this unit.
    pub(super) right: Option<(&'static str, Unit)>,
    /// Names of a table's columns: the field, and what stands above it.
    pub(super) columns: Vec<(&'static str, &'static str, Unit)>,
    /// The runbook that says what to do about it.
    pub(super) runbook: Option<&'static str>,
    pub(super) stacked: bool,
    /// What a number means.
    pub(super) states: &'static [(&'static str, &'static str)],
    pub(super) max: Option<f64>,
    pub(super) text: &'static str,
}

impl Panel {
    /// The language of its queries.
    pub(super) fn language(&self) -> Language {
        match self.kind {
            Kind::Logs => Language::LogQl,
            _ => Language::PromQl,
        }
    }

    /// Whether it shows one moment and not a course.
    pub(super) fn instant(&self) -> bool {
        matches!(
            self.kind,
            Kind::Stat | Kind::Gauge | Kind::BarGauge | Kind::PieChart | Kind::Table
        )
    }
}

impl Kind {
    /// Grafana's name of the panel plug-in.
    pub(super) fn plugin(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::TimeSeries => "timeseries",
            Self::Gauge => "gauge",
            Self::BarGauge => "bargauge",
            Self::PieChart => "piechart",
            Self::Heatmap => "heatmap",
            Self::Table => "table",
            Self::Logs => "logs",
            Self::Text => "text",
        }
    }
}

impl Unit {
    /// Grafana's name of the unit.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::None => "short",
            Self::PerSecond => "ops",
            Self::Requests => "reqps",
            Self::Seconds => "s",
            Self::Percent => "percent",
            Self::Ratio => "percentunit",
            Self::Bytes => "bytes",
        }
    }
}

impl Needs {
    /// As `queries.json` says it.
    pub(super) fn id(self) -> String {
        match self {
            Self::Always => "always".to_owned(),
            Self::Incident => "incident".to_owned(),
            Self::Capability(name) => format!("capability:{name}"),
        }
    }
}
