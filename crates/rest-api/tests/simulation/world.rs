//! One run: agents, people who ask for tasks, two replicas, and what happens to them.

use std::sync::{Arc, Mutex};

use control::{Control, Rules, Vault};
use domain::agent::AgentState;
use domain::ports::Storage;
use domain::{AgentId, Clock, Isolation, KeyId, KeyKind, PageRequest, Principal, TaskId, TenantId};
use rest_api::config::UsersConfig;
use rest_api::mesh::Mesh;
use storage::StorageOptions;
use telemetry::{Telemetry, TelemetryConfig};
use tokio::sync::watch;

use crate::border::Border;
use crate::chance::{Counted, Dice, Drawn, Time};
use crate::gate::{Gate, gated};
use crate::post::Post;
use crate::replicas::{Belief, Heard, Running};
use crate::truths::Truths;

/// What is taken out of the mesh, to see that it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    Nothing,
    /// An agent's word counts for whatever assignment is current.
    Fences,
    /// Tasks are given without a look at the agent's places, at the moment of storing.
    Places,
    /// Nobody keeps what an agent has acknowledged.
    Receipts,
    /// Every tenant looks open to every other.
    Borders,
}

/// Steps of a run before everything is left to calm down.
const STEPS: usize = 500;
/// Verbs that are under way at once, at most.
const AT_ONCE: usize = 5;
/// Rounds of a second in which agents do what is left, and of a minute in which deadlines pass.
const CALM: (usize, usize) = (20, 40);

/// An agent, as it sees itself.
#[derive(Default)]
pub struct Worker {
    /// Its tenant: the first, or its neighbour.
    pub side: usize,
    pub id: Option<AgentId>,
    pub epoch: u64,
    /// Until when it is not heard at all, in milliseconds of the world.
    pub away_until: i64,
    pub beliefs: Vec<Belief>,
}

/// A task that was acknowledged to who asked for it.
#[derive(Clone, Copy)]
pub struct Given {
    pub id: TaskId,
    /// Whose it is.
    pub side: usize,
    /// Whether the neighbour was given it.
    pub over: bool,
}

/// Everything.
pub struct World {
    pub dice: Dice,
    pub time: Arc<Time>,
    pub mesh: Mesh,
    pub broken: Broken,
    /// A tenant, and its neighbour in the same organization.
    pub tenants: [TenantId; 2],
    /// The last one is the neighbour's.
    pub workers: Vec<Worker>,
    pub running: Vec<Running>,
    /// Keys of tasks that were asked for and not acknowledged.
    pub unheard: Vec<String>,
    pub acknowledged: Vec<Given>,
    pub asked: usize,
    pub truths: [Truths; 2],
    pub post: Post,
    pub border: Border,
    pub steps: Vec<String>,
    /// Storage without the gate: what is true.
    pub storage: Storage,
    moved: watch::Receiver<u64>,
    pub happened: watch::Receiver<u64>,
    gate: Arc<Gate>,
}

fn quiet() -> Telemetry {
    let info = runtime::process::service_info("rest-api", "simulation");
    Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink()).unwrap()
}

fn principal(tenant_id: TenantId, name: &str, kind: KeyKind) -> Principal {
    Principal {
        tenant_id,
        key_id: KeyId(uuid::Uuid::from_u128(u128::from(kind == KeyKind::Agent))),
        kind,
        name: name.to_owned(),
        scopes: kind.default_scopes(),
        until: None,
    }
}

/// Both are strict.
async fn two_tenants(control: &Control) -> [TenantId; 2] {
    let (tenant, _) = control.bootstrap().await.unwrap().unwrap();
    let keys = control.storage.keys.list(tenant.id, PageRequest::first(1)).await;
    let first = Principal {
        key_id: keys.unwrap().items[0].id,
        ..principal(tenant.id, "people", KeyKind::Admin)
    };
    let neighbour = control.create_tenant(&first, "next-door".to_owned(), Isolation::Strict);
    [tenant.id, neighbour.await.unwrap().0.id]
}

