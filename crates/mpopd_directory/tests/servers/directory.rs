//! The program under test, with the test in the place of its supervisor and of the auth processes.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use ipc::SecretOctets;
use ipc::directory::{
    DirectoryAnswer, DirectoryQuery, DirectoryRequest, DirectorySettings, FromDirectory, LdapAttributes,
    LdapSettings, LookupName, LookupOutcome, OAuthSettings, RequestId, ServerBounds, SqlSettings,
    ToDirectory, TokenVerification, UserSource,
};
use ipc::wire::{self, Wait};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

/// The time limit for an answer, whatever the load.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Directory {
    child: Child,
    /// `None` after a test has closed it, as if the supervisor had exited.
    pub(crate) control: Option<OwnedFd>,
    pub(crate) auth: Auth,
}

/// The channel of an auth process.
pub(crate) struct Auth {
    pub(crate) channel: OwnedFd,
    next: RequestId,
}

impl Directory {
    /// Starts the program with one channel.
    pub(crate) fn start(setup: DirectorySettings) -> Self {
        Self::try_start(setup).unwrap_or_else(|(why, status)| panic!("{status}: {why}"))
    }

    /// Starts the program, or returns its error about the settings.
    pub(crate) fn try_start(setup: DirectorySettings) -> Result<Self, (String, ExitStatus)> {
        let (control, theirs) = sys::seqpacket::pair().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mpopd-directory"))
            .env_clear()
            .stdin(Stdio::from(theirs))
            .spawn()
            .unwrap();
        set_socket_timeout(&control, Timeout::Recv, Some(PATIENCE)).unwrap();
        ipc::send(&control, &ToDirectory::Settings(Box::new(setup)), &[], Wait::Forever).unwrap();
        let mut buffer = vec![0; wire::MOST_OCTETS];
        match ipc::receive::<FromDirectory>(&control, &mut buffer, Wait::Forever).unwrap() {
            Some((FromDirectory::Ready, _)) => {}
            Some((FromDirectory::Failed(why), _)) => return Err((why, child.wait().unwrap())),
            None => return Err(("it says nothing".to_owned(), child.wait().unwrap())),
        }
        let auth = Auth::new(&control);
        Ok(Self { child, control: Some(control), auth })
    }

    /// Adds a channel for another auth process.
    pub(crate) fn another_auth(&self) -> Auth {
        Auth::new(self.control.as_ref().unwrap())
    }

    pub(crate) fn lookup(&mut self, user: &str) -> LookupOutcome {
        self.auth.ask(DirectoryQuery::Lookup(name(user)))
    }

    pub(crate) fn verify(&mut self, user: &str, password: &str) -> LookupOutcome {
        self.auth.ask(DirectoryQuery::Verify { name: name(user), password: secret(password) })
    }

    pub(crate) fn token(&mut self, token: &str) -> LookupOutcome {
        self.auth.ask(DirectoryQuery::Token(secret(token)))
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Auth {
    fn new(control: &OwnedFd) -> Self {
        let (channel, theirs) = sys::seqpacket::pair().unwrap();
        set_socket_timeout(&channel, Timeout::Recv, Some(PATIENCE)).unwrap();
        ipc::send(control, &ToDirectory::Serve, &[theirs.as_fd()], Wait::Forever).unwrap();
        Self { channel, next: RequestId::first().unwrap() }
    }

    pub(crate) fn ask(&mut self, query: DirectoryQuery) -> LookupOutcome {
        let id = self.send(query);
        let answer = self.receive();
        assert_eq!(answer.id, id);
        answer.verdict
    }

    pub(crate) fn send(&mut self, query: DirectoryQuery) -> RequestId {
        self.next = self.next.next();
        ipc::send(&self.channel, &DirectoryRequest { id: self.next, query }, &[], Wait::Forever).unwrap();
        self.next
    }

    pub(crate) fn receive(&mut self) -> DirectoryAnswer {
        let mut buffer = vec![0; wire::MOST_OCTETS];
        ipc::receive(&self.channel, &mut buffer, Wait::Forever).unwrap().expect("an answer").0
    }
}

pub(crate) fn name(user: &str) -> LookupName {
    let (local_part, domain) = match user.rsplit_once('@') {
        Some((local_part, domain)) => (local_part, Some(domain.to_owned())),
        None => (user, None),
    };
    LookupName { user: user.to_owned(), local_part: local_part.to_owned(), domain }
}

pub(crate) fn secret(text: &str) -> SecretOctets {
    SecretOctets::new(text.as_bytes().to_vec())
}

pub(crate) fn bounds(seconds: u64) -> ServerBounds {
    ServerBounds { timeout: Duration::from_secs(seconds), connections: 2, ca: None }
}

pub(crate) fn sql(url: &str, query: &str, bounds: ServerBounds) -> DirectorySettings {
    let sql = SqlSettings { url: secret(url), query: query.to_owned(), bounds };
    DirectorySettings { users: Some(UserSource::Sql(sql)), oauth: None }
}

/// The settings for users below `dc=example,dc=org`, named by their uid.
pub(crate) fn ldap(url: &str, bind: bool, change: impl FnOnce(&mut LdapSettings)) -> DirectorySettings {
    let text = |text: &str| text.to_owned();
    let attributes = LdapAttributes {
        user: String::new(),
        password: text("userPassword"),
        uid: text("uidNumber"),
        gid: text("gidNumber"),
        home: text("homeDirectory"),
        mbox: String::new(),
        maildir: String::new(),
    };
    let mut ldap = LdapSettings {
        url: text(url),
        starttls: false,
        service: Some((text("cn=service,dc=example,dc=org"), secret("searcher"))),
        base: text("dc=example,dc=org"),
        filter: text("(&(objectClass=account)(uid=%u))"),
        bind,
        attributes,
        uid: None,
        gid: None,
        bounds: bounds(30),
    };
    change(&mut ldap);
    DirectorySettings { users: Some(UserSource::Ldap(Box::new(ldap))), oauth: None }
}

pub(crate) fn oauth(by: TokenVerification, bounds: ServerBounds) -> DirectorySettings {
    let oauth = OAuthSettings {
        by,
        issuer: "https://id.example".to_owned(),
        audience: "mail".to_owned(),
        scope: String::new(),
        user_claim: "email".to_owned(),
        bounds,
    };
    DirectorySettings { users: None, oauth: Some(oauth) }
}

/// The reason of a temporary failure.
#[track_caller]
pub(crate) fn why(verdict: LookupOutcome) -> String {
    match verdict {
        LookupOutcome::Temporary(why) => why,
        other => panic!("not temporary: {other:?}"),
    }
}

/// The uid of the user in an answer.
#[track_caller]
pub(crate) fn uid(verdict: LookupOutcome) -> u32 {
    match verdict {
        LookupOutcome::Found(entry) => entry.uid,
        other => panic!("not found: {other:?}"),
    }
}
