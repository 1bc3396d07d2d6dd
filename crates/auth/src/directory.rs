//! Asking mpopd-directory, the process that speaks to databases, LDAP and OAuth servers, and waiting for its answer.
//!
//! An auth process opens no connection to such a server itself: see [`ipc::directory`].

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use config::{Config, SecretText};
use ipc::directory::{
    DirectoryAnswer, DirectoryQuery, DirectoryRequest, DirectorySettings, LdapAttributes, LdapSettings,
    LookupOutcome, OAuthSettings, RequestId, ServerBounds, SqlSettings, TokenVerification, UserSource,
};
use ipc::wire::{self, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::sasl::{BadToken, TokenCheck};

/// So much longer than its own bounds mpopd-directory may take: it may be about to be started again.
const GRACE: Duration = Duration::from_secs(2);

/// The settings that mpopd-directory is to be started with; `None` if they name no server, and it is not needed.
///
/// They hold passwords. [`config::Loaded::check_serving`] has found them complete.
pub fn directory_setup(config: &Config) -> Option<DirectorySettings> {
    let (sql, ldap) = (&config.sql, &config.ldap);
    let bounds = |timeout, connections, ca: &Option<std::path::PathBuf>| ServerBounds {
        timeout,
        connections,
        ca: ca.as_deref().map(Into::into),
    };
    let users = match (&sql.url, &ldap.url) {
        (Some(url), _) => Some(UserSource::Sql(SqlSettings {
            url: secret(url),
            query: sql.query.as_ref().map_or_else(String::new, ToString::to_string),
            bounds: bounds(sql.timeout, sql.connections, &sql.ca),
        })),
        (None, Some(url)) => Some(UserSource::Ldap(Box::new(LdapSettings {
            url: url.clone(),
            starttls: ldap.starttls,
            service: (!ldap.service_dn.is_empty())
                .then(|| (ldap.service_dn.clone(), secret(&ldap.service_password))),
            base: ldap.base.clone(),
            filter: ldap.filter.to_string(),
            bind: ldap.bind,
            attributes: LdapAttributes {
                user: ldap.user_attribute.clone(),
                password: ldap.password_attribute.clone(),
                uid: ldap.uid_attribute.clone(),
                gid: ldap.gid_attribute.clone(),
                home: ldap.home_attribute.clone(),
                mbox: ldap.mbox_attribute.clone(),
                maildir: ldap.maildir_attribute.clone(),
            },
            uid: ldap.uid,
            gid: ldap.gid,
            bounds: bounds(ldap.timeout, ldap.connections, &ldap.ca),
        }))),
        (None, None) => None,
    };
    let oauth = &config.oauth;
    let by = match (&oauth.introspection_url, &oauth.jwks) {
        (Some(url), _) => Some(TokenVerification::Introspection {
            url: url.clone(),
            client_id: oauth.client_id.clone(),
            client_secret: secret(&oauth.client_secret),
        }),
        (None, Some(path)) => Some(TokenVerification::Keys(path.as_path().into())),
        (None, None) => None,
    };
    let oauth = by.map(|by| OAuthSettings {
        by,
        issuer: oauth.issuer.clone(),
        audience: oauth.audience.clone(),
        scope: oauth.scope.clone(),
        user_claim: oauth.user_claim.clone(),
        bounds: bounds(oauth.timeout, oauth.connections, &oauth.ca),
    });
    (users.is_some() || oauth.is_some()).then_some(DirectorySettings { users, oauth })
}

fn secret(text: &SecretText) -> ipc::SecretOctets {
    ipc::SecretOctets::new(text.expose().as_bytes().to_vec())
}

/// The channel to mpopd-directory, shared by all that ask it.
#[derive(Clone)]
pub(crate) struct Directory(Rc<RefCell<Client>>);

struct Client {
    /// Given to each auth process after its fork.
    channel: Option<OwnedFd>,
    last: Option<RequestId>,
    patience: Duration,
    buffer: Vec<u8>,
}

impl Directory {
    /// Not connected yet.
    pub(crate) fn new(config: &Config) -> Self {
        let bounds = [config.sql.timeout, config.ldap.timeout, config.oauth.timeout];
        let patience = bounds.into_iter().max().unwrap_or_default() + GRACE;
        Self(Rc::new(RefCell::new(Client { channel: None, last: None, patience, buffer: Vec::new() })))
    }

    /// From now on requests go over this channel.
    pub(crate) fn connect(&self, channel: OwnedFd) {
        let mut client = self.0.borrow_mut();
        client.buffer = vec![0; wire::MOST_OCTETS];
        client.channel = Some(channel);
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Why there is none, for the log.
    pub(crate) fn ask(&self, query: DirectoryQuery) -> Result<LookupOutcome, String> {
        match self.0.borrow_mut().ask(query)? {
            LookupOutcome::Temporary(why) => Err(why),
            verdict => Ok(verdict),
        }
    }
}

impl Client {
    fn ask(&mut self, query: DirectoryQuery) -> Result<LookupOutcome, String> {
        let until = Instant::now() + self.patience;
        let channel = self.channel.as_ref().ok_or("mpopd-directory is not connected")?;
        let id = match self.last {
            Some(last) => last.next(),
            None => RequestId::first().map_err(|error| error.to_string())?,
        };
        self.last = Some(id);
        // If there is no room, it has not read for as long as it takes to fill it.
        ipc::send(channel, &DirectoryRequest { id, query }, &[], Wait::No)
            .map_err(|error| format!("mpopd-directory cannot be asked: {error}"))?;
        loop {
            match ipc::receive::<DirectoryAnswer>(channel, &mut self.buffer, Wait::No) {
                Ok(Some((answer, _))) if answer.id == id => return Ok(answer.verdict),
                // To a request that was given up, by this process or by its predecessor.
                Ok(Some(_)) => {}
                Ok(None) => return Err("mpopd-directory is gone".to_owned()),
                Err(error) if error.would_block() => wait(channel, until)?,
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Waits until something has come.
fn wait(channel: &OwnedFd, until: Instant) -> Result<(), String> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err("mpopd-directory does not answer".to_owned());
    }
    let left = Timespec::try_from(left).map_err(|error| error.to_string())?;
    match poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&left)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The tokens of OAUTHBEARER and XOAUTH2, checked by mpopd-directory.
pub(crate) struct Tokens {
    directory: Directory,
    scope: String,
}

impl Tokens {
    /// `None`: the settings name nobody who could vouch for a token.
    pub(crate) fn new(config: &Config, directory: &Directory) -> Option<Self> {
        let oauth = &config.oauth;
        let named = oauth.introspection_url.is_some() || oauth.jwks.is_some();
        named.then(|| Self { directory: directory.clone(), scope: oauth.scope.clone() })
    }
}

impl TokenCheck for Tokens {
    fn check(&mut self, token: &[u8]) -> Result<String, BadToken> {
        match self.directory.ask(DirectoryQuery::Token(ipc::SecretOctets::new(token.to_vec()))) {
            Ok(LookupOutcome::Granted(user)) => Ok(user),
            Ok(LookupOutcome::Refused) => Err(BadToken::Refused),
            Ok(_) => Err(BadToken::Temporary("mpopd-directory answered something else".to_owned())),
            Err(why) => Err(BadToken::Temporary(why)),
        }
    }

    fn scope(&self) -> &str {
        &self.scope
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ipc::directory::LookupName;

    /// The channel to a directory that answers each request as the function says, until it is closed.
    pub(crate) fn channel_answering(
        answers: impl Fn(&DirectoryQuery) -> Vec<LookupOutcome> + Send + 'static,
    ) -> OwnedFd {
        let (ours, theirs) = sys::seqpacket::pair().unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; wire::MOST_OCTETS];
            while let Some((request, _)) =
                ipc::receive::<DirectoryRequest>(&theirs, &mut buffer, Wait::Forever).unwrap()
            {
                for verdict in answers(&request.query) {
                    ipc::send(&theirs, &DirectoryAnswer { id: request.id, verdict }, &[], Wait::Forever)
                        .unwrap();
                }
            }
        });
        ours
    }

    /// A client of such a directory.
    pub(crate) fn answering(
        config: &Config,
        answers: impl Fn(&DirectoryQuery) -> Vec<LookupOutcome> + Send + 'static,
    ) -> Directory {
        let directory = Directory::new(config);
        directory.connect(channel_answering(answers));
        directory
    }

    fn lookup() -> DirectoryQuery {
        DirectoryQuery::Lookup(LookupName { user: "a".to_owned(), local_part: "a".to_owned(), domain: None })
    }

    fn config(toml: &str) -> Config {
        config::parse(std::path::Path::new("f"), toml.as_bytes()).unwrap().config
    }

    #[test]
    fn late_answers_are_not_taken_for_the_next_one() {
        // Two answers to each request: the second one is still there when the next request is made.
        let twice = |_: &DirectoryQuery| vec![LookupOutcome::NotFound, LookupOutcome::Refused];
        let directory = answering(&Config::default(), twice);
        for _ in 0..3 {
            assert_eq!(directory.ask(lookup()), Ok(LookupOutcome::NotFound));
        }
    }

    #[test]
    fn without_an_answer_it_is_temporary() {
        let directory = Directory::new(&Config::default());
        assert_eq!(directory.ask(lookup()), Err("mpopd-directory is not connected".to_owned()));
        let (ours, theirs) = sys::seqpacket::pair().unwrap();
        directory.connect(ours);
        directory.0.borrow_mut().patience = Duration::from_millis(20);
        assert_eq!(directory.ask(lookup()), Err("mpopd-directory does not answer".to_owned()));
        drop(theirs);
        assert!(directory.ask(lookup()).unwrap_err().starts_with("mpopd-directory cannot be asked: "));
        let down = |_: &DirectoryQuery| vec![LookupOutcome::Temporary("it is down".to_owned())];
        let directory = answering(&Config::default(), down);
        assert_eq!(directory.ask(lookup()), Err("it is down".to_owned()));
    }

    #[test]
    fn tokens_are_asked_for_where_somebody_vouches() {
        assert!(Tokens::new(&Config::default(), &Directory::new(&Config::default())).is_none());
        let config = config("[oauth]\nintrospection_url = \"https://h/\"\nscope = \"pop\"\n");
        let answers = |query: &DirectoryQuery| match query {
            DirectoryQuery::Token(token) if token.expose() == b"good" => {
                vec![LookupOutcome::Granted("alice".to_owned())]
            }
            DirectoryQuery::Token(token) if token.expose() == b"down" => {
                vec![LookupOutcome::Temporary("down".to_owned())]
            }
            DirectoryQuery::Token(_) => vec![LookupOutcome::Refused],
            DirectoryQuery::Lookup(_) | DirectoryQuery::Verify { .. } => vec![LookupOutcome::NotFound],
        };
        let directory = answering(&config, answers);
        let mut tokens = Tokens::new(&config, &directory).unwrap();
        assert_eq!(tokens.check(b"good"), Ok("alice".to_owned()));
        assert_eq!(tokens.check(b"bad"), Err(BadToken::Refused));
        assert_eq!(tokens.check(b"down"), Err(BadToken::Temporary("down".to_owned())));
        assert_eq!(tokens.scope(), "pop");
    }

    #[test]
    fn the_settings_become_those_of_the_process() {
        assert_eq!(directory_setup(&Config::default()), None);
        let setup = directory_setup(&config(
            "[ldap]\nurl = \"ldaps://h\"\nbase = \"dc=org\"\nservice_dn = \"cn=s\"\nservice_password = \"pw\"\nuid = 7\n\
             [oauth]\njwks = \"/k\"\nissuer = \"i\"\naudience = \"a\"\n",
        ));
        let Some(DirectorySettings { users: Some(UserSource::Ldap(ldap)), oauth: Some(oauth) }) = setup
        else {
            panic!("{setup:?}")
        };
        assert_eq!((ldap.filter.as_str(), ldap.uid, ldap.bind), ("(uid=%u)", Some(7), true));
        assert_eq!(ldap.service, Some(("cn=s".to_owned(), ipc::SecretOctets::new(b"pw".to_vec()))));
        assert_eq!(oauth.by, TokenVerification::Keys(std::path::Path::new("/k").into()));
        let setup =
            directory_setup(&config("[sql]\nurl = \"mysql://u:p@h/d\"\nquery = \"SELECT 1 WHERE a = %u\"\n"));
        let Some(DirectorySettings { users: Some(UserSource::Sql(sql)), oauth: None }) = setup else {
            panic!("{setup:?}")
        };
        assert_eq!(
            (sql.url.expose(), sql.query.as_str()),
            (&b"mysql://u:p@h/d"[..], "SELECT 1 WHERE a = %u")
        );
    }
}