impl World {
    pub async fn new(seed: u64, broken: Broken) -> Self {
        let mut dice = Dice::new(seed);
        let telemetry = quiet();
        let storage = storage::connect("sqlite::memory:", &StorageOptions::default(), &telemetry)
            .await
            .unwrap();
        let (gate, time) = (Arc::new(Gate::default()), Arc::new(Time::default()));
        let entropy = Arc::new(Drawn(Mutex::new(Dice::new(dice.draw()))));
        let keys = [("simulation".to_owned(), "ab".repeat(32).into())];
        let without_gate = Control {
            storage: storage.clone(),
            clock: Arc::clone(&time) as _,
            entropy: Arc::clone(&entropy) as _,
            ids: Arc::new(Counted::default()),
            vault: Arc::new(Vault::new(&keys, entropy).unwrap()),
            sign_in: Arc::new(UsersConfig::default().sign_in().unwrap()),
            rules: Rules {
                heartbeat_seconds: 10,
                accept_seconds: 8,
                silence_seconds: 20,
                deadline_seconds: 600,
                ..Rules::default()
            },
        };
        let tenants = two_tenants(&without_gate).await;
        // In every other run nobody ever opens the border.
        let porous = seed % 2 == 1;
        for tenant in tenants.into_iter().filter(|_| porous) {
            let mode = [Isolation::Relaxed, Isolation::Open][dice.place(2)];
            storage.tenants.isolate(tenant, mode).await.unwrap();
        }
        let control = Control {
            storage: gated(&storage, &gate, broken),
            ..without_gate
        };
        let count = 2 + dice.place(4);
        let mut workers: Vec<_> = (0..=count).map(|_| Worker::default()).collect();
        workers[count].side = 1;
        Self {
            mesh: Mesh::new(control, &telemetry),
            tenants,
            workers,
            truths: tenants.map(Truths::new),
            post: Post::default(),
            border: Border::new(porous),
            running: Vec::new(),
            unheard: Vec::new(),
            acknowledged: Vec::new(),
            asked: 0,
            steps: Vec::new(),
            dice,
            time,
            broken,
            moved: storage.tasks.moved(),
            happened: storage.events.fresh(),
            storage,
            gate,
        }
    }

