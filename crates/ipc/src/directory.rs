//! Auth ↔ `mpopd-directory`: what a database, an LDAP server or an OAuth server says of a user; and supervisor ↔
//! `mpopd-directory`: with which settings, and for which auth processes.
//!
//! The program is started with one end of a `SOCK_SEQPACKET` pair as its descriptor 0. There the supervisor says
//! [`ToDirectory::Setup`] first and then [`ToDirectory::Serve`] with the channels of the auth processes, one descriptor each,
//! at most [`sys::seqpacket::MOST_DESCRIPTORS`] in one message. The program says [`FromDirectory`] once. It ends when that
//! channel ends.
//!
//! On a channel of an auth process each [`Request`] gets one [`Answer`] with its number. The answers come in any order.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::login::{MOST_PASSWORD, MOST_USER};
use crate::open::PathOctets;
use crate::wire::Message;

/// The longest domain or host name, in octets.
pub const MOST_DOMAIN: usize = 255;
/// The longest password as a source stores it, in octets.
pub const MOST_STORED: usize = 8192;
/// The longest text that says why, in octets.
pub const MOST_WHY: usize = 1024;
/// The longest text of a setting, in octets.
pub const MOST_SETTING: usize = 8192;
/// The longest path, in octets (`PATH_MAX` with its NUL).
const MOST_PATH: usize = 4095;

/// The number of a request: the answer has the same.
///
/// An auth process begins with a random one: its predecessor on the same channel, killed at its deadline, may have left
/// answers behind that are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(u64);

impl RequestId {
    /// The first number of a process, from the kernel's random numbers.
    ///
    /// # Errors
    ///
    /// When the kernel gives none (getrandom(2)).
    pub fn first() -> std::io::Result<Self> {
        getrandom::u64().map(RequestId).map_err(std::io::Error::other)
    }

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A question of an auth process.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// By this number the answer comes.
    pub id: RequestId,
    /// What is to be found out.
    pub ask: Ask,
}

/// What is to be found out.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// What is stored of this user. Answers: [`Verdict::Found`], [`Verdict::NotFound`], [`Verdict::Temporary`].
    Lookup(Name),
    /// The same, if this is the password: the LDAP server is asked to bind with it. Or [`Verdict::Refused`].
    Verify {
        /// Who is to be found.
        name: Name,
        /// The password as the client sent it.
        password: Secret,
    },
    /// Whom an OAuth 2.0 access token stands for (RFC 6749 section 1.4). Answers: [`Verdict::Granted`],
    /// [`Verdict::Refused`], [`Verdict::Temporary`].
    Token(Secret),
}

/// Who is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The whole name as auth has checked it: `%u`.
    pub user: String,
    /// Its local part: `%n`.
    pub local_part: String,
    /// The domain behind the `@`, or the host name whose users are asked for: `%d`.
    pub domain: Option<String>,
}

/// The answer to a [`Request`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which request.
    pub id: RequestId,
    /// What was found out.
    pub verdict: Verdict,
}

/// What was found out.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The user; and the password is right, where that was asked.
    Found(Entry),
    /// There is no such user.
    NotFound,
    /// The password is wrong, or the token is not, or no longer, good for this server.
    Refused,
    /// The token is good, and stands for the user of this name. The name is checked for nothing but its length.
    Granted(String),
    /// It could not be found out now. The text says why, for the log: one line, without any secret.
    Temporary(String),
}

/// What a source says of a user.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name that counts from here on, where it is not the one that was asked for.
    pub user: Option<String>,
    /// The password as it is stored, in the form of a user list's; none where the source does not show it.
    pub password: Option<Secret>,
    /// The owner of the user's mail. Auth refuses 0.
    pub uid: u32,
    /// The group of the process that opens it.
    pub gid: Option<u32>,
    /// The home directory: an absolute path.
    pub home: Option<PathOctets>,
    /// Where the mail is, if the source knows.
    pub mail: Option<Mail>,
}

/// Where a user's mail is: an absolute path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mail {
    /// An mbox file.
    Mbox(PathOctets),
    /// A Maildir.
    Maildir(PathOctets),
}

