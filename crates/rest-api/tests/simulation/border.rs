//! The border between a tenant and its neighbour: who opens and closes it, who looks over it, and what never crosses it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use control::ControlError;
use control::agents::Wanted;
use domain::{Agent, Isolation, Verb};

use crate::answers::refusal;
use crate::replicas::Heard;
use crate::truths::must;
use crate::world::{Given, World};

/// What is known of the border.
pub struct Border {
    /// Whether it is open, more or less, when the run begins, and ever opened again.
    porous: bool,
    /// After so many steps it was surely closed to a verb, and is since: by whose agents the verb reaches.
    closed: [[Option<usize>; 3]; 2],
    /// Whoever is about to move it has this.
    moving: Arc<()>,
    moved: bool,
}

impl Border {
    pub fn new(porous: bool) -> Self {
        Self {
            porous,
            closed: [[(!porous).then_some(0); 3]; 2],
            moving: Arc::default(),
            moved: porous,
        }
    }

    /// Something has crossed it, to `side`, by a verb that began after so many steps.
    pub fn crossed(&self, side: usize, verb: Verb, begun: usize) -> Result<(), String> {
        let closed = self.closed[side][verb as usize].is_some_and(|since| since <= begun);
        must(!closed, || {
            format!("{} crossed a border that was closed", verb.as_str())
        })
    }
}

impl World {
    pub fn somebody_looks_over_the_border(&mut self, replica: u64) {
        let side = self.dice.place(2);
        match self.dice.below(10) {
            0..3 => self.move_the_border(side, replica),
            3..6 => self.find(side, replica),
            6..8 => self.follow_what_was_given(replica),
            _ => self.peek(side, replica),
        }
    }

    /// An administrator of this side sets its mode, or what the other side is granted.
    fn move_the_border(&mut self, side: usize, replica: u64) {
        let (mesh, caller, other) = (self.mesh.clone(), self.people(side), self.tenants[1 - side]);
        let moving = Arc::clone(&self.border.moving);
        (self.border.closed, self.border.moved) = ([[None; 3]; 2], true);
        if self.dice.percent(60) {
            let modes = [
                Isolation::Strict,
                Isolation::Relaxed,
                Isolation::Open,
                Isolation::Open,
            ];
            let mode = modes[if self.border.porous { self.dice.place(4) } else { 0 }];
            self.begin(replica, format!("side {side} is {mode:?}"), async move {
                let isolated = mesh.control.isolate(&caller, mode).await;
                drop(moving);
                Heard::Done(isolated.map(drop))
            });
        } else {
            let verbs: Vec<_> = Verb::ALL.into_iter().filter(|_| self.dice.percent(60)).collect();
            self.begin(replica, format!("side {side} grants {verbs:?}"), async move {
                let granted = mesh.control.grant(&caller, other, &verbs).await;
                drop(moving);
                Heard::Done(granted.map(drop))
            });
        }
    }

    /// Once nobody moves it, what is stored says where it stands.
    pub async fn look_at_the_border(&mut self) {
        if !self.border.moved || Arc::strong_count(&self.border.moving) > 1 {
            return;
        }
        self.border.moved = false;
        let (storage, now) = (&self.storage.tenants, self.steps.len());
        for side in 0..2 {
            let to = storage.get(self.tenants[side]).await.unwrap();
            let from = storage.get(self.tenants[1 - side]).await.unwrap();
            let grants = storage.grants(to.id).await.unwrap();
            for verb in Verb::ALL {
                let granted = grants
                    .iter()
                    .any(|grant| grant.to == from.id && grant.verb == verb);
                let open = match to.isolation {
                    Isolation::Strict => false,
                    Isolation::Relaxed => granted,
                    Isolation::Open => granted || verb != Verb::Assign,
                };
                let open = open && from.isolation != Isolation::Strict;
                self.border.closed[side][verb as usize] = (!open).then_some(now);
            }
        }
    }

    /// People of the other side look for agents of this one; or of their own.
    fn find(&mut self, side: usize, replica: u64) {
        let own = self.dice.percent(30);
        let caller = self.people(if own { side } else { 1 - side });
        let wanted = Wanted {
            tenant: (!own).then_some(self.tenants[side]),
            ..Wanted::default()
        };
        let mesh = self.mesh.clone();
        let what = format!("agents of side {side} are looked for");
        self.begin(replica, what, async move {
            let found = mesh.discover(&caller, &wanted).await;
            if own {
                let strange =
                    found.map(|found| found.iter().all(|agent| agent.tenant_id == caller.tenant_id));
                return match strange {
                    Ok(false) => Heard::Peeked(Ok(())),
                    known => Heard::Done(known.map(drop)),
                };
            }
            Heard::Found(side, found)
        });
    }

