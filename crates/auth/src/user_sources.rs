//! Which sources of users each kind of `auth_type` asks, and in which order.

use std::fmt;

use config::{AuthType, Config, Fault, PerUser};

use crate::decoy::{Decoy, choose};
use crate::directory_client::DirectoryClient;
use crate::login_error::LoginError;
use crate::mac_key::MacKey;
use crate::passdb::{
    CheckerUnavailable, DirectoryUsers, FoundUser, HostLists, Passdb, Plugins, SystemUsers, UserQuery,
    Userlist,
};

/// The sources that the configuration uses.
pub(crate) struct UserSources {
    kind: AuthType,
    user_kinds: PerUser<AuthType>,
    open: Vec<(PassdbKind, Box<dyn Passdb>)>,
    directory: DirectoryClient,
}

/// A source of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassdbKind {
    /// The users of this machine.
    System,
    /// The user list of the client's host name or of the domain in the login, or the directory that replaces
    /// it.
    Lists,
    /// The single user list, or the directory that replaces it.
    List,
    /// The plugins.
    Plugins,
}

impl PassdbKind {
    /// The sources of a kind. The first one that knows a name decides.
    pub(crate) fn of(kind: AuthType) -> &'static [Self] {
        match kind {
            AuthType::System => &[Self::System],
            AuthType::SystemOrHost | AuthType::SystemOrHostOrDomain => &[Self::System, Self::Lists],
            AuthType::Host | AuthType::HostOrDomain => &[Self::Lists],
            AuthType::List => &[Self::List],
            AuthType::Plugin => &[Self::Plugins],
        }
    }

    /// A unique word for this source.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Lists => "lists",
            Self::List => "list",
            Self::Plugins => "plugins",
        }
    }
}

impl UserSources {
    /// Opens the sources that the configuration uses.
    ///
    /// # Errors
    ///
    /// A kind that is used lacks something.
    pub(crate) fn new(config: &Config, key: &MacKey) -> Result<Self, SourceUnavailable> {
        let directory = DirectoryClient::new(config);
        let elsewhere = config.has_directory_users();
        let mut open: Vec<(PassdbKind, Box<dyn Passdb>)> = Vec::new();
        for source in Self::in_use(config) {
            let passdb: Box<dyn Passdb> = match source {
                PassdbKind::System => {
                    Box::new(SystemUsers::new(config, key).map_err(SourceUnavailable::System)?)
                }
                PassdbKind::Lists if elsewhere => {
                    Box::new(DirectoryUsers::by_host(config, directory.clone()))
                }
                PassdbKind::List if elsewhere => Box::new(DirectoryUsers::of_all(config, directory.clone())),
                PassdbKind::Lists => Box::new(HostLists::new(config)),
                PassdbKind::List if config.userlist.is_relative() => {
                    return Err(SourceUnavailable::RelativeUserlist);
                }
                PassdbKind::List => Box::new(Userlist::new(config.userlist.clone())),
                PassdbKind::Plugins => Box::new(Plugins::new(config).ok_or(SourceUnavailable::NoPlugin)?),
            };
            open.push((source, passdb));
        }
        Ok(Self { kind: config.auth_type, user_kinds: config.user_auth.clone(), open, directory })
    }

    /// A single source for all users.
    pub(crate) fn only(source: Box<dyn Passdb>) -> Self {
        let directory = DirectoryClient::new(&Config::default());
        Self {
            kind: AuthType::List,
            user_kinds: PerUser::new(),
            open: vec![(PassdbKind::List, source)],
            directory,
        }
    }

    /// The channel to mpopd-directory.
    pub(crate) fn directory(&self) -> &DirectoryClient {
        &self.directory
    }

    /// The sources that at least one user may need.
    pub(crate) fn in_use(config: &Config) -> Vec<PassdbKind> {
        let mut sources = Vec::new();
        for kind in std::iter::once(&config.auth_type).chain(config.user_auth.values()) {
            for source in PassdbKind::of(*kind) {
                if !sources.contains(source) {
                    sources.push(*source);
                }
            }
        }
        sources
    }

    /// The kind of login of a user.
    pub(crate) fn kind_of(&self, user: &str) -> AuthType {
        self.user_kinds.get(user).copied().unwrap_or(self.kind)
    }

    /// Asks the sources of the query's kind, one after the other.
    ///
    /// # Errors
    ///
    /// One of them failed. The next one is not asked then: it might know another user of the same name.
    pub(crate) fn find(
        &mut self,
        query: &UserQuery<'_>,
    ) -> Result<Option<(PassdbKind, FoundUser)>, LoginError> {
        for source in PassdbKind::of(query.kind) {
            if let Some(passdb) = self.get(*source)
                && let Some(found) = passdb.find(query)?
            {
                return Ok(Some((*source, found)));
            }
        }
        Ok(None)
    }

    /// The source, if it is in use.
    pub(crate) fn get(&mut self, source: PassdbKind) -> Option<&mut dyn Passdb> {
        let (_, passdb) = self.open.iter_mut().find(|(open, _)| *open == source)?;
        Some(passdb.as_mut())
    }

