//! From a question to its answer.

use ipc::directory::{Ask, Entry, Setup, Users, Verdict};

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
    pub(crate) fn new(setup: Setup) -> Result<Self, NotStarted> {
        let users = match setup.users {
            Some(Users::Sql(sql)) => Some(Source::Sql(Sql::new(sql)?)),
            Some(Users::Ldap(ldap)) => Some(Source::Ldap(Box::new(Ldap::new(*ldap)?))),
            None => None,
        };
        Ok(Self { users, oauth: setup.oauth.map(OAuth::new).transpose()? })
    }

    /// Finds the answer.
    pub(crate) async fn answer(&self, ask: &Ask) -> Verdict {
        let found = match (ask, &self.users, &self.oauth) {
            (Ask::Lookup(name), Some(Source::Sql(sql)), _) => sql.find(name).await.map(found),
            (Ask::Lookup(name), Some(Source::Ldap(ldap)), _) => ldap.find(name).await.map(found),
            (Ask::Verify { name, password }, Some(Source::Ldap(ldap)), _) => {
                ldap.verify(name, password).await.map(|bound| match bound {
                    Bound::As(entry) => Verdict::Found(entry),
                    Bound::Unknown => Verdict::NotFound,
                    Bound::Refused => Verdict::Refused,
                })
            }
            (Ask::Token(token), _, Some(oauth)) => oauth.check(token).await.map(|user| match user {
                Some(user) => Verdict::Granted(user),
                None => Verdict::Refused,
            }),
            // Auth knows the same settings: this would be our own fault, and must not look like a wrong password.
            (Ask::Lookup(_) | Ask::Verify { .. } | Ask::Token(_), _, _) => {
                return Verdict::Temporary("mpopd-directory has no server for this request".to_owned());
            }
        };
        found.unwrap_or_else(|failure: Failure| Verdict::Temporary(one_line(&failure.to_string())))
    }
}

fn found(entry: Option<Entry>) -> Verdict {
    entry.map_or(Verdict::NotFound, Verdict::Found)
}
