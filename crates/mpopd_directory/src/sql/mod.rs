//! Users in a database: one query with bound parameters, whose row is the user.

mod mysql;
mod postgres;
mod query;
mod sqlite;

use config::QueryPattern;
use ipc::directory::{self, LookupName, UserRecord};
use zeroize::Zeroizing;

use crate::entry::Fields;
use crate::failure::{Failure, NotStarted};
use crate::pool::{Pool, Server};
use crate::tls::Roots;
use mysql::Mysql;
use postgres::Postgres;
use sqlite::Sqlite;

/// A row: the names of the columns, and their values as text. NULL is none.
type Row = Vec<(String, Option<Zeroizing<String>>)>;

/// The database of the table `[sql]`.
pub(crate) enum Sql {
    Postgres(Box<Pool<Postgres>>),
    Mysql(Box<Pool<Mysql>>),
    Sqlite(Sqlite),
}

impl Sql {
    /// Makes ready; no connection is opened yet.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub(crate) fn new(settings: directory::SqlSettings) -> Result<Self, NotStarted> {
        let pattern = QueryPattern::parse_query(&settings.query)
            .map_err(|why| NotStarted::Setting { key: "sql.query", why: why.to_string() })?;
        let bad_url = |why: String| NotStarted::Setting { key: "sql.url", why };
        let url = str::from_utf8(settings.url.expose()).map_err(|error| bad_url(error.to_string()))?;
        let bounds = &settings.bounds;
        match url.split(':').next() {
            Some("postgresql" | "postgres") => {
                let server = Postgres::new(url, &pattern, &Roots::of(bounds)?)?;
                Ok(Self::Postgres(Box::new(Pool::new(server, bounds.connections, bounds.timeout))))
            }
            Some("mysql") => {
                let server = Mysql::new(url, &pattern, &Roots::of(bounds)?)?;
                Ok(Self::Mysql(Box::new(Pool::new(server, bounds.connections, bounds.timeout))))
            }
            Some("sqlite") => Ok(Self::Sqlite(Sqlite::new(url, &pattern, bounds))),
            _ => Err(bad_url("it begins with none of postgresql://, mysql:// and sqlite:".to_owned())),
        }
    }

    /// The user of this name; `None` if the query gives no row.
    ///
    /// # Errors
    /// The database does not say.
    pub(crate) async fn find(&self, name: &LookupName) -> Result<Option<UserRecord>, Failure> {
        let (server, rows) = match self {
            Self::Postgres(pool) => (pool.server().name(), pool.ask(name).await?),
            Self::Mysql(pool) => (pool.server().name(), pool.ask(name).await?),
            Self::Sqlite(sqlite) => (sqlite.name(), sqlite.ask(name).await?),
        };
        only_row(rows).map_err(|why| Failure::Unusable { server: server.to_owned(), why })
    }
}

/// Reads the one row that there may be.
fn only_row(mut rows: Vec<Row>) -> Result<Option<UserRecord>, String> {
    let row = match (rows.pop(), rows.len()) {
        (None, _) => return Ok(None),
        (Some(row), 0) => row,
        (Some(_), _) => return Err("the query gives more than one row".to_owned()),
    };
    let mut fields = Fields::default();
    for (column, value) in row {
        let mut text = value;
        let mut plain = || text.take().map(|text| text.as_str().to_owned());
        match column.to_ascii_lowercase().as_str() {
            "user" => fields.user = plain(),
            "uid" => fields.uid = plain(),
            "gid" => fields.gid = plain(),
            "home" => fields.home = plain(),
            "mbox" => fields.mbox = plain(),
            "maildir" => fields.maildir = plain(),
            "password" => fields.password = text,
            _ => {
                return Err(format!(
                    "the query gives a column {column:?}; there are user, password, uid, gid, home, mbox and maildir"
                ));
            }
        }
    }
    fields.into_entry().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, &str)]) -> Row {
        columns
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Some(Zeroizing::new((*text).to_owned()))))
            .collect()
    }

    #[test]
    fn a_row_is_a_user() {
        assert_eq!(only_row(Vec::new()), Ok(None));
        let entry =
            only_row(vec![row(&[("UID", "5000"), ("password", "$y$x"), ("mbox", "/m")])]).unwrap().unwrap();
        assert_eq!((entry.uid, entry.password.unwrap().expose()), (5000, &b"$y$x"[..]));
    }

    #[test]
    fn what_is_no_user_is_told_without_its_values() {
        let two = vec![row(&[("uid", "1")]), row(&[("uid", "2")])];
        assert_eq!(only_row(two), Err("the query gives more than one row".to_owned()));
        let told = only_row(vec![row(&[("uid", "1"), ("pass", "hunter2")])]).unwrap_err();
        assert!(told.contains("\"pass\"") && !told.contains("hunter2"), "{told}");
    }
}
