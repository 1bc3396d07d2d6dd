//! Users in an LDAP server (RFC 4511): found by a filter. Their password is checked by binding as them, or
//! read.

use std::fmt;
use std::sync::Arc;

use config::{QueryPart, QueryPattern};
use ipc::SecretOctets;
use ipc::directory::{self, LdapAttributes, LookupName, UserRecord};
use ldap3::{
    LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry, SearchOptions, ldap_escape,
    parse_filter,
};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use crate::failure::{QueryError, SettingsError, chain};
use crate::names::NameKind;
use crate::pool::{AskError, Pool, PooledServer};
use crate::record::{BadRecord, RecordFields};
use crate::tls::TrustedRoots;

/// Result codes of RFC 4511 appendix A.
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
    pub(super) const CONSTRAINT_VIOLATION: u32 = 19;
    pub(super) const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
    pub(super) const INVALID_CREDENTIALS: u32 = 49;
    pub(super) const BUSY: u32 = 51;
    pub(super) const UNAVAILABLE: u32 = 52;
    pub(super) const UNWILLING_TO_PERFORM: u32 = 53;
}

/// The server of the table `[ldap]`.
pub(crate) struct Ldap(Pool<LdapServer>);

/// The result of a lookup with or without a password.
pub(crate) enum BindResult {
    /// The user exists, and the password is right if there was one.
    As(UserRecord),
    /// There is no such user.
    Unknown,
    /// The password is wrong, or the user may not log in.
    Refused,
}

/// Why an entry describes no user. The data on the server, or the settings, are wrong.
enum BadLdapEntry {
    /// The filter matches several entries.
    SeveralEntries,
    /// The entry has no readable password.
    NoPassword { dn: String, attribute: String },
    /// The attribute is not UTF-8.
    NotUtf8 { dn: String, attribute: String },
    /// The attribute has several values.
    SeveralValues { dn: String, attribute: String },
    /// The values describe no user.
    Record { dn: String, why: BadRecord },
}

impl fmt::Display for BadLdapEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeveralEntries => f.write_str("the filter finds more than one entry"),
            Self::NoPassword { dn, attribute } => {
                write!(f, "{dn} has no {attribute} that service_dn may read")
            }
            Self::NotUtf8 { dn, attribute } => write!(f, "{dn}: {attribute} is not UTF-8"),
            Self::SeveralValues { dn, attribute } => write!(f, "{dn}: {attribute} has more than one value"),
            Self::Record { dn, why } => write!(f, "{dn}: {why}"),
        }
    }
}

impl Ldap {
    /// Checks the settings; opens no connection yet.
    ///
    /// # Errors
    ///
    /// The settings cannot be used.
    pub(crate) fn new(settings: directory::LdapSettings) -> Result<Self, SettingsError> {
        let bad = |key, why: String| SettingsError::Setting { key, why };
        let filter =
            QueryPattern::parse(&settings.filter).map_err(|why| bad("ldap.filter", why.to_string()))?;
        let sample =
            LookupName { user: "u".to_owned(), local_part: "u".to_owned(), domain: Some("d".to_owned()) };
        // Names are escaped, so a filter that is valid for one name is valid for all.
        if fill(&filter, &sample).is_none_or(|filter| parse_filter(filter).is_err()) {
            return Err(bad("ldap.filter", "it is no filter (RFC 4515)".to_owned()));
        }
        let tls = Arc::new(TrustedRoots::of(&settings.bounds)?.client()?);
        let (connections, timeout) = (settings.bounds.connections, settings.bounds.timeout);
        let name = format!("LDAP at {}", settings.url);
        Ok(Self(Pool::new(LdapServer { settings, filter, tls, name }, connections, timeout)))
    }

    /// The user of this name, with the stored password if the settings ask for it.
    ///
    /// # Errors
    ///
    /// The server gives no usable answer.
    pub(crate) async fn find(&self, name: &LookupName) -> Result<Option<UserRecord>, QueryError> {
        match self.0.ask(&LdapLookup { name: name.clone(), password: None }).await? {
            BindResult::As(entry) => Ok(Some(entry)),
            BindResult::Unknown | BindResult::Refused => Ok(None),
        }
    }

