//! Users in a database or an LDAP server, instead of a user list (kinds 2 to 6). mpopd-directory looks them
//! up.

use std::fmt;
use std::path::PathBuf;

use config::{Config, Fault};
use ipc::directory::{Ask, Entry, Name, Verdict};
use vocabulary::{Location, LoginFailure, Storage};

use super::host_and_local::host_and_local;
use super::interface::{FoundUser, Passdb, UserQuery};
use crate::decoy::Decoy;
use crate::directory_client::{DirectoryClient, DirectoryError};
use crate::login_error::LoginError;
use crate::name::UserName;
use crate::password::{StoredPassword, StoredSecret};
use crate::userdb::{Owner, OwnerUid, StatedMaildrop};

/// The most costs of passwords that are told apart.
const MOST_COSTS: usize = 16;

/// The decoy for unknown names until the first user is found: yescrypt with the default cost of passwd(1).
/// Nobody knows the password that it was made from.
const FIRST_DECOY: &[u8] = b"$y$j9T$CW/xp3IF2tTZgDnleUe6Y0$pSia8aHTHbkKGTFaYJiKBVECGeNuojoU7NtvgNhdPo5";

/// The users of the tables `[sql]` or `[ldap]`.
pub(crate) struct DirectoryUsers {
    directory: DirectoryClient,
    /// The server checks passwords; otherwise it returns the stored ones.
    binds: bool,
    by_host: Option<ByHost>,
    /// For each cost: how many users were found with it, and one of their passwords.
    seen: Vec<(u64, StoredSecret)>,
}

/// How users are divided by host name and domain, as with user lists.
struct ByHost {
    host_mail_path: PathBuf,
    switch: bool,
}

/// The name to look up, and where the mail is unless the server states it.
struct DirectoryLookup {
    name: Name,
    mail: StatedMaildrop,
    /// What the server states about the mail's location is ignored.
    fixed: bool,
}

impl DirectoryUsers {
    /// Replaces the single user list.
    pub(crate) fn of_all(config: &Config, directory: DirectoryClient) -> Self {
        let seen = StoredPassword::parse(FIRST_DECOY)
            .ok()
            .and_then(StoredPassword::secret)
            .map(|secret| (0, secret));
        let binds = config.ldap.url.is_some() && config.ldap.bind;
        Self { directory, binds, by_host: None, seen: seen.into_iter().collect() }
    }

    /// Replaces the user lists of host names and domains.
    pub(crate) fn by_host(config: &Config, directory: DirectoryClient) -> Self {
        let by_host = ByHost { host_mail_path: config.host_mail_path.clone(), switch: config.switch };
        Self { by_host: Some(by_host), ..Self::of_all(config, directory) }
    }

    /// What to look up; `None` if no such user can exist.
    fn plan(&self, query: &UserQuery<'_>) -> Result<Option<DirectoryLookup>, LoginError> {
        let user = query.user.as_str();
        let Some(by_host) = &self.by_host else {
            let (local_part, domain) = match user.rsplit_once('@') {
                Some((local_part, domain)) => (local_part, Some(domain.to_owned())),
                None => (user, None),
            };
            let name = Name { user: user.to_owned(), local_part: local_part.to_owned(), domain };
            return Ok(Some(DirectoryLookup { name, mail: StatedMaildrop::BySettings, fixed: false }));
        };
        let Some((host, local)) = host_and_local(query)? else { return Ok(None) };
        let mail = match by_host.switch {
            true => StatedMaildrop::BySettings,
            false => StatedMaildrop::Path(
                by_host.host_mail_path.join(host.initial()).join(host.as_str()).join(local.as_str()),
            ),
        };
        let name = Name {
            user: user.to_owned(),
            local_part: local.as_str().to_owned(),
            domain: Some(host.as_str().to_owned()),
        };
        Ok(Some(DirectoryLookup { name, mail, fixed: by_host.switch }))
    }

    fn lookup(&self, query: &UserQuery<'_>, name: Name) -> Result<Option<Entry>, LoginError> {
        match self.directory.ask(Ask::Lookup(name)) {
            Ok(Verdict::Found(entry)) => Ok(Some(entry)),
            Ok(Verdict::NotFound) => Ok(None),
            Ok(Verdict::Refused | Verdict::Granted(_) | Verdict::Temporary(_)) => {
                Err(temporary(query, &DirectoryError::WrongAnswer))
            }
            Err(error) => Err(temporary(query, &error)),
        }
    }