/// Supervisor → `mpopd-directory`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToDirectory {
    /// With these settings. The first message, and only that.
    Setup(Box<Setup>),
    /// Each descriptor beside this message is the channel of an auth process.
    Serve,
}

/// `mpopd-directory` → supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromDirectory {
    /// The settings are usable, requests are answered. Whether a server can be reached is not said by this.
    Ready,
    /// The settings are not usable, for this reason; the program ends.
    Failed(String),
}

/// The settings of `mpopd-directory`: the tables `[sql]`, `[ldap]` and `[oauth]` of mpopd.conf, where they are used. Files
/// that they name are read by that program's user.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Where users are looked up.
    pub users: Option<Users>,
    /// Who vouches for OAuth tokens.
    pub oauth: Option<OAuth>,
}

/// The source of users.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Users {
    /// A database.
    Sql(Sql),
    /// An LDAP server.
    Ldap(Box<Ldap>),
}

/// What all three tables have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// What takes longer than this is a temporary failure.
    pub timeout: Duration,
    /// How many requests may be under way at a time.
    pub connections: u16,
    /// The file with the certificates that vouch for the server's; without it, those of the system.
    pub ca: Option<PathOctets>,
}

/// The table `[sql]`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sql {
    /// `postgresql://`, `mysql://` or `sqlite:`.
    pub url: Secret,
    /// The query, as `config::Pattern` reads it.
    pub query: String,
    /// The bounds.
    pub bounds: Bounds,
}

/// The table `[ldap]`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ldap {
    /// `ldap://`, `ldaps://` or `ldapi://`.
    pub url: String,
    /// Whether TLS is begun on an `ldap://` connection (RFC 4511 section 4.14).
    pub starttls: bool,
    /// As whom users are searched for, and the password; anonymously without it.
    pub service: Option<(String, Secret)>,
    /// Below which entry users are searched for.
    pub base: String,
    /// The filter (RFC 4515), as `config::Pattern` reads it.
    pub filter: String,
    /// Whether the password is checked by binding as the user. Otherwise the attribute is read.
    pub bind: bool,
    /// The names of the attributes that say each thing.
    pub attributes: Attributes,
    /// The uid of those whose entry has none.
    pub uid: Option<u32>,
    /// The gid of those whose entry has none.
    pub gid: Option<u32>,
    /// The bounds.
    pub bounds: Bounds,
}

/// The names of attributes of an LDAP entry; empty: none is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// The name that counts after the login.
    pub user: String,
    /// The password, as stored.
    pub password: String,
    /// The uid.
    pub uid: String,
    /// The gid.
    pub gid: String,
    /// The home directory.
    pub home: String,
    /// The path of an mbox.
    pub mbox: String,
    /// The path of a Maildir.
    pub maildir: String,
}

/// The table `[oauth]`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth {
    /// Who is asked, or which keys decide.
    pub by: TokensBy,
    /// The issuer that a token must name; empty: any.
    pub issuer: String,
    /// The audience that a token must be for; empty: any.
    pub audience: String,
    /// A word that the token's scope must have; empty: none.
    pub scope: String,
    /// The claim that names the user.
    pub user_claim: String,
    /// The bounds.
    pub bounds: Bounds,
}

/// How a token is checked.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokensBy {
    /// By asking the server (RFC 7662).
    Introspection {
        /// Where.
        url: String,
        /// As which client; empty: unnamed.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
    },
    /// By the keys in this file, a JSON Web Key Set (RFC 7517 section 5).
    Keys(PathOctets),
}

impl Message for Request {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        match &self.ask {
            Ask::Lookup(name) => name.check(),
            Ask::Verify { name, password } => {
                within(password.expose(), MOST_PASSWORD, "the password is too long")?;
                name.check()
            }
            Ask::Token(token) => within(token.expose(), MOST_PASSWORD, "the token is too long"),
        }
    }
}

impl Name {
    fn check(&self) -> Result<(), &'static str> {
        within(self.user.as_bytes(), MOST_USER, "the user name is too long")?;
        within(self.local_part.as_bytes(), MOST_USER, "the local part is too long")?;
        within(self.domain.as_deref().unwrap_or("").as_bytes(), MOST_DOMAIN, "the domain is too long")
    }
}

