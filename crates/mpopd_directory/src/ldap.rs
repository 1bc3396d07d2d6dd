//! Users in an LDAP server (RFC 4511): found by a filter; their password checked by binding as them, or read.

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

use crate::entry::Fields;
use crate::failure::{Failure, NotStarted, chain};
use crate::names::Which;
use crate::pool::{Pool, Server, Trouble};
use crate::tls::Roots;

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
pub(crate) struct Ldap(Pool<Directory>);

/// What came of checking a password.
pub(crate) enum Bound {
    /// It is right.
    As(UserRecord),
    /// There is no such user.
    Unknown,
    /// It is wrong, or the user may not log in.
    Refused,
}

impl Ldap {
    /// Makes ready; no connection is opened yet.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub(crate) fn new(settings: directory::LdapSettings) -> Result<Self, NotStarted> {
        let bad = |key, why: String| NotStarted::Setting { key, why };
        let filter =
            QueryPattern::parse(&settings.filter).map_err(|why| bad("ldap.filter", why.to_string()))?;
        let sample =
            LookupName { user: "u".to_owned(), local_part: "u".to_owned(), domain: Some("d".to_owned()) };
        // Names are escaped, so what is a filter for one name is one for all.
        if fill(&filter, &sample).is_none_or(|filter| parse_filter(filter).is_err()) {
            return Err(bad("ldap.filter", "it is no filter (RFC 4515)".to_owned()));
        }
        let tls = Arc::new(Roots::of(&settings.bounds)?.client()?);
        let (connections, timeout) = (settings.bounds.connections, settings.bounds.timeout);
        let name = format!("LDAP at {}", settings.url);
        Ok(Self(Pool::new(Directory { settings, filter, tls, name }, connections, timeout)))
    }

    /// The user of this name, with what is stored of the password if it is read.
    ///
    /// # Errors
    /// The server does not say.
    pub(crate) async fn find(&self, name: &LookupName) -> Result<Option<UserRecord>, Failure> {
        match self.0.ask(&Question { name: name.clone(), password: None }).await? {
            Bound::As(entry) => Ok(Some(entry)),
            Bound::Unknown | Bound::Refused => Ok(None),
        }
    }

    /// Checks a password. A name that is not found takes as many steps as one that is.
    ///
    /// # Errors
    /// The server does not say.
    pub(crate) async fn verify(&self, name: &LookupName, password: &SecretOctets) -> Result<Bound, Failure> {
        // To bind without a password is to be anonymous, and succeeds (RFC 4513 section 5.1.2). Passwords are UTF-8 (5.1.3).
        match str::from_utf8(password.expose()) {
            Ok("") | Err(_) => Ok(Bound::Refused),
            Ok(password) => {
                let password = Some(Zeroizing::new(password.to_owned()));
                self.0.ask(&Question { name: name.clone(), password }).await
            }
        }
    }
}

/// The filter for a name; none if it asks for a domain that the name does not have.
fn fill(filter: &QueryPattern, name: &LookupName) -> Option<String> {
    let mut text = String::new();
    for piece in filter.pieces() {
        match (piece, Which::of(piece)) {
            (QueryPart::Literal(literal), _) => text.push_str(literal),
            (_, Some(which)) => text.push_str(&ldap_escape(which.in_name(name)?)),
            (_, None) => {}
        }
    }
    Some(text)
}

struct Directory {
    settings: directory::LdapSettings,
    filter: QueryPattern,
    tls: Arc<ClientConfig>,
    name: String,
}

struct Question {
    name: LookupName,
    /// To be checked, if there is one.
    password: Option<Zeroizing<String>>,
}

struct Connection {
    ldap: ldap3::Ldap,
    /// Bound as the one who searches; after a login it is bound as the user.
    searches: bool,
}

