//! Accepts connections, records requests, carries out replies.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{Recorded, Shared, lock, reply::Action};

type Body = BoxBody<Bytes, io::Error>;

/// Serves until dropped, and cuts every connection then.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve(stream, shared.clone()))),
                Err(_) => return,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    drop(stream.set_nodelay(true));
    let reset = Arc::new(AtomicBool::new(false));
    let stream = Resettable {
        stream,
        reset: reset.clone(),
    };
    let service = service_fn(move |request| answer(request, shared.clone(), reset.clone()));
    // Errors are wanted: a reset, or a client that went away.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    reset: Arc<AtomicBool>,
) -> Result<Response<Body>, io::Error> {
    let request = record(request).await?;
    lock(&shared.requests).push(request.clone());
    let mut reply = lock(&shared.routes).reply_to(&request);
    loop {
        if let Some(gate) = &reply.gate {
            gate.passed().await;
        }
        match reply.action {
            Action::Compute(compute) => reply = compute(&request),
            action => return carry_out(action, &reset).await,
        }
    }
}

async fn record(request: Request<Incoming>) -> Result<Recorded, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Recorded {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
    })
}

async fn carry_out(action: Action, reset: &AtomicBool) -> Result<Response<Body>, io::Error> {
    match action {
        Action::Answer {
            status,
            headers,
            body,
        } => {
            let mut response = Response::builder().status(status);
            for (name, value) in &headers {
                response = response.header(name, value);
            }
            response
                .body(Full::new(body).map_err(never).boxed())
                .map_err(io::Error::other)
        }
        Action::CutShort {
            status,
            promised,
            body,
        } => {
            let cut = Err(io::Error::other("cut short on purpose"));
            let frames = tokio_stream::iter([Ok(Frame::data(body)), cut]);
            let response = Response::builder()
                .status(status)
                .header(header::CONTENT_LENGTH, promised);
            response
                .body(BodyExt::boxed(StreamBody::new(frames)))
                .map_err(io::Error::other)
        }
        Action::Hang => std::future::pending().await,
        Action::Reset | Action::Compute(_) => {
            reset.store(true, Ordering::Relaxed);
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
}

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}

/// A stream that can be told to end with RST instead of FIN.
struct Resettable {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Resettable {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A shutdown would send FIN first.
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
