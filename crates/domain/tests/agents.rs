//! Where an agent may go, when it is missed, and what fits what.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use domain::agent::{Agent, AgentHealth, AgentState, AgentType, Capability, Heartbeat, StateReason, Unheard};
use domain::{AgentId, TenantId};

use AgentState::{Active, Degraded, Draining, Offline, Pending, Ready};

fn noon(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn agent(state: AgentState) -> Agent {
    Agent {
        id: AgentId::generate(),
        tenant_id: TenantId::generate(),
        name: "one".into(),
        owner: "key".into(),
        manifest: None,
        agent_type: AgentType::Custom,
        capabilities: vec!["code_review@2.1".parse().unwrap()],
        model: String::new(),
        region: String::new(),
        labels: BTreeMap::new(),
        capacity: 2,
        workload: 0.0,
        health: AgentHealth::Healthy,
        state,
        reason: StateReason::Heard,
        epoch: 3,
        heartbeat_seconds: 30,
        heard_at: noon(0),
        lost_at: None,
        registered_at: noon(0),
        changed_at: noon(0),
        version: 1,
    }
}

fn said(workload: f64, health: AgentHealth) -> Heartbeat {
    Heartbeat { workload, health }
}

#[test]
fn an_agent_goes_only_where_the_table_lets_it() {
    let table = [
        (Pending, vec![Ready, Degraded, Draining, Offline]),
        (Ready, vec![Active, Degraded, Draining, Offline]),
        (Active, vec![Ready, Degraded, Draining, Offline]),
        (Degraded, vec![Ready, Active, Draining, Offline]),
        (Draining, vec![Offline]),
        (Offline, vec![Pending]),
    ];
    for (from, allowed) in table {
        for to in AgentState::ALL {
            assert_eq!(from.may_become(to), allowed.contains(&to), "{from:?} to {to:?}");
        }
    }
}

#[test]
fn a_heartbeat_says_where_the_agent_stands() {
    for (from, beat, to) in [
        (Pending, said(0.0, AgentHealth::Healthy), Ready),
        (Pending, said(0.5, AgentHealth::Healthy), Active),
        (Pending, said(0.0, AgentHealth::Unhealthy), Degraded),
        (Ready, said(0.1, AgentHealth::Healthy), Active),
        (Active, said(0.0, AgentHealth::Unknown), Ready),
        (Active, said(0.0, AgentHealth::Degraded), Degraded),
        (Degraded, said(1.0, AgentHealth::Healthy), Active),
        (Draining, said(1.0, AgentHealth::Healthy), Draining),
    ] {
        let mut agent = agent(from);
        agent.hear(3, beat, noon(5)).unwrap();
        assert_eq!((agent.state, agent.heard_at), (to, noon(5)), "{from:?}");
    }
    let mut gone = agent(Offline);
    assert_eq!(
        gone.hear(3, said(0.0, AgentHealth::Healthy), noon(5)),
        Err(Unheard::Offline)
    );
    let mut replaced = agent(Ready);
    assert_eq!(
        replaced.hear(2, said(0.0, AgentHealth::Healthy), noon(5)),
        Err(Unheard::Replaced)
    );
    assert_eq!(replaced.heard_at, noon(0));
}

#[test]
fn an_agent_that_is_silent_is_late_at_half_of_its_time_and_lost_at_the_end() {
    let mut silent = agent(Active);
    assert_eq!(silent.check_at(), Some(noon(15)));
    assert!(!silent.miss(noon(14)));
    assert_eq!(silent.state, Active);
    assert!(!silent.miss(noon(15)));
    assert_eq!(
        (silent.state, silent.reason),
        (Degraded, StateReason::HeartbeatLate)
    );
    assert_eq!(silent.check_at(), Some(noon(30)));
    assert!(!silent.miss(noon(29)));
    assert!(silent.miss(noon(30)));
    assert_eq!(
        (silent.state, silent.reason),
        (Offline, StateReason::HeartbeatLost)
    );
    assert_eq!(silent.check_at(), None);
    assert!(!silent.miss(noon(99)), "once");
}

#[test]
fn one_that_says_that_it_is_not_well_is_missed_all_the_same() {
    let mut unwell = agent(Ready);
    unwell.hear(3, said(0.0, AgentHealth::Degraded), noon(0)).unwrap();
    unwell.miss(noon(15));
    assert_eq!(unwell.reason, StateReason::HeartbeatLate);
    assert!(unwell.miss(noon(30)));
}

#[test]
fn every_state_is_looked_at_in_time_and_none_for_ever() {
    for state in AgentState::ALL.into_iter().filter(|state| *state != Offline) {
        let mut agent = agent(state);
        let mut looks = 0;
        while let Some(at) = agent.check_at() {
            agent.miss(at);
            looks += 1;
            assert!(looks < 4, "{state:?}");
        }
        assert_eq!(agent.state, Offline, "{state:?}");
    }
}

#[test]
fn only_who_is_here_and_has_a_place_free_is_given_a_task() {
    for state in AgentState::ALL {
        let takes = matches!(state, Ready | Active | Degraded);
        assert_eq!(agent(state).may_take(1), takes, "{state:?}");
        assert!(!agent(state).may_take(2), "{state:?}");
    }
    let mut ill = agent(Degraded);
    ill.health = AgentHealth::Unhealthy;
    assert!(!ill.may_take(0));
    let duration = Duration::seconds(30);
    assert_eq!(duration.num_seconds(), i64::from(ill.heartbeat_seconds));
}

#[test]
fn a_capability_does_for_wishes_of_its_version_and_older_ones() {
    let offered: Capability = "code_review@2.1".parse().unwrap();
    for (wish, does) in [
        ("code_review", true),
        ("code_review@2", true),
        ("code_review@2.1.0", true),
        ("code_review@2.2", false),
        ("code_review@1", true),
        ("code_review@3", false),
        ("deploy", false),
    ] {
        assert_eq!(offered.satisfies(&wish.parse().unwrap()), does, "{wish}");
    }
    for wrong in [
        "",
        "@1",
        "Code",
        "a b",
        "a@",
        "a@1.2.3.4",
        "a@x",
        "a@-1",
        "a@1..2",
    ] {
        assert!(wrong.parse::<Capability>().is_err(), "{wrong}");
    }
    assert_eq!(offered.to_string(), "code_review@2.1.0");
}
