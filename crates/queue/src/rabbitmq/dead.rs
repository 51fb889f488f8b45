//! A look at the dead letters.

use domain::ports::QueueError;
use lapin::{
    options::{BasicGetOptions, BasicNackOptions},
    types::ShortString,
};
use tokio::time::Instant;

use super::{bounded, link::Link};

/// The bodies of the oldest dead letters. They are taken, read and handed back, so a second reader at the same time
/// sees others.
pub(super) async fn list(
    link: &Link,
    queue: &ShortString,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<Vec<u8>>, QueueError> {
    let channel = link.channel(deadline).await?;
    let (mut bodies, mut last) = (Vec::new(), None);
    while bodies.len() < limit {
        let got = channel.basic_get(queue.clone(), BasicGetOptions::default());
        let Some(letter) = bounded(deadline, "reading a dead letter", got).await? else {
            break;
        };
        last = Some(letter.delivery.delivery_tag);
        bodies.push(letter.delivery.data);
    }
    if let Some(last) = last {
        let all = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        bounded(
            deadline,
            "handing the dead letters back",
            channel.basic_nack(last, all),
        )
        .await?;
    }
    bounded(deadline, "closing a channel", channel.close(200, "OK".into())).await?;
    Ok(bodies)
}
