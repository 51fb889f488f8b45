//! The in-memory connection that services in one process speak gRPC over.
//!
//! Same client, same server, same code as over TCP; only the bytes stay in the process. The two ends may live
//! on different tokio runtimes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

/// Bytes that one direction of a connection holds before its writer waits.
const BUFFER_BYTES: usize = 256 * 1024;
/// Connections that wait for a server that has not yet taken them, as a listen backlog does.
const BACKLOG: usize = 128;

/// Both ends of a link: give `incoming` to the server, clones of `connector` to its clients.
pub struct InMemoryLink {
    /// The clients' end.
    pub connector: LinkConnector,
    /// The server's end.
    pub incoming: LinkIncoming,
}

impl InMemoryLink {
    /// A link with no connection yet. Clients may connect before the server listens: they wait for it.
    #[expect(
        clippy::new_without_default,
        reason = "a link is a resource with two ends, not a default value"
    )]
    pub fn new() -> Self {
        let (offer, accept) = mpsc::channel(BACKLOG);
        Self {
            connector: LinkConnector { offer },
            incoming: LinkIncoming { accept },
        }
    }

    /// The two ends as a pair.
    pub fn split(self) -> (LinkConnector, LinkIncoming) {
        (self.connector, self.incoming)
    }
}

/// Opens connections to the server at the other end of the link.
#[derive(Clone, Debug)]
pub struct LinkConnector {
    offer: mpsc::Sender<DuplexStream>,
}

impl LinkConnector {
    /// Opens one connection.
    ///
    /// # Errors
    /// `ConnectionRefused` once the server's end is gone.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        let (client, server) = duplex(BUFFER_BYTES);
        let refused = |_| {
            io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "the server of this link is gone",
            )
        };
        self.offer.send(server).await.map_err(refused)?;
        Ok(client)
    }
}

/// The server's connections, in the order in which they were opened. Ends when no connector is left.
///
/// `tonic`'s `serve_with_incoming` takes it as it is.
#[derive(Debug)]
pub struct LinkIncoming {
    accept: mpsc::Receiver<DuplexStream>,
}

impl Stream for LinkIncoming {
    type Item = io::Result<DuplexStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.accept.poll_recv(cx).map(|next| next.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Answers every connection with what it received, until the connectors are gone; counts them.
    async fn echo(mut incoming: LinkIncoming) -> usize {
        let mut served = 0;
        while let Some(connection) = incoming.next().await {
            served += 1;
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(connection.unwrap());
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
        served
    }

    async fn send_and_receive(connector: &LinkConnector, sent: &[u8]) -> Vec<u8> {
        let (mut read, mut write) = tokio::io::split(connector.connect().await.unwrap());
        let mut received = Vec::new();
        let write_all = async {
            write.write_all(sent).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let (_, result) = tokio::join!(write_all, read.read_to_end(&mut received));
        result.unwrap();
        received
    }

    #[test]
    fn bytes_larger_than_the_buffer_cross_between_two_runtimes_both_ways() {
        let (connector, incoming) = InMemoryLink::new().split();
        let server = std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(echo(incoming)));
        let sent: Vec<u8> = (0..3 * BUFFER_BYTES).map(|i| (i % 251) as u8).collect();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            for _ in 0..3 {
                assert_eq!(send_and_receive(&connector, &sent).await, sent);
            }
        });
        drop(connector);
        assert_eq!(server.join().unwrap(), 3);
    }

    #[tokio::test]
    async fn a_client_that_connects_before_the_server_listens_is_served_when_it_does() {
        let (connector, incoming) = InMemoryLink::new().split();
        let client = tokio::spawn(async move { send_and_receive(&connector, b"early").await });
        tokio::task::yield_now().await;
        let server = tokio::spawn(echo(incoming));
        assert_eq!(client.await.unwrap(), b"early");
        assert_eq!(server.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn connecting_to_a_server_that_is_gone_is_refused() {
        let (connector, incoming) = InMemoryLink::new().split();
        drop(incoming);
        assert_eq!(
            connector.connect().await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }

    #[tokio::test]
    async fn a_connection_the_server_never_took_ends_when_the_server_goes() {
        let (connector, incoming) = InMemoryLink::new().split();
        let mut connection = connector.connect().await.unwrap();
        drop(incoming);
        assert_eq!(connection.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
