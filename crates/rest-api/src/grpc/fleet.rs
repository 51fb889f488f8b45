//! Replicas of the other services attend here.

use futures::StreamExt;
use futures::stream::BoxStream;
use proto::v1::attend_request::Message;
use proto::v1::fleet_service_server::FleetService;
use proto::v1::{AttendRequest, AttendResponse};
use tonic::{Request, Response, Status, Streaming};

use super::Grpc;

#[tonic::async_trait]
impl FleetService for Grpc {
    type AttendStream = BoxStream<'static, Result<AttendResponse, Status>>;

    async fn attend(
        &self,
        request: Request<Streaming<AttendRequest>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let mut said = request.into_inner();
        let first = said.message().await?.and_then(|first| first.message);
        let Some(Message::Replica(replica)) = first else {
            return Err(Status::invalid_argument("expected to be told first who it is"));
        };
        let (mut member, orders) = self.fleet.join(replica.service, replica.instance);
        // Both directions in one stream: it ends, and the replica leaves, when either does.
        let answers = async move {
            while let Ok(Some(request)) = said.message().await {
                if let Some(Message::Done(done)) = request.message {
                    member.done(done);
                }
            }
        };
        let stopped = self.stop.clone().cancelled_owned();
        let over = futures::future::select(Box::pin(answers), Box::pin(stopped));
        Ok(Response::new(orders.map(Ok).take_until(over).boxed()))
    }
}