impl Message for Answer {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        match &self.verdict {
            Verdict::Found(entry) => entry.check(),
            Verdict::Granted(user) => within(user.as_bytes(), MOST_USER, "the user name is too long"),
            Verdict::Temporary(why) => within(why.as_bytes(), MOST_WHY, "the reason is too long"),
            Verdict::NotFound | Verdict::Refused => Ok(()),
        }
    }
}

impl Entry {
    /// Checks the bounds that it must keep to as part of an answer.
    ///
    /// # Errors
    ///
    /// What is out of bounds.
    pub fn check(&self) -> Result<(), &'static str> {
        within(self.user.as_deref().unwrap_or("").as_bytes(), MOST_USER, "the user name is too long")?;
        let password = self.password.as_ref().map_or(&b""[..], Secret::expose);
        within(password, MOST_STORED, "the stored password is too long")?;
        if let Some(home) = &self.home {
            absolute(home, "the home is no absolute path")?;
        }
        match &self.mail {
            Some(Mail::Mbox(path)) => absolute(path, "the mbox is no absolute path"),
            Some(Mail::Maildir(path)) => absolute(path, "the Maildir is no absolute path"),
            None => Ok(()),
        }
    }
}

impl Message for ToDirectory {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        let Self::Setup(setup) = self else { return Ok(()) };
        let mut texts: Vec<&[u8]> = Vec::new();
        match &setup.users {
            Some(Users::Sql(sql)) => texts.extend([sql.url.expose(), sql.query.as_bytes()]),
            Some(Users::Ldap(ldap)) => {
                let a = &ldap.attributes;
                let all =
                    [&ldap.url, &ldap.base, &ldap.filter, &a.user, &a.password, &a.uid, &a.gid, &a.home];
                texts.extend(all.into_iter().chain([&a.mbox, &a.maildir]).map(String::as_bytes));
                texts.extend(ldap.service.iter().flat_map(|(dn, secret)| [dn.as_bytes(), secret.expose()]));
            }
            None => {}
        }
        if let Some(oauth) = &setup.oauth {
            let all = [&oauth.issuer, &oauth.audience, &oauth.scope, &oauth.user_claim];
            texts.extend(all.map(String::as_bytes));
            if let TokensBy::Introspection { url, client_id, client_secret } = &oauth.by {
                texts.extend([url.as_bytes(), client_id.as_bytes(), client_secret.expose()]);
            }
        }
        texts.into_iter().try_for_each(|text| within(text, MOST_SETTING, "a setting is too long"))
    }
}

impl Message for FromDirectory {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Ready => Ok(()),
            Self::Failed(why) => within(why.as_bytes(), MOST_WHY, "the reason is too long"),
        }
    }
}

