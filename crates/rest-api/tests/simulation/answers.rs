//! What people and agents make of the answers.

use control::ControlError;
use domain::task::TaskState;
use domain::{Task, Verb};

use crate::acts::{Said, Word, brief, result, sides_of};
use crate::border::take_in_peeked;
use crate::replicas::{Belief, Heard};
use crate::truths::must;
use crate::world::{Given, World};

impl World {
    /// What somebody makes of an answer; in words.
    pub fn take_in(&mut self, begun: usize, heard: Heard) -> Result<String, String> {
        Ok(match heard {
            Heard::Registered(worker, Ok(agent)) => {
                let own = &mut self.workers[worker];
                (own.id, own.epoch) = (Some(agent.id), agent.epoch);
                format!("epoch {}", agent.epoch)
            }
            Heard::Beaten(worker, Err(ControlError::Conflict { .. })) => {
                self.register(worker, 0);
                "has to register again".to_owned()
            }
            Heard::Offered(worker, Ok(tasks)) => {
                for task in &tasks {
                    must(task.tenant_id == self.key_of(worker).tenant_id, || {
                        format!("agent-{worker} is given {} of another tenant", task.id)
                    })?;
                    self.believe(worker, task);
                }
                format!("{} tasks", tasks.len())
            }
            Heard::Answered(worker, said, answer) => self.take_in_answer(worker, &said, answer)?,
            Heard::Created(key, Ok(task)) => {
                let (from, side) = sides_of(&key);
                must(task.tenant_id == self.tenants[side], || {
                    format!("{key} is another tenant's")
                })?;
                if from != side {
                    self.border.crossed(side, Verb::Assign, begun)?;
                }
                self.truths[side].acknowledged(&key, task.id)?;
                self.unheard.retain(|unheard| *unheard != key);
                if self.acknowledged.iter().all(|given| given.id != task.id) {
                    let (id, over) = (task.id, from != side);
                    self.acknowledged.push(Given { id, side, over });
                }
                format!("{} is {}", brief(task.id.0), task.state.as_str())
            }
            Heard::Beaten(_, Ok(agent)) => agent.state.as_str().to_owned(),
            Heard::Done(Ok(())) => "done".to_owned(),
            Heard::Registered(_, Err(error))
            | Heard::Beaten(_, Err(error))
            | Heard::Offered(_, Err(error))
            | Heard::Created(_, Err(error))
            | Heard::Done(Err(error)) => refusal(&error)?,
            Heard::Sent(number, sent) => self.take_in_sent(number, begun, sent)?,
            Heard::Inbox(worker, agent, inbox) => self.take_in_inbox(worker, agent, begun, inbox)?,
            Heard::Read(agent, message, read) => self.take_in_read(agent, message, read)?,
            Heard::Found(side, found) => self.take_in_found(side, begun, found)?,
            Heard::Followed(side, followed) => self.take_in_followed(side, begun, followed)?,
            Heard::Peeked(peeked) => take_in_peeked(peeked)?,
        })
    }

    fn believe(&mut self, worker: usize, task: &Task) {
        let belief = Belief {
            task: task.id,
            fence: task.fence,
            accepted: task.state != TaskState::Assigned,
        };
        let beliefs = &mut self.workers[worker].beliefs;
        beliefs.retain(|known| (known.task, known.fence) != (belief.task, belief.fence));
        beliefs.push(belief);
    }

    fn take_in_answer(
        &mut self,
        worker: usize,
        said: &Said,
        answer: Result<Task, ControlError>,
    ) -> Result<String, String> {
        let same = |belief: &Belief| (belief.task, belief.fence) == (said.belief.task, said.belief.fence);
        let stubborn = self.dice.percent(20);
        let beliefs = &mut self.workers[worker].beliefs;
        match answer {
            Ok(task) => {
                let over = matches!(
                    said.word,
                    Word::Reject | Word::Complete | Word::Fail | Word::FailAgain
                );
                // One in five says it again all the same.
                beliefs.retain(|belief| !same(belief) || !over || stubborn);
                for belief in beliefs.iter_mut().filter(|belief| same(belief)) {
                    belief.accepted = true;
                }
                if said.word == Word::Complete {
                    let side = self.workers[worker].side;
                    self.truths[side].completed(&task, &result(&said.belief, worker))?;
                }
                Ok(task.state.as_str().to_owned())
            }
            Err(error) => {
                let why = refusal(&error)?;
                if matches!(error, ControlError::Conflict { .. }) {
                    beliefs.retain(|belief| !same(belief) || stubborn);
                }
                Ok(why)
            }
        }
    }
}

/// A refusal in words. What may not happen to anybody, whatever the others do, is an error.
pub fn refusal(error: &ControlError) -> Result<String, String> {
    match error {
        ControlError::Blocked(_) => Ok("the border is closed".to_owned()),
        ControlError::Conflict { .. }
        | ControlError::Stale
        | ControlError::NotFound
        | ControlError::Invalid { .. } => Ok(format!("refused: {error}")),
        other => Err(format!("it fails: {other:?}")),
    }
}