    /// The whole course. An error says what is not as it must be.
    pub async fn run(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            self.one_step().await?;
        }
        while !self.running.is_empty() {
            self.advance(0).await?;
        }
        self.calm_down().await
    }

    pub fn people(&self, side: usize) -> Principal {
        principal(self.tenants[side], "people", KeyKind::Admin)
    }

    pub fn agents(&self, side: usize) -> Principal {
        principal(self.tenants[side], "agents", KeyKind::Agent)
    }

    /// The key of an agent.
    pub fn key_of(&self, worker: usize) -> Principal {
        self.agents(self.workers[worker].side)
    }

    async fn one_step(&mut self) -> Result<(), String> {
        match self.dice.below(100) {
            0..55 if !self.running.is_empty() => {
                let place = self.dice.place(self.running.len());
                self.advance(place).await
            }
            55..57 => {
                self.a_replica_dies();
                Ok(())
            }
            57..70 => {
                self.time_passes();
                Ok(())
            }
            _ => {
                if self.running.len() < AT_ONCE {
                    self.somebody_acts();
                }
                Ok(())
            }
        }
    }

    /// One verb goes on to its next call of storage. What ends is looked at.
    pub async fn advance(&mut self, place: usize) -> Result<(), String> {
        let ended = self.gate.step(&mut self.running[place].work).await;
        let Some(heard) = ended else { return Ok(()) };
        let Running { what, begun, .. } = self.running.swap_remove(place);
        if self.dice.percent(5) {
            self.note(format!("{what}: done, the answer is lost"));
        } else {
            self.hear(&what, begun, heard)?;
        }
        self.look_at_the_border().await;
        self.check_post().await?;
        self.look_around().await
    }

    /// Whether all is as it must be, where something was stored since the last look.
    async fn look_around(&mut self) -> Result<(), String> {
        if !self.moved.has_changed().unwrap_or(true) {
            return Ok(());
        }
        self.moved.mark_unchanged();
        for truths in &mut self.truths {
            truths.check(&self.storage).await?;
        }
        Ok(())
    }

    /// What was under way there is cut off between two calls of storage; nobody hears of it.
    fn a_replica_dies(&mut self) {
        let replica = self.dice.below(2);
        let before = self.running.len();
        self.running.retain(|one| one.replica != replica);
        self.note(format!(
            "replica {replica} dies with {} verbs",
            before - self.running.len()
        ));
    }

    /// Mostly a moment; sometimes long; sometimes the clock is set, to and fro.
    fn time_passes(&mut self) {
        let millis = match self.dice.below(100) {
            0..70 => 20 + self.dice.below(1_500),
            70..95 => 1_500 + self.dice.below(12_000),
            95..97 => 60_000 + self.dice.below(600_000),
            _ => {
                let back = i64::try_from(self.dice.below(15_000)).unwrap();
                self.note(format!("the clock is set back by {back} ms"));
                return self.pass(-back);
            }
        };
        let millis = i64::try_from(millis).unwrap();
        self.note(format!("{millis} ms pass"));
        self.pass(millis);
    }

    fn pass(&mut self, millis: i64) {
        self.time.pass(millis);
        self.post.time_is(self.time.now());
    }

    pub fn note(&mut self, what: String) {
        let number = self.steps.len();
        let at = self.time.now().format("%H:%M:%S%.3f");
        self.steps.push(format!("{number} {at} {what}"));
    }

    pub fn millis(&self) -> i64 {
        self.time.now().timestamp_millis()
    }

    /// No more faults: agents come back and do what they are given. Every task that was acknowledged comes to its end.
    async fn calm_down(&mut self) -> Result<(), String> {
        self.note("calm".to_owned());
        for round in 0..CALM.0 + CALM.1 {
            let busy = round < CALM.0;
            self.pass(if busy { 1_000 } else { 60_000 });
            // After that there are only tasks for which an agent never comes: they end with their deadline.
            for worker in (0..self.workers.len()).filter(|_| busy) {
                self.workers[worker].away_until = 0;
                self.work_honestly(worker).await?;
            }
            self.sweep(0);
            self.end_all().await?;
            if self.open_tasks().await == 0 {
                return self.all_is_over().await;
            }
        }
        Err(format!(
            "{} tasks have no end, though all is well again",
            self.open_tasks().await
        ))
    }

    async fn open_tasks(&self) -> usize {
        let [one, other] = &self.truths;
        one.open(&self.storage).await + other.open(&self.storage).await
    }

    async fn all_is_over(&mut self) -> Result<(), String> {
        for (side, truths) in self.truths.iter().enumerate() {
            let own = self.acknowledged.iter().filter(|given| given.side == side);
            let own: Vec<_> = own.map(|given| given.id).collect();
            truths.at_the_end(&self.storage, &own).await?;
            truths.log(&self.storage).await?;
        }
        self.post_at_the_end().await
    }

    async fn work_honestly(&mut self, worker: usize) -> Result<(), String> {
        let there = match self.workers[worker].id {
            Some(id) => {
                let tenant = self.tenants[self.workers[worker].side];
                let agent = self.storage.agents.get(tenant, id).await;
                agent.is_ok_and(|agent| {
                    agent.epoch == self.workers[worker].epoch
                        && !matches!(agent.state, AgentState::Offline | AgentState::Draining)
                })
            }
            None => false,
        };
        if !there {
            self.register(worker, 0);
            self.end_all().await?;
        }
        self.beat(worker, 0);
        self.end_all().await?;
        self.look(worker, 0);
        self.end_all().await?;
        for belief in self.workers[worker].beliefs.clone() {
            self.do_it(worker, &belief, 0);
            self.end_all().await?;
        }
        self.read_post(worker, 0);
        self.end_all().await?;
        for (_, agent, message) in self.post.handed_to(worker) {
            self.acknowledge(agent, message, worker, 0);
            self.end_all().await?;
        }
        Ok(())
    }

    async fn end_all(&mut self) -> Result<(), String> {
        while !self.running.is_empty() {
            let ended = self.gate.step(&mut self.running[0].work).await;
            if let Some(heard) = ended {
                let Running { what, begun, .. } = self.running.swap_remove(0);
                self.hear(&what, begun, heard)?;
            }
        }
        self.check_post().await?;
        self.look_around().await
    }

    pub fn hear(&mut self, what: &str, begun: usize, heard: Heard) -> Result<(), String> {
        let told = self.take_in(begun, heard)?;
        self.note(format!("{what}: {told}"));
        Ok(())
    }
}
