//! From a name and a password to an account.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;

use config::{Config, Fault, Faults};
use sys::crypt::{Crypt, CryptError};
use vocabulary::SaslMechanism;
use zeroize::Zeroizing;

use crate::access::Gate;
use crate::cache::{Cache, Claim};
use crate::decoy::Decoy;
use crate::directory::Tokens;
use crate::host::{Peer, Resolve, resolve};
use crate::name::UserName;
use crate::passdb::{Found, Query, SingleUser};
use crate::password::{Secret, Stored};
use crate::prepared::prepared;
use crate::refusal::Refusal;
use crate::sasl::{BadToken, Setup, TokenCheck};
use crate::secret_key::Key;
use crate::sources::{Source, Sources};
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
    /// Whether that uid is this user's alone: a user of the machine, not one of many for whom a database or a list names it.
    pub own_uid: bool,
    /// The home directory, where there is one; an absolute path.
    pub home: Option<PathBuf>,
    /// The maildrop.
    pub maildrop: Location,
}

/// Judges logins as the configuration says. One for each auth process: it blocks while it works.
///
/// It is made before the auth processes are forked: what it has read is shared by them, and all of them give a name that
/// nobody knows the same treatment.
pub struct Authenticator {
    gate: Gate,
    sources: Sources,
    locations: Locations,
    /// Absent where no hash is ever checked.
    crypt: Option<Crypt>,
    cache: Option<Cache>,
    /// Chooses how long a name that nobody knows takes.
    key: Key,
    resolve: Resolve,
    sasl: Setup,
    /// Whether names and passwords are UTF-8; otherwise passwords are octets.
    utf8: bool,
}

/// What there is to judge somebody by whose password never comes here.
pub(crate) struct Evidence {
    /// What is stored of the password; for somebody who cannot log in, what is stored of somebody like them.
    pub(crate) secret: Option<Secret>,
    /// Whose mail it is, or why they cannot log in.
    pub(crate) owner: Result<Owner, Refusal>,
}

impl Authenticator {
    /// Makes ready for the kinds of login that the configuration uses. Files of users may still be missing, those of access
    /// rules not: see [`Authenticator::warm`] and [`crate::check`].
    ///
    /// # Errors
    /// Settings are incomplete, the access rules have faults, or the system lacks libcrypt, PAM or random numbers.
    pub fn new(config: &Config) -> Result<Self, NotStarted> {
        let key = Key::random().map_err(NotStarted::Random)?;
        let sources = Sources::new(config, &key).map_err(|why| NotStarted::Source(why.to_string()))?;
        let mut sasl = Setup::new(config);
        if let Some(tokens) = Tokens::new(config, sources.directory()) {
            sasl.check_tokens_with(Box::new(tokens));
        }
        Ok(Self {
            gate: Gate::new(config).map_err(NotStarted::Access)?,
            sources,
            locations: Locations::new(config),
            crypt: Some(Crypt::load().map_err(NotStarted::Crypt)?),
            cache: Cache::new(key.clone(), config.auth_cache),
            key,
            resolve,
            sasl,
            utf8: config.utf8,
        })
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
        let owner = Owner { user, uid, gid: Some(gid), own_uid: true, home: None, mail: Mail::At(maildrop) };
        let only = SingleUser { owner, secret: Secret::Plain(password) };
        Self {
            gate: Gate::open(),
            sources: Sources::only(Box::new(only)),
            locations: Locations::new(&Config::default()),
            crypt: None,
            cache: None,
            // There is one secret only, so nothing to choose.
            key: Key::fixed(0),
            resolve,
            sasl: Setup::new(&Config::default()),
            utf8: true,
        }
    }

    /// Reads the lists of users, so that processes forked after this share their memory. What is wrong with them becomes a
    /// remark, and counts when it is needed.
    pub fn warm(&mut self) {
        self.sources.warm();
    }

