//! Agents and tasks: of two changes to the same state one is stored, and a task with all that belongs to it.

use domain::agent::{Agent, AgentState, StateReason};
use domain::ports::storage::{AgentFilter, Created, Learned, TaskChange, TaskFilter};
use domain::task::{EventKind, LostReason, TaskState, Word};
use domain::{AgentId, Page, PageRequest, Priority, Task, TenantId};
use serde_json::json;

use crate::backend::Backend;
use crate::on_both;
use crate::samples::{agent, at, conflict, decision, manifest, refused, task};

on_both!(
    a_task_is_stored_with_its_history_and_the_choice_of_its_agent,
    of_two_changes_to_the_same_task_one_is_stored,
    an_agent_is_given_no_more_than_it_takes_however_many_ask_at_once,
    of_many_tasks_each_is_stored_for_itself,
    nobody_is_given_a_task_who_is_not_here,
    an_agent_that_is_lost_loses_its_tasks_in_the_same_transaction,
    an_agent_cannot_go_with_a_task_that_it_was_given_meanwhile,
    tasks_that_wait_are_read_on_from_the_last_one,
    what_was_learned_is_kept_once,
    tasks_are_found_by_what_is_asked_of_them,
    agents_are_found_by_what_is_asked_of_them,
    another_tenants_agents_and_tasks_are_not_there,
    tasks_that_nobody_has_are_counted_by_their_sort,
);

fn page<T>(page: Page<T>) -> Vec<T> {
    page.items
}

/// A new task as it is stored when nobody can take it.
fn created(mut task: Task) -> TaskChange {
    let event = task.created();
    TaskChange {
        task,
        events: vec![event],
        decision: None,
        assigns: false,
    }
}

/// A new task that is given to an agent.
fn given(mut task: Task, agent: &Agent) -> TaskChange {
    let events = vec![task.created(), task.assign(agent, at(1))];
    TaskChange {
        decision: Some(decision(&task, agent)),
        task,
        events,
        assigns: true,
    }
}

async fn ready(backend: &Backend, tenant: TenantId, name: &str) -> Agent {
    let agent = agent(tenant, name);
    backend.agents.add(tenant, &agent).await.unwrap();
    agent
}

async fn a_task_is_stored_with_its_history_and_the_choice_of_its_agent(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let agent = ready(&backend, tenant, "one").await;
    let mut moved = backend.tasks.moved();
    moved.mark_unchanged();
    let change = given(task(tenant, "build"), &agent);
    assert_eq!(backend.tasks.create(tenant, &change).await.unwrap(), Created::New);
    moved.changed().await.unwrap();
    let id = change.task.id;
    assert_eq!(backend.tasks.get(tenant, id).await.unwrap(), change.task);
    assert_eq!(backend.tasks.history(tenant, id).await.unwrap(), change.events);
    assert_eq!(
        backend.tasks.decisions(tenant, id).await.unwrap(),
        [change.decision.unwrap()]
    );
    assert_eq!(
        backend.tasks.held_by(tenant, &[agent.id]).await.unwrap(),
        [change.task]
    );
    let known = backend.agents.known(tenant).await.unwrap();
    let chosen_at = u64::try_from(at(1).timestamp_millis()).unwrap();
    assert_eq!((known[0].chosen_at, known[0].held), (chosen_at, 1));
    let mut keyed = task(tenant, "build");
    keyed.idempotency_key = Some("k".into());
    backend
        .tasks
        .create(tenant, &created(keyed.clone()))
        .await
        .unwrap();
    let again = Task {
        id: domain::TaskId::generate(),
        ..keyed.clone()
    };
    let Created::Existing(known) = backend.tasks.create(tenant, &created(again)).await.unwrap() else {
        panic!("a second task with the same key")
    };
    assert_eq!(known.id, keyed.id);
    assert_eq!(
        backend
            .tasks
            .by_idempotency_key(tenant, "k")
            .await
            .unwrap()
            .unwrap()
            .id,
        keyed.id
    );
}