    /// Counts the cost of a known user's password.
    fn note(&mut self, secret: &StoredSecret) {
        let cost = secret.stored().cost();
        let room = self.seen.len() < MOST_COSTS;
        match self.seen.iter_mut().find(|(_, seen)| seen.stored().cost() == cost) {
            Some((users, _)) => *users = users.saturating_add(1),
            None if room => self.seen.push((1, secret.clone())),
            None => {}
        }
    }
}

impl Passdb for DirectoryUsers {
    fn find(&mut self, query: &UserQuery<'_>) -> Result<Option<FoundUser>, LoginError> {
        let Some(plan) = self.plan(query)? else { return Ok(None) };
        let Some(mut entry) = self.lookup(query, plan.name.clone())? else { return Ok(None) };
        if self.binds {
            return Ok(Some(FoundUser::Ask));
        }
        let password = entry
            .password
            .take()
            .ok_or_else(|| temporary(query, &"there is no password; to lock an account, store !"))?;
        let stored = StoredPassword::parse(password.expose()).map_err(|why| temporary(query, &why))?;
        let Some(secret) = stored.secret() else { return Ok(Some(FoundUser::Locked)) };
        self.note(&secret);
        Ok(Some(FoundUser::Stored(owner(query, entry, plan)?, secret)))
    }

    fn ask(&mut self, query: &UserQuery<'_>, password: &[u8]) -> Result<Owner, LoginError> {
        let Some(plan) = self.plan(query)? else { return Err(LoginFailure::UnknownUser.into()) };
        let password = ipc::Secret::new(password.to_vec());
        match self.directory.ask(Ask::Verify { name: plan.name.clone(), password }) {
            Ok(Verdict::Found(entry)) => owner(query, entry, plan),
            Ok(Verdict::NotFound) => Err(LoginFailure::UnknownUser.into()),
            Ok(Verdict::Refused) => Err(LoginFailure::Password.into()),
            Ok(Verdict::Granted(_) | Verdict::Temporary(_)) => {
                Err(temporary(query, &DirectoryError::WrongAnswer))
            }
            Err(error) => Err(temporary(query, &error)),
        }
    }

    fn vouched(&mut self, query: &UserQuery<'_>) -> Result<Owner, LoginError> {
        let Some(plan) = self.plan(query)? else { return Err(LoginFailure::UnknownUser.into()) };
        let entry = self.lookup(query, plan.name.clone())?.ok_or(LoginFailure::UnknownUser)?;
        owner(query, entry, plan)
    }

    fn decoys(&mut self, _: &UserQuery<'_>) -> Vec<Decoy> {
        if self.binds {
            return vec![Decoy { users: 1, secret: None }];
        }
        self.seen
            .iter()
            .map(|(users, secret)| Decoy { users: (*users).max(1), secret: Some(secret.clone()) })
            .collect()
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        Vec::new()
    }
}

/// The owner as the server describes them.
fn owner(query: &UserQuery<'_>, entry: Entry, plan: DirectoryLookup) -> Result<Owner, LoginError> {
    let user = match entry.user {
        Some(name) => UserName::try_from(name.as_bytes())
            .map_err(|why| temporary(query, &format!("the server's name for them is none: {why}")))?,
        None => query.user.clone(),
    };
    let uid = OwnerUid::new(entry.uid).ok_or_else(|| temporary(query, &"root owns no maildrop"))?;
    let at =
        |storage, path: ipc::open::PathOctets| StatedMaildrop::At(Location { storage, path: path.into() });
    let mail = match entry.mail {
        Some(ipc::directory::Mail::Mbox(path)) if !plan.fixed => at(Storage::Mbox, path),
        Some(ipc::directory::Mail::Maildir(path)) if !plan.fixed => at(Storage::Maildir, path),
        _ => plan.mail,
    };
    Ok(Owner { user, uid, gid: entry.gid, own_uid: false, home: entry.home.map(PathBuf::from), mail })
}

