//! From a name and a password to an account.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use config::{Config, Fault, Faults};
use sys::crypt::{Crypt, CryptError};
use vocabulary::{Location, LoginFailure, SaslMechanism};
use zeroize::Zeroizing;

use crate::access::AccessControl;
use crate::account::Account;
use crate::decoy::Decoy;
use crate::directory_tokens::DirectoryTokens;
use crate::host::{Peer, Resolve, resolve};
use crate::login_error::LoginError;
use crate::mac_key::MacKey;
use crate::mechanisms::ServedMechanisms;
use crate::name::UserName;
use crate::passdb::{FoundUser, SingleUser, UserQuery};
use crate::password::{StoredPassword, StoredSecret};
use crate::password_cache::{PasswordCache, PasswordClaim};
use crate::prepared::prepared;
use crate::token_check::{BadToken, TokenCheck};
use crate::user_sources::{PassdbKind, UserSources};
use crate::userdb::{MaildropPaths, Owner, OwnerUid, StatedMaildrop};

/// Judges logins as the configuration says. Each auth process has one; it blocks while it works.
///
/// It is made before the auth processes are forked. They share the memory of what it has read, and all of
/// them treat an unknown name in the same way.
pub struct Authenticator {
    access: AccessControl,
    sources: UserSources,
    paths: MaildropPaths,
    /// Missing if no hash is ever checked.
    crypt: Option<Crypt>,
    cache: Option<PasswordCache>,
    /// Chooses how long the check of an unknown name takes.
    key: MacKey,
    resolve: Resolve,
    mechanisms: ServedMechanisms,
    /// Whether names and passwords are UTF-8; otherwise passwords are plain octets.
    utf8: bool,
}

/// What is known of a user who proves a password without sending it.
pub(crate) struct StoredCredentials {
    /// The stored password. For a user who cannot log in: that of a comparable one.
    pub(crate) secret: Option<StoredSecret>,
    /// The owner of the mail, or why the user cannot log in.
    pub(crate) owner: Result<Owner, LoginError>,
}

impl Authenticator {
    /// Prepares for the kinds of login that the configuration uses. User lists may still be missing, files of
    /// access rules may not: see [`Self::warm`] and [`crate::check`].
    ///
    /// # Errors
    ///
    /// Settings are incomplete, the access rules have errors, or the system lacks libcrypt, PAM or random
    /// numbers.
    pub fn new(config: &Config) -> Result<Self, AuthenticatorError> {
        let key = MacKey::random().map_err(AuthenticatorError::Random)?;
        let sources =
            UserSources::new(config, &key).map_err(|why| AuthenticatorError::Source(why.to_string()))?;
        let mut mechanisms = ServedMechanisms::new(config);
        if let Some(tokens) = DirectoryTokens::new(config, sources.directory()) {
            mechanisms.check_tokens_with(Box::new(tokens));
        }
        Ok(Self {
            access: AccessControl::new(config).map_err(AuthenticatorError::Access)?,
            sources,
            paths: MaildropPaths::new(config),
            crypt: Some(Crypt::load().map_err(AuthenticatorError::Crypt)?),
            cache: PasswordCache::new(key.clone(), config.auth_cache),
            key,
            resolve,
            mechanisms,
            utf8: config.utf8,
        })
    }

    /// Lets in one user, from anywhere, and nobody else: for `mpopd try`. `gid` is the group of the process
    /// that opens the maildrop.
    pub fn single(
        user: UserName,
        password: Zeroizing<Vec<u8>>,
        uid: OwnerUid,
        gid: u32,
        maildrop: Location,
    ) -> Self {
        let mail = StatedMaildrop::At(maildrop);
        let owner = Owner { user, uid, gid: Some(gid), own_uid: true, home: None, mail };
        let only = SingleUser { owner, secret: StoredSecret::Plain(password) };
        Self {
            access: AccessControl::allow_all(),
            sources: UserSources::only(Box::new(only)),
            paths: MaildropPaths::new(&Config::default()),
            crypt: None,
            cache: None,
            // With a single secret there is nothing to choose.
            key: MacKey::fixed(0),
            resolve,
            mechanisms: ServedMechanisms::new(&Config::default()),
            utf8: true,
        }
    }

