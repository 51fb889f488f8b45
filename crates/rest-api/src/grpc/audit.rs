//! Takes audit records from where calls ran.

use chrono::DateTime;
use domain::AuditRecord;
use proto::v1::audit_service_server::AuditService;
use proto::v1::{self, AppendRequest, AppendResponse};
use tonic::{Request, Response, Status};

use super::Grpc;
use super::parse::{id, optional, optional_id, status};

/// The largest batch.
const MAX_RECORDS: usize = 1_000;

#[tonic::async_trait]
impl AuditService for Grpc {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let records = request.into_inner().records;
        if records.len() > MAX_RECORDS {
            return Err(Status::invalid_argument(format!(
                "records: expected at most {MAX_RECORDS}"
            )));
        }
        let records = records.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
        let stored = self.control.append_audit(&records).await.map_err(status)?;
        Ok(Response::new(AppendResponse { stored }))
    }
}

fn record(record: v1::AuditRecord) -> Result<AuditRecord, Status> {
    let at = DateTime::from_timestamp_millis(record.at_ms);
    let status = u16::try_from(record.status).ok();
    Ok(AuditRecord {
        id: id("id", &record.id)?,
        at: at.ok_or_else(|| Status::invalid_argument("at_ms: expected milliseconds since 1970"))?,
        tenant_id: id("tenant_id", &record.tenant_id)?,
        key_id: optional_id("key_id", &record.key_id)?,
        service: record.service,
        action: record.action,
        tool: optional(record.tool),
        provider: optional(record.provider),
        outcome: record.outcome,
        status: status.ok_or_else(|| Status::invalid_argument("status: expected 0 to 65535"))?,
        duration_ms: record.duration_ms,
        request_bytes: record.request_bytes,
        response_bytes: record.response_bytes,
        arguments_sha256: optional(record.arguments_sha256),
        trace_id: optional(record.trace_id),
        request_id: optional(record.request_id),
        job_id: optional_id("job_id", &record.job_id)?,
    })
}
