//! Prometheus scrapes and evaluates, Alertmanager takes its config.

use std::time::Duration;

use test_support::{Alertmanager, Prometheus, Reply, Upstream, eventually};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_scraped_series_and_a_rule_over_it_can_be_queried() {
    let target = Upstream::start().await.unwrap();
    let page = "# TYPE widgets_total counter\nwidgets_total{kind=\"a\"} 21\n";
    target.on(
        "GET",
        "/metrics",
        Reply::bytes(200, "text/plain; version=0.0.4", page),
    );
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs: [{{job_name: t, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.authority()
    );
    let rules = "groups: [{name: g, rules: [{record: widgets_twice, expr: widgets_total * 2}]}]\n";
    let prometheus = Prometheus::start(&config, &[("rules.yml", rules)]).await.unwrap();
    let value = eventually(DEADLINE, || async {
        let result = prometheus.query("widgets_twice").await?;
        result
            .first()
            .map(|series| series["value"][1].clone())
            .ok_or_else(|| anyhow::anyhow!("no series"))
    });
    assert_eq!(value.await.unwrap(), "42");
    assert!(prometheus.query("sum(").await.is_err());
}

#[tokio::test]
async fn a_config_that_is_wrong_is_reported_with_the_log() {
    let error = Prometheus::start("nonsense: 1\n", &[]).await.err().unwrap();
    assert!(
        format!("{error:#}").contains("field nonsense not found"),
        "{error:#}"
    );
}

#[tokio::test]
async fn alertmanager_starts_with_its_config() {
    let alertmanager = Alertmanager::start("route: {receiver: r}\nreceivers: [{name: r}]\n")
        .await
        .unwrap();
    let status = test_support::http::get(&format!("{}/api/v2/status", alertmanager.url()))
        .await
        .unwrap();
    assert!(
        status.json().unwrap()["config"]["original"]
            .as_str()
            .unwrap()
            .contains("receiver: r")
    );
}
