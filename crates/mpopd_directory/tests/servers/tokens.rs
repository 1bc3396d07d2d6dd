//! Token introspection (RFC 7662), against an HTTP server of the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use ipc::directory::{DirectorySettings, LookupOutcome, TokenVerification};

use super::directory::{Directory, bounds, oauth, secret, why};
use super::program::free_port;

/// `client id:se cret`, each half form-encoded: `client+id:se+cret%2F`.
const AUTHORIZATION: &str = "Basic Y2xpZW50K2lkOnNlK2NyZXQlMkY=";

pub(crate) struct TokenServer {
    pub(crate) port: u16,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TokenServer {
    pub(crate) fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let seen = ends.clone();
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::spawn(move || serve(connection.unwrap()));
            }
        });
        Self { port, ends, thread: Some(thread) }
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request, then closes the connection, as a server may do at any time.
fn serve(connection: TcpStream) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let (mut length, mut authorized) = (0, false);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        let (name, value) = header.trim().split_once(": ").unwrap();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => authorized = value == AUTHORIZATION,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let token =
        body.strip_prefix("token=").and_then(|rest| rest.strip_suffix("&token_type_hint=access_token"));
    let good = r#""active":true,"email":"alice@example.org","iss":"https://id.example","aud":"mail""#;
    let (status, answer) = match (line.starts_with("POST /introspect HTTP/1.1"), authorized, token) {
        (false, _, _) => ("404 Not Found", String::new()),
        (true, false, _) => ("401 Unauthorized", String::new()),
        (true, true, Some("good")) => ("200 OK", format!("{{{good}}}")),
        (true, true, Some("a%2Bb%2F%3D")) => ("200 OK", format!("{{{good},\"exp\":99999999999}}")),
        (true, true, Some("past")) => ("200 OK", format!("{{{good},\"exp\":1}}")),
        (true, true, Some("theirs")) => ("200 OK", format!("{{{}}}", good.replace("mail\"", "shop\""))),
        (true, true, Some("nobody")) => ("200 OK", "{\"active\":true}".to_owned()),
        (true, true, Some("unsaid")) => ("200 OK", "{\"email\":\"alice@example.org\"}".to_owned()),
        (true, true, Some("text")) => ("200 OK", "hello".to_owned()),
        (true, true, Some("long")) => ("200 OK", format!("{{{good},\"x\":\"{}\"}}", "x".repeat(100_000))),
        (true, true, Some("broken")) => ("503 Service Unavailable", String::new()),
        (true, true, Some("moved")) => ("302 Found\r\nLocation: http://127.0.0.1:1/", String::new()),
        (true, true, Some("silence")) => {
            // Until the other side closes the connection.
            let _ = reader.read_exact(&mut [0]);
            return;
        }
        (true, true, _) => ("200 OK", "{\"active\":false}".to_owned()),
    };
    let mut connection = connection;
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    );
    let _ = connection.write_all((head + &answer).as_bytes());
}

fn setup(port: u16, client_id: &str, seconds: u64) -> DirectorySettings {
    let by = TokenVerification::Introspection {
        url: format!("http://127.0.0.1:{port}/introspect"),
        client_id: client_id.to_owned(),
        client_secret: secret("se cret/"),
    };
    oauth(by, bounds(seconds))
}

#[test]
fn the_server_says_whom_a_token_stands_for() {
    let server = TokenServer::start(free_port());
    let mut directory = Directory::start(setup(server.port, "client id", 30));
    let granted = || LookupOutcome::Granted("alice@example.org".to_owned());
    assert_eq!(directory.token("good"), granted());
    assert_eq!(directory.token("a+b/="), granted());
    for bad in ["unknown", "past", "theirs", "nobody", "", "with space", "line\nfeed", "é", "good&token=good"]
    {
        assert_eq!(directory.token(bad), LookupOutcome::Refused, "{bad:?}");
    }
    for (token, told) in [
        ("unsaid", "does not say \"active\""),
        ("text", "no JSON object"),
        ("long", "cannot be reached"),
        ("broken", "503"),
        ("moved", "302"),
    ] {
        let why = why(directory.token(token));
        assert!(why.contains(told), "{why}");
    }
    assert_eq!(directory.token("good"), granted());
    let told = why(Directory::start(setup(server.port, "other", 30)).token("good"));
    assert!(told.contains("check the settings") && told.contains("401"), "{told}");
}

#[test]
fn a_server_that_is_down_or_silent_is_temporary_and_comes_back() {
    let port = free_port();
    let mut directory = Directory::start(setup(port, "client id", 5));
    assert!(why(directory.token("good")).contains("cannot be reached"));
    let server = TokenServer::start(port);
    assert_eq!(directory.token("good"), LookupOutcome::Granted("alice@example.org".to_owned()));
    assert_eq!(why(directory.token("silence")), "the token server 127.0.0.1 has not answered after 5 s");
    drop(server);
    assert!(why(directory.token("good")).contains("cannot be reached"));
    let _server = TokenServer::start(port);
    assert_eq!(directory.token("good"), LookupOutcome::Granted("alice@example.org".to_owned()));
}
