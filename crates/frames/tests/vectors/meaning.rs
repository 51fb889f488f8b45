//! What frames mean.

use frames::message::{Content, Message};
use frames::wire::{Frame, Ready, Writer, read_binary, read_text};
use frames::{Form, Kind, Limits, Received};
use serde_json::Value;

use crate::file::{self, Binary};

fn value(content: &Content) -> Value {
    let one = |message: &Message| serde_json::from_slice::<Value>(&message.json()).unwrap();
    match content {
        Content::One(message) => one(message),
        Content::Batch(messages) => messages
            .iter()
            .map(|message| one(message.as_ref().unwrap()))
            .collect(),
        Content::Ping(bytes) | Content::Pong(bytes) => hex::encode(bytes).into(),
    }
}

fn ready(content: &Content) -> Ready {
    match content {
        Content::One(message) => Ready::from(message),
        Content::Batch(messages) => {
            let messages: Vec<_> = messages.iter().cloned().map(Result::unwrap).collect();
            Ready::batch(&messages)
        }
        other => panic!("{other:?} is written as it is"),
    }
}

fn written(vector: &Binary, received: &Received) -> Vec<u8> {
    match received.content.as_ref().unwrap() {
        Content::Ping(bytes) => Writer::heartbeat(Kind::Ping, bytes).to_vec(),
        Content::Pong(bytes) => Writer::heartbeat(Kind::Pong, bytes).to_vec(),
        content => {
            let writer = Writer {
                form: Form::Binary,
                compress_from: usize::MAX,
            };
            writer
                .write(&ready(content), vector.sequence)
                .frame
                .bytes()
                .to_vec()
        }
    }
}

#[test]
fn every_binary_vector_means_what_it_says_and_is_written_so() {
    let vectors = file::read();
    assert_eq!(vectors.protocol, frames::SUBPROTOCOL);
    for vector in &vectors.binary {
        let name = &vector.name;
        let received =
            read_binary(&vector.hex, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(received.kind.as_str(), vector.kind, "{name}");
        assert_eq!(received.sequence, vector.sequence, "{name}");
        assert_eq!(received.compressed, vector.compressed, "{name}");
        let content = received
            .content
            .as_ref()
            .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        assert_eq!(value(content), vector.content, "{name}");
        assert_eq!(
            u16::from_be_bytes([vector.hex[16], vector.hex[17]]),
            vector.method,
            "{name}"
        );
        if vector.canonical {
            assert_eq!(
                hex::encode(written(vector, &received)),
                hex::encode(&vector.hex),
                "{name}"
            );
        }
    }
    assert!(vectors.binary.len() >= 20);
}

#[test]
fn every_text_vector_means_what_it_says_and_is_written_so() {
    let vectors = file::read();
    let writer = Writer {
        form: Form::Text,
        compress_from: 0,
    };
    for vector in &vectors.text {
        let name = &vector.name;
        let received = read_text(&vector.text, &Limits::default()).unwrap();
        assert_eq!(received.sequence, vector.sequence, "{name}");
        let content = received
            .content
            .as_ref()
            .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        assert_eq!(value(content), vector.content, "{name}");
        if vector.canonical {
            let sent = writer.write(&ready(content), vector.sequence);
            let Frame::Text(text) = sent.frame else {
                panic!("{name}: binary")
            };
            assert_eq!(std::str::from_utf8(&text).unwrap(), vector.text, "{name}");
        }
    }
    assert!(vectors.text.len() >= 9);
}
