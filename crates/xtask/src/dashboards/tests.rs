use std::collections::HashSet;

use super::model::{Kind, Panel};
use super::*;

fn panels() -> Vec<(&'static str, Panel)> {
    let of = |dashboard: Dashboard| {
        let panels = dashboard.rows.into_iter().flat_map(|row| row.panels);
        panels.map(|panel| (dashboard.uid, panel)).collect::<Vec<_>>()
    };
    all().into_iter().flat_map(of).collect()
}

#[test]
fn every_panel_says_what_it_shows_and_asks_for_something() {
    for (dashboard, panel) in panels().iter().filter(|(_, panel)| panel.kind != Kind::Text) {
        assert!(panel.description.ends_with('.'), "{dashboard} / {}", panel.title);
        assert!(!panel.queries.is_empty(), "{dashboard} / {}", panel.title);
        assert!(!panel.no_data.is_empty(), "{dashboard} / {}", panel.title);
        assert!(panel.queries.len() <= 8, "{dashboard} / {}", panel.title);
    }
}

#[test]
fn a_title_names_one_panel_of_a_dashboard() {
    let mut seen = HashSet::new();
    for (dashboard, panel) in panels().iter().filter(|(_, panel)| panel.kind != Kind::Text) {
        assert!(
            seen.insert((*dashboard, panel.title)),
            "{dashboard} / {}",
            panel.title
        );
    }
}

#[test]
fn every_runbook_that_a_panel_links_is_there() {
    let repository = Repository::open().unwrap();
    for (dashboard, panel) in panels() {
        let Some(name) = panel.runbook else { continue };
        let page = format!("docs/runbooks/{name}.md");
        assert!(
            repository.text(&page).is_some(),
            "{dashboard} / {}: {page}",
            panel.title
        );
    }
}

#[test]
fn panels_do_not_overlap_and_stay_on_the_grid() {
    for dashboard in all() {
        let mut taken = HashSet::new();
        let json = grafana::json(&dashboard);
        for panel in json["panels"].as_array().unwrap() {
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
            let cells =
                (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)));
            for cell in cells {
                assert!(
                    taken.insert(cell),
                    "{} / {} overlaps",
                    dashboard.uid,
                    panel["title"]
                );
            }
        }
    }
}

#[test]
fn a_resolved_query_has_no_variable_left() {
    assert_eq!(
        queries::resolved("sum(rate(x{@}[$__rate_interval]))"),
        "sum(rate(x[5m]))"
    );
    assert_eq!(queries::resolved(r#"x{a="b",@} / y{%}"#), r#"x{a="b"} / y"#);
    for (dashboard, panel) in panels() {
        for query in &panel.queries {
            let resolved = queries::resolved(&query.expr);
            assert!(
                !resolved.contains(['$', '@', '%']),
                "{dashboard} / {}: {resolved}",
                panel.title
            );
        }
    }
}