    /// Who has given a task to the neighbour asks how it stands.
    fn follow_what_was_given(&mut self, replica: u64) {
        let given = self.acknowledged.iter().filter(|given| given.side == 1);
        let given: Vec<Given> = given.copied().collect();
        if given.is_empty() {
            return;
        }
        let Given { id, side, over } = given[self.dice.place(given.len())];
        let (mesh, caller, of) = (self.mesh.clone(), self.people(1 - side), self.tenants[side]);
        let what = format!("a task of side {side} is asked for");
        self.begin(replica, what, async move {
            let task = mesh.task(&caller, Some(of), id, Duration::ZERO).await.map(drop);
            match (over, task) {
                (false, Err(ControlError::Blocked(_))) => Heard::Peeked(Err(ControlError::NotFound)),
                (false, task) => Heard::Peeked(task),
                (true, task) => Heard::Followed(side, task),
            }
        });
    }

    /// Somebody of the other side asks for what is this side's, as if it were their own.
    fn peek(&mut self, side: usize, replica: u64) {
        let (mesh, people, agents) = (self.mesh.clone(), self.people(1 - side), self.agents(1 - side));
        let theirs = self.workers.iter().filter(|worker| worker.side == side);
        let agent = theirs.filter_map(|worker| worker.id).next_back();
        let task = self.acknowledged.iter().rfind(|given| given.side == side);
        let task = task.map(|given| given.id);
        let message = self.post.last_within(side);
        let what = format!("somebody peeks at side {side}");
        match (self.dice.below(6), agent, task, message) {
            (0, Some(id), ..) => self.peek_by(replica, what, async move {
                mesh.control.get_agent(&people, id).await.map(drop)
            }),
            (1, Some(id), ..) => {
                self.peek_by(
                    replica,
                    what,
                    async move { mesh.remove(&people, id).await.map(drop) },
                )
            }
            (2, Some(id), ..) => self.peek_by(replica, what, async move {
                mesh.inbox(&agents, id, Duration::ZERO).await.map(drop)
            }),
            (3, _, Some(id), _) => self.peek_by(replica, what, async move {
                mesh.task(&people, None, id, Duration::ZERO).await.map(drop)
            }),
            (4, _, Some(id), _) => self.peek_by(replica, what, async move {
                mesh.cancel(&people, id, None).await.map(drop)
            }),
            (5, _, _, Some(id)) => self.peek_by(replica, what, async move {
                mesh.control.get_message(&people, id).await.map(drop)
            }),
            _ => {}
        }
    }

    fn peek_by(
        &mut self,
        replica: u64,
        what: String,
        work: impl Future<Output = Result<(), ControlError>> + 'static,
    ) {
        self.begin(replica, what, async move { Heard::Peeked(work.await) });
    }

    pub fn take_in_found(
        &self,
        side: usize,
        begun: usize,
        found: Result<Vec<Agent>, ControlError>,
    ) -> Result<String, String> {
        let found = match found {
            Err(error) => return refusal(&error),
            Ok(found) => found,
        };
        self.border.crossed(side, Verb::Discover, begun)?;
        must(
            found.iter().all(|agent| agent.tenant_id == self.tenants[side]),
            || format!("agents that are not of side {side} are found there"),
        )?;
        Ok(format!("{} agents", found.len()))
    }

    pub fn take_in_followed(
        &self,
        side: usize,
        begun: usize,
        followed: Result<(), ControlError>,
    ) -> Result<String, String> {
        if let Err(error) = followed {
            return refusal(&error);
        }
        self.border.crossed(side, Verb::Assign, begun)?;
        Ok("is told".to_owned())
    }
}

/// Nothing of another tenant is there.
pub fn take_in_peeked(peeked: Result<(), ControlError>) -> Result<String, String> {
    match peeked {
        Err(ControlError::NotFound) => Ok("sees nothing".to_owned()),
        seen => Err(format!("somebody sees what is another tenant's: {seen:?}")),
    }
}
