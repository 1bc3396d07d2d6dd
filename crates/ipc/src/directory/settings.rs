//! Supervisor ↔ `mpopd-directory`: settings, and channels to serve.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bounds::{MOST_SETTING, MOST_WHY, within};
use crate::SecretOctets;
use crate::open::PathOctets;
use crate::wire::ChannelMessage;

/// Supervisor → `mpopd-directory`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToDirectory {
    /// The settings: the first message, and never again.
    Settings(Box<DirectorySettings>),
    /// Each descriptor of this message is the channel of an auth process.
    Serve,
}

/// `mpopd-directory` → supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromDirectory {
    /// The settings are usable, and the program answers requests. It has not contacted any server yet.
    Ready,
    /// The settings are not usable, for this reason; the program ends.
    Failed(String),
}

/// The tables `[sql]`, `[ldap]` and `[oauth]` of mpopd.conf that are in use. `mpopd-directory` reads the
/// files that they name as its own user.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySettings {
    /// Where users are looked up.
    pub users: Option<UserSource>,
    /// How OAuth tokens are checked.
    pub oauth: Option<OAuthSettings>,
}

/// The source of users.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserSource {
    /// A database.
    Sql(SqlSettings),
    /// An LDAP server.
    Ldap(Box<LdapSettings>),
}

/// The settings that all three tables have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerBounds {
    /// A request that takes longer is a temporary failure.
    pub timeout: Duration,
    /// The number of requests that may be under way at a time.
    pub connections: u16,
    /// The file of certificate authorities for the server's certificate; those of the system if there is
    /// none.
    pub ca: Option<PathOctets>,
}

/// The table `[sql]`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlSettings {
    /// `postgresql://`, `mysql://` or `sqlite:`.
    pub url: SecretOctets,
    /// The query, as `config::QueryPattern` reads it.
    pub query: String,
    /// The bounds.
    pub bounds: ServerBounds,
}

/// The table `[ldap]`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LdapSettings {
    /// `ldap://`, `ldaps://` or `ldapi://`.
    pub url: String,
    /// Whether an `ldap://` connection starts TLS (RFC 4511 section 4.14).
    pub starttls: bool,
    /// The DN and password for the search; `None` searches anonymously.
    pub service: Option<(String, SecretOctets)>,
    /// The entry below which users are searched for.
    pub base: String,
    /// The filter (RFC 4515), as `config::QueryPattern` reads it.
    pub filter: String,
    /// Whether a password is checked by binding as the user. If not, the password attribute is read.
    pub bind: bool,
    /// Which attribute holds what.
    pub attributes: LdapAttributes,
    /// The uid of users whose entry has none.
    pub uid: Option<u32>,
    /// The gid of users whose entry has none.
    pub gid: Option<u32>,
    /// The bounds.
    pub bounds: ServerBounds,
}

/// The names of attributes of an LDAP entry; an empty name is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LdapAttributes {
    /// The user name after the login.
    pub user: String,
    /// The stored password.
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
pub struct OAuthSettings {
    /// How tokens are checked.
    pub by: TokenVerification,
    /// The issuer that a token must name; empty for any.
    pub issuer: String,
    /// The audience that a token must name; empty for any.
    pub audience: String,
    /// A word that the scope of a token must contain; empty for none.
    pub scope: String,
    /// The claim that names the user.
    pub user_claim: String,
    /// The bounds.
    pub bounds: ServerBounds,
}

/// How a token is checked.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenVerification {
    /// The server is asked (RFC 7662).
    Introspection {
        /// The server's introspection endpoint.
        url: String,
        /// The name of the client; empty for none.
        client_id: String,
        /// The client's secret.
        client_secret: SecretOctets,
    },
    /// The signature is checked with the keys in this file, a JSON Web Key Set (RFC 7517 section 5).
    Keys(PathOctets),
}

impl ChannelMessage for ToDirectory {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        let Self::Settings(settings) = self else { return Ok(()) };
        let mut texts: Vec<&[u8]> = Vec::new();
        match &settings.users {
            Some(UserSource::Sql(sql)) => texts.extend([sql.url.expose(), sql.query.as_bytes()]),
            Some(UserSource::Ldap(ldap)) => {
                let a = &ldap.attributes;
                let all =
                    [&ldap.url, &ldap.base, &ldap.filter, &a.user, &a.password, &a.uid, &a.gid, &a.home];
                texts.extend(all.into_iter().chain([&a.mbox, &a.maildir]).map(String::as_bytes));
                texts.extend(ldap.service.iter().flat_map(|(dn, secret)| [dn.as_bytes(), secret.expose()]));
            }
            None => {}
        }
        if let Some(oauth) = &settings.oauth {
            let all = [&oauth.issuer, &oauth.audience, &oauth.scope, &oauth.user_claim];
            texts.extend(all.map(String::as_bytes));
            if let TokenVerification::Introspection { url, client_id, client_secret } = &oauth.by {
                texts.extend([url.as_bytes(), client_id.as_bytes(), client_secret.expose()]);
            }
        }
        texts.into_iter().try_for_each(|text| within(text, MOST_SETTING, "a setting is too long"))
    }
}

impl ChannelMessage for FromDirectory {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Ready => Ok(()),
            Self::Failed(why) => within(why.as_bytes(), MOST_WHY, "the reason is too long"),
        }
    }
}