async fn of_two_changes_to_the_same_task_one_is_stored(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut change = created(task(tenant, "build"));
    backend.tasks.create(tenant, &change).await.unwrap();
    let event = change.task.cancel("me", None, at(1)).unwrap();
    change.task.version += 1;
    change.events = event;
    backend
        .tasks
        .save(tenant, std::slice::from_ref(&change))
        .await
        .unwrap();
    refused!(
        backend.tasks.save(tenant, std::slice::from_ref(&change)).await,
        Stale
    );
    assert_eq!(
        backend.tasks.history(tenant, change.task.id).await.unwrap().len(),
        2
    );
    let mut agent = ready(&backend, tenant, "one").await;
    agent.version += 1;
    backend
        .agents
        .save(tenant, &agent, &agent, &[], false)
        .await
        .unwrap();
    refused!(
        backend.agents.save(tenant, &agent, &agent, &[], false).await,
        Stale
    );
    let same_name = crate::samples::agent(tenant, "one");
    assert_eq!(conflict(backend.agents.add(tenant, &same_name).await), "name");
}

async fn an_agent_is_given_no_more_than_it_takes_however_many_ask_at_once(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut agent = agent(tenant, "one");
    agent.capacity = 3;
    backend.agents.add(tenant, &agent).await.unwrap();
    let changes: Vec<_> = (0..10).map(|_| given(task(tenant, "build"), &agent)).collect();
    let asked = changes.iter().map(|change| backend.tasks.create(tenant, change));
    let answers = futures::future::join_all(asked).await;
    let full = answers
        .into_iter()
        .filter(Result::is_err)
        .map(conflict)
        .collect::<Vec<_>>();
    assert_eq!(full, ["assignee"; 7]);
    assert_eq!(backend.agents.known(tenant).await.unwrap()[0].held, 3);
}

async fn of_many_tasks_each_is_stored_for_itself(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut agent = agent(tenant, "one");
    agent.capacity = 3;
    backend.agents.add(tenant, &agent).await.unwrap();
    let mut changes = Vec::new();
    for _ in 0..6 {
        let new = created(task(tenant, "build"));
        backend.tasks.create(tenant, &new).await.unwrap();
        changes.push(new);
    }
    let moved = |change: &TaskChange, assigns: bool| {
        let mut task = change.task.clone();
        task.version += 1;
        let events = if assigns {
            vec![task.assign(&agent, at(1))]
        } else {
            task.wait("nobody is here".to_owned(), at(1))
                .into_iter()
                .collect()
        };
        TaskChange {
            decision: assigns.then(|| decision(&task, &agent)),
            task,
            events,
            assigns,
        }
    };
    let elsewhere = moved(&changes[0], false);
    backend
        .tasks
        .save(tenant, std::slice::from_ref(&elsewhere))
        .await
        .unwrap();
    // One that has moved, four for three places, one that waits; two replicas at once.
    let all: Vec<_> = changes
        .iter()
        .enumerate()
        .map(|(at, change)| moved(change, at < 5))
        .collect();
    let (one, other) = tokio::join!(
        backend.tasks.save_each(tenant, &all),
        backend.tasks.save_each(tenant, &all)
    );
    // One place was kept for the task that had moved: it is still free.
    let again = backend.tasks.save_each(tenant, &all[3..]).await.unwrap();
    let again: Vec<bool> = [false; 3].into_iter().chain(again).collect();
    let mut times = vec![0; all.len()];
    for saved in [one.unwrap(), other.unwrap(), again] {
        for (times, saved) in times.iter_mut().zip(saved) {
            *times += usize::from(saved);
        }
    }
    assert_eq!(
        (times[0], times[1..5].iter().sum::<usize>(), times[5]),
        (0, 3, 1),
        "{times:?}"
    );
    for (change, times) in all.iter().zip(times) {
        assert!(times <= 1);
        let id = change.task.id;
        let stored = backend.tasks.get(tenant, id).await.unwrap();
        assert_eq!(stored == change.task, times == 1);
        let events = backend.tasks.history(tenant, id).await.unwrap();
        assert_eq!(events.len(), if id == elsewhere.task.id { 2 } else { 1 + times });
        let decisions = backend.tasks.decisions(tenant, id).await.unwrap();
        assert_eq!(decisions.len(), if change.assigns { times } else { 0 });
    }
    assert_eq!(backend.agents.known(tenant).await.unwrap()[0].held, 3);
}

