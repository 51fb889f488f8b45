//! Attends at rest-api, and does what operators ask of every replica.

use std::convert::Infallible;
use std::time::Duration;

use futures::channel::mpsc;
use proto::v1::attend_request::Message;
use proto::v1::fleet_service_client::FleetServiceClient;
use proto::v1::{AttendRequest, AttendResponse, OrderDone, Replica};
use telemetry::Telemetry;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::channel::Link;

/// Between two attempts; operators wait no longer than this for a replica after rest-api came back.
const PAUSE: Duration = Duration::from_secs(2);

/// Attends until `stop`.
///
/// # Errors
/// None: while rest-api is away it tries again.
pub async fn attend_fleet(
    link: Link,
    telemetry: Telemetry,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let attend = async {
        loop {
            if let Err(error) = attend(&link, &telemetry).await {
                tracing::debug!(%error, "rest-api cannot give orders to this replica");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(attend).await;
    Ok(())
}

async fn attend(link: &Link, telemetry: &Telemetry) -> Result<(), Status> {
    let (mut say, said) = mpsc::channel(4);
    let info = telemetry.info();
    let own = Replica {
        service: info.name.to_owned(),
        instance: info.instance.clone(),
    };
    send(&mut say, Message::Replica(own));
    let mut orders = FleetServiceClient::new(link.clone())
        .attend(said)
        .await?
        .into_inner();
    while let Some(order) = orders.message().await? {
        send(&mut say, Message::Done(done(telemetry, &order)));
    }
    Ok(())
}

/// What cannot be sent has nobody to hear it: rest-api counts this replica as one that does not answer.
fn send(say: &mut mpsc::Sender<AttendRequest>, message: Message) {
    let message = Some(message);
    let _ = say.try_send(AttendRequest { message });
}

fn done(telemetry: &Telemetry, order: &AttendResponse) -> OrderDone {
    let result = match order.log_level_json.as_str() {
        "" => Ok(telemetry.log_level()),
        text => serde_json::from_str(text)
            .map_err(|error| error.to_string())
            .and_then(|change| telemetry.change_log_level(&change)),
    };
    OrderDone {
        number: order.number,
        level: result.as_ref().ok().cloned().unwrap_or_default(),
        error: result.err().unwrap_or_default(),
    }
}
