//! From where to where a task may go, and how its moves keep to that.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use domain::agent::{Agent, AgentHealth, AgentState, AgentType, StateReason};
use domain::task::{
    Delegation, Due, EventKind, LostReason, Needs, Patience, Progress, Refusal, Strategy, TaskError,
    TaskState, Word,
};
use domain::{AgentId, Priority, Task, TaskId, TenantId};
use serde_json::json;

use TaskState::{Accepted, Assigned, Cancelled, Completed, Failed, InProgress, Pending, Rejected, Timeout};

fn noon(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn agent() -> Agent {
    Agent {
        id: AgentId::generate(),
        tenant_id: TenantId::generate(),
        name: "one".into(),
        owner: "key".into(),
        manifest: None,
        agent_type: AgentType::Custom,
        capabilities: Vec::new(),
        model: String::new(),
        region: String::new(),
        labels: BTreeMap::new(),
        capacity: 1,
        workload: 0.0,
        health: AgentHealth::Healthy,
        state: AgentState::Ready,
        reason: StateReason::Heard,
        epoch: 1,
        heartbeat_seconds: 30,
        heard_at: noon(0),
        lost_at: None,
        registered_at: noon(0),
        changed_at: noon(0),
        version: 1,
    }
}

fn word(agent: &Agent, fence: u64) -> Word {
    Word {
        agent_id: agent.id,
        name: agent.name.clone(),
        fence,
    }
}

/// A task that may be tried three times within a day.
fn task() -> Task {
    Task {
        id: TaskId::generate(),
        tenant_id: TenantId::generate(),
        kind: "build".into(),
        title: String::new(),
        input: json!({}),
        needs: Needs::default(),
        priority: Priority::Normal,
        strategy: Strategy::Auto,
        delegation: Delegation::Automatic,
        named: None,
        expected_tokens: 0,
        budget_usd: None,
        spent_usd: 0.0,
        billed: domain::task::Bill::default(),
        state: TaskState::Pending,
        assignee: None,
        fence: 0,
        attempt: 0,
        refused_by: Vec::new(),
        avoid: Vec::new(),
        patience: Patience {
            accept_seconds: 30,
            silence_seconds: 300,
            max_attempts: 3,
        },
        deadline: noon(86_400),
        deadline_named: false,
        due_at: Some(noon(0)),
        waiting_for: None,
        progress: None,
        result: None,
        error: None,
        parent_id: None,
        depth: 0,
        created_by: None,
        creator: "me".into(),
        idempotency_key: None,
        fingerprint: String::new(),
        trace: BTreeMap::new(),
        created_at: noon(0),
        assigned_at: None,
        accepted_at: None,
        finished_at: None,
        updated_at: noon(0),
        events: 0,
        late_answers: 0,
        version: 1,
    }
}

/// A task in this state, on the way that leads there, and the word of who has or had it.
fn at(state: TaskState) -> (Task, Word) {
    let mut task = task();
    let agent = agent();
    task.assign(&agent, noon(0));
    let word = word(&agent, 1);
    match state {
        Pending => drop(task.release(LostReason::AgentLost, noon(1))),
        Assigned => {}
        Rejected => {
            task.delegation = Delegation::Manual;
            task.reject(&word, None, noon(1)).unwrap();
        }
        Cancelled => drop(task.cancel("me", None, noon(1)).unwrap()),
        Timeout => drop(task.due(task.deadline)),
        _ => {
            task.accept(&word, noon(1)).unwrap();
            match state {
                InProgress => drop(task.progress(&word, half(), noon(2)).unwrap()),
                Completed => drop(task.complete(&word, json!(1), noon(2)).unwrap()),
                Failed => drop(task.fail(&word, error(), false, noon(2)).unwrap()),
                _ => {}
            }
        }
    }
    assert_eq!(task.state, state);
    (task, word)
}

fn half() -> Progress {
    Progress {
        percent: 50.0,
        message: None,
    }
}

fn error() -> TaskError {
    TaskError {
        kind: "oom".into(),
        message: "too big".into(),
    }
}

#[test]
fn a_task_goes_only_where_the_table_lets_it() {
    let table = [
        (Pending, vec![Assigned, Cancelled, Timeout]),
        (
            Assigned,
            vec![Accepted, Rejected, Pending, Failed, Cancelled, Timeout],
        ),
        (
            Accepted,
            vec![InProgress, Completed, Failed, Pending, Cancelled, Timeout],
        ),
        (Rejected, vec![Pending, Cancelled, Timeout]),
        (InProgress, vec![Completed, Failed, Pending, Cancelled, Timeout]),
        (Completed, vec![]),
        (Failed, vec![]),
        (Cancelled, vec![]),
        (Timeout, vec![]),
    ];
    for (from, allowed) in table {
        for to in TaskState::ALL {
            assert_eq!(from.may_become(to), allowed.contains(&to), "{from:?} to {to:?}");
        }
        assert_eq!(from.is_final(), allowed.is_empty(), "{from:?}");
    }
}

/// Every word of an agent in every state: moved to there, or refused.
#[test]
fn every_answer_in_every_state_moves_as_the_table_says_or_is_refused() {
    type Say = fn(&mut Task, &Word) -> Result<(), Refusal>;
    let words: [(&str, Say); 5] = [
        ("accept", |task, word| task.accept(word, noon(9)).map(drop)),
        ("reject", |task, word| task.reject(word, None, noon(9)).map(drop)),
        ("progress", |task, word| {
            task.progress(word, half(), noon(9)).map(drop)
        }),
        ("complete", |task, word| {
            task.complete(word, json!(1), noon(9)).map(drop)
        }),
        ("fail", |task, word| {
            task.fail(word, error(), false, noon(9)).map(drop)
        }),
    ];
    for state in TaskState::ALL {
        for (name, say) in words {
            let (mut task, word) = at(state);
            let before = task.clone();
            let expected = match (state, name) {
                (Assigned, "accept") | (Accepted, "accept") => Some(Accepted),
                (Assigned, "reject") => Some(Pending),
                (Accepted | InProgress, "progress") | (InProgress, "accept") => Some(InProgress),
                (Accepted | InProgress | Completed, "complete") => Some(Completed),
                (Accepted | InProgress, "fail") => Some(Failed),
                _ => None,
            };
            match (say(&mut task, &word), expected) {
                (Ok(()), Some(expected)) => assert_eq!(task.state, expected, "{state:?} {name}"),
                (Err(_), None) => assert_eq!(task, before, "{state:?} {name} changed something"),
                (told, _) => unreachable!("{state:?} {name}: {told:?}"),
            }
        }
    }
}

#[test]
fn an_answer_to_an_assignment_that_is_over_is_refused_whoever_has_it_now() {
    let (mut task, old) = at(Accepted);
    task.release(LostReason::Silent, noon(2));
    let refusal = task.complete(&old, json!(1), noon(3)).unwrap_err();
    assert_eq!(refusal, Refusal::Reassigned { asked: 1, current: 1 });
    let again = agent();
    task.assign(&again, noon(4));
    assert_eq!(
        task.complete(&old, json!(1), noon(5)),
        Err(Refusal::Reassigned { asked: 1, current: 2 })
    );
    let same_agent_old_number = word(&again, 1);
    assert!(task.accept(&same_agent_old_number, noon(5)).is_err());
    let stranger = Word {
        agent_id: AgentId::generate(),
        ..word(&again, 2)
    };
    assert!(task.accept(&stranger, noon(5)).is_err());
    task.accept(&word(&again, 2), noon(5)).unwrap();
}

#[test]
fn late_answers_stand_in_the_history_but_do_not_fill_it() {
    let (mut task, old) = at(Completed);
    let refusal = Refusal::Finished(Completed);
    let noted = (0..100)
        .filter_map(|_| task.note_late(&old, refusal, noon(9)))
        .count();
    assert_eq!((noted, task.late_answers), (20, 100));
}

#[test]
fn tries_are_used_up_by_agents_that_accept_and_come_further_apart() {
    let mut task = task();
    let agent = agent();
    for fence in 1..=9 {
        task.assign(&agent, noon(0));
        task.reject(&word(&agent, fence), None, noon(0)).unwrap();
    }
    assert_eq!((task.attempt, task.state), (0, Pending));
    let mut waits = Vec::new();
    for fence in 10..=12 {
        task.assign(&agent, noon(0));
        task.accept(&word(&agent, fence), noon(0)).unwrap();
        task.fail(&word(&agent, fence), error(), true, noon(0)).unwrap();
        waits.extend(task.due_at.map(|at| (at - noon(0)).num_milliseconds()));
    }
    assert_eq!((task.state, task.attempt), (Failed, 3));
    assert!(
        waits.len() == 2 && (750..=1_250).contains(&waits[0]) && (1_500..=2_500).contains(&waits[1]),
        "{waits:?}"
    );
}

#[test]
fn time_takes_a_task_from_who_does_not_answer_and_ends_it_at_its_deadline() {
    let (mut task, _) = at(Assigned);
    assert_eq!(task.due(noon(29)).0, Due::Nothing);
    let (due, events) = task.due(noon(30));
    assert_eq!(
        (due, task.state, events[0].kind),
        (Due::Moved, Pending, EventKind::Released)
    );
    assert_eq!(task.due(noon(30)).0, Due::Choose);
    let (mut silent, word) = at(Accepted);
    silent.progress(&word, half(), noon(200)).unwrap();
    assert_eq!(
        silent.due(noon(400)).0,
        Due::Nothing,
        "progress begins the time anew"
    );
    assert_eq!(silent.due(noon(500)).0, Due::Moved);
    for state in [Pending, Assigned, Accepted, InProgress, Rejected] {
        let (mut task, _) = at(state);
        assert!(task.due_at.unwrap() <= task.deadline, "{state:?}");
        assert_eq!(task.due(task.deadline).0, Due::Moved);
        assert_eq!((task.state, task.due_at), (Timeout, None), "{state:?}");
    }
    for state in [Completed, Failed, Cancelled, Timeout] {
        let (mut task, _) = at(state);
        assert_eq!(
            task.due(task.deadline + Duration::days(9)).0,
            Due::Nothing,
            "{state:?}"
        );
    }
}

#[test]
fn a_task_that_waits_is_looked_at_ever_less_often_and_says_why_once() {
    let mut task = task();
    assert!(task.wait("no agent".into(), noon(0)).is_some());
    assert_eq!(task.due_at, Some(noon(1)));
    assert!(task.wait("no agent".into(), noon(10)).is_none());
    assert_eq!(task.due_at, Some(noon(20)));
    assert!(task.wait("no agent".into(), noon(100)).is_none());
    assert_eq!(task.due_at, Some(noon(130)));
    assert!(task.wait("all are busy".into(), noon(130)).is_some());
}

#[test]
fn who_failed_or_lost_a_task_comes_last_and_who_refused_it_is_not_asked_again() {
    let mut task = task();
    let (lost, refused) = (agent(), agent());
    task.assign(&lost, noon(0));
    task.release(LostReason::AgentLost, noon(1));
    task.assign(&refused, noon(1));
    task.reject(&word(&refused, 2), None, noon(2)).unwrap();
    assert_eq!(
        (&task.avoid, &task.refused_by),
        (&vec![lost.id], &vec![refused.id])
    );
    task.delegate("me", Delegation::Automatic, None, noon(3)).unwrap();
    assert!(task.avoid.is_empty() && task.refused_by.is_empty());
}

#[test]
fn the_history_has_no_gaps_and_tells_the_state_at_each_line() {
    let mut task = task();
    let agent = agent();
    let mut events = vec![task.created(), task.assign(&agent, noon(1))];
    events.extend(task.accept(&word(&agent, 1), noon(2)).unwrap());
    events.extend(task.progress(&word(&agent, 1), half(), noon(3)).unwrap());
    events.extend(task.complete(&word(&agent, 1), json!(1), noon(4)).unwrap());
    let told: Vec<_> = events.iter().map(|event| (event.number, event.state)).collect();
    assert_eq!(
        told,
        [
            (1, Pending),
            (2, Assigned),
            (3, Accepted),
            (4, InProgress),
            (5, Completed)
        ]
    );
    assert_eq!((task.worked(noon(9)), task.took()), (Some(2.0), Some(4.0)));
}
