//! Channels in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt, stream, stream::BoxStream};
use tokio::sync::broadcast;
use tracing::warn;

/// How many messages a listener may be behind before its stream ends, as Redis cuts off one that does not read.
const BACKLOG: usize = 1024;

/// Who listens to what. A channel is there as long as somebody listens.
#[derive(Default)]
pub(super) struct Channels(Mutex<HashMap<String, broadcast::Sender<Arc<[u8]>>>>);

impl Channels {
    pub(super) fn publish(&self, channel: &str, message: &[u8]) {
        if let Some(sender) = self.lock().get(channel) {
            // It fails when nobody listens any more, which is no error.
            let _ = sender.send(message.into());
        }
    }

    pub(super) fn listen(this: &Arc<Self>, channel: &str) -> BoxStream<'static, Vec<u8>> {
        let mut channels = this.lock();
        let sender = channels
            .entry(channel.to_owned())
            .or_insert_with(|| broadcast::Sender::new(BACKLOG));
        let listener = Listener {
            receiver: Some(sender.subscribe()),
            channel: channel.to_owned(),
            channels: Arc::clone(this),
        };
        stream::unfold(listener, |mut listener| async move {
            Some((listener.next().await?, listener))
        })
        .boxed()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, broadcast::Sender<Arc<[u8]>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Listener {
    receiver: Option<broadcast::Receiver<Arc<[u8]>>>,
    channel: String,
    channels: Arc<Channels>,
}

impl Listener {
    async fn next(&mut self) -> Option<Vec<u8>> {
        match self.receiver.as_mut()?.recv().await {
            Ok(message) => Some(message.to_vec()),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                warn!(
                    channel = self.channel,
                    missed, "a listener was too slow and is cut off"
                );
                None
            }
        }
    }
}

/// The last listener takes the channel with it.
impl Drop for Listener {
    fn drop(&mut self) {
        self.receiver = None;
        let mut channels = self.channels.lock();
        if channels
            .get(&self.channel)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            channels.remove(&self.channel);
        }
    }
}
