//! Tests the mechanisms against an independent client: gsasl(1) of GNU SASL.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use auth::Authenticator;
use auth::sasl::{SaslClient, SaslExchange, SaslProgress};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{AuthType, Config};
use vocabulary::{LoginFailure, SaslMechanism};

/// The password of all users.
const PASSWORD: &str = "open, ses=ame";

/// The channel binding of a connection that has one.
const BOUND: [u8; 32] = [7; 32];

/// The prompt with which gsasl asks for the channel binding.
const ASKED_FOR_BINDING: &str = "Enter base64 encoded tls-exporter channel binding: ";

/// gsasl, as a client of one exchange.
struct Gsasl {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Gsasl {
    /// Starts gsasl for a connection with this channel binding, if any.
    fn start(mechanism: SaslMechanism, user: &str, password: &str, bound: Option<&[u8]>) -> Self {
        let mut process = Command::new("gsasl")
            .args(["--client", "--quiet", "--mechanism", mechanism.word()])
            // Given like this it is switched off: gsasl ends after the authentication.
            .arg("--application-data")
            .args(["-a", user, "-p", password, "-z", user])
            .args(bound.is_none().then_some("--no-cb"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut gsasl = Self { input, output: BufReader::new(process.stdout.take().unwrap()), process };
        assert_eq!(gsasl.line().unwrap(), mechanism.word());
        if let Some(bound) = bound {
            gsasl.challenge(bound);
        }
        gsasl
    }

    /// The next line; `None` if there is none.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }

    fn response(&mut self) -> Option<Vec<u8>> {
        let line = self.line()?;
        Some(STANDARD.decode(line.strip_prefix(ASKED_FOR_BINDING).unwrap_or(&line)).unwrap())
    }

    fn challenge(&mut self, challenge: &[u8]) {
        // It may have ended already: then there is no response either.
        let _ = writeln!(self.input, "{}", STANDARD.encode(challenge));
    }
}

impl Drop for Gsasl {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether gsasl is installed; prints a message if it is not.
fn here() -> bool {
    let here = Command::new("gsasl").arg("--version").output().is_ok();
    if !here {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "gsasl is missing: apt-get install gsasl");
        println!("skipped: gsasl is not installed");
    }
    here
}

fn authenticator() -> (tempfile::TempDir, Authenticator) {
    let verifier = Command::new("gsasl")
        .args([
            "--mkpasswd",
            "--mechanism",
            "SCRAM-SHA-256",
            "--iteration-count",
            "5000",
            "--password",
            PASSWORD,
        ])
        .output()
        .unwrap();
    let verifier = String::from_utf8(verifier.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let userlist = folder.path().join("users");
    let users =
        format!("plain:{{PLAIN}}{PASSWORD}:7\nscram:{}:7\na=b,c:{{PLAIN}}{PASSWORD}:7\n", verifier.trim());
    fs::write(&userlist, users).unwrap();
    fs::set_permissions(&userlist, fs::Permissions::from_mode(0o600)).unwrap();
    let mut config = Config { auth_type: AuthType::List, userlist, ..Config::default() };
    config.sasl_mechanisms.push(SaslMechanism::External);
    config.tls.client_ca = Some("/etc/ca.pem".into());
    let auth = Authenticator::new(&config).unwrap();
    (folder, auth)
}

/// Plays an exchange between gsasl and the server. Different channel bindings at the two ends stand for an
/// attacker in between. Returns the user who is let in, or why the exchange failed.
fn talk(
    auth: &mut Authenticator,
    mechanism: SaslMechanism,
    user: &str,
    password: &str,
    [here, there]: [Option<&[u8]>; 2],
) -> Result<String, LoginFailure> {
    let mut gsasl = Gsasl::start(mechanism, user, password, there);
    let client = SaslClient {
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        channel_binding: here.map(Into::into),
        certificate: Some(user.as_bytes().into()),
    };
    let initial = match mechanism {
        SaslMechanism::Login => None,
        _ => gsasl.response(),
    };
    let mut progress = SaslExchange::begin(mechanism, initial.as_deref(), client, auth);
    loop {
        match progress {
            SaslProgress::Challenge(challenge, exchange) => {
                gsasl.challenge(&challenge);
                progress = exchange.answer(&gsasl.response().unwrap(), auth);
            }
            SaslProgress::Done(account) => return Ok(account.user.to_string()),
            SaslProgress::Refused(refused) => return Err(refused.error.failure()),
        }
    }
}

#[test]
fn gsasl_logs_in_by_every_mechanism_that_it_has() {
    if !here() {
        return;
    }
    let (_folder, mut auth) = authenticator();
    for mechanism in
        [SaslMechanism::Plain, SaslMechanism::Login, SaslMechanism::External, SaslMechanism::ScramSha256]
    {
        for user in ["plain", "scram", "a=b,c"] {
            let verdict = talk(&mut auth, mechanism, user, PASSWORD, [None; 2]);
            assert_eq!(verdict.as_deref(), Ok(user), "{mechanism}");
        }
    }
}

#[test]
fn gsasl_trusts_the_server_that_knows_the_password_and_no_other() {
    if !here() {
        return;
    }
    let (_folder, mut auth) = authenticator();
    for (user, forged) in [("plain", false), ("scram", false), ("plain", true), ("scram", true)] {
        let mut gsasl = Gsasl::start(SaslMechanism::ScramSha256, user, PASSWORD, None);
        let client =
            SaslClient { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), channel_binding: None, certificate: None };
        let first = gsasl.response();
        let begun = SaslExchange::begin(SaslMechanism::ScramSha256, first.as_deref(), client, &mut auth);
        let SaslProgress::Challenge(challenge, exchange) = begun else {
            panic!("{user}: no first challenge")
        };
        gsasl.challenge(&challenge);
        let proof = gsasl.response().unwrap();
        let SaslProgress::Challenge(mut signature, _) = exchange.answer(&proof, &mut auth) else {
            panic!("{user}: no signature of the server")
        };
        assert!(signature.starts_with(b"v="));
        if forged {
            // Any other base64 digit makes it a different signature.
            signature[2] = if signature[2] == b'A' { b'B' } else { b'A' };
        }
        gsasl.challenge(&signature);
        // gsasl answers a correct signature with an empty line, and ends at any other.
        assert_eq!(gsasl.response(), (!forged).then(Vec::new), "{user}, forged: {forged}");
    }
}

#[test]
fn gsasl_binds_to_the_connection() {
    if !here() {
        return;
    }
    let (_folder, mut auth) = authenticator();
    let (bound, other) = (Some(&BOUND[..]), Some(&[8; 32][..]));
    for user in ["plain", "scram"] {
        let mut talk = |mechanism, ends| talk(&mut auth, mechanism, user, PASSWORD, ends);
        let ok = Ok(user.to_owned());
        assert_eq!(talk(SaslMechanism::ScramSha256Plus, [bound, bound]), ok);
        assert_eq!(talk(SaslMechanism::ScramSha256Plus, [bound, other]), Err(LoginFailure::Password));
        assert_eq!(talk(SaslMechanism::ScramSha256, [bound, None]), ok, "a client that cannot bind");
    }
}

#[test]
fn gsasl_is_refused_with_a_wrong_password_or_an_unknown_name() {
    if !here() {
        return;
    }
    let (_folder, mut auth) = authenticator();
    for mechanism in [SaslMechanism::Plain, SaslMechanism::Login, SaslMechanism::ScramSha256] {
        let verdict = talk(&mut auth, mechanism, "plain", "wrong", [None; 2]);
        assert_eq!(verdict, Err(LoginFailure::Password), "{mechanism}");
        let verdict = talk(&mut auth, mechanism, "nobody", PASSWORD, [None; 2]);
        assert_eq!(verdict, Err(LoginFailure::UnknownUser), "{mechanism}");
    }
    let verdict = talk(&mut auth, SaslMechanism::External, "nobody", PASSWORD, [None; 2]);
    assert_eq!(verdict, Err(LoginFailure::UnknownUser));
}
