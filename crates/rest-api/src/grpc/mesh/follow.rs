//! Events, for who has subscribed to them at the edge.

use std::time::Duration;

use control::follow::{Follower, Told};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use proto::v1::FollowResponse;
use proto::v1::follow_response::Told as Wire;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::grpc::parse::{status, to_json};
use crate::http::routes::events::LoggedEvent;

/// How often a follower to whom nothing happens is told where it stands, and its key is looked at.
const STILL: Duration = Duration::from_secs(15);

/// What the follower is told, until it or this process stops, or its key is good no more.
pub(super) fn told(
    follower: Follower,
    stop: CancellationToken,
) -> BoxStream<'static, Result<FollowResponse, Status>> {
    let begins = FollowResponse {
        number: follower.at(),
        told: None,
    };
    let told = stream::try_unfold(follower, |mut follower| async move {
        let told = follower.next(STILL).await.map_err(status)?;
        if told.is_empty() {
            if !follower.pass().holds().await.map_err(status)? {
                return Err(Status::unauthenticated("the key is not valid any more"));
            }
            let still = FollowResponse {
                number: follower.at(),
                told: None,
            };
            return Ok(Some((vec![still], follower)));
        }
        let told: Result<Vec<_>, _> = told.into_iter().map(written).collect();
        Ok(Some((told?, follower)))
    });
    let one_by_one = told.flat_map(|told| match told {
        Ok(told) => stream::iter(told.into_iter().map(Ok).collect::<Vec<_>>()),
        Err(status) => stream::iter(vec![Err(status)]),
    });
    let begun = stream::once(async { Ok(begins) });
    begun.chain(one_by_one).take_until(stop.cancelled_owned()).boxed()
}

fn written(told: Told) -> Result<FollowResponse, Status> {
    Ok(match told {
        Told::Event(event) => FollowResponse {
            number: event.number,
            told: Some(Wire::EventJson(to_json(&LoggedEvent::from(*event))?)),
        },
        Told::Gap(from, to) => FollowResponse {
            number: to,
            told: Some(Wire::GapFrom(from)),
        },
    })
}