async fn nobody_is_given_a_task_who_is_not_here(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut gone = ready(&backend, tenant, "one").await;
    let change = given(task(tenant, "build"), &gone);
    gone.leave(StateReason::Left, at(1));
    gone.version += 1;
    backend
        .agents
        .save(tenant, &gone, &gone, &[], true)
        .await
        .unwrap();
    assert_eq!(conflict(backend.tasks.create(tenant, &change).await), "assignee");
    refused!(backend.tasks.get(tenant, change.task.id).await, NotFound);
    let nobody = agent(tenant, "two");
    assert_eq!(
        conflict(
            backend
                .tasks
                .create(tenant, &given(task(tenant, "a"), &nobody))
                .await
        ),
        "assignee"
    );
}

async fn an_agent_that_is_lost_loses_its_tasks_in_the_same_transaction(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut agent = ready(&backend, tenant, "one").await;
    let mut change = given(task(tenant, "build"), &agent);
    backend.tasks.create(tenant, &change).await.unwrap();
    assert_eq!(backend.agents.silent(at(14), 9).await.unwrap(), []);
    assert_eq!(backend.agents.silent(at(15), 9).await.unwrap(), [agent.clone()]);
    assert!(agent.miss(at(30)));
    agent.version += 1;
    let stale = TaskChange {
        assigns: false,
        ..change.clone()
    };
    change.events = change
        .task
        .release(LostReason::AgentLost, at(30))
        .into_iter()
        .collect();
    change.task.version += 1;
    (change.decision, change.assigns) = (None, false);
    refused!(
        backend.agents.save(tenant, &agent, &agent, &[stale], true).await,
        Stale
    );
    assert_eq!(
        backend.agents.get(tenant, agent.id).await.unwrap().state,
        AgentState::Ready
    );
    backend
        .agents
        .save(tenant, &agent, &agent, &[change.clone()], true)
        .await
        .unwrap();
    assert_eq!(backend.agents.get(tenant, agent.id).await.unwrap(), agent);
    assert_eq!(
        backend.tasks.get(tenant, change.task.id).await.unwrap().state,
        TaskState::Pending
    );
    assert_eq!(
        backend.tasks.pending(tenant, None, 9).await.unwrap(),
        [change.task.clone()]
    );
    assert_eq!(backend.tasks.due(at(30), 9).await.unwrap(), [change.task]);
    assert_eq!(backend.agents.silent(at(99), 9).await.unwrap(), []);
    assert_eq!(backend.agents.present(tenant).await.unwrap(), []);
}

async fn an_agent_cannot_go_with_a_task_that_it_was_given_meanwhile(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let agent = ready(&backend, tenant, "one").await;
    // Somebody looks at what it holds, which is nothing; then it is given a task; then the first one lets it go.
    backend
        .tasks
        .create(tenant, &given(task(tenant, "build"), &agent))
        .await
        .unwrap();
    for state in [AgentState::Offline, AgentState::Pending] {
        let mut gone = agent.clone();
        (gone.state, gone.version) = (state, agent.version + 1);
        refused!(backend.agents.save(tenant, &gone, &agent, &[], true).await, Stale);
    }
    let stored = backend.agents.get(tenant, agent.id).await.unwrap();
    assert_eq!(stored, agent, "it is as it was");
}

