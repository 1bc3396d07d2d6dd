//! The part of HTTP that a scrape needs: `GET /metrics`, one request per connection, bounded in size, number
//! and time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// The largest number of concurrent connections; any more are closed at once.
const MOST_CONNECTIONS: usize = 8;
/// The longest request, in octets.
const MOST_REQUEST: usize = 8 * 1024;
/// How much is read and ignored after it, in octets.
const MOST_IGNORED: u64 = 64 * 1024;
/// How long a request and its response may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when the machine has no memory or descriptor for another connection.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves one socket, forever. `page` makes the response to a scrape.
pub(crate) async fn serve(listener: TcpListener, page: impl Fn() -> String + Send + Sync + 'static) {
    let (page, slots) = (Arc::new(page), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(slot) = slots.clone().try_acquire_owned() else { continue };
                let page = page.clone();
                tokio::spawn(async move {
                    let _slot = slot;
                    // A client that is too slow gets nothing.
                    let _ = tokio::time::timeout(TIMEOUT, respond(stream, &*page)).await;
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn respond(mut stream: TcpStream, page: impl Fn() -> String) -> io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !is_whole(&head) && head.len() < MOST_REQUEST {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match parse(&head) {
        ScrapeRequest::Metrics => ("200 OK", page()),
        ScrapeRequest::Rejected(status) => (status, format!("{status}\n")),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing a socket with unread data would reset it and cut the response off.
    let mut rest = stream.take(MOST_IGNORED);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(drop)
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n")
}

/// The request of a connection.
#[derive(Debug, PartialEq, Eq)]
enum ScrapeRequest {
    Metrics,
    /// Something else, and the status that rejects it.
    Rejected(&'static str),
}

/// Reads the head of a request (RFC 9112, section 3).
fn parse(head: &[u8]) -> ScrapeRequest {
    if !is_whole(head) {
        return ScrapeRequest::Rejected("431 Request Header Fields Too Large");
    }
    let line = head.split(|octet| *octet == b'\r').next().unwrap_or_default();
    let parts: Vec<&[u8]> = line.split(|octet| *octet == b' ').collect();
    match parts.as_slice() {
        [method, target, version] if version.starts_with(b"HTTP/1.") => {
            let path = target.split(|octet| *octet == b'?').next().unwrap_or_default();
            match (*method, path) {
                (b"GET", b"/metrics") => ScrapeRequest::Metrics,
                (_, b"/metrics") => ScrapeRequest::Rejected("405 Method Not Allowed"),
                _ => ScrapeRequest::Rejected("404 Not Found"),
            }
        }
        _ => ScrapeRequest::Rejected("400 Bad Request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_of_metrics_is_answered() {
        for request in ["GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "GET /metrics?x=1 HTTP/1.0\r\n\r\n"] {
            assert_eq!(parse(request.as_bytes()), ScrapeRequest::Metrics, "{request}");
        }
        for (request, status) in [
            ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
            ("GET / HTTP/1.1\r\n\r\n", "404"),
            ("GET /metrics/../etc HTTP/1.1\r\n\r\n", "404"),
            ("GET /metrics\r\n\r\n", "400"),
            ("\r\n\r\n", "400"),
            ("GET  /metrics HTTP/1.1\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1\r\nX: y\r\n", "431"),
        ] {
            let ScrapeRequest::Rejected(said) = parse(request.as_bytes()) else { panic!("{request}") };
            assert!(said.starts_with(status), "{request}: {said}");
        }
    }
}
