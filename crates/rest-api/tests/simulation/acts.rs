//! What people and agents do.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use control::agents::NewAgent;
use control::tasks::{Answer, NewDelegation, NewTask};
use domain::Priority;
use domain::agent::{AgentHealth, AgentType, Heartbeat};
use domain::task::{Delegation, Needs, Progress, Strategy, TaskError};
use serde_json::{Value, json};

use crate::replicas::{Belief, Heard, Running};
use crate::world::{Broken, Given, World};

/// What an agent says of an assignment.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub belief: Belief,
    pub word: Word,
}

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Accept,
    Reject,
    Progress,
    Complete,
    Fail,
    FailAgain,
}

/// Tasks that a run asks for, at most.
const MOST_TASKS: usize = 18;

impl World {
    /// Somebody does something, by chance.
    pub fn somebody_acts(&mut self) {
        let replica = self.dice.below(2);
        let worker = self.dice.place(self.workers.len());
        if self.workers[worker].away_until > self.millis() {
            return self.sweep(replica);
        }
        match self.dice.below(136) {
            0..12 => self.ask_for_a_task(replica),
            12..15 => self.cancel(replica),
            15..18 => self.delegate(replica),
            18..25 => self.sweep(replica),
            25..30 => self.follow_up(replica),
            30..33 => self.go_away(worker),
            33..36 => self.register(worker, replica),
            36..38 => self.leave(worker, replica),
            38..39 => self.send_away(worker, replica),
            39..58 => self.beat(worker, replica),
            58..74 => self.look(worker, replica),
            74..100 => self.speak(worker, replica),
            100..120 => self.somebody_writes(worker, replica),
            _ => self.somebody_looks_over_the_border(replica),
        }
    }

    pub fn begin(&mut self, replica: u64, what: String, work: impl Future<Output = Heard> + 'static) {
        self.running.push(Running {
            replica,
            what: format!("r{replica} {what}"),
            begun: self.steps.len(),
            work: Box::pin(work),
        });
    }

    pub fn register(&mut self, worker: usize, replica: u64) {
        let (mesh, caller) = (self.mesh.clone(), self.key_of(worker));
        // The neighbour's can do what nobody here can.
        let abilities: &[&str] = match (self.workers[worker].side, worker % 2) {
            (0, 0) => &["a@1"],
            (0, _) => &["a@1", "b@1"],
            _ => &["a@1", "c@1"],
        };
        let abilities = abilities.iter().map(|name| name.parse().unwrap());
        let new = NewAgent {
            name: format!("agent-{worker}"),
            agent_type: AgentType::Custom,
            capabilities: abilities.collect(),
            model: String::new(),
            region: String::new(),
            labels: BTreeMap::new(),
            capacity: 1 + u32::try_from(worker % 3).unwrap(),
            heartbeat_seconds: None,
            manifest: None,
        };
        self.begin(replica, format!("agent-{worker} registers"), async move {
            Heard::Registered(worker, mesh.register(&caller, new).await)
        });
    }

    pub fn beat(&mut self, worker: usize, replica: u64) {
        let Some(id) = self.workers[worker].id else {
            return self.register(worker, replica);
        };
        let (mesh, caller, epoch) = (self.mesh.clone(), self.key_of(worker), self.workers[worker].epoch);
        let said = Heartbeat {
            workload: if self.workers[worker].beliefs.is_empty() {
                0.0
            } else {
                0.5
            },
            health: if self.dice.percent(4) {
                AgentHealth::Degraded
            } else {
                AgentHealth::Healthy
            },
        };
        self.begin(replica, format!("agent-{worker} beats"), async move {
            Heard::Beaten(worker, mesh.hear(&caller, id, epoch, said).await)
        });
    }

    fn leave(&mut self, worker: usize, replica: u64) {
        let Some(id) = self.workers[worker].id else { return };
        let (mesh, caller, epoch) = (self.mesh.clone(), self.key_of(worker), self.workers[worker].epoch);
        self.begin(replica, format!("agent-{worker} leaves"), async move {
            Heard::Done(mesh.leave(&caller, id, epoch).await.map(drop))
        });
    }