    /// Whether this holds for every source.
    pub(crate) fn all(&mut self, mut holds: impl FnMut(&mut dyn Passdb) -> bool) -> bool {
        self.open.iter_mut().all(|(_, passdb)| holds(passdb.as_mut()))
    }

    /// What an unknown name is checked against: one of the existing secrets.
    pub(crate) fn decoy(&mut self, query: &UserQuery<'_>, key: &MacKey) -> Option<(PassdbKind, Decoy)> {
        let asked = PassdbKind::of(query.kind);
        let mut decoys: Vec<(PassdbKind, Decoy)> = Vec::new();
        for (source, passdb) in &mut self.open {
            // Users in [user_auth] must not stand out either. Lists by host name are left out: they would
            // need DNS.
            if asked.contains(source) || *source != PassdbKind::Lists {
                decoys.extend(passdb.decoys(query).into_iter().map(|decoy| (*source, decoy)));
            }
        }
        choose(decoys, query.user, key, |source| source.word())
    }

    pub(crate) fn warm(&mut self) {
        self.open.iter_mut().for_each(|(_, passdb)| passdb.warm());
    }

    pub(crate) fn take_remarks(&mut self) -> Vec<Fault> {
        self.open.iter_mut().flat_map(|(_, passdb)| passdb.take_remarks()).collect()
    }
}

/// Why a source cannot be used at all.
#[derive(Debug)]
pub(crate) enum SourceUnavailable {
    RelativeUserlist,
    NoPlugin,
    System(CheckerUnavailable),
}

impl fmt::Display for SourceUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RelativeUserlist => f.write_str("auth_type 6 needs the absolute path of the user list"),
            Self::NoPlugin => f.write_str("auth_type 7 needs password_plugin, the path of a program"),
            Self::System(why) => why.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Peer;
    use crate::name::UserName;
    use std::collections::HashMap;
    use std::os::unix::fs::PermissionsExt;

    /// How often each cost is drawn, and the cost for each of 3000 names.
    fn draw(users: &str, key: &MacKey) -> (HashMap<Vec<u8>, usize>, Vec<Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let userlist = folder.path().join("users");
        std::fs::write(&userlist, users).unwrap();
        std::fs::set_permissions(&userlist, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = Config { auth_type: AuthType::List, userlist, ..Config::default() };
        let mut sources = UserSources::new(&config, &MacKey::fixed(1)).unwrap();
        let peer = Peer::new("192.0.2.1".parse().unwrap(), |_| Ok(None));
        let mut frequency = HashMap::new();
        let drawn: Vec<_> = (0..3000)
            .map(|nth| {
                let user = UserName::try_from(format!("user{nth}").as_bytes()).unwrap();
                let query = UserQuery { user: &user, peer: &peer, kind: AuthType::List };
                let (_, decoy) = sources.decoy(&query, key).unwrap();
                decoy.secret.unwrap().stored().cost().to_vec()
            })
            .collect();
        drawn.iter().for_each(|cost| *frequency.entry(cost.clone()).or_default() += 1);
        (frequency, drawn)
    }

    #[test]
    fn strangers_cost_what_users_cost_and_always_the_same() {
        let key = MacKey::fixed(12);
        let users = "a:$1$s$h:1\nb:$6$s$h:1\nc:$6$t$h:1\nd:$6$u$h:1\n";
        let (frequency, drawn) = draw(users, &key);
        // Three of four; the key is fixed, so this is not a matter of luck.
        let share = f64::from(u32::try_from(frequency[&b"$6$"[..]]).unwrap()) / 3000.0;
        assert!((0.72..0.78).contains(&share), "{share}");
        assert_eq!(draw(users, &key).1, drawn);
        assert_ne!(draw(users, &MacKey::fixed(13)).1, drawn, "nobody else knows which");

        let (_, later) = draw(&format!("{users}e:$6$v$h:1\n"), &key);
        let changed = drawn.iter().zip(&later).filter(|(a, b)| a != b).count();
        assert!(changed < 3000 / 10, "one user more: {changed} of 3000 names changed");
    }

    #[test]
    fn each_kind_has_its_sources_and_no_more_are_opened() {
        let mut config = Config { auth_type: AuthType::Host, ..Config::default() };
        assert_eq!(UserSources::in_use(&config), [PassdbKind::Lists]);
        config.user_auth.insert("bob".to_owned(), AuthType::SystemOrHost);
        assert_eq!(UserSources::in_use(&config), [PassdbKind::Lists, PassdbKind::System]);
        config.user_auth.insert("carol".to_owned(), AuthType::Plugin);
        assert!(matches!(UserSources::new(&config, &MacKey::fixed(1)), Err(SourceUnavailable::NoPlugin)));
        config.password_plugin = Some("/bin/false".into());
        let sources = UserSources::new(&config, &MacKey::fixed(1)).unwrap();
        assert_eq!(sources.kind_of("alice"), AuthType::Host);
        assert_eq!(sources.kind_of("carol"), AuthType::Plugin);
        assert_eq!(sources.kind_of("Carol"), AuthType::Host);
    }
}
