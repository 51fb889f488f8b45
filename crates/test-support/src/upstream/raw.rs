//! An upstream that does not keep to HTTP: it says what a test wants, byte for byte.

use std::net::TcpListener;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::background::Background;

/// A server that reads one request a connection and answers bytes.
pub struct RawUpstream {
    url: String,
    _server: Background,
}

/// What follows the first bytes of an answer.
#[derive(Debug, Clone)]
pub enum Then {
    /// The connection is closed.
    Close,
    /// Nothing; it stays open.
    Hang,
    /// These bytes, for as long as the client reads.
    Repeat(Vec<u8>),
}

impl RawUpstream {
    /// Starts it; every connection is answered so.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(first: impl Into<Vec<u8>>, then: Then) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let first = first.into();
        let server = Background::serve(listener, |listener| accept(listener, first, then))?;
        Ok(Self { url, _server: server })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn accept(listener: tokio::net::TcpListener, first: Vec<u8>, then: Then) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, first.clone(), then.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Errors are wanted: the client goes away when it has seen enough.
async fn answer(mut stream: TcpStream, first: Vec<u8>, then: Then) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 4_096];
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    stream.write_all(&first).await?;
    match then {
        Then::Close => stream.shutdown().await,
        Then::Hang => std::future::pending().await,
        Then::Repeat(bytes) => loop {
            stream.write_all(&bytes).await?;
        },
    }
}
