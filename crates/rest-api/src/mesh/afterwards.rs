//! What follows from answers that were given: tasks that wait are given the places that have become free, and what tasks have
//! taught is kept. The one who answers does not wait for it. One round does all that has come up since the last one, so that
//! replicas that are busy write less for each task, not more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use control::tasks::Lesson;
use domain::ports::storage::TaskChange;
use domain::{AgentId, TenantId};
use tokio::sync::Notify;

use super::Mesh;

/// What is to be done.
#[derive(Default)]
pub(super) struct Afterwards {
    open: Mutex<Open>,
    more: Notify,
}

#[derive(Default)]
struct Open {
    places: BTreeMap<TenantId, u32>,
    lessons: BTreeMap<(TenantId, AgentId), Vec<Lesson>>,
}

impl Afterwards {
    /// So many places have become free, or may have.
    pub(super) fn fill(&self, tenant: TenantId, places: usize) {
        if places == 0 {
            return;
        }
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        let mut open = self.open();
        let free = open.places.entry(tenant).or_default();
        *free = free.saturating_add(places);
        drop(open);
        self.more.notify_one();
    }

    /// A task has moved.
    pub(super) fn learn(&self, change: &TaskChange) {
        for lesson in Lesson::of(change) {
            self.open().lessons.entry(lesson.agent).or_default().push(lesson);
            self.more.notify_one();
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mesh {
    /// Waits until [`Mesh::follow_up`] has something to do.
    pub async fn is_owed(&self) {
        self.afterwards.more.notified().await;
    }

    /// Does what follows from what was answered so far. Tasks for which this fails the sweeper finds.
    pub async fn follow_up(&self) {
        let Open { places, lessons } = std::mem::take(&mut *self.afterwards.open());
        for ((tenant_id, agent_id), lessons) in lessons {
            if let Err(error) = self.control.learn((tenant_id, agent_id), &lessons).await {
                tracing::warn!(%tenant_id, %agent_id, %error, "what tasks have taught of agent {agent_id} is lost");
            }
        }
        for (tenant_id, places) in places {
            match self.control.place_waiting(tenant_id, places).await {
                Ok(placed) => self.tell_all(&placed),
                Err(error) => {
                    tracing::warn!(%tenant_id, %error, "tasks of tenant {tenant_id} that wait are left to the sweeper");
                }
            }
        }
    }
}
