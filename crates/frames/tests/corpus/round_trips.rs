//! Any message survives both forms, with and without compression.

use frames::message::{Content, Id, Message, Rpc};
use frames::wire::{Frame, Ready, Writer, read_binary, read_text};
use frames::{Form, Limits};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::vec(("\\PC{0,8}", value), 0..6).prop_map(|members| members.into_iter().collect())
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![any::<i64>().prop_map(Id::Number), "\\PC{0,32}".prop_map(Id::Text)]
}

fn method() -> impl Strategy<Value = String> {
    let numbered = proptest::sample::select(frames::method::NUMBERED.to_vec()).prop_map(str::to_owned);
    prop_oneof![numbered, "\\PC{1,30}", Just("notifications/progress".to_owned())]
}

fn message() -> impl Strategy<Value = Message> {
    let params = || proptest::option::of(object(json()).prop_map(Value::Object));
    let error = (any::<i32>(), "\\PC{0,30}", proptest::option::of(json()))
        .prop_map(|(code, message, data)| Rpc { code, message, data });
    prop_oneof![
        (id(), method(), params()).prop_map(|(id, method, params)| Message::Request { id, method, params }),
        (method(), params()).prop_map(|(method, params)| Message::Notification { method, params }),
        (id(), json()).prop_map(|(id, result)| Message::Response { id, result }),
        (proptest::option::of(id()), error).prop_map(|(id, error)| Message::Error { id, error }),
    ]
}

fn read(frame: &Frame) -> (u64, Content) {
    let limits = Limits::default();
    let received = match frame {
        Frame::Text(text) => read_text(std::str::from_utf8(text).unwrap(), &limits),
        Frame::Binary(bytes) => read_binary(bytes, &limits),
    };
    let received = received.unwrap();
    (received.sequence, received.content.unwrap())
}

fn writers() -> impl Strategy<Value = Writer> {
    let form = proptest::sample::select(vec![Form::Text, Form::Binary]);
    let from = proptest::sample::select(vec![0, 200, usize::MAX]);
    (form, from).prop_map(|(form, compress_from)| Writer { form, compress_from })
}

proptest! {
    #[test]
    fn a_message_is_the_same_in_both_forms(message in message(), sequence in any::<u64>(), writer in writers()) {
        let sent = writer.write(&Ready::from(&message), sequence);
        prop_assert_eq!(read(&sent.frame), (sequence, Content::One(message)));
    }

    #[test]
    fn a_batch_is_the_same_in_both_forms(
        messages in proptest::collection::vec(message(), 1..6),
        sequence in any::<u64>(),
        writer in writers(),
    ) {
        let sent = writer.write(&Ready::batch(&messages), sequence);
        let expected = messages.into_iter().map(Ok).collect();
        prop_assert_eq!(read(&sent.frame), (sequence, Content::Batch(expected)));
    }

    #[test]
    fn what_is_packed_is_unpacked_again_up_to_the_limit(bytes in proptest::collection::vec(0..4_u8, 0..5_000)) {
        if let Some(packed) = frames::gzip::pack(&bytes) {
            prop_assert_eq!(frames::gzip::unpack(&packed, bytes.len()), Ok(bytes.clone()));
            let less = bytes.len() - 1;
            prop_assert_eq!(frames::gzip::unpack(&packed, less), Err(frames::Fault::Inflated(less)));
        }
    }
}