async fn tasks_that_wait_are_read_on_from_the_last_one(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut expected = Vec::new();
    for priority in [
        Priority::Normal,
        Priority::Critical,
        Priority::Low,
        Priority::Normal,
    ] {
        let task = Task {
            priority,
            ..task(tenant, "build")
        };
        backend
            .tasks
            .create(tenant, &created(task.clone()))
            .await
            .unwrap();
        expected.push((std::cmp::Reverse(priority as i64), task.id));
    }
    expected.sort();
    let (mut read, mut last) = (Vec::new(), None);
    loop {
        let next = backend.tasks.pending(tenant, last.as_ref(), 1).await.unwrap();
        read.extend(next.iter().map(|task| task.id));
        match next.into_iter().next_back() {
            Some(task) => last = Some(task),
            None => break,
        }
    }
    assert_eq!(read, expected.iter().map(|(_, id)| *id).collect::<Vec<_>>());
    let rest = backend.tasks.pending(tenant, None, 9).await.unwrap();
    let rest = backend.tasks.pending(tenant, rest.get(1), 9).await.unwrap();
    assert_eq!(rest.iter().map(|task| task.id).collect::<Vec<_>>(), read[2..]);
}

async fn what_was_learned_is_kept_once(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let agent = ready(&backend, tenant, "one").await;
    let nothing = backend.agents.learned(tenant, agent.id).await.unwrap();
    assert_eq!((nothing.number, &nothing.experience), (0, &json!({})));
    let lesson = Learned {
        number: 1,
        experience: json!({ "build": 1 }),
    };
    backend.agents.learn(tenant, agent.id, &lesson).await.unwrap();
    refused!(backend.agents.learn(tenant, agent.id, &lesson).await, Stale);
    assert_eq!(backend.agents.learned(tenant, agent.id).await.unwrap(), lesson);
    assert_eq!(
        backend.agents.known(tenant).await.unwrap()[0].experience,
        lesson.experience
    );
}

async fn tasks_are_found_by_what_is_asked_of_them(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let agent = ready(&backend, tenant, "one").await;
    let root = given(task(tenant, "plan"), &agent);
    let part = |kind: &str, parent: &Task| {
        let mut part = task(tenant, kind);
        (part.parent_id, part.depth) = (Some(parent.id), parent.depth + 1);
        created(part)
    };
    let child = part("step", &root.task);
    let grandchild = part("step", &child.task);
    for change in [&root, &child, &grandchild] {
        backend.tasks.create(tenant, change).await.unwrap();
    }
    let ids = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.id).collect::<Vec<_>>();
    let find = async |filter: TaskFilter| {
        ids(page(
            backend
                .tasks
                .list(tenant, &filter, PageRequest::first(9))
                .await
                .unwrap(),
        ))
    };
    let (root, child, grandchild) = (root.task.id, child.task.id, grandchild.task.id);
    assert_eq!(find(TaskFilter::default()).await, [grandchild, child, root]);
    let filter = TaskFilter {
        state: Some(TaskState::Assigned),
        assignee: Some(agent.id),
        ..TaskFilter::default()
    };
    assert_eq!(find(filter).await, [root]);
    let filter = TaskFilter {
        kind: Some("step".into()),
        parent: Some(root),
        ..TaskFilter::default()
    };
    assert_eq!(find(filter).await, [child]);
    assert_eq!(
        ids(backend.tasks.open_tree(tenant, root, 9).await.unwrap()),
        [root, child, grandchild]
    );
    assert_eq!(
        backend.tasks.parts(tenant, root).await.unwrap(),
        [(TaskState::Pending, 1)]
    );
    let mut done = backend.tasks.get(tenant, child).await.unwrap();
    let events = done.cancel("me", None, at(2)).unwrap();
    assert_eq!(events[0].kind, EventKind::Cancelled);
    done.version += 1;
    let change = TaskChange {
        task: done,
        events,
        decision: None,
        assigns: false,
    };
    backend.tasks.save(tenant, &[change]).await.unwrap();
    let open = ids(backend.tasks.open_tree(tenant, root, 9).await.unwrap());
    assert_eq!(
        open,
        [root, grandchild],
        "what is below a finished one is still found"
    );
}

