//! Auth ↔ `mpopd-directory`: what a database, an LDAP server or an OAuth server knows of a user. And
//! supervisor ↔ `mpopd-directory`: its settings, and the channels of the auth processes.
//!
//! The program starts with one end of a `SOCK_SEQPACKET` pair as its descriptor 0. On it the supervisor sends
//! [`ToDirectory::Settings`] first, and then [`ToDirectory::Serve`] with the channels of the auth processes:
//! one descriptor for each, at most [`sys::seqpacket::MOST_DESCRIPTORS`] in a message. The program sends
//! [`FromDirectory`] once, and ends when that channel is closed.
//!
//! On the channel of an auth process each [`DirectoryRequest`] gets one [`DirectoryAnswer`] with the same
//! number. Answers come in any order.

mod bounds;
mod lookup;
mod settings;
#[cfg(test)]
mod tests;

pub use bounds::{MOST_DOMAIN, MOST_SETTING, MOST_STORED, MOST_WHY};
pub use lookup::{
    DirectoryAnswer, DirectoryQuery, DirectoryRequest, LookupName, LookupOutcome, MailPath, RequestId,
    UserRecord,
};
pub use settings::{
    DirectorySettings, FromDirectory, LdapAttributes, LdapSettings, OAuthSettings, ServerBounds, SqlSettings,
    ToDirectory, TokenVerification, UserSource,
};
