use frames::wire::{self, Limits};
use serde_json::json;

use super::*;

fn ask(method: &str, repeatable: bool) -> (Ask, oneshot::Receiver<Result<Value, Error>>) {
    let (answer, answered) = oneshot::channel();
    let (method, params) = (method.to_owned(), json!({}));
    (
        Ask {
            method,
            params,
            repeatable,
            answer,
        },
        answered,
    )
}

fn read(frame: &Frame) -> Value {
    serde_json::from_slice(frame.bytes()).unwrap()
}

fn received(message: &Value) -> Received {
    wire::read_text(&message.to_string(), &Limits::default()).unwrap()
}

#[test]
fn after_a_break_only_what_the_mesh_has_not_received_is_sent_again_under_its_number() {
    let mut session = Session::default();
    let (first, mut first_answer) = ask("task.accept", true);
    let (second, mut second_answer) = ask("tools/call", false);
    assert_eq!(read(&session.begin(first, 1_000).unwrap())["seq"], 1);
    assert_eq!(read(&session.begin(second, 1_000).unwrap())["seq"], 2);
    let again = session.resumed(Some(1));
    assert_eq!(again.len(), 1);
    assert_eq!(
        (&read(&again[0])["seq"], &read(&again[0])["method"]),
        (&json!(2), &json!("tools/call"))
    );
    session.take(received(
        &json!({"jsonrpc": "2.0", "seq": 1, "id": 1, "result": {"of": "the first"}}),
    ));
    assert_eq!(first_answer.try_recv().unwrap().unwrap()["of"], "the first");
    assert!(second_answer.try_recv().is_err());
}

#[test]
fn where_the_replica_is_gone_the_harmless_is_asked_again_and_the_rest_is_in_doubt() {
    for is_known in [true, false] {
        let mut session = Session::default();
        let (harmless, mut asked) = ask("task.complete", true);
        let (harmful, mut in_doubt) = ask("tools/call", false);
        let (abandoned, nobody) = ask("task.get", true);
        for ask in [harmful, abandoned, harmless] {
            session.begin(ask, 1_000);
        }
        drop(nobody);
        let again = match is_known {
            true => session.resumed(None),
            false => session.begun(Some("token".to_owned()), Inbox::after(1)),
        };
        let again: Vec<_> = again.iter().map(read).collect();
        assert_eq!(again.len(), 1, "{again:?}");
        assert_eq!(
            (&again[0]["seq"], &again[0]["method"]),
            (&json!(1), &json!("task.complete"))
        );
        assert!(matches!(in_doubt.try_recv().unwrap(), Err(Error::InDoubt)));
        session.take(received(
            &json!({"jsonrpc": "2.0", "id": again[0]["id"], "result": 1}),
        ));
        assert_eq!(asked.try_recv().unwrap().unwrap(), 1);
    }
}

#[test]
fn what_comes_twice_is_taken_once_and_acknowledged_once() {
    let mut session = Session::default();
    let news = received(&json!({"jsonrpc": "2.0", "seq": 1, "method": "task.assigned", "params": {"n": 1}}));
    let said = Said::Notification {
        method: "task.assigned".to_owned(),
        params: json!({"n": 1}),
    };
    assert_eq!(session.take(news.clone()), [said]);
    assert_eq!(session.take(news), []);
    assert_eq!(
        (
            session.unacknowledged(),
            session.acknowledge(),
            session.acknowledge()
        ),
        (1, Some(1), None)
    );
}

#[test]
fn a_request_that_is_too_large_is_not_sent_and_takes_no_number() {
    let mut session = Session::default();
    let (mut large, mut answer) = ask("task.complete", true);
    large.params = json!({ "result": "x".repeat(1_000) });
    assert!(session.begin(large, 1_000).is_none());
    assert!(
        answer
            .try_recv()
            .unwrap()
            .unwrap_err()
            .to_string()
            .contains("and the mesh takes 1000")
    );
    assert_eq!(
        read(&session.begin(ask("ping", true).0, 1_000).unwrap())["seq"],
        1
    );
}
