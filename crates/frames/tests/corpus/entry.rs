//! What the fuzz targets of the WebSocket protocol run, and what has to hold of any input. `crates/fuzz` takes this file
//! as it is.

use frames::message::{Content, Message};
use frames::wire::{Frame, Ready, Writer, read_binary, read_text};
use frames::{Form, Kind, Limits, Received};

/// Small, so that a fuzzer gets to them.
const LIMITS: Limits = Limits {
    message: 4_096,
    inflated: 16_384,
    batch: 8,
};

/// A binary frame is refused with a reason that fits a close frame, or means something: the same when it is written
/// again, compressed or not.
pub fn frame(bytes: &[u8]) {
    match read_binary(bytes, &LIMITS) {
        Err(fault) => {
            assert!((1002..=1009).contains(&fault.close_code()));
            assert!(fault.to_string().len() <= 123, "{fault}");
        }
        Ok(received) => {
            assert!(bytes.len() <= LIMITS.message + frames::HEADER_LEN);
            for compress_from in [0, usize::MAX] {
                again(&received, Form::Binary, compress_from);
            }
            again(&received, Form::Text, 0);
        }
    }
}

/// A text is answered, or means something: the same when it is written again, in either form.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match read_text(text, &LIMITS) {
        Err(fault) => assert!(bytes.len() > LIMITS.message, "{fault}"),
        Ok(received) => {
            again(&received, Form::Text, 0);
            again(&received, Form::Binary, 0);
        }
    }
}

/// Writes what was read, and reads it again.
fn again(received: &Received, form: Form, compress_from: usize) {
    let ready = match &received.content {
        Err(refusal) => return answered(refusal.clone().answer()),
        Ok(Content::Ping(bytes)) => return beat(Kind::Ping, bytes),
        Ok(Content::Pong(bytes)) => return beat(Kind::Pong, bytes),
        Ok(Content::One(message)) => Ready::from(message),
        Ok(Content::Batch(messages)) => {
            let taken: Vec<Message> = messages
                .iter()
                .filter_map(|message| message.clone().ok())
                .collect();
            if taken.len() < messages.len() {
                return;
            }
            Ready::batch(&taken)
        }
    };
    let sent = Writer { form, compress_from }.write(&ready, received.sequence);
    // What is written may be longer than what was read: numbers and escapes have several forms.
    let limits = Limits {
        message: 1 << 20,
        inflated: 1 << 20,
        ..LIMITS
    };
    let read = match &sent.frame {
        Frame::Text(text) => read_text(std::str::from_utf8(text).expect("UTF-8"), &limits),
        Frame::Binary(bytes) => read_binary(bytes, &limits),
    };
    let read = read.expect("what we write can be read");
    assert_eq!(
        (read.sequence, &read.content),
        (received.sequence, &received.content)
    );
}

fn beat(kind: Kind, bytes: &[u8]) {
    let read = read_binary(&Writer::heartbeat(kind, bytes), &LIMITS).expect("a ping or pong");
    assert_eq!(read.kind, kind);
}

/// The answer to what is no message is a message, of bounded length.
fn answered(answer: Option<Message>) {
    let Some(answer) = answer else { return };
    let Message::Error { error, .. } = &answer else {
        panic!("{answer:?} answers what is no message")
    };
    assert!(
        matches!(error.code, -32_700 | -32_600 | -32_601 | -32_602),
        "{error:?}"
    );
    assert!(
        !error.message.is_empty() && error.message.len() <= 512,
        "{error:?}"
    );
    let text = answer.json();
    let read = read_text(std::str::from_utf8(&text).expect("UTF-8"), &LIMITS).expect("short");
    assert_eq!(read.content, Ok(Content::One(answer)));
}
