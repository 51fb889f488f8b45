//! The line as a JSON object.

use serde_json::{Map, Value};

use super::layer::Line;
use crate::clock;
use crate::config::LogField;
use crate::service::ServiceInfo;

/// Which standard fields a line carries, in the contract's order, and the service's values for them.
pub(crate) struct JsonStyle {
    info: ServiceInfo,
    fields: Vec<LogField>,
}

impl JsonStyle {
    pub(crate) fn new(info: &ServiceInfo, fields: &[LogField]) -> Self {
        let fields = LogField::ALL
            .iter()
            .copied()
            .filter(|field| fields.contains(field))
            .collect();
        JsonStyle {
            info: info.clone(),
            fields,
        }
    }

    pub(crate) fn format(&self, mut line: Line<'_>) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("time".to_owned(), clock::rfc3339(line.time).into());
        object.insert("level".to_owned(), line.level().into());
        object.insert("msg".to_owned(), std::mem::take(&mut line.fields.message).into());
        for field in &self.fields {
            if let Some((name, value)) = self.standard(*field, &mut line) {
                object.insert(name.to_owned(), value.into());
            }
        }
        object.append(&mut line.fields.own);
        let mut text = Value::Object(object).to_string().into_bytes();
        text.push(b'\n');
        text
    }

    /// Name and value of a standard field, if the line has one.
    fn standard(&self, field: LogField, line: &mut Line<'_>) -> Option<(&'static str, String)> {
        let lifted = &mut line.fields.lifted;
        Some(match field {
            LogField::Service => ("service", self.info.name.to_owned()),
            LogField::Version => ("version", self.info.version.to_owned()),
            LogField::Environment => ("environment", self.info.environment.clone()),
            LogField::Caller => ("caller", caller(line)?),
            LogField::TraceId => ("trace_id", line.trace.as_ref()?.trace_id.to_string()),
            LogField::SpanId => ("span_id", line.trace.as_ref()?.span_id.to_string()),
            LogField::CorrelationId => ("correlation_id", lifted.correlation_id.take()?),
            LogField::TenantId => ("tenant_id", lifted.tenant_id.take()?),
            LogField::UserId => ("user_id", lifted.user_id.take()?),
        })
    }
}

fn caller(line: &Line<'_>) -> Option<String> {
    Some(format!("{}:{}", line.metadata.file()?, line.metadata.line()?))
}
