//! From a name and a password to an account.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use config::{AuthType, Config, Fault, Faults};
use sys::crypt::{Crypt, CryptError};
use zeroize::Zeroizing;

use crate::name::UserName;
use crate::passdb::{Attempt, Passdb, SingleUser, UserlistFile};
use crate::refusal::Refusal;
use crate::userdb::{Location, Locations, Mail, Owner, OwnerUid};

/// Who logged in, and what that opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user, by the name that counts from here on.
    pub user: UserName,
    /// The owner of the maildrop; never root.
    pub uid: OwnerUid,
    /// The group of the process that opens it.
    pub gid: u32,
    /// The home directory, where there is one; an absolute path.
    pub home: Option<PathBuf>,
    /// The maildrop.
    pub maildrop: Location,
}

/// Judges logins as the configuration says. One for each auth process: it blocks while it works.
pub struct Authenticator {
    passdb: Box<dyn Passdb>,
    locations: Locations,
}

impl Authenticator {
    /// Makes ready for the `auth_type` of the configuration. Files of users are not read yet, and may still be missing.
    ///
    /// # Errors
    /// The kind is not built, its settings are incomplete, or the system has no libcrypt.
    pub fn new(config: &Config) -> Result<Self, NotStarted> {
        let passdb = match config.auth_type {
            AuthType::List if config.userlist.is_relative() => return Err(NotStarted::RelativeUserlist),
            AuthType::List => {
                let crypt = Crypt::load().map_err(NotStarted::Crypt)?;
                Box::new(UserlistFile::new(config.userlist.clone(), crypt))
            }
            kind => return Err(NotStarted::NotBuilt(kind)),
        };
        Ok(Self { passdb, locations: Locations::new(config) })
    }

    /// Lets one user in and nobody else, from anywhere: what `mpopd try` serves. `gid` is the group of the process that opens
    /// the maildrop.
    pub fn single(
        user: UserName,
        password: Zeroizing<Vec<u8>>,
        uid: OwnerUid,
        gid: u32,
        maildrop: Location,
    ) -> Self {
        let owner = Owner { uid, gid: Some(gid), home: None, mail: Mail::At(maildrop) };
        let passdb = Box::new(SingleUser { user, password, owner });
        Self { passdb, locations: Locations::new(&Config::default()) }
    }

    /// Judges a login: `user` and `password` as the client sent them, from the address `peer`.
    ///
    /// It takes as long as the check of one password, whether there is such a user or not.
    ///
    /// # Errors
    /// Why the login fails.
    pub fn login(&mut self, user: &[u8], password: &[u8], peer: IpAddr) -> Result<Account, Refusal> {
        // Nobody can have such a name, so nobody learns anything from how quick this is.
        let user = UserName::try_from(user).map_err(|_| Refusal::UnknownUser)?;
        if password.is_empty() {
            return Err(Refusal::Password);
        }
        let owner = self.passdb.authenticate(&Attempt { user: &user, password, peer })?;
        self.account(user, owner)
    }

    /// What the administrator should know, found since this was last asked: lines of the user list that were left out, and
    /// the like. For the log; bounded.
    pub fn take_remarks(&mut self) -> Vec<Fault> {
        self.passdb.take_remarks()
    }