    /// Checks a password. An unknown name takes as many steps as a known one.
    ///
    /// # Errors
    ///
    /// The server gives no usable answer.
    pub(crate) async fn verify(
        &self,
        name: &LookupName,
        password: &SecretOctets,
    ) -> Result<BindResult, QueryError> {
        // A bind without a password is anonymous and succeeds (RFC 4513 section 5.1.2). Passwords are UTF-8
        // (5.1.3).
        match str::from_utf8(password.expose()) {
            Ok("") | Err(_) => Ok(BindResult::Refused),
            Ok(password) => {
                let password = Some(Zeroizing::new(password.to_owned()));
                self.0.ask(&LdapLookup { name: name.clone(), password }).await
            }
        }
    }
}

/// The filter for a name; `None` if it needs a domain and the name has none.
fn fill(filter: &QueryPattern, name: &LookupName) -> Option<String> {
    let mut text = String::new();
    for piece in filter.pieces() {
        match (piece, NameKind::of(piece)) {
            (QueryPart::Literal(literal), _) => text.push_str(literal),
            (_, Some(which)) => text.push_str(&ldap_escape(which.in_name(name)?)),
            (_, None) => {}
        }
    }
    Some(text)
}

struct LdapServer {
    settings: directory::LdapSettings,
    filter: QueryPattern,
    tls: Arc<ClientConfig>,
    name: String,
}

struct LdapLookup {
    name: LookupName,
    /// The password to check, if there is one.
    password: Option<Zeroizing<String>>,
}

struct LdapConnection {
    ldap: ldap3::Ldap,
    /// Whether it is bound for searching. After a login it is bound as the user.
    searches: bool,
}

impl PooledServer for LdapServer {
    type Connection = LdapConnection;
    type Question = LdapLookup;
    type Answer = BindResult;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<LdapConnection, QueryError> {
        let settings =
            LdapConnSettings::new().set_starttls(self.settings.starttls).set_config(self.tls.clone());
        let (driver, ldap) = LdapConnAsync::with_settings(settings, &self.settings.url)
            .await
            .map_err(|error| QueryError::Unreachable { server: self.name.clone(), why: chain(&error) })?;
        // Ends when `ldap` is dropped or the server closes the connection. The next request reports the
        // error.
        tokio::spawn(async move {
            let _ = driver.drive().await;
        });
        Ok(LdapConnection { ldap, searches: false })
    }

    fn is_open(&self, connection: &mut LdapConnection) -> bool {
        !connection.ldap.is_closed()
    }

    async fn ask(
        &self,
        connection: &mut LdapConnection,
        question: &LdapLookup,
    ) -> Result<BindResult, AskError> {
        let found = self.search(connection, &question.name).await?;
        let Some(password) = &question.password else {
            return match found {
                Some(found) => self.record(found).map(BindResult::As).map_err(|why| self.unusable(&why)),
                None => Ok(BindResult::Unknown),
            };
        };
        // Nobody has this name. The bind makes an unknown user take the same steps as a known one.
        let nobody = format!("cn=mpopd-nobody,{}", self.settings.base);
        let dn = found.as_ref().map_or(nobody.as_str(), |found| found.dn.as_str());
        connection.searches = false;
        let bound = connection.ldap.simple_bind(dn, password).await.map_err(|error| self.lost(&error))?;
        let Some(found) = found else { return Ok(BindResult::Unknown) };
        match bound.rc {
            code::INVALID_CREDENTIALS
            | code::INAPPROPRIATE_AUTHENTICATION
            | code::UNWILLING_TO_PERFORM
            | code::CONSTRAINT_VIOLATION => Ok(BindResult::Refused),
            _ => {
                self.succeeded(&bound, "to bind as the user")?;
                self.record(found).map(BindResult::As).map_err(|why| self.unusable(&why))
            }
        }
    }
}