    fn send_away(&mut self, worker: usize, replica: u64) {
        let Some(id) = self.workers[worker].id else { return };
        let (mesh, caller) = (self.mesh.clone(), self.people(self.workers[worker].side));
        self.begin(replica, format!("agent-{worker} is sent away"), async move {
            Heard::Done(mesh.remove(&caller, id).await.map(drop))
        });
    }

    /// It is not heard for a while: a network that is gone, a process that hangs. What it believes stays with it.
    fn go_away(&mut self, worker: usize) {
        let millis = i64::try_from(500 + self.dice.below(30_000)).unwrap();
        self.workers[worker].away_until = self.millis() + millis;
        self.note(format!("agent-{worker} is away for {millis} ms"));
    }

    /// It asks what it holds.
    pub fn look(&mut self, worker: usize, replica: u64) {
        let Some(id) = self.workers[worker].id else { return };
        let (mesh, caller) = (self.mesh.clone(), self.key_of(worker));
        self.begin(replica, format!("agent-{worker} looks"), async move {
            let offers = mesh.control.agent_offers(&caller, id, Duration::ZERO).await;
            let all = offers.map(|offers| [offers.offered, offers.working].concat());
            Heard::Offered(worker, all)
        });
    }

    /// It says the next word of an assignment that it believes to have; now and then twice.
    fn speak(&mut self, worker: usize, replica: u64) {
        if self.workers[worker].beliefs.is_empty() {
            return self.look(worker, replica);
        }
        let place = self.dice.place(self.workers[worker].beliefs.len());
        let belief = self.workers[worker].beliefs[place].clone();
        let word = match (belief.accepted, self.dice.below(20)) {
            (false, 0..2) => Word::Reject,
            (false, _) => Word::Accept,
            (true, 0..5) => Word::Progress,
            (true, 5..7) => Word::FailAgain,
            (true, 7) => Word::Fail,
            (true, _) => Word::Complete,
        };
        self.say(worker, &belief, word, replica);
        if self.dice.percent(10) {
            self.say(worker, &belief, word, 1 - replica);
        }
    }

    /// The honest course.
    pub fn do_it(&mut self, worker: usize, belief: &Belief, replica: u64) {
        let word = if belief.accepted {
            Word::Complete
        } else {
            Word::Accept
        };
        self.say(worker, belief, word, replica);
    }

    fn say(&mut self, worker: usize, belief: &Belief, word: Word, replica: u64) {
        let Some(id) = self.workers[worker].id else { return };
        let (mesh, caller, truth) = (self.mesh.clone(), self.key_of(worker), self.storage.clone());
        let said = Said {
            belief: belief.clone(),
            word,
        };
        let no_fences = self.broken == Broken::Fences;
        let what = format!("agent-{worker} {word:?} {} #{}", short(belief), belief.fence);
        self.begin(replica, what, async move {
            let mut fence = said.belief.fence;
            if no_fences && let Ok(task) = truth.tasks.get(caller.tenant_id, said.belief.task).await {
                fence = task.fence;
            }
            let answer = answer(&said, worker);
            let answered = mesh.answer(&caller, said.belief.task, (id, fence), answer);
            let answered = answered.await;
            Heard::Answered(worker, said, answered)
        });
    }

    fn ask_for_a_task(&mut self, replica: u64) {
        // What was not acknowledged is asked for again, with the same key.
        let again = !self.unheard.is_empty() && self.dice.percent(50);
        let key = if again {
            self.unheard[self.dice.place(self.unheard.len())].clone()
        } else if self.asked < MOST_TASKS {
            self.asked += 1;
            self.unheard.push(format!("task-{}", self.asked));
            format!("task-{}", self.asked)
        } else {
            return;
        };
        let (from, to) = sides_of(&key);
        let new = NewTask {
            tenant: (from != to).then_some(self.tenants[to]),
            ..task_of(&key)
        };
        let (mesh, caller) = (self.mesh.clone(), self.people(from));
        self.begin(replica, format!("{key} is asked for"), async move {
            Heard::Created(key, mesh.create(&caller, new).await.map(|(task, _)| task))
        });
    }