    /// Has everything that a database, an LDAP or an OAuth server must be asked go over this channel to mpopd-directory
    /// ([`ipc::directory`]). Each auth process calls this once after its fork, if there is a [`crate::directory_setup`]; until
    /// then such logins fail for now.
    pub fn use_directory(&mut self, channel: OwnedFd) {
        self.sources.directory().connect(channel);
    }

    /// Whether a client from this address may connect at all. Each login asks this again: whoever passes one has passed the
    /// other.
    ///
    /// # Errors
    /// [`Refusal::DeniedHost`], [`Refusal::ReverseLookup`], [`Refusal::Temporary`].
    pub fn admit(&mut self, peer: IpAddr) -> Result<(), Refusal> {
        self.gate.admit(&Peer::new(peer, self.resolve))
    }

    /// Whether there is such a user, for `reject_bogus_user`: `user` as the client sent it, from the address `peer`.
    ///
    /// A name that only PAM would rename into a known one is not known here. Without `username_plugin`, kind 7 knows every name.
    ///
    /// # Errors
    /// The client may not connect, or it could not be found out.
    pub fn knows(&mut self, user: &[u8], peer: IpAddr) -> Result<bool, Refusal> {
        let peer = Peer::new(peer, self.resolve);
        self.gate.admit(&peer)?;
        let Some(user) = self.name(user) else { return Ok(false) };
        let query = Query { user: &user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        Ok(self.sources.find(&query)?.is_some())
    }

    /// Judges a login: `user` and `password` as the client sent them, from the address `peer`.
    ///
    /// A name that nobody knows takes as long as the check of a known user's password.
    ///
    /// # Errors
    /// Why the login fails.
    pub fn login(&mut self, user: &[u8], password: &[u8], peer: IpAddr) -> Result<Account, Refusal> {
        let peer = Peer::new(peer, self.resolve);
        self.gate.admit(&peer)?;
        // Nobody can have such a name, so nobody learns anything from how quick this is.
        let user = self.name(user).ok_or(Refusal::UnknownUser)?;
        let password = if self.utf8 { prepared(password) } else { Some(Cow::Borrowed(password)) };
        let password = Zeroizing::new(password.map(Cow::into_owned).unwrap_or_default());
        if password.is_empty() {
            return Err(Refusal::Password);
        }
        let query = Query { user: &user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        let owner = self.authenticate(&query, &password)?;
        self.account(owner)
    }

    /// The name that a client sent, if it is one.
    fn name(&self, user: &[u8]) -> Option<UserName> {
        let user = if self.utf8 { prepared(user)? } else { Cow::Borrowed(user) };
        UserName::try_from(&*user).ok()
    }

    /// Has the tokens of OAUTHBEARER and XOAUTH2 checked by `tokens`. Until then no token is good.
    pub fn check_tokens_with(&mut self, tokens: Box<dyn TokenCheck>) {
        self.sasl.check_tokens_with(tokens);
    }

    /// Whether SCRAM should be offered: whether it can check the password of every user, as far as that is known here. It cannot
    /// where a crypt(3) or Argon2 hash is stored, or where PAM or a plugin is asked. Clients that prefer SCRAM would fail then.
    ///
    /// Reads the lists of users, as they are now.
    pub fn scram_fits(&mut self) -> bool {
        self.sources.all(|source| source.scram_fits())
    }

    /// What the administrator should know, found since this was last asked: lines of the user list that were left out, `WARN`
    /// rules that matched, what plugins had to say. For the log; bounded.
    ///
    /// Who asks before the auth processes are forked gets what concerns them all once.
    pub fn take_remarks(&mut self) -> Vec<Fault> {
        let mut remarks = self.gate.take_remarks();
        remarks.extend(self.sources.take_remarks());
        remarks
    }

    /// Whether there can be an exchange of this mechanism.
    pub(crate) fn serves(&self, mechanism: SaslMechanism) -> bool {
        self.sasl.serves(mechanism)
    }

    /// What there is to judge this user by without a password. It takes the same time for names that nobody knows.
    ///
    /// # Errors
    /// The client may not connect, or it could not be found out.
    pub(crate) fn evidence(&mut self, user: &UserName, peer: IpAddr) -> Result<Evidence, Refusal> {
        let peer = Peer::new(peer, self.resolve);
        self.gate.admit(&peer)?;
        let query = Query { user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        let found = self.sources.find(&query)?;
        let decoy = self.sources.decoy(&query, &self.key).and_then(|(_, decoy)| decoy.secret);
        Ok(match found {
            Some((_, Found::Stored(owner, secret))) => Evidence { secret: Some(secret), owner: Ok(owner) },
            Some((_, Found::Locked)) => Evidence { secret: decoy, owner: Err(Refusal::Disabled) },
            // Whoever is asked there wants the password.
            Some((_, Found::Ask)) => Evidence { secret: None, owner: Err(Refusal::Password) },
            None => Evidence { secret: decoy, owner: Err(Refusal::UnknownUser) },
        })
    }

    /// The account of a user for whom somebody else vouches: who checked the certificate, or the token.
    ///
    /// # Errors
    /// The client may not connect, there is no such user, or they may not log in.
    pub(crate) fn vouched(&mut self, user: &[u8], peer: IpAddr) -> Result<Account, Refusal> {
        let peer = Peer::new(peer, self.resolve);
        self.gate.admit(&peer)?;
        let user = UserName::try_from(user).map_err(|_| Refusal::UnknownUser)?;
        let query = Query { user: &user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        match self.sources.find(&query)? {
            Some((_, Found::Stored(owner, _))) => self.account(owner),
            Some((_, Found::Locked)) => Err(Refusal::Disabled),
            Some((source, Found::Ask)) => {
                let Some(passdb) = self.sources.get(source) else { return Err(Refusal::UnknownUser) };
                let owner = passdb.vouched(&query)?;
                self.account(owner)
            }
            None => Err(Refusal::UnknownUser),
        }
    }

    pub(crate) fn check_token(&mut self, token: &[u8]) -> Result<String, BadToken> {
        self.sasl.check_token(token)
    }

    pub(crate) fn token_scope(&self) -> &str {
        self.sasl.token_scope()
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    fn authenticate(&mut self, query: &Query<'_>, password: &[u8]) -> Result<Owner, Refusal> {
        let found = self.sources.find(query)?;
        // For known names too, so that it takes the same time.
        let decoy = self.sources.decoy(query, &self.key);
        match found {
            Some((source, Found::Stored(owner, secret))) => {
                self.check(query, source, owner, &secret, password)
            }
            Some((source, Found::Ask)) => self.ask(query, source, password),
            Some((_, Found::Locked)) => {
                let _ = self.check_decoy(query, decoy, password);
                Err(Refusal::Disabled)
            }
            None => match Source::of(query.kind) {
                [only] if self.sources.get(*only).is_some_and(|source| source.may_rename()) => {
                    self.ask(query, *only, password)
                }
                _ => Err(self.check_decoy(query, decoy, password)),
            },
        }
    }

    /// Compares the password with what is stored of it.
    fn check(
        &mut self,
        query: &Query<'_>,
        source: Source,
        owner: Owner,
        secret: &Secret,
        password: &[u8],
    ) -> Result<Owner, Refusal> {
        let stored = secret.stored();
        let claim = claim(query, source, stored.octets(), password);
        if stored.is_costly() && self.remembered(&claim).is_some() {
            // The entry is as it was, and is what counts for all but the password.
            return Ok(owner);
        }
        match stored.verify(password, self.crypt.as_mut()) {
            Ok(true) => {}
            Ok(false) => return Err(Refusal::Password),
            Err(error) => return Err(Refusal::Temporary(format!("user {}: {error}", query.user))),
        }
        if stored.is_costly() {
            self.remember(&claim, &owner);
        }
        Ok(owner)
    }

    /// Has the source itself check the password.
    fn ask(&mut self, query: &Query<'_>, source: Source, password: &[u8]) -> Result<Owner, Refusal> {
        let Some(passdb) = self.sources.get(source) else { return Err(Refusal::UnknownUser) };
        // Before it is asked: a change in the meantime makes the answer an old one.
        let version = passdb.version();
        let claim = claim(query, source, &version, password);
        if let Some(owner) = self.remembered(&claim) {
            return Ok(owner);
        }
        let Some(passdb) = self.sources.get(source) else { return Err(Refusal::UnknownUser) };
        let owner = passdb.ask(query, password)?;
        self.remember(&claim, &owner);
        Ok(owner)
    }

    /// Takes the time of a known user's check. The outcome is the same whatever it says.
    fn check_decoy(&mut self, query: &Query<'_>, decoy: Option<(Source, Decoy)>, password: &[u8]) -> Refusal {
        /// Where there is no user at all: yescrypt, as Debian's passwd(1) makes it.
        const USUAL: Stored<'_> = Stored::Crypt(b"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$");
        let _ = match decoy {
            Some((_, Decoy { secret: Some(secret), .. })) => {
                secret.stored().verify(password, self.crypt.as_mut()).is_ok()
            }
            Some((source, Decoy { secret: None, .. })) => {
                self.sources.get(source).is_some_and(|passdb| passdb.ask(query, password).is_ok())
            }
            None => USUAL.verify(password, self.crypt.as_mut()).is_ok(),
        };
        Refusal::UnknownUser
    }

    fn remembered(&self, claim: &Claim<'_>) -> Option<Owner> {
        self.cache.as_ref()?.get(claim, Instant::now())
    }

    fn remember(&mut self, claim: &Claim<'_>, owner: &Owner) {
        if let Some(cache) = &mut self.cache {
            cache.put(claim, owner, Instant::now());
        }
    }

    /// Where the mail of this owner is.
    ///
    /// # Errors
    /// It cannot be said: [`Refusal::Temporary`].
    pub(crate) fn account(&self, owner: Owner) -> Result<Account, Refusal> {
        let temporary = |what: &str, why: &dyn fmt::Display| {
            Refusal::Temporary(format!("user {}: {what}: {why}", owner.user))
        };
        let gid = owner
            .effective_gid()
            .map_err(|error| temporary("the system does not say which group the uid has", &error))?;
        let maildrop = match owner.mail {
            Mail::At(maildrop) => maildrop,
            Mail::Path(path) => Location { storage: self.locations.storage_of(&owner.user), path },
            Mail::BySettings => self
                .locations
                .of(&owner.user, owner.home.as_deref())
                .map_err(|error| temporary("there is no path of the maildrop", &error))?,
        };
        Ok(Account {
            user: owner.user,
            uid: owner.uid,
            gid,
            own_uid: owner.own_uid,
            home: owner.home,
            maildrop,
        })
    }

    /// The same with a resolver of the test's own.
    #[cfg(test)]
    pub(crate) fn with_resolver(self, resolve: Resolve) -> Self {
        Self { resolve, ..self }
    }
}

fn claim<'a>(query: &Query<'a>, source: Source, stored: &'a [u8], password: &'a [u8]) -> Claim<'a> {
    Claim { user: query.user.as_str(), source: source.word().as_bytes(), stored, password }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

/// Why there is no authenticator.
#[derive(Debug)]
pub enum NotStarted {
    /// A kind of login that is used lacks something; the text says what to do.
    Source(String),
    /// The files of access rules have faults.
    Access(Faults),
    /// libcrypt cannot be loaded.
    Crypt(CryptError),
    /// The system has no random numbers.
    Random(io::Error),
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(why) => f.write_str(why),
            Self::Access(faults) => faults.fmt(f),
            Self::Crypt(error) => error.fmt(f),
            Self::Random(error) => write!(f, "the system gives no random numbers: {error}"),
        }
    }
}

impl std::error::Error for NotStarted {}
