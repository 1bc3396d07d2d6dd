//! Queries and their answers.

use ipc::directory::{DirectoryQuery, DirectorySettings, LookupOutcome, UserRecord, UserSource};

use crate::failure::{QueryError, SettingsError, one_line};
use crate::ldap::{BindResult, Ldap};
use crate::oauth::OAuth;
use crate::sql::Sql;

/// The servers that the settings name.
pub(crate) struct UserDirectory {
    users: Option<UserBackend>,
    oauth: Option<OAuth>,
}

enum UserBackend {
    Sql(Sql),
    Ldap(Box<Ldap>),
}

impl UserDirectory {
    /// Prepares the clients. No server is contacted yet.
    ///
    /// # Errors
    ///
    /// A setting, or a file that it names, cannot be used.
    pub(crate) fn new(settings: DirectorySettings) -> Result<Self, SettingsError> {
        let users = match settings.users {
            Some(UserSource::Sql(sql)) => Some(UserBackend::Sql(Sql::new(sql)?)),
            Some(UserSource::Ldap(ldap)) => Some(UserBackend::Ldap(Box::new(Ldap::new(*ldap)?))),
            None => None,
        };
        Ok(Self { users, oauth: settings.oauth.map(OAuth::new).transpose()? })
    }

    /// Answers a query.
    pub(crate) async fn answer(&self, query: &DirectoryQuery) -> LookupOutcome {
        let found = match (query, &self.users, &self.oauth) {
            (DirectoryQuery::Lookup(name), Some(UserBackend::Sql(sql)), _) => sql.find(name).await.map(found),
            (DirectoryQuery::Lookup(name), Some(UserBackend::Ldap(ldap)), _) => {
                ldap.find(name).await.map(found)
            }
            (DirectoryQuery::Verify { name, password }, Some(UserBackend::Ldap(ldap)), _) => {
                ldap.verify(name, password).await.map(|bound| match bound {
                    BindResult::As(record) => LookupOutcome::Found(record),
                    BindResult::Unknown => LookupOutcome::NotFound,
                    BindResult::Refused => LookupOutcome::Refused,
                })
            }
            (DirectoryQuery::Token(token), _, Some(oauth)) => {
                oauth.check(token).await.map(|user| match user {
                    Some(user) => LookupOutcome::Granted(user),
                    None => LookupOutcome::Refused,
                })
            }
            // Auth knows the same settings: this would be a bug, and must not look like a wrong password.
            (DirectoryQuery::Lookup(_) | DirectoryQuery::Verify { .. } | DirectoryQuery::Token(_), _, _) => {
                return LookupOutcome::Temporary("mpopd-directory has no server for this request".to_owned());
            }
        };
        found.unwrap_or_else(|error: QueryError| LookupOutcome::Temporary(one_line(&error.to_string())))
    }
}

fn found(record: Option<UserRecord>) -> LookupOutcome {
    record.map_or(LookupOutcome::NotFound, LookupOutcome::Found)
}