    fn cancel(&mut self, replica: u64) {
        if self.acknowledged.is_empty() {
            return;
        }
        let Given { id, side, .. } = self.acknowledged[self.dice.place(self.acknowledged.len())];
        let (mesh, caller) = (self.mesh.clone(), self.people(side));
        self.begin(replica, format!("{} is cancelled", brief(id.0)), async move {
            Heard::Done(mesh.cancel(&caller, id, None).await.map(drop))
        });
    }

    fn delegate(&mut self, replica: u64) {
        if self.acknowledged.is_empty() {
            return;
        }
        let Given { id, side, .. } = self.acknowledged[self.dice.place(self.acknowledged.len())];
        let to = format!("agent-{}", self.dice.place(self.workers.len()));
        let named = self.dice.percent(30);
        let new = NewDelegation {
            delegation: if named {
                Delegation::Manual
            } else {
                Delegation::Automatic
            },
            agent: named.then_some(to),
        };
        let (mesh, caller) = (self.mesh.clone(), self.people(side));
        self.begin(replica, format!("{} is delegated", brief(id.0)), async move {
            Heard::Done(mesh.delegate(&caller, id, new).await.map(drop))
        });
    }

    pub fn sweep(&mut self, replica: u64) {
        let mesh = self.mesh.clone();
        self.begin(replica, "sweep".to_owned(), async move {
            Heard::Done(mesh.sweep().await.map(drop))
        });
    }

    pub fn follow_up(&mut self, replica: u64) {
        let mesh = self.mesh.clone();
        self.begin(replica, "follow up".to_owned(), async move {
            mesh.follow_up().await;
            Heard::Done(Ok(()))
        });
    }
}

fn number_of(key: &str) -> u32 {
    key.trim_start_matches("task-").parse().unwrap()
}

/// Who asks for it, and whose it is.
pub fn sides_of(key: &str) -> (usize, usize) {
    match number_of(key) % 6 {
        2 => (0, 1),
        4 => (1, 1),
        _ => (0, 0),
    }
}

/// The same key is the same task.
fn task_of(key: &str) -> NewTask {
    let number = number_of(key);
    let ability = ["a@1", "b@1", "a@1", "c@1"][number as usize % 4];
    let (delegation, agent) = match number % 7 {
        3 => (Delegation::LoadBalance, None),
        // Refused as long as there was no such agent.
        5 => (Delegation::Failover, Some("agent-0".to_owned())),
        _ => (Delegation::Automatic, None),
    };
    NewTask {
        kind: format!("kind-{}", number % 3),
        title: String::new(),
        input: json!({ "number": number }),
        needs: Needs {
            capabilities: vec![ability.parse().unwrap()],
            ..Needs::default()
        },
        priority: [Priority::Low, Priority::Normal, Priority::High][number as usize % 3],
        strategy: [Strategy::Auto, Strategy::RoundRobin, Strategy::LeastLoaded][number as usize % 3],
        delegation,
        agent,
        expected_tokens: 0,
        budget_usd: None,
        deadline_seconds: number.is_multiple_of(5).then_some(120),
        accept_seconds: None,
        silence_seconds: None,
        max_attempts: Some(1 + number % 4),
        parent_id: None,
        tenant: None,
        idempotency_key: Some(key.to_owned()),
        trace: BTreeMap::new(),
    }
}

fn answer(said: &Said, worker: usize) -> Answer {
    let error = |kind: &str| TaskError {
        kind: kind.to_owned(),
        message: String::new(),
    };
    match said.word {
        Word::Accept => Answer::Accept,
        Word::Reject => Answer::Reject(None),
        Word::Progress => Answer::Progress(Progress {
            percent: 50.0,
            message: None,
        }),
        Word::Complete => Answer::Complete(result(&said.belief, worker)),
        Word::Fail => Answer::Fail(error("hopeless"), false),
        Word::FailAgain => Answer::Fail(error("unlucky"), true),
    }
}

/// What an agent makes of an assignment: no two assignments have the same.
pub fn result(belief: &Belief, worker: usize) -> Value {
    json!({ "agent": worker, "fence": belief.fence })
}

fn short(belief: &Belief) -> String {
    brief(belief.task.0)
}

pub fn brief(id: uuid::Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 4..].to_owned()
}
