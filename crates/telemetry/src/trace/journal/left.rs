//! What processes before this one left, because they were killed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::SpanId;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;

use super::record::{self, Replay};
use crate::trace::export::Gathered;
use crate::trace::wire::Batch;

/// The files of processes before this one.
#[derive(Debug)]
pub(crate) struct Left {
    files: Vec<(u64, PathBuf)>,
}

/// The spans that one of them did not get rid of.
#[derive(Debug)]
pub(crate) struct LeftSpans {
    resource: Vec<u8>,
    /// Those that had not ended come first.
    spans: Vec<Span>,
    /// How many had not.
    pub(crate) cut: usize,
}

impl Left {
    pub(super) fn find(dir: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name.and_then(|name| name.strip_suffix(".spans")?.parse().ok());
            files.extend(number.map(|number| (number, path)));
        }
        files.sort_unstable();
        Ok(Left { files })
    }

    /// Gives up the oldest files until the rest has at most `bytes`: a service that starts again and again, and reaches no
    /// collector, must not fill the disk.
    pub(super) fn bound(&mut self, bytes: u64) {
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |file| file.len());
        let mut sum = 0;
        let mut keep = self.files.len();
        while let Some((_, path)) = self.files.get(keep.wrapping_sub(1)) {
            sum += size(path);
            if sum > bytes {
                break;
            }
            keep -= 1;
        }
        for (_, path) in self.files.drain(..keep) {
            // It is tried again at the next start.
            let _ = std::fs::remove_file(path);
        }
    }

    pub(super) fn next_number(&self) -> u64 {
        self.files.last().map_or(1, |(number, _)| number + 1)
    }

    /// Reads them; what cannot be read is as if it were not there.
    pub(crate) fn read(&self) -> Vec<LeftSpans> {
        let mut processes: HashMap<Vec<u8>, (Replay, SystemTime)> = HashMap::new();
        for (_, path) in &self.files {
            let Ok(bytes) = std::fs::read(path) else { continue };
            let Some(resource) = record::resource(&bytes) else {
                continue;
            };
            let written = std::fs::metadata(path).and_then(|file| file.modified());
            let written = written.unwrap_or(UNIX_EPOCH);
            let (replay, alive) = processes
                .entry(resource.to_vec())
                .or_insert_with(|| (Replay::default(), UNIX_EPOCH));
            replay.read(&bytes);
            *alive = written.max(*alive);
        }
        let spans = processes
            .into_iter()
            .map(|(resource, (replay, alive))| LeftSpans::of(&resource, replay, alive));
        spans.filter(|left| !left.spans.is_empty()).collect()
    }

    /// Removes them.
    pub(crate) fn remove(self) {
        for (_, path) in self.files {
            // The next start finds it again, and sends it again.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl LeftSpans {
    fn of(resource: &[u8], replay: Replay, alive: SystemTime) -> Self {
        let mut left = LeftSpans {
            resource: resource.to_owned(),
            spans: Vec::new(),
            cut: 0,
        };
        let mut ended = Vec::new();
        for (has_ended, encoded) in replay.left() {
            let Ok(mut span) = Span::decode(&*encoded) else {
                continue;
            };
            if has_ended {
                ended.push(span);
            } else {
                cut_off(&mut span, alive);
                left.spans.push(span);
            }
        }
        left.cut = left.spans.len();
        left.spans.append(&mut ended);
        left
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.spans.len()
    }

    /// Those that had not ended.
    pub(crate) fn cut_off(&self) -> &[Span] {
        self.spans.get(..self.cut).unwrap_or_default()
    }

    /// What to send, in requests of bounded size.
    pub(crate) fn requests(&self) -> Vec<Batch> {
        let mut gathered = Gathered::new(usize::MAX);
        for span in &self.spans {
            gathered.add(SpanId::INVALID, &span.encode_to_vec());
        }
        let (batches, _) = gathered.take();
        let batches = batches.into_iter();
        batches
            .map(|spans| Batch::new(&self.resource, spans.encoded))
            .collect()
    }
}

/// Ends a span that its process did not: at the last sign of life, as an error.
fn cut_off(span: &mut Span, alive: SystemTime) {
    let alive = alive.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let alive = u64::try_from(alive).unwrap_or(u64::MAX);
    span.end_time_unix_nano = alive.max(span.start_time_unix_nano);
    span.status = Some(Status {
        code: StatusCode::Error.into(),
        message: "its process ended before it did".to_owned(),
    });
    span.attributes.retain(|pair| pair.key != "error.type");
    span.attributes.push(KeyValue {
        key: "error.type".to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue("process.killed".to_owned())),
        }),
        ..KeyValue::default()
    });
}
