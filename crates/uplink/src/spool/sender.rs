//! Sends the spool to rest-api.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use proto::v1::audit_service_client::AuditServiceClient;
use proto::v1::{AppendRequest, AuditRecord};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use super::Spool;
use super::segment::{self, Segment};
use crate::channel::Link;

/// Records in one batch; rest-api takes at most as many.
const BATCH: usize = 1_000;
/// Longest time of one batch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest pause after a failure.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Why a segment could not be sent.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the spool cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("rest-api did not take the records: {}", .0.message())]
    Refused(tonic::Status),
}

impl Spool {
    /// Sends until `stop`, then what is left, once.
    ///
    /// # Errors
    /// None: what fails is logged and tried again.
    pub async fn send(self: Arc<Self>, link: Link, stop: CancellationToken) -> Result<(), Infallible> {
        let client = AuditServiceClient::new(link);
        let mut pause = self.config.interval.get();
        while stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_some()
        {
            self.recover();
            match self.send_all(&client, false).await {
                Ok(()) => pause = self.config.interval.get(),
                Err(error) => {
                    tracing::warn!(%error, "audit records wait in the spool");
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
        if let Err(error) = self.send_all(&client, true).await {
            tracing::warn!(%error, "audit records stay in the spool until the next start");
        }
        self.state().reserve.retire();
        Ok(())
    }

    async fn send_all(&self, client: &AuditServiceClient<Link>, at_end: bool) -> Result<(), SendError> {
        self.rotate(at_end);
        for segment in segment::all(&self.config.dir)? {
            if self.is_open(segment.number) {
                break;
            }
            self.send_segment(client, &segment).await?;
        }
        Ok(())
    }

    fn is_open(&self, number: u64) -> bool {
        self.state()
            .open
            .as_ref()
            .is_some_and(|open| open.segment.number <= number)
    }

    async fn send_segment(
        &self,
        client: &AuditServiceClient<Link>,
        segment: &Segment,
    ) -> Result<(), SendError> {
        let (records, torn) = segment.read()?;
        if torn > 0 {
            tracing::warn!(bytes = torn, path = %segment.path.display(), "the last record was cut off when it was written");
        }
        for batch in records.chunks(BATCH) {
            match append(client, batch).await {
                Ok(()) => {}
                Err(status) if status.code() == Code::InvalidArgument => {
                    self.send_one_by_one(client, batch, segment).await?;
                }
                Err(status) => return Err(SendError::Refused(status)),
            }
        }
        let size = segment.size()?;
        std::fs::remove_file(&segment.path)?;
        self.removed(size);
        Ok(())
    }

    /// Finds the records that rest-api will never take, and sets them aside in a file of their own: keeping them would
    /// hold up all that follows.
    async fn send_one_by_one(
        &self,
        client: &AuditServiceClient<Link>,
        batch: &[AuditRecord],
        segment: &Segment,
    ) -> Result<(), SendError> {
        let mut refused = Vec::new();
        for record in batch {
            match append(client, std::slice::from_ref(record)).await {
                Ok(()) => {}
                Err(status) if status.code() == Code::InvalidArgument => {
                    tracing::error!(
                        critical = true,
                        error = status.message(),
                        record_id = record.id,
                        "rest-api refuses an audit record; it is set aside"
                    );
                    refused.extend(record.encode_length_delimited_to_vec());
                }
                Err(status) => return Err(SendError::Refused(status)),
            }
        }
        let aside = segment.path.with_extension("refused");
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(aside)?
            .write_all(&refused)?;
        Ok(())
    }
}

async fn append(client: &AuditServiceClient<Link>, records: &[AuditRecord]) -> Result<(), Status> {
    let mut request = Request::new(AppendRequest {
        records: records.to_vec(),
    });
    request.set_timeout(TIMEOUT);
    client.clone().append(request).await.map(|_| ())
}
