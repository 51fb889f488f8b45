use std::io::Write;

use domain::call::EmbeddedResource;
use domain::{CallErrorKind, CallOutcome, Content};
use serde_json::{Value, json};
use test_support::{Reply, Upstream};

use crate::support::{Build, Mesh, text, tool};

async fn answered(reply: Reply) -> CallOutcome {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/thing", reply);
    Mesh::reaching(&upstream)
        .call(&tool("GET", "/thing"), json!({}))
        .await
}

#[tokio::test]
async fn json_is_text_and_structured_content() {
    let outcome = answered(Reply::bytes(
        200,
        "application/json",
        "{ \"b\": 1,\n \"a\": [null] }",
    ))
    .await;
    assert_eq!(text(&outcome), r#"{"b":1,"a":[null]}"#);
    assert_eq!(outcome.structured, Some(json!({"b": 1, "a": [null]})));
    assert_eq!((outcome.upstream_status, outcome.response_bytes), (Some(200), 24));
    let outcome = answered(Reply::json(201, &json!([1, 2]))).await;
    assert_eq!(outcome.structured, Some(json!({"result": [1, 2]})));
    assert_eq!(text(&outcome), "[1,2]");
}

#[tokio::test]
async fn objects_are_wrapped_where_the_tool_says_so_and_left_out_where_they_do_not_fit() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/thing", Reply::json(200, &json!({"id": 1})));
    let mesh = Mesh::reaching(&upstream);
    let mut wrapping = tool("GET", "/thing");
    wrapping.http().wraps_result = true;
    wrapping.output_schema = Some(json!({"type": "object", "required": ["result"]}).into());
    assert_eq!(
        mesh.call(&wrapping, json!({})).await.structured,
        Some(json!({"result": {"id": 1}}))
    );

    let mut wrong = tool("GET", "/thing");
    wrong.output_schema = Some(json!({"type": "object", "properties": {"id": {"type": "string"}}}).into());
    let outcome = mesh.call(&wrong, json!({})).await;
    assert_eq!((outcome.structured.as_ref(), outcome.error), (None, None));
    assert!(
        text(&outcome).contains("`id`: expected string, found integer"),
        "{}",
        text(&outcome)
    );
}

#[tokio::test]
async fn images_sound_and_bytes_have_their_own_content() {
    let outcome = answered(Reply::bytes(200, "image/png", vec![1, 2, 255])).await;
    let expected = Content::Image {
        data: "AQL/".to_owned(),
        mime_type: "image/png".to_owned(),
    };
    assert_eq!(outcome.content, [expected]);
    let outcome = answered(Reply::bytes(200, "audio/wav", vec![1, 2, 255])).await;
    let expected = Content::Audio {
        data: "AQL/".to_owned(),
        mime_type: "audio/wav".to_owned(),
    };
    assert_eq!(outcome.content, [expected]);
    let outcome = answered(Reply::bytes(200, "application/zip", vec![1, 2, 255])).await;
    let Content::Resource {
        resource:
            EmbeddedResource {
                uri,
                mime_type,
                text: None,
                blob,
            },
    } = &outcome.content[0]
    else {
        panic!("{outcome:?}")
    };
    assert!(uri.ends_with("/thing"), "{uri}");
    assert_eq!(
        (mime_type.as_deref(), blob.as_deref()),
        (Some("application/zip"), Some("AQL/"))
    );
}

#[tokio::test]
async fn an_empty_answer_says_so() {
    let outcome = answered(Reply::status(204)).await;
    assert_eq!(
        text(&outcome),
        "the upstream answered 204 No Content, without a body"
    );
    assert_eq!(outcome.error, None);
}

#[tokio::test]
async fn errors_have_the_status_and_the_first_part_of_the_body() {
    let outcome = answered(Reply::json(422, &json!({"message": "title is too long"}))).await;
    assert_eq!(outcome.error, Some(CallErrorKind::UpstreamRejected));
    assert_eq!(outcome.upstream_status, Some(422));
    assert_eq!(
        text(&outcome),
        "the upstream answered 422 Unprocessable Entity: {\"message\":\"title is too long\"}"
    );
    let outcome = answered(Reply::text(503, &"é".repeat(5_000)).header("retry-after", "30")).await;
    assert_eq!(outcome.error, Some(CallErrorKind::UpstreamFailed));
    let told = text(&outcome);
    assert!(
        told.starts_with("the upstream answered 503 Service Unavailable (Retry-After: 30): éé"),
        "{told}"
    );
    assert!(
        told.ends_with("é … (cut; 10000 bytes in all)") && told.len() < 2_200,
        "{told}"
    );
}