fn within(text: &[u8], most: usize, or: &'static str) -> Result<(), &'static str> {
    if text.len() <= most { Ok(()) } else { Err(or) }
}

fn absolute(path: &PathOctets, or: &'static str) -> Result<(), &'static str> {
    let path = PathBuf::from(path.clone());
    let octets = path.as_os_str().as_bytes();
    let good = path.is_absolute() && octets.len() <= MOST_PATH && !octets.contains(&0);
    if good { Ok(()) } else { Err(or) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::wire::{encode, tests::round_trip};

    fn name(user: usize, domain: Option<usize>) -> Name {
        Name {
            user: "u".repeat(user),
            local_part: "u".repeat(user),
            domain: domain.map(|octets| "d".repeat(octets)),
        }
    }

    fn request(ask: Ask) -> Request {
        Request { id: RequestId(u64::MAX), ask }
    }

    fn answer(verdict: Verdict) -> Answer {
        Answer { id: RequestId(7), verdict }
    }

    fn entry(home: &str, mail: Option<Mail>) -> Entry {
        let (user, password) = (Some("a".to_owned()), Some(Secret::new(b"$y$...".to_vec())));
        Entry { user, password, uid: 5000, gid: Some(8), home: Some(Path::new(home).into()), mail }
    }

    fn setup() -> Setup {
        let bounds = || Bounds {
            timeout: Duration::from_secs(5),
            connections: 4,
            ca: Some(Path::new("/etc/ca.pem").into()),
        };
        let attributes = Attributes {
            user: "uid".to_owned(),
            password: String::new(),
            uid: "uidNumber".to_owned(),
            gid: "gidNumber".to_owned(),
            home: "homeDirectory".to_owned(),
            mbox: String::new(),
            maildir: String::new(),
        };
        let ldap = Ldap {
            url: "ldapi:///".to_owned(),
            starttls: false,
            service: Some(("cn=mpopd".to_owned(), Secret::new(b"hunter2".to_vec()))),
            base: "dc=example".to_owned(),
            filter: "(uid=%u)".to_owned(),
            bind: true,
            attributes,
            uid: Some(5000),
            gid: None,
            bounds: bounds(),
        };
        let oauth = OAuth {
            by: TokensBy::Keys(Path::new("/etc/keys.json").into()),
            issuer: "https://id.example".to_owned(),
            audience: "mail".to_owned(),
            scope: String::new(),
            user_claim: "email".to_owned(),
            bounds: bounds(),
        };
        Setup { users: Some(Users::Ldap(Box::new(ldap))), oauth: Some(oauth) }
    }

    #[test]
    fn requests_answers_and_settings_survive() {
        round_trip(&request(Ask::Lookup(name(3, None))));
        round_trip(&request(Ask::Verify { name: name(3, Some(9)), password: Secret::new(vec![0xff; 9]) }));
        round_trip(&request(Ask::Token(Secret::new(b"t".to_vec()))));
        let mail = |path: &str| Some(Mail::Maildir(Path::new(path).into()));
        for verdict in [
            Verdict::Found(entry("/srv/a", mail("/srv/a/Maildir"))),
            Verdict::NotFound,
            Verdict::Refused,
            Verdict::Granted("a@example.org".to_owned()),
            Verdict::Temporary("it is down".to_owned()),
        ] {
            round_trip(&answer(verdict));
        }
        round_trip(&ToDirectory::Setup(Box::new(setup())));
        round_trip(&ToDirectory::Serve);
        round_trip(&FromDirectory::Ready);
        round_trip(&FromDirectory::Failed("no such file".to_owned()));
    }

    #[test]
    fn bounds_hold() {
        let password = |octets| Secret::new(vec![b'x'; octets]);
        assert!(encode(&request(Ask::Lookup(name(MOST_USER, Some(MOST_DOMAIN))))).is_ok());
        for bad in [
            Ask::Lookup(name(MOST_USER + 1, None)),
            Ask::Lookup(name(1, Some(MOST_DOMAIN + 1))),
            Ask::Verify { name: name(1, None), password: password(MOST_PASSWORD + 1) },
            Ask::Token(password(MOST_PASSWORD + 1)),
        ] {
            assert!(encode(&request(bad)).is_err());
        }
        for bad in [
            Verdict::Found(entry("srv", None)),
            Verdict::Found(entry("/srv\0", None)),
            Verdict::Found(entry("/srv", Some(Mail::Mbox(Path::new("a/b").into())))),
            Verdict::Found(Entry { password: Some(password(MOST_STORED + 1)), ..entry("/srv", None) }),
            Verdict::Granted("x".repeat(MOST_USER + 1)),
            Verdict::Temporary("x".repeat(MOST_WHY + 1)),
        ] {
            assert!(encode(&answer(bad)).is_err());
        }
        let mut long = setup();
        if let Some(oauth) = &mut long.oauth {
            oauth.scope = "x".repeat(MOST_SETTING + 1);
        }
        assert!(encode(&ToDirectory::Setup(Box::new(long))).is_err());
        assert!(encode(&FromDirectory::Failed("x".repeat(MOST_WHY + 1))).is_err());
    }

    #[test]
    fn nothing_shows_a_secret() {
        let verify = Ask::Verify { name: name(1, None), password: Secret::new(b"hunter2".to_vec()) };
        let shown = format!("{:?} {:?} {:?}", request(verify), setup(), entry("/srv", None));
        assert!(!shown.contains("hunter2") && !shown.contains("$y$") && !shown.contains("104"), "{shown}");
    }

    #[test]
    fn a_number_is_not_that_of_the_predecessor() {
        let first = RequestId::first().unwrap();
        assert_ne!(first, RequestId::first().unwrap());
        assert_ne!(first, first.next());
    }
}