async fn agents_are_found_by_what_is_asked_of_them(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let one = ready(&backend, tenant, "one").await;
    let mut two = ready(&backend, tenant, "two").await;
    two.leave(StateReason::Left, at(1));
    two.version += 1;
    backend.agents.save(tenant, &two, &two, &[], true).await.unwrap();
    let find = async |filter: AgentFilter| {
        page(
            backend
                .agents
                .list(tenant, &filter, PageRequest::first(9))
                .await
                .unwrap(),
        )
    };
    assert_eq!(find(AgentFilter::default()).await, [two.clone(), one.clone()]);
    let present = AgentFilter {
        present: true,
        ..AgentFilter::default()
    };
    assert_eq!(find(present).await, std::slice::from_ref(&one));
    let offline = AgentFilter {
        state: Some(AgentState::Offline),
        ..AgentFilter::default()
    };
    assert_eq!(find(offline).await, [two]);
    assert_eq!(backend.agents.by_name(tenant, "one").await.unwrap(), one);
    assert_eq!(backend.agents.all_present().await.unwrap(), [one]);
    let kind = manifest(tenant, "builders");
    backend.agents.put_manifest(tenant, &kind).await.unwrap();
    backend.agents.put_manifest(tenant, &kind).await.unwrap();
    assert_eq!(backend.agents.manifests(tenant).await.unwrap(), [kind]);
    assert_eq!(backend.agents.count_manifests().await.unwrap(), [(tenant, 1)]);
    backend.agents.remove_manifest(tenant, "builders").await.unwrap();
    refused!(backend.agents.remove_manifest(tenant, "builders").await, NotFound);
}

async fn another_tenants_agents_and_tasks_are_not_there(backend: Backend) {
    let [acme, other] = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let agent = ready(&backend, acme, "one").await;
    let change = given(task(acme, "build"), &agent);
    backend.tasks.create(acme, &change).await.unwrap();
    let id = change.task.id;
    refused!(backend.agents.get(other, agent.id).await, NotFound);
    refused!(backend.agents.by_name(other, "one").await, NotFound);
    refused!(backend.agents.learned(other, agent.id).await, NotFound);
    refused!(
        backend.agents.save(other, &agent, &agent, &[], false).await,
        NotFound
    );
    refused!(backend.agents.add(other, &agent).await, NotFound);
    refused!(backend.tasks.get(other, id).await, NotFound);
    refused!(backend.tasks.create(other, &change).await, NotFound);
    refused!(
        backend
            .tasks
            .save_each(other, std::slice::from_ref(&change))
            .await,
        NotFound
    );
    refused!(backend.tasks.save(other, &[change]).await, NotFound);
    assert_eq!(backend.tasks.history(other, id).await.unwrap(), []);
    assert_eq!(backend.tasks.decisions(other, id).await.unwrap(), []);
    assert_eq!(backend.tasks.held_by(other, &[agent.id]).await.unwrap(), []);
    assert_eq!(backend.agents.present(other).await.unwrap(), []);
    let theirs = given(task(other, "build"), &agent);
    assert_eq!(conflict(backend.tasks.create(other, &theirs).await), "assignee");
    let word = Word {
        agent_id: AgentId::generate(),
        name: "x".into(),
        fence: 1,
    };
    assert!(!theirs.task.is_current(&word));
}

async fn tasks_that_nobody_has_are_counted_by_their_sort(backend: Backend) {
    let (acme, other) = (backend.tenant("acme").await, backend.tenant("other").await);
    let agent = ready(&backend, acme, "one").await;
    let mut waiting = Vec::new();
    for (tenant, kind) in [(acme, "build"), (other, "build"), (acme, "review")] {
        let task = task(tenant, kind);
        waiting.push(task.id);
        backend.tasks.create(tenant, &created(task)).await.unwrap();
    }
    backend
        .tasks
        .create(acme, &given(task(acme, "build"), &agent))
        .await
        .unwrap();

    let found = backend.tasks.waiting().await.unwrap();
    let counts: Vec<_> = found.iter().map(|of| (of.kind.as_str(), of.count)).collect();
    assert_eq!(
        counts,
        [("build", 2), ("review", 1)],
        "of every tenant; who has an agent does not wait"
    );
    let first = waiting[0].0.get_timestamp().unwrap().to_unix().0;
    assert_eq!(
        found[0].oldest.timestamp(),
        i64::try_from(first).unwrap(),
        "the oldest of its sort"
    );
}
