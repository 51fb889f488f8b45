//! The line as a JSON object.

use serde::Serialize;

use super::layer::Line;
use crate::clock;
use crate::config::LogField;
use crate::service::ServiceInfo;

/// Room for a line, so that most are written without growing.
const USUAL: usize = 512;

/// Which standard fields a line carries, in the contract's order, and the service's values for them.
pub(crate) struct JsonStyle {
    info: ServiceInfo,
    fields: Vec<LogField>,
}

/// A JSON object that is written as its fields come.
struct Object(Vec<u8>);

impl Object {
    fn begin() -> Self {
        let mut text = Vec::with_capacity(USUAL);
        text.push(b'{');
        Object(text)
    }

    /// A value that has no form in JSON is null.
    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.write(name);
        self.0.push(b':');
        self.write(value);
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) {
        let before = self.0.len();
        if serde_json::to_writer(&mut self.0, value).is_err() {
            self.0.truncate(before);
            self.0.extend_from_slice(b"null");
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"}\n");
        self.0
    }
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

    pub(crate) fn format(&self, line: &Line<'_>) -> Vec<u8> {
        let mut object = Object::begin();
        object.put("time", &clock::rfc3339(line.time));
        object.put("level", line.level());
        object.put("msg", &line.fields.message);
        for field in &self.fields {
            self.standard(*field, line, &mut object);
        }
        for (name, value) in &line.fields.own {
            object.put(name, value);
        }
        object.end()
    }

    /// Writes a standard field, if the line has it.
    fn standard(&self, field: LogField, line: &Line<'_>, object: &mut Object) {
        let lifted = &line.fields.lifted;
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                object.put(name, value);
            }
        };
        let trace = line.trace.as_ref();
        match field {
            LogField::Service => text("service", Some(self.info.name)),
            LogField::Version => text("version", Some(self.info.version)),
            LogField::Environment => text("environment", Some(&self.info.environment)),
            LogField::Caller => text("caller", caller(line).as_deref()),
            LogField::TraceId => text(
                "trace_id",
                trace.map(|trace| trace.trace_id.to_string()).as_deref(),
            ),
            LogField::SpanId => text("span_id", trace.map(|trace| trace.span_id.to_string()).as_deref()),
            LogField::CorrelationId => text("correlation_id", lifted.correlation_id.as_deref()),
            LogField::TenantId => text("tenant_id", lifted.tenant_id.as_deref()),
            LogField::UserId => text("user_id", lifted.user_id.as_deref()),
        }
    }
}

fn caller(line: &Line<'_>) -> Option<String> {
    Some(format!("{}:{}", line.metadata.file()?, line.metadata.line()?))
}