    /// Reads the user lists, so that processes forked later share their memory. Errors in them become
    /// remarks, and fail the logins that need the list.
    pub fn warm(&mut self) {
        self.sources.warm();
    }

    /// Sends all requests to databases, LDAP and OAuth servers over this channel to mpopd-directory
    /// ([`ipc::directory`]). Each auth process calls this once after its fork, if there is a
    /// [`directory_setup`](crate::directory_setup()). Until then such logins fail as temporary.
    pub fn use_directory(&mut self, channel: OwnedFd) {
        self.sources.directory().connect(channel);
    }

    /// Decides whether a client at this address may connect at all. Each login asks the same again.
    ///
    /// # Errors
    ///
    /// [`LoginFailure::DeniedHost`], [`LoginFailure::ReverseLookup`] or [`LoginFailure::Temporary`].
    pub fn admit(&mut self, peer: IpAddr) -> Result<(), LoginError> {
        self.access.admit(&Peer::new(peer, self.resolve))
    }

    /// Whether there is such a user, for `reject_bogus_user`: `user` as the client sent it, from the address
    /// `peer`.
    ///
    /// A name that PAM would map to a known one counts as unknown. Without `username_plugin`, kind 7 knows
    /// every name.
    ///
    /// # Errors
    ///
    /// The client may not connect, or a source of users failed.
    pub fn knows(&mut self, user: &[u8], peer: IpAddr) -> Result<bool, LoginError> {
        let peer = Peer::new(peer, self.resolve);
        self.access.admit(&peer)?;
        let Some(user) = self.name(user) else { return Ok(false) };
        let query = UserQuery { user: &user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        Ok(self.sources.find(&query)?.is_some())
    }

    /// Judges a login: `user` and `password` as the client sent them, from the address `peer`.
    ///
    /// An unknown name takes as long as the check of a known user's password.
    ///
    /// # Errors
    ///
    /// Why the login fails.
    pub fn login(&mut self, user: &[u8], password: &[u8], peer: IpAddr) -> Result<Account, LoginError> {
        let peer = Peer::new(peer, self.resolve);
        self.access.admit(&peer)?;
        // No user can have such a name, so the quick answer reveals nothing.
        let user = self.name(user).ok_or(LoginFailure::UnknownUser)?;
        let password = if self.utf8 { prepared(password) } else { Some(Cow::Borrowed(password)) };
        let password = Zeroizing::new(password.map(Cow::into_owned).unwrap_or_default());
        if password.is_empty() {
            return Err(LoginFailure::Password.into());
        }
        let query = UserQuery { user: &user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        let owner = self.authenticate(&query, &password)?;
        self.account(owner)
    }

    /// The name that a client sent, if it is valid.
    fn name(&self, user: &[u8]) -> Option<UserName> {
        let user = if self.utf8 { prepared(user)? } else { Cow::Borrowed(user) };
        UserName::try_from(&*user).ok()
    }

    /// Has the tokens of OAUTHBEARER and XOAUTH2 checked by `tokens`. Until then every token is refused.
    pub fn check_tokens_with(&mut self, tokens: Box<dyn TokenCheck>) {
        self.mechanisms.check_tokens_with(tokens);
    }

    /// Whether SCRAM should be offered: whether it can check the password of every user, as far as that is
    /// known. It cannot if a crypt(3) or Argon2 hash is stored, or if PAM or a plugin decides. Clients that
    /// prefer SCRAM would then fail.
    ///
    /// Reads the user lists as they are now.
    pub fn scram_fits(&mut self) -> bool {
        self.sources.all(|source| source.scram_fits())
    }

    /// What the administrator should know, found since the last call: lines left out of user lists, `WARN`
    /// rules that matched, what plugins wrote. For the log; bounded.
    ///
    /// A call before the auth processes are forked gets what would otherwise appear once for each of them.
    pub fn take_remarks(&mut self) -> Vec<Fault> {
        let mut remarks = self.access.take_remarks();
        remarks.extend(self.sources.take_remarks());
        remarks
    }

    /// Whether an exchange of this mechanism can succeed at all.
    pub(crate) fn serves(&self, mechanism: SaslMechanism) -> bool {
        self.mechanisms.serves(mechanism)
    }

    /// What is stored of this user, for a login that does not send the password. It takes the same time for
    /// unknown names.
    ///
    /// # Errors
    ///
    /// The client may not connect, or a source of users failed.
    pub(crate) fn credentials(
        &mut self,
        user: &UserName,
        peer: IpAddr,
    ) -> Result<StoredCredentials, LoginError> {
        let peer = Peer::new(peer, self.resolve);
        self.access.admit(&peer)?;
        let query = UserQuery { user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        let found = self.sources.find(&query)?;
        let decoy = self.sources.decoy(&query, &self.key).and_then(|(_, decoy)| decoy.secret);
        let refused =
            |secret, failure: LoginFailure| StoredCredentials { secret, owner: Err(failure.into()) };
        Ok(match found {
            Some((_, FoundUser::Stored(owner, secret))) => {
                StoredCredentials { secret: Some(secret), owner: Ok(owner) }
            }
            Some((_, FoundUser::Locked)) => refused(decoy, LoginFailure::Disabled),
            // This source must be given the password, which SCRAM does not send.
            Some((_, FoundUser::Ask)) => refused(None, LoginFailure::Password),
            None => refused(decoy, LoginFailure::UnknownUser),
        })
    }

    /// The account of a user whose identity is already proven, by a certificate or a token.
    ///
    /// # Errors
    ///
    /// The client may not connect, there is no such user, or they may not log in.
    pub(crate) fn vouched(&mut self, user: &[u8], peer: IpAddr) -> Result<Account, LoginError> {
        let peer = Peer::new(peer, self.resolve);
        self.access.admit(&peer)?;
        let user = UserName::try_from(user).map_err(|_| LoginFailure::UnknownUser)?;
        let query = UserQuery { user: &user, peer: &peer, kind: self.sources.kind_of(user.as_str()) };
        match self.sources.find(&query)? {
            Some((_, FoundUser::Stored(owner, _))) => self.account(owner),
            Some((_, FoundUser::Locked)) => Err(LoginFailure::Disabled.into()),
            Some((source, FoundUser::Ask)) => {
                let passdb = self.sources.get(source).ok_or(LoginFailure::UnknownUser)?;
                let owner = passdb.vouched(&query)?;
                self.account(owner)
            }
            None => Err(LoginFailure::UnknownUser.into()),
        }
    }

    pub(crate) fn check_token(&mut self, token: &[u8]) -> Result<String, BadToken> {
        self.mechanisms.check_token(token)
    }

    pub(crate) fn token_scope(&self) -> &str {
        self.mechanisms.token_scope()
    }

    pub(crate) fn key(&self) -> &MacKey {
        &self.key
    }

    fn authenticate(&mut self, query: &UserQuery<'_>, password: &[u8]) -> Result<Owner, LoginError> {
        let found = self.sources.find(query)?;
        // Drawn for known names too, so that it takes the same time.
        let decoy = self.sources.decoy(query, &self.key);
        match found {
            Some((source, FoundUser::Stored(owner, secret))) => {
                self.check(query, source, owner, &secret, password)
            }
            Some((source, FoundUser::Ask)) => self.ask(query, source, password),
            Some((_, FoundUser::Locked)) => {
                self.check_decoy(query, decoy, password);
                Err(LoginFailure::Disabled.into())
            }
            None => match PassdbKind::of(query.kind) {
                [only] if self.sources.get(*only).is_some_and(|source| source.may_rename()) => {
                    self.ask(query, *only, password)
                }
                _ => {
                    self.check_decoy(query, decoy, password);
                    Err(LoginFailure::UnknownUser.into())
                }
            },
        }
    }

    /// Compares the password with what is stored.
    fn check(
        &mut self,
        query: &UserQuery<'_>,
        source: PassdbKind,
        owner: Owner,
        secret: &StoredSecret,
        password: &[u8],
    ) -> Result<Owner, LoginError> {
        let stored = secret.stored();
        let claim = claim(query, source, stored.octets(), password);
        if stored.is_costly() && self.remembered(&claim).is_some() {
            // Only the password check is skipped. The owner is what the source says now.
            return Ok(owner);
        }
        match stored.verify(password, self.crypt.as_mut()) {
            Ok(true) => {}
            Ok(false) => return Err(LoginFailure::Password.into()),
            Err(error) => return Err(LoginError::temporary(format!("user {}: {error}", query.user))),
        }
        if stored.is_costly() {
            self.remember(&claim, &owner);
        }
        Ok(owner)
    }

    /// Has the source itself check the password.
    fn ask(
        &mut self,
        query: &UserQuery<'_>,
        source: PassdbKind,
        password: &[u8],
    ) -> Result<Owner, LoginError> {
        let passdb = self.sources.get(source).ok_or(LoginFailure::UnknownUser)?;
        // Read before the source is asked: a change in between must invalidate the answer.
        let version = passdb.version();
        let claim = claim(query, source, &version, password);
        if let Some(owner) = self.remembered(&claim) {
            return Ok(owner);
        }
        let passdb = self.sources.get(source).ok_or(LoginFailure::UnknownUser)?;
        let owner = passdb.ask(query, password)?;
        self.remember(&claim, &owner);
        Ok(owner)
    }

    /// Takes the time of a known user's check. Its outcome does not matter.
    fn check_decoy(&mut self, query: &UserQuery<'_>, decoy: Option<(PassdbKind, Decoy)>, password: &[u8]) {
        /// If there is no user at all: yescrypt, as Debian's passwd(1) makes it.
        const USUAL: StoredPassword<'_> = StoredPassword::Crypt(b"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$");
        let _ = match decoy {
            Some((_, Decoy { secret: Some(secret), .. })) => {
                secret.stored().verify(password, self.crypt.as_mut()).is_ok()
            }
            Some((source, Decoy { secret: None, .. })) => {
                self.sources.get(source).is_some_and(|passdb| passdb.ask(query, password).is_ok())
            }
            None => USUAL.verify(password, self.crypt.as_mut()).is_ok(),
        };
    }

    fn remembered(&self, claim: &PasswordClaim<'_>) -> Option<Owner> {
        self.cache.as_ref()?.get(claim, Instant::now())
    }

    fn remember(&mut self, claim: &PasswordClaim<'_>, owner: &Owner) {
        if let Some(cache) = &mut self.cache {
            cache.put(claim, owner, Instant::now());
        }
    }

    /// The account of an authenticated owner: adds the group and the maildrop.
    ///
    /// # Errors
    ///
    /// [`LoginFailure::Temporary`]: one of them cannot be determined.
    pub(crate) fn account(&self, owner: Owner) -> Result<Account, LoginError> {
        let temporary = |what: &str, why: &dyn fmt::Display| {
            LoginError::temporary(format!("user {}: {what}: {why}", owner.user))
        };
        let gid = owner
            .effective_gid()
            .map_err(|error| temporary("the system does not say which group the uid has", &error))?;
        let maildrop = match owner.mail {
            StatedMaildrop::At(maildrop) => maildrop,
            StatedMaildrop::Path(path) => Location { storage: self.paths.storage_of(&owner.user), path },
            StatedMaildrop::BySettings => self
                .paths
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

    /// The same authenticator with a test's own resolver.
    #[cfg(test)]
    pub(crate) fn with_resolver(self, resolve: Resolve) -> Self {
        Self { resolve, ..self }
    }
}

fn claim<'a>(
    query: &UserQuery<'a>,
    source: PassdbKind,
    stored: &'a [u8],
    password: &'a [u8],
) -> PasswordClaim<'a> {
    PasswordClaim { user: query.user.as_str(), source: source.word().as_bytes(), stored, password }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

/// Why there is no authenticator.
#[derive(Debug)]
pub enum AuthenticatorError {
    /// A kind of login that is used lacks something; the text says what to do.
    Source(String),
    /// The files of access rules have errors.
    Access(Faults),
    /// libcrypt cannot be loaded.
    Crypt(CryptError),
    /// The system has no random numbers.
    Random(io::Error),
}

impl fmt::Display for AuthenticatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(why) => f.write_str(why),
            Self::Access(faults) => faults.fmt(f),
            Self::Crypt(error) => error.fmt(f),
            Self::Random(error) => write!(f, "the system gives no random numbers: {error}"),
        }
    }
}

impl std::error::Error for AuthenticatorError {}