    fn account(&self, user: UserName, owner: Owner) -> Result<Account, Refusal> {
        let temporary =
            |what: &str, why: &dyn fmt::Display| Refusal::Temporary(format!("user {user}: {what}: {why}"));
        let gid = owner
            .effective_gid()
            .map_err(|error| temporary("the system does not say which group the uid has", &error))?;
        let maildrop = match owner.mail {
            Mail::At(maildrop) => maildrop,
            Mail::BySettings => self
                .locations
                .of(&user, owner.home.as_deref())
                .map_err(|error| temporary("there is no path of the maildrop", &error))?,
        };
        Ok(Account { user, uid: owner.uid, gid, home: owner.home, maildrop })
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

/// Checks the files that the configuration names for logins; for `mpopd -t` and before a server starts. Gives the warnings.
///
/// # Errors
/// Every fault of those files. A running server leaves out the lines that are wrong; one that starts refuses them.
pub fn check(config: &Config) -> Result<Vec<Fault>, Faults> {
    match config.auth_type {
        AuthType::List if config.userlist.is_absolute() => {
            let checked = UserlistFile::check(&config.userlist)?;
            Faults::none_in(checked.faults)?;
            Ok(checked.warnings)
        }
        // `Loaded::check_serving` says what is missing.
        _ => Ok(Vec::new()),
    }
}

/// Why there is no authenticator.
#[derive(Debug)]
pub enum NotStarted {
    /// This kind of `auth_type` is not built yet.
    NotBuilt(AuthType),
    /// `userlist` must be an absolute path for `auth_type` 6.
    RelativeUserlist,
    /// libcrypt cannot be loaded.
    Crypt(CryptError),
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(kind) => write!(f, "auth_type {} is not built yet; use 6", kind.number()),
            Self::RelativeUserlist => f.write_str("auth_type 6 needs the absolute path of the user list"),
            Self::Crypt(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotStarted {}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{Storage, Template};
    use std::path::Path;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn config(folder: &Path, users: &str) -> Config {
        use std::os::unix::fs::PermissionsExt;
        let userlist = folder.join("users");
        std::fs::write(&userlist, users).unwrap();
        std::fs::set_permissions(&userlist, std::fs::Permissions::from_mode(0o600)).unwrap();
        Config { auth_type: AuthType::List, userlist, ..Config::default() }
    }

    #[test]
    fn a_login_gives_the_account() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path(), "alice@example.org:{PLAIN}pass word:5000:8:/srv/a\n");
        config.storage = Storage::Maildir;
        config.maildir = Some(Template::parse("/v/%d/%n").unwrap());
        let account =
            Authenticator::new(&config).unwrap().login(b"alice@example.org", b"pass word", PEER).unwrap();
        assert_eq!(
            account,
            Account {
                user: UserName::try_from(&b"alice@example.org"[..]).unwrap(),
                uid: OwnerUid::new(5000).unwrap(),
                gid: 8,
                home: Some("/srv/a".into()),
                maildrop: Location { storage: Storage::Maildir, path: "/v/example.org/alice".into() },
            }
        );
    }

    #[test]
    fn a_single_user_is_the_only_one() {
        let user = UserName::try_from(&b"me"[..]).unwrap();
        let uid = OwnerUid::new(1000).unwrap();
        let maildrop = Location { storage: Storage::Mbox, path: "/home/me/mbox".into() };
        let password = Zeroizing::new(b"se cret".to_vec());
        let mut auth = Authenticator::single(user.clone(), password, uid, 100, maildrop.clone());
        let account = Account { user, uid, gid: 100, home: None, maildrop };
        assert_eq!(auth.login(b"me", b"se cret", PEER), Ok(account));
        assert_eq!(auth.login(b"me", b"secret", PEER), Err(Refusal::Password));
        assert_eq!(auth.login(b"you", b"se cret", PEER), Err(Refusal::UnknownUser));
    }

    #[test]
    fn what_is_no_name_or_no_password_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut auth = Authenticator::new(&config(folder.path(), "a:{PLAIN}x:7\n")).unwrap();
        for user in [&b""[..], b"../a", b"a/", b"a\0", b"a:{PLAIN}x", b"#", b"\xff", &[b'a'; 300]] {
            assert_eq!(auth.login(user, b"x", PEER), Err(Refusal::UnknownUser), "{user:?}");
        }
        assert_eq!(auth.login(b"a", b"", PEER), Err(Refusal::Password));
        assert_eq!(auth.login(b"a", b"x\0", PEER), Err(Refusal::Password));
    }

    #[test]
    fn an_account_without_a_place_for_its_mail_is_temporary_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path(), "a:{PLAIN}x:7\n");
        config.mbox = Some(Template::parse("/v/%d/%n").unwrap());
        let refusal = Authenticator::new(&config).unwrap().login(b"a", b"x", PEER).unwrap_err();
        assert_eq!(refusal.word(), "temporary");
        assert!(
            refusal.to_string().contains("user a: there is no path of the maildrop: the path needs %d"),
            "{refusal}"
        );
    }

    #[test]
    fn a_check_tells_all_faults_and_a_server_that_runs_leaves_them_out() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "a:secret:7\nb:{PLAIN}x:0\nc:{PLAIN}x:7\n");
        let told = check(&config).unwrap_err().to_string();
        let file = config.userlist.display().to_string();
        assert_eq!(told.lines().count(), 2, "{told}");
        assert!(told.starts_with(&format!("{file}:1: a: the password is no crypt(3) string")), "{told}");
        assert!(Authenticator::new(&config).unwrap().login(b"c", b"x", PEER).is_ok());
        let missing = Config { userlist: "/nonexistent/users".into(), ..config };
        assert!(
            check(&missing)
                .unwrap_err()
                .to_string()
                .starts_with("/nonexistent/users: cannot read the user list")
        );
    }

    #[test]
    fn what_is_not_built_is_said_at_the_start() {
        assert!(matches!(
            Authenticator::new(&Config::default()),
            Err(NotStarted::NotBuilt(AuthType::System))
        ));
        let relative = Config { auth_type: AuthType::List, ..Config::default() };
        assert!(matches!(Authenticator::new(&relative), Err(NotStarted::RelativeUserlist)));
    }
}
