//! `SERVICE probe ADDRESS`: a service's own health check, since its image holds neither a shell nor curl.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hyper::Uri;

/// More than a status line and its heads; the rest of the answer is not waited for.
const STATUS_LINE: u64 = 4096;

/// Ask an address for its health: exit code 0 when it answers 2xx, else 1. Plain HTTP; `devmesh probe` speaks TLS.
#[derive(Args)]
pub(super) struct Probe {
    /// The whole address, such as `http://127.0.0.1:8080/health/ready`.
    address: Uri,
    /// How long the answer may take.
    #[arg(long, default_value = "2s")]
    timeout: crate::config::Duration,
}

impl Probe {
    #[expect(
        clippy::print_stderr,
        reason = "where a container engine looks for the reason"
    )]
    pub(super) fn run(&self) -> ExitCode {
        match status(&self.address, self.timeout.get()) {
            Ok(200..=299) => ExitCode::SUCCESS,
            Ok(status) => {
                eprintln!("{} answers {status}", self.address);
                ExitCode::FAILURE
            }
            Err(error) => {
                eprintln!("{}: {error}", self.address);
                ExitCode::FAILURE
            }
        }
    }
}

/// The status that `address` answers a GET with.
fn status(address: &Uri, timeout: Duration) -> io::Result<u16> {
    let (Some("http"), Some(authority)) = (address.scheme_str(), address.authority()) else {
        return Err(io::Error::other("not an http:// address"));
    };
    let port = authority.port_u16().unwrap_or(80);
    let host = authority.host().trim_matches(['[', ']']);
    let deadline = Instant::now() + timeout;
    let mut stream = connect(host, port, deadline)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    let path = address.path_and_query().map_or("/", |path| path.as_str());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    read_status(stream, deadline)
}

fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::other("no such host");
    for target in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&target, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn read_status(mut stream: TcpStream, deadline: Instant) -> io::Result<u16> {
    let mut head = Vec::new();
    while !head.contains(&b'\n') {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let mut some = [0; 512];
        let read = match stream.read(&mut some) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(late()),
            read => read?,
        };
        head.extend_from_slice(some.get(..read).unwrap_or_default());
        if read == 0 || head.len() as u64 > STATUS_LINE {
            break;
        }
    }
    let line = String::from_utf8_lossy(&head);
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next().map(str::parse)) {
        (Some(version), Some(Ok(status))) if version.starts_with("HTTP/1.") => Ok(status),
        _ => Err(io::Error::other("the answer is not HTTP")),
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(late()) } else { Ok(left) }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);

    /// The status of a server that says `answer` to the first that comes, and then nothing more.
    fn of(answer: &'static str) -> io::Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/health/ready", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 256];
            let length = stream.read(&mut asked).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            // Held open until the other side has gone: the end of the answer is not what is waited for.
            let _ = stream.read(&mut asked[length..]);
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let status = status(&address.parse().unwrap(), SHORT);
        assert!(
            server
                .join()
                .unwrap()
                .starts_with("GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1:")
        );
        status
    }

    #[test]
    fn the_status_is_told_before_the_answer_ends() {
        assert_eq!(of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").unwrap(), 200);
        assert_eq!(of("HTTP/1.1 503 Service Unavailable\r\n").unwrap(), 503);
    }

    #[test]
    fn what_does_not_answer_or_speaks_something_else_is_not_well() {
        assert_eq!(of("").unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(of("SSH-2.0-x\r\n").is_err());
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(status(&format!("http://{free}/").parse().unwrap(), SHORT).is_err());
        assert!(status(&"https://127.0.0.1:1/".parse().unwrap(), SHORT).is_err());
    }
}
