//! `devmesh doctor --prometheus URL`: which shipped panels and rules have no data there, and why.

mod prometheus;
mod queries;
mod selectors;

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::finding::Finding;
use crate::failure::Failure;
use prometheus::Prometheus;
use queries::Shipped;
use selectors::{Selector, selectors};

const SERVICES: [&str; 3] = ["mcp-server", "rest-api", "worker"];
const CONFIGURATION: &str = "deploy/monitoring/prometheus/prometheus.yml";

/// Looks at all that is shipped, and says what has no data.
pub(super) async fn look(url: &Url) -> Result<Vec<Finding>, Failure> {
    let prometheus = Prometheus::at(url)?;
    let mut findings = targets(&prometheus).await?;
    findings.push(labels(&prometheus).await?);
    let shipped = queries::shipped();
    findings.extend(rules(&prometheus, &shipped).await?);
    findings.extend(data(&prometheus, &shipped).await?);
    Ok(findings)
}

/// One finding for each service: it is scraped, down, or nobody scrapes it.
async fn targets(prometheus: &Prometheus) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for service in SERVICES {
        let check = format!("target {service}");
        let all = prometheus.query(&format!("up{{job=\"{service}\"}}")).await?.len();
        let down = prometheus
            .values(&format!("up{{job=\"{service}\"}} == 0"), "instance")
            .await?;
        findings.push(if all == 0 {
            Finding::fail(
                check,
                "no target with this job",
                format!("add it, as {CONFIGURATION} has it"),
            )
        } else if down.is_empty() {
            Finding::ok(check, format!("{all} up"))
        } else {
            let names: Vec<_> = down.into_iter().collect();
            Finding::fail(
                check,
                format!("down: {}", names.join(", ")),
                "is it running, and can Prometheus reach /metrics?",
            )
        });
    }
    Ok(findings)
}

/// Without `honor_labels` the services' own labels are renamed, and every panel that asks for them is empty.
async fn labels(prometheus: &Prometheus) -> Result<Finding, Failure> {
    let renamed = prometheus
        .values("count by (job) ({exported_service!=\"\"})", "job")
        .await?;
    if renamed.is_empty() {
        return Ok(Finding::ok(
            "labels",
            "service and environment are the series' own",
        ));
    }
    let jobs: Vec<_> = renamed.into_iter().collect();
    Ok(Finding::fail(
        "labels",
        format!(
            "mislabelled: {} has exported_service in place of service",
            jobs.join(", ")
        ),
        "set honor_labels: true in these scrape configurations",
    ))
}

/// The shipped rules and alerts that are not loaded.
async fn rules(prometheus: &Prometheus, shipped: &[Shipped]) -> Result<Vec<Finding>, Failure> {
    let loaded = prometheus.rules().await?;
    let wanted: BTreeSet<&str> = shipped
        .iter()
        .filter(|query| matches!(query.kind.as_str(), "record" | "alert"))
        .map(name_of)
        .collect();
    let missing: Vec<_> = wanted
        .iter()
        .filter(|name| !loaded.contains(**name))
        .copied()
        .collect();
    let found = format!(
        "{} of {} rules and alerts are loaded",
        wanted.len() - missing.len(),
        wanted.len()
    );
    Ok(if missing.is_empty() {
        vec![Finding::ok("rules", found)]
    } else {
        let few = missing.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let advice = format!(
            "not loaded: {few}{}; see rule_files in {CONFIGURATION}",
            if missing.len() > 5 { ", …" } else { "" }
        );
        vec![Finding::fail("rules", found, advice)]
    })
}

/// `rules/mcp.yml / mcp:requests:rpm` is the rule `mcp:requests:rpm`.
fn name_of(query: &Shipped) -> &str {
    query.r#where.rsplit(" / ").next().unwrap_or(&query.r#where)
}

/// A count for each kind, and a finding for each query that has no data though it should.
async fn data(prometheus: &Prometheus, shipped: &[Shipped]) -> Result<Vec<Finding>, Failure> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut silent = Vec::new();
    let up = "count(up{job=~\"mcp-server|rest-api|worker\"} == 1) == count(up{job=~\"mcp-server|rest-api|worker\"})";
    let all_up = prometheus.has_data(up).await?;
    for query in shipped.iter().filter(|query| query.language == "promql") {
        let with_data = if query.kind == "alert" {
            // An alert without data is one that does not fire; it could if its series are there.
            can_fire(prometheus, query).await?
        } else {
            prometheus.has_data(&query.expr).await?
        };
        let (all, answered) = counts.entry(query.kind.as_str()).or_default();
        *all += 1;
        if with_data {
            *answered += 1;
        } else {
            silent.push(explain(prometheus, query, all_up).await?);
        }
    }
    let count = |(kind, (all, answered)): (&str, (usize, usize))| {
        Finding::ok(format!("{kind}s"), format!("{answered} of {all} have data"))
    };
    let mut findings: Vec<_> = counts.into_iter().map(count).collect();
    findings.extend(silent);
    Ok(findings)
}

async fn can_fire(prometheus: &Prometheus, query: &Shipped) -> Result<bool, Failure> {
    for selector in selectors(&query.expr) {
        if !prometheus.query(&selector.name).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(selectors(&query.expr).is_empty())
}

/// Why a query has no data.
async fn explain(prometheus: &Prometheus, query: &Shipped, all_up: bool) -> Result<Finding, Failure> {
    let check = format!("{} {}", query.kind, query.r#where);
    for selector in selectors(query.source()) {
        if !prometheus.query(&selector.whole).await?.is_empty() {
            continue;
        }
        return Ok(match wrong_labels(prometheus, &selector).await? {
            Some(why) => Finding::fail(
                check,
                why,
                "give its targets the labels that the shipped configuration gives them",
            ),
            None if !all_up => Finding::warn(
                check,
                format!("no series {}, and not every target is up", selector.whole),
                "see the targets above first",
            ),
            None if query.needs == "always" => Finding::warn(
                check,
                format!("no series {}", selector.whole),
                "is its service scraped (above), and has anything of the kind happened yet?",
            ),
            None => Finding::ok(check, format!("never happened yet: no series {}", selector.whole)),
        });
    }
    Ok(Finding::ok(
        check,
        "its series are there, but give no number yet: nothing of the kind happened lately",
    ))
}

/// A series that is there under other values of the labels by which everything is found.
async fn wrong_labels(prometheus: &Prometheus, selector: &Selector) -> Result<Option<String>, Failure> {
    for label in ["job", "service", "environment"] {
        let is_asked = [",", "{"]
            .iter()
            .any(|before| selector.whole.contains(&format!("{before}{label}=")));
        let there = prometheus.values(&selector.name, label).await?;
        let wanted = selector
            .whole
            .split_once(&format!("{label}=\""))
            .and_then(|(_, rest)| rest.split('"').next());
        if is_asked && wanted.is_some_and(|wanted| !there.is_empty() && !there.contains(wanted)) {
            let have: Vec<_> = there.into_iter().collect();
            let known = label != "service" || have.iter().all(|one| !SERVICES.contains(&one.as_str()));
            if known {
                return Ok(Some(format!(
                    "mislabelled: {} has {label} {}",
                    selector.name,
                    have.join(", ")
                )));
            }
        }
    }
    Ok(None)
}