fn temporary(query: &UserQuery<'_>, why: &dyn fmt::Display) -> LoginError {
    LoginError::temporary(format!("user {}: {why}", query.user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Authenticator;
    use crate::directory_client::tests::{answering, channel_answering};
    use crate::host::{HostName, Peer};
    use config::AuthType;
    use std::path::Path;

    fn config(binds: bool) -> Config {
        let mut config = Config { auth_type: AuthType::List, ..Config::default() };
        (config.ldap.url, config.ldap.bind) = (Some("ldaps://h".to_owned()), binds);
        config
    }

    fn entry(password: Option<&str>) -> Entry {
        let password = password.map(|text| ipc::Secret::new(text.as_bytes().to_vec()));
        Entry { user: None, password, uid: 5000, gid: Some(8), home: None, mail: None }
    }

    /// Knows alice without a domain, alice at example.org, and users with various errors.
    fn answers(ask: &Ask) -> Vec<Verdict> {
        let maildir = || Some(ipc::directory::Mail::Maildir(Path::new("/m/alice").into()));
        vec![match ask {
            Ask::Lookup(name) => match (name.local_part.as_str(), name.domain.as_deref()) {
                ("alice", None) => Verdict::Found(entry(Some("{PLAIN}pw"))),
                ("alice", Some("example.org")) => {
                    let user = Some("alice@example.org".to_owned());
                    Verdict::Found(Entry { user, mail: maildir(), ..entry(Some("{PLAIN}pw")) })
                }
                ("alice", Some("a.example.org")) => Verdict::Found(entry(Some("{PLAIN}pw"))),
                ("locked", _) => Verdict::Found(entry(Some("!"))),
                ("bare", _) => Verdict::Found(entry(None)),
                ("odd", _) => Verdict::Found(entry(Some("{MD5}hunter2"))),
                ("root", _) => Verdict::Found(Entry { uid: 0, ..entry(Some("{PLAIN}pw")) }),
                ("lost", _) => {
                    Verdict::Found(Entry { user: Some("../x".to_owned()), ..entry(Some("{PLAIN}pw")) })
                }
                ("down", _) => Verdict::Temporary("it is down".to_owned()),
                _ => Verdict::NotFound,
            },
            Ask::Verify { name, password } => match (name.local_part.as_str(), password.expose()) {
                ("alice", b"pw") => Verdict::Found(entry(None)),
                ("alice", _) => Verdict::Refused,
                ("down", _) => Verdict::Temporary("it is down".to_owned()),
                _ => Verdict::NotFound,
            },
            Ask::Token(_) => Verdict::Refused,
        }]
    }

    fn with<T>(user: &str, kind: AuthType, test: impl FnOnce(&UserQuery<'_>) -> T) -> T {
        let user = UserName::try_from(user.as_bytes()).unwrap();
        let peer = Peer::new("192.0.2.1".parse().unwrap(), |_| Ok(HostName::parse("a.example.org")));
        test(&UserQuery { user: &user, peer: &peer, kind })
    }

    fn owner_of(found: Result<Option<FoundUser>, LoginError>) -> Owner {
        match found {
            Ok(Some(FoundUser::Stored(owner, _))) => owner,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_stored_is_found() {
        let config = config(false);
        let directory = answering(&config, answers);
        let mut users = DirectoryUsers::of_all(&config, directory);
        let mut find = |user: &str| with(user, AuthType::List, |query| users.find(query));
        let alice = owner_of(find("alice"));
        assert_eq!((alice.user.as_str(), alice.uid.get(), alice.gid), ("alice", 5000, Some(8)));
        assert_eq!(alice.mail, StatedMaildrop::BySettings);
        let other = owner_of(find("ALICE@example.org").and(find("alice@example.org")));
        assert_eq!(other.user.as_str(), "alice@example.org");
        assert_eq!(
            other.mail,
            StatedMaildrop::At(Location { storage: Storage::Maildir, path: "/m/alice".into() })
        );
        assert_eq!(find("bob"), Ok(None));
        assert_eq!(find("locked"), Ok(Some(FoundUser::Locked)));
        for (user, told) in [
            ("bare", "there is no password"),
            ("odd", "the password scheme is unknown"),
            ("root", "root owns no maildrop"),
            ("lost", "the server's name for them is none"),
            ("down", "it is down"),
        ] {
            let Err(error) = find(user) else { panic!("{user}") };
            assert_eq!(error.failure(), LoginFailure::Temporary, "{user}");
            let why = error.detail().unwrap();
            assert!(why.contains(told) && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_host_or_domain_takes_the_place_of_its_list() {
        let config = Config { host_mail_path: "/pop".into(), ..config(false) };
        let directory = answering(&config, answers);
        let mut users = DirectoryUsers::by_host(&config, directory);
        let host = owner_of(with("alice", AuthType::HostOrDomain, |query| users.find(query)));
        assert_eq!(host.mail, StatedMaildrop::Path("/pop/a/a.example.org/alice".into()));
        let domain = owner_of(with("alice@example.org", AuthType::HostOrDomain, |query| users.find(query)));
        assert_eq!(
            domain.mail,
            StatedMaildrop::At(Location { storage: Storage::Maildir, path: "/m/alice".into() })
        );
        let switched = Config { switch: true, ..config };
        let directory = answering(&switched, answers);
        let mut users = DirectoryUsers::by_host(&switched, directory);
        let domain = owner_of(with("alice@example.org", AuthType::HostOrDomain, |query| users.find(query)));
        assert_eq!(domain.mail, StatedMaildrop::BySettings);
    }

    #[test]
    fn or_the_server_checks_the_password() {
        let config = config(true);
        let directory = answering(&config, answers);
        let mut users = DirectoryUsers::of_all(&config, directory);
        assert_eq!(with("alice", AuthType::List, |query| users.find(query)), Ok(Some(FoundUser::Ask)));
        let mut ask =
            |user: &str, password: &[u8]| with(user, AuthType::List, |query| users.ask(query, password));
        assert_eq!(ask("alice", b"pw").map(|owner| owner.uid.get()), Ok(5000));
        assert_eq!(ask("alice", b"wrong"), Err(LoginFailure::Password.into()));
        assert_eq!(ask("bob", b"pw"), Err(LoginFailure::UnknownUser.into()));
        assert_eq!(ask("down", b"pw"), Err(LoginError::temporary("user down: it is down")));
        let vouched = with("alice", AuthType::List, |query| users.vouched(query));
        assert_eq!(vouched.map(|owner| owner.uid.get()), Ok(5000));
        assert_eq!(
            with("bob", AuthType::List, |query| users.vouched(query)),
            Err(LoginFailure::UnknownUser.into())
        );
        let decoys = with("bob", AuthType::List, |query| users.decoys(query));
        assert!(matches!(decoys.as_slice(), [Decoy { secret: None, .. }]), "strangers are asked for too");
    }

    #[test]
    fn strangers_cost_what_users_were_seen_to_cost() {
        let config = config(false);
        let directory = answering(&config, answers);
        let mut users = DirectoryUsers::of_all(&config, directory);
        let costs = |users: &mut DirectoryUsers| -> Vec<(u64, Vec<u8>)> {
            let decoys = with("bob", AuthType::List, |query| users.decoys(query));
            let cost = |decoy: Decoy| (decoy.users, decoy.secret.unwrap().stored().cost().to_vec());
            decoys.into_iter().map(cost).collect()
        };
        assert_eq!(costs(&mut users), [(1, b"$y$j9T$".to_vec())]);
        for _ in 0..3 {
            with("alice", AuthType::List, |query| users.find(query)).unwrap();
        }
        assert_eq!(costs(&mut users), [(1, b"$y$j9T$".to_vec()), (3, b"{PLAIN}".to_vec())]);
    }

    #[test]
    fn logins_are_judged_by_what_it_says() {
        for binds in [false, true] {
            let config = config(binds);
            let mut auth = Authenticator::new(&config).unwrap();
            let login = |auth: &mut Authenticator, user: &str, password: &str| {
                let account = auth.login(user.as_bytes(), password.as_bytes(), "192.0.2.1".parse().unwrap());
                account.map(|account| account.uid.get()).map_err(|error| error.failure().word())
            };
            assert_eq!(login(&mut auth, "alice", "pw"), Err("temporary"), "it is not connected yet");
            auth.use_directory(channel_answering(answers));
            assert_eq!(login(&mut auth, "alice", "pw"), Ok(5000));
            assert_eq!(login(&mut auth, "alice", "wrong"), Err("password"));
            assert_eq!(login(&mut auth, "alice", ""), Err("password"));
            assert_eq!(login(&mut auth, "bob", "pw"), Err("unknown-user"));
            assert_eq!(login(&mut auth, "down", "pw"), Err("temporary"));
        }
    }
}
