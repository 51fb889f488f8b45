//! pprof's protobuf (github.com/google/pprof, proto/profile.proto): the fields that we write.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use crate::profile::{Frame, Label, Profile, ValueType};

mod message;

/// Everything is in one mapping that says names are there, so that no reader looks for the binary.
const MAPPING: u64 = 1;

pub(crate) fn write(profile: &Profile) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&encode(profile).encode_to_vec())?;
    gzip.finish()
}

fn encode(profile: &Profile) -> message::Profile {
    let mut tables = Tables::default();
    // The format wants an empty string first.
    tables.string("");
    let mut written = message::Profile {
        mapping: vec![message::Mapping {
            id: MAPPING,
            memory_limit: u64::MAX,
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            has_inline_frames: true,
            ..Default::default()
        }],
        duration_nanos: i64::try_from(profile.duration.as_nanos()).unwrap_or(i64::MAX),
        ..Default::default()
    };
    written.sample_type = profile
        .values
        .iter()
        .map(|kind| tables.value_type(*kind))
        .collect();
    if let Some((kind, period)) = profile.period {
        written.period_type = Some(tables.value_type(kind));
        written.period = period;
    }
    written.comment = profile.comments.iter().map(|text| tables.string(text)).collect();
    written.sample = profile
        .samples
        .iter()
        .map(|sample| message::Sample {
            location_id: sample.stack.iter().map(|frame| tables.location(frame)).collect(),
            value: sample.values.clone(),
            label: sample.labels.iter().map(|label| tables.label(label)).collect(),
        })
        .collect();
    written.location = tables.locations;
    written.function = tables.functions;
    written.string_table = tables.strings;
    written
}

/// What a profile refers to by number.
#[derive(Default)]
struct Tables {
    strings: Vec<String>,
    string_ids: HashMap<String, i64>,
    functions: Vec<message::Function>,
    function_ids: HashMap<(String, String), u64>,
    locations: Vec<message::Location>,
    location_ids: HashMap<Frame, u64>,
}

impl Tables {
    fn string(&mut self, text: &str) -> i64 {
        if let Some(id) = self.string_ids.get(text) {
            return *id;
        }
        let id = i64::try_from(self.strings.len()).unwrap_or(i64::MAX);
        self.strings.push(text.to_owned());
        self.string_ids.insert(text.to_owned(), id);
        id
    }

    fn value_type(&mut self, kind: ValueType) -> message::ValueType {
        message::ValueType {
            r#type: self.string(kind.name),
            unit: self.string(kind.unit),
        }
    }

    fn label(&mut self, label: &Label) -> message::Label {
        match label {
            Label::Text(key, text) => message::Label {
                key: self.string(key),
                str: self.string(text),
                ..Default::default()
            },
            Label::Number(key, num, unit) => message::Label {
                key: self.string(key),
                num: *num,
                num_unit: self.string(unit),
                ..Default::default()
            },
        }
    }

    fn location(&mut self, frame: &Frame) -> u64 {
        if let Some(id) = self.location_ids.get(frame) {
            return *id;
        }
        let id = self.locations.len() as u64 + 1;
        let line = message::Line {
            function_id: self.function(frame),
            line: frame.line.into(),
        };
        // Readers take frames of one address for one place: each gets an address of its own.
        self.locations.push(message::Location {
            id,
            mapping_id: MAPPING,
            address: id,
            line: vec![line],
        });
        self.location_ids.insert(frame.clone(), id);
        id
    }

    fn function(&mut self, frame: &Frame) -> u64 {
        let key = (frame.function.clone(), frame.file.clone());
        if let Some(id) = self.function_ids.get(&key) {
            return *id;
        }
        let id = self.functions.len() as u64 + 1;
        let name = self.string(&frame.function);
        let filename = self.string(&frame.file);
        self.functions.push(message::Function {
            id,
            name,
            system_name: name,
            filename,
        });
        self.function_ids.insert(key, id);
        id
    }
}