impl LdapServer {
    async fn search(
        &self,
        connection: &mut LdapConnection,
        name: &LookupName,
    ) -> Result<Option<SearchEntry>, AskError> {
        let Some(filter) = fill(&self.filter, name) else { return Ok(None) };
        if !connection.searches {
            let (dn, password) = match &self.settings.service {
                Some((dn, password)) => (dn.as_str(), str::from_utf8(password.expose()).unwrap_or_default()),
                None => ("", ""),
            };
            let bound = connection.ldap.simple_bind(dn, password).await.map_err(|error| self.lost(&error))?;
            self.succeeded(&bound, "to bind for searching")?;
            connection.searches = true;
        }
        // A second entry shows that the filter is ambiguous.
        let bounds = SearchOptions::new().sizelimit(2);
        let base = &self.settings.base;
        let found = connection
            .ldap
            .with_search_options(bounds)
            .search(base, Scope::Subtree, &filter, self.wanted())
            .await
            .map_err(|error| self.lost(&error))?;
        if found.1.rc != code::SIZE_LIMIT_EXCEEDED {
            self.succeeded(&found.1, "to search")?;
        }
        let mut entries = found.0.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
        match (entries.next(), entries.next()) {
            (None, _) => Ok(None),
            (Some(entry), None) => Ok(Some(SearchEntry::construct(entry))),
            (Some(_), Some(_)) => Err(self.unusable(&BadLdapEntry::SeveralEntries)),
        }
    }

    /// The attributes to read. The password is not requested unless it is needed.
    fn wanted(&self) -> Vec<&str> {
        let LdapAttributes { user, password, uid, gid, home, mbox, maildir } = &self.settings.attributes;
        let password = if self.settings.bind { "" } else { password };
        let all = [user, uid, gid, home, mbox, maildir].map(String::as_str).into_iter().chain([password]);
        let wanted: Vec<&str> = all.filter(|name| !name.is_empty()).collect();
        // An empty list would ask for all; "1.1" asks for none (RFC 4511 section 4.5.1.8).
        if wanted.is_empty() { vec!["1.1"] } else { wanted }
    }

    fn record(&self, mut found: SearchEntry) -> Result<UserRecord, BadLdapEntry> {
        let LdapAttributes { user, password, uid, gid, home, mbox, maildir } = &self.settings.attributes;
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let mut fields = RecordFields::default();
        if !self.settings.bind {
            fields.password = take(&mut found, password)?.map(Zeroizing::new);
            if fields.password.is_none() {
                return Err(BadLdapEntry::NoPassword { dn: found.dn, attribute: password.clone() });
            }
        }
        fields.user = take(&mut found, user)?;
        fields.uid = take(&mut found, uid)?.or(number(self.settings.uid));
        fields.gid = take(&mut found, gid)?.or(number(self.settings.gid));
        fields.home = take(&mut found, home)?;
        fields.mbox = take(&mut found, mbox)?;
        fields.maildir = take(&mut found, maildir)?;
        fields.into_record().map_err(|why| BadLdapEntry::Record { dn: found.dn, why })
    }

    fn succeeded(&self, result: &LdapResult, doing: &str) -> Result<(), AskError> {
        let (server, why) = (self.name.clone(), format!("{doing}: {result}"));
        match result.rc {
            code::SUCCESS => Ok(()),
            code::BUSY | code::UNAVAILABLE => Err(AskError::Lost(QueryError::Unreachable { server, why })),
            _ => Err(AskError::Lost(QueryError::Rejected { server, why })),
        }
    }

    fn lost(&self, error: &LdapError) -> AskError {
        AskError::Lost(QueryError::Unreachable { server: self.name.clone(), why: chain(error) })
    }

    fn unusable(&self, why: &BadLdapEntry) -> AskError {
        AskError::Kept(QueryError::Unusable { server: self.name.clone(), why: why.to_string() })
    }
}

/// The only value of an attribute. The server may spell the name in other letters than the request.
fn take(found: &mut SearchEntry, name: &str) -> Result<Option<String>, BadLdapEntry> {
    if name.is_empty() {
        return Ok(None);
    }
    if found.bin_attrs.keys().any(|key| key.eq_ignore_ascii_case(name)) {
        return Err(BadLdapEntry::NotUtf8 { dn: found.dn.clone(), attribute: name.to_owned() });
    }
    let key = found.attrs.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let mut values = key.and_then(|key| found.attrs.remove(&key)).unwrap_or_default();
    match (values.pop(), values.is_empty()) {
        (value, true) => Ok(value),
        (_, false) => Err(BadLdapEntry::SeveralValues { dn: found.dn.clone(), attribute: name.to_owned() }),
    }
}
