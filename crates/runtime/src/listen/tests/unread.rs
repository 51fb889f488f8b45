//! Requests that are answered before their body was read.

use super::*;

/// Answers without reading; says when it has begun.
fn refusing(begun: Arc<Semaphore>) -> Router {
    let handler = move || {
        begun.add_permits(1);
        async { axum::http::StatusCode::UNAUTHORIZED }
    };
    Router::new().route("/", axum::routing::post(handler))
}

fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")
}

async fn refused_once() -> (Running, TcpStream, Arc<Semaphore>) {
    let begun = Arc::new(Semaphore::new(0));
    let server = serving(ListenConfig::default(), refusing(Arc::clone(&begun))).await;
    let client = server.connect().await;
    (server, client, begun)
}

#[tokio::test]
async fn a_body_that_comes_after_the_refusal_was_decided_does_not_cost_the_connection() {
    let (_server, mut client, begun) = refused_once().await;
    client.write_all(post(5).as_bytes()).await.unwrap();
    begun.acquire().await.unwrap().forget();
    let rest = format!("hello{}", CLOSE.replace("GET", "DELETE"));
    let answers = answer_to(&mut client, &rest).await;
    assert!(answers.starts_with("HTTP/1.1 401"), "{answers}");
    assert!(answers.contains("HTTP/1.1 405"), "{answers}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_long() {
    let (_server, mut client, _begun) = refused_once().await;
    let request = post(5);
    let answer = answer_to(&mut client, &request);
    let answer = tokio::time::timeout(Duration::from_secs(10), answer)
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_not_asked() {
    let (_server, mut client, _begun) = refused_once().await;
    let request = post(5).replace("host: a", "host: a\r\nexpect: 100-continue");
    let answer = answer_to(&mut client, &request).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let (_server, client, _begun) = refused_once().await;
    let (reader, mut writer) = client.into_split();
    let writing = async {
        let chunk = [0_u8; 64 << 10];
        writer.write_all(post(1 << 40).as_bytes()).await?;
        loop {
            writer.write_all(&chunk).await?;
        }
        #[expect(unreachable_code, reason = "names the type of the error")]
        Ok::<(), std::io::Error>(())
    };
    let (ended, _answer) = tokio::time::timeout(Duration::from_secs(10), async {
        tokio::join!(writing, all_of(reader))
    })
    .await
    .unwrap();
    assert!(ended.is_err(), "the connection was closed");
}