impl Server for Directory {
    type Connection = Connection;
    type Question = Question;
    type Answer = Bound;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let settings =
            LdapConnSettings::new().set_starttls(self.settings.starttls).set_config(self.tls.clone());
        let (driver, ldap) = LdapConnAsync::with_settings(settings, &self.settings.url)
            .await
            .map_err(|error| Failure::Unreachable { server: self.name.clone(), why: chain(&error) })?;
        // Ends when `ldap` is dropped, or with the server. What went wrong then, the next request tells.
        tokio::spawn(async move {
            let _ = driver.drive().await;
        });
        Ok(Connection { ldap, searches: false })
    }

    fn is_open(&self, connection: &mut Connection) -> bool {
        !connection.ldap.is_closed()
    }

    async fn ask(&self, connection: &mut Connection, question: &Question) -> Result<Bound, Trouble> {
        let found = self.search(connection, &question.name).await?;
        let Some(password) = &question.password else {
            return match found {
                Some(found) => self.entry(found).map(Bound::As).map_err(|why| self.unusable(why)),
                None => Ok(Bound::Unknown),
            };
        };
        // Nobody has this name, so that a name that is not found takes the same steps.
        let nobody = format!("cn=mpopd-nobody,{}", self.settings.base);
        let dn = found.as_ref().map_or(nobody.as_str(), |found| found.dn.as_str());
        connection.searches = false;
        let bound = connection.ldap.simple_bind(dn, password).await.map_err(|error| self.lost(&error))?;
        let Some(found) = found else { return Ok(Bound::Unknown) };
        match bound.rc {
            code::INVALID_CREDENTIALS
            | code::INAPPROPRIATE_AUTHENTICATION
            | code::UNWILLING_TO_PERFORM
            | code::CONSTRAINT_VIOLATION => Ok(Bound::Refused),
            _ => {
                self.succeeded(&bound, "to bind as the user")?;
                self.entry(found).map(Bound::As).map_err(|why| self.unusable(why))
            }
        }
    }
}

impl Directory {
    async fn search(
        &self,
        connection: &mut Connection,
        name: &LookupName,
    ) -> Result<Option<SearchEntry>, Trouble> {
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
        // The second one shows that the filter does not find one user.
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
            (Some(_), Some(_)) => Err(self.unusable("the filter finds more than one entry".to_owned())),
        }
    }

    /// The attributes to be read. The password is not sent for nothing.
    fn wanted(&self) -> Vec<&str> {
        let LdapAttributes { user, password, uid, gid, home, mbox, maildir } = &self.settings.attributes;
        let password = if self.settings.bind { "" } else { password };
        let all = [user, uid, gid, home, mbox, maildir].map(String::as_str).into_iter().chain([password]);
        let wanted: Vec<&str> = all.filter(|name| !name.is_empty()).collect();
        // An empty list would ask for all; "1.1" asks for none (RFC 4511 section 4.5.1.8).
        if wanted.is_empty() { vec!["1.1"] } else { wanted }
    }

    fn entry(&self, mut found: SearchEntry) -> Result<UserRecord, String> {
        let LdapAttributes { user, password, uid, gid, home, mbox, maildir } = &self.settings.attributes;
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let mut fields = Fields::default();
        if !self.settings.bind {
            fields.password = take(&mut found, password)?.map(Zeroizing::new);
            if fields.password.is_none() {
                return Err(format!("{} has no {password} that service_dn may read", found.dn));
            }
        }
        fields.user = take(&mut found, user)?;
        fields.uid = take(&mut found, uid)?.or(number(self.settings.uid));
        fields.gid = take(&mut found, gid)?.or(number(self.settings.gid));
        fields.home = take(&mut found, home)?;
        fields.mbox = take(&mut found, mbox)?;
        fields.maildir = take(&mut found, maildir)?;
        fields.into_entry().map_err(|why| format!("{}: {why}", found.dn))
    }

    fn succeeded(&self, result: &LdapResult, doing: &str) -> Result<(), Trouble> {
        let (server, why) = (self.name.clone(), format!("{doing}: {result}"));
        match result.rc {
            code::SUCCESS => Ok(()),
            code::BUSY | code::UNAVAILABLE => Err(Trouble::Lost(Failure::Unreachable { server, why })),
            _ => Err(Trouble::Lost(Failure::Rejected { server, why })),
        }
    }

    fn lost(&self, error: &LdapError) -> Trouble {
        Trouble::Lost(Failure::Unreachable { server: self.name.clone(), why: chain(error) })
    }

    fn unusable(&self, why: String) -> Trouble {
        Trouble::Kept(Failure::Unusable { server: self.name.clone(), why })
    }
}

/// The one value of an attribute. Its name may be in other letters than it was asked for with.
fn take(found: &mut SearchEntry, name: &str) -> Result<Option<String>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    if found.bin_attrs.keys().any(|key| key.eq_ignore_ascii_case(name)) {
        return Err(format!("{}: {name} is not UTF-8", found.dn));
    }
    let key = found.attrs.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let mut values = key.and_then(|key| found.attrs.remove(&key)).unwrap_or_default();
    match (values.pop(), values.is_empty()) {
        (value, true) => Ok(value),
        (_, false) => Err(format!("{}: {name} has more than one value", found.dn)),
    }
}