#[tokio::test]
async fn a_long_answer_is_cut_with_a_note_and_without_structured_content() {
    let upstream = Upstream::start().await.unwrap();
    let rows: Vec<Value> = (0..1_000).map(|i| json!({"row": i})).collect();
    upstream.on("GET", "/json", Reply::json(200, &rows.into()));
    upstream.on("GET", "/image", Reply::bytes(200, "image/png", vec![0; 5_000]));
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.limits.max_response_bytes = 100;
    let outcome = mesh.call(&tool("GET", "/json"), json!({})).await;
    assert_eq!((outcome.structured.as_ref(), outcome.error), (None, None));
    let Content::Text { text: first } = &outcome.content[0] else {
        panic!("{outcome:?}")
    };
    assert_eq!(first.len(), 100);
    assert!(
        text(&outcome).contains("[cut: the answer has at least"),
        "{}",
        text(&outcome)
    );
    let outcome = mesh.call(&tool("GET", "/image"), json!({})).await;
    assert!(
        text(&outcome).contains("image/png which is too large to hand over"),
        "{}",
        text(&outcome)
    );
    assert_eq!(outcome.content.len(), 1);
}

#[tokio::test]
async fn what_is_declared_as_json_and_is_none_is_handed_over_as_text_with_a_note() {
    let outcome = answered(Reply::bytes(200, "application/json", "{\"a\": oops")).await;
    assert_eq!((outcome.structured.as_ref(), outcome.error), (None, None));
    assert!(
        text(&outcome).starts_with("{\"a\": oops\n[note:"),
        "{}",
        text(&outcome)
    );
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_is_read_and_a_bomb_of_it_is_bounded() {
    let fine =
        Reply::bytes(200, "application/json", gzipped(b"{\"a\":1}")).header("content-encoding", "gzip");
    assert_eq!(answered(fine).await.structured, Some(json!({"a": 1})));
    let bomb = gzipped(&vec![b' '; 200 << 20]);
    assert!(bomb.len() < 300_000);
    let outcome = answered(Reply::bytes(200, "text/plain", bomb).header("content-encoding", "gzip")).await;
    assert!(text(&outcome).contains("[cut:"));
    assert!(text(&outcome).len() < (1 << 20) + 1_000);
}

#[tokio::test]
async fn garbage_is_an_error_of_the_upstream() {
    let broken = Reply::bytes(200, "application/json", "not gzip").header("content-encoding", "gzip");
    let outcome = answered(broken).await;
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::UpstreamInvalid),
        "{}",
        text(&outcome)
    );
    let outcome = answered(Reply::bytes(200, "text/plain", "x").header("content-encoding", "br")).await;
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::UpstreamInvalid),
        "{}",
        text(&outcome)
    );
    let mut half = gzipped(&[b'x'; 10_000]);
    half.truncate(20);
    let outcome = answered(Reply::bytes(200, "text/plain", half).header("content-encoding", "gzip")).await;
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::UpstreamInvalid),
        "{}",
        text(&outcome)
    );
    let outcome = answered(Reply::cut_short(200, 1_000, "half")).await;
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::UpstreamUnreachable),
        "{}",
        text(&outcome)
    );
    let outcome = answered(Reply::reset()).await;
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::UpstreamUnreachable),
        "{}",
        text(&outcome)
    );
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_an_error_of_the_upstream() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await.unwrap();
    };
    let upstream = Upstream::start().await.unwrap();
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.base_url = url;
    let the_tool = tool("GET", "/");
    let (outcome, ()) = tokio::join!(mesh.call(&the_tool, json!({})), server);
    assert_eq!(
        outcome.error,
        Some(CallErrorKind::UpstreamInvalid),
        "{}",
        text(&outcome)
    );
}
