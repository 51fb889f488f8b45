//! What is said to those that mean nothing, or harm.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use frames::message::{Content, Message, Refusal};
use frames::wire::{read_binary, read_text};
use frames::{Fault, Flags, Header, Kind, Limits, Received};
use serde_json::Value;

use crate::file::{self, Hostile};

/// Two to the power of `power` zeros, compressed.
fn bomb(power: u32) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::new(9));
    let zeros = vec![0; 1 << 20];
    for _ in 0..1_u32 << (power - 20) {
        packed.write_all(&zeros).unwrap();
    }
    let packed = packed.finish().unwrap();
    // The message is within its limit: only unpacking shows what it is.
    assert!(packed.len() <= 1 << 20, "{} bytes", packed.len());
    framed(
        Flags {
            compressed: true,
            batch: false,
        },
        &packed,
    )
}

fn framed(flags: Flags, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap();
    let header = Header {
        kind: Kind::Request,
        flags,
        sequence: 0,
        method: 0,
        size,
    };
    [header.bytes().as_slice(), payload].concat()
}

fn read(row: &Hostile) -> Result<Received, Fault> {
    let limits = Limits::default();
    if let Some(text) = &row.text {
        return read_text(text, &limits);
    }
    if let Some(power) = row.bomb {
        return read_binary(&bomb(power), &limits);
    }
    match (row.fill, row.form.as_deref()) {
        (Some(size), Some("text")) => read_text(&" ".repeat(size), &limits),
        (Some(size), _) => read_binary(&framed(Flags::default(), &vec![b' '; size]), &limits),
        (None, _) => read_binary(&hex::decode(row.hex.as_ref().unwrap()).unwrap(), &limits),
    }
}

fn answer(refusal: Refusal) -> Value {
    refusal.answer().map_or(Value::Null, |answer| {
        serde_json::from_slice(&answer.json()).unwrap()
    })
}

fn said(row: &Hostile, received: Received) -> (Option<Value>, Option<Vec<Value>>) {
    match received.content {
        Err(refusal) => (Some(answer(refusal)), None),
        Ok(Content::Batch(messages)) => {
            let refused = messages.into_iter().filter_map(Result::err).map(answer);
            (None, Some(refused.collect()))
        }
        Ok(Content::One(message @ Message::Request { .. })) => panic!("{}: {message:?} was taken", row.name),
        Ok(other) => panic!("{}: {other:?} was taken", row.name),
    }
}

#[test]
fn every_hostile_frame_gets_exactly_its_answer() {
    let vectors = file::read();
    let mut wrong = Vec::new();
    for row in &vectors.hostile {
        match read(row) {
            Err(fault) => {
                let expected = (row.close, row.reason.clone());
                let actual = (Some(fault.close_code()), Some(fault.to_string()));
                if expected != actual {
                    wrong.push(format!("{}: {actual:?}, not {expected:?}", row.name));
                }
            }
            Ok(received) => {
                let actual = said(row, received);
                let expected = (row.answer.clone(), row.answers.clone());
                if expected != actual || row.close.is_some() {
                    wrong.push(format!("{}: {actual:?}, not {expected:?}", row.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert!(vectors.hostile.len() >= 60, "{} rows", vectors.hostile.len());
}

#[test]
fn unpacking_stops_at_the_limit_and_not_at_the_end() {
    // The end of the bomb is missing, and nobody gets there to see it.
    let whole = bomb(26);
    let packed = &whole[frames::HEADER_LEN..];
    let half = &packed[..packed.len() / 2];
    let limit = Limits::default().inflated;
    assert_eq!(frames::gzip::unpack(half, limit), Err(Fault::Inflated(limit)));
    assert_eq!(frames::gzip::unpack(half, 64 << 20), Err(Fault::Gzip));
}
