//! From a question to its answer.

use ipc::directory::{DirectoryQuery, DirectorySettings, LookupOutcome, UserRecord, UserSource};

use crate::failure::{Failure, NotStarted, one_line};
use crate::ldap::{Bound, Ldap};
use crate::oauth::OAuth;
use crate::sql::Sql;

/// All servers that the settings name.
pub(crate) struct Directory {
    users: Option<Source>,
    oauth: Option<OAuth>,
}

enum Source {
    Sql(Sql),
    Ldap(Box<Ldap>),
}

impl Directory {
    /// Makes ready. No server is spoken to yet.
    ///
    /// # Errors
    /// Settings, or files that they name, that cannot be used.
    pub(crate) fn new(setup: DirectorySettings) -> Result<Self, NotStarted> {
        let users = match setup.users {
            Some(UserSource::Sql(sql)) => Some(Source::Sql(Sql::new(sql)?)),
            Some(UserSource::Ldap(ldap)) => Some(Source::Ldap(Box::new(Ldap::new(*ldap)?))),
            None => None,
        };
        Ok(Self { users, oauth: setup.oauth.map(OAuth::new).transpose()? })
    }

    /// Finds the answer.
    pub(crate) async fn answer(&self, ask: &DirectoryQuery) -> LookupOutcome {
        let found = match (ask, &self.users, &self.oauth) {
            (DirectoryQuery::Lookup(name), Some(Source::Sql(sql)), _) => sql.find(name).await.map(found),
            (DirectoryQuery::Lookup(name), Some(Source::Ldap(ldap)), _) => ldap.find(name).await.map(found),
            (DirectoryQuery::Verify { name, password }, Some(Source::Ldap(ldap)), _) => {
                ldap.verify(name, password).await.map(|bound| match bound {
                    Bound::As(entry) => LookupOutcome::Found(entry),
                    Bound::Unknown => LookupOutcome::NotFound,
                    Bound::Refused => LookupOutcome::Refused,
                })
            }
            (DirectoryQuery::Token(token), _, Some(oauth)) => {
                oauth.check(token).await.map(|user| match user {
                    Some(user) => LookupOutcome::Granted(user),
                    None => LookupOutcome::Refused,
                })
            }
            // Auth knows the same settings: this would be our own fault, and must not look like a wrong password.
            (DirectoryQuery::Lookup(_) | DirectoryQuery::Verify { .. } | DirectoryQuery::Token(_), _, _) => {
                return LookupOutcome::Temporary("mpopd-directory has no server for this request".to_owned());
            }
        };
        found.unwrap_or_else(|failure: Failure| LookupOutcome::Temporary(one_line(&failure.to_string())))
    }
}

fn found(entry: Option<UserRecord>) -> LookupOutcome {
    entry.map_or(LookupOutcome::NotFound, LookupOutcome::Found)
}
