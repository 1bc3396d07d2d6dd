//! Users in a database: one query with bound parameters, which returns the row of the user.

mod mysql;
mod postgres;
mod query;
mod row;
mod sqlite;

use config::QueryPattern;
use ipc::directory::{self, LookupName, UserRecord};

use crate::failure::{QueryError, SettingsError};
use crate::pool::{Pool, PooledServer};
use crate::tls::TrustedRoots;
use mysql::Mysql;
use postgres::Postgres;
use row::only_row;
use sqlite::Sqlite;

/// The database of the table `[sql]`.
pub(crate) enum Sql {
    Postgres(Box<Pool<Postgres>>),
    Mysql(Box<Pool<Mysql>>),
    Sqlite(Sqlite),
}

impl Sql {
    /// Prepares the query; opens no connection yet.
    ///
    /// # Errors
    ///
    /// The settings cannot be used.
    pub(crate) fn new(settings: directory::SqlSettings) -> Result<Self, SettingsError> {
        let pattern = QueryPattern::parse_query(&settings.query)
            .map_err(|why| SettingsError::Setting { key: "sql.query", why: why.to_string() })?;
        let bad_url = |why: String| SettingsError::Setting { key: "sql.url", why };
        let url = str::from_utf8(settings.url.expose()).map_err(|error| bad_url(error.to_string()))?;
        let bounds = &settings.bounds;
        match url.split(':').next() {
            Some("postgresql" | "postgres") => {
                let server = Postgres::new(url, &pattern, &TrustedRoots::of(bounds)?)?;
                Ok(Self::Postgres(Box::new(Pool::new(server, bounds.connections, bounds.timeout))))
            }
            Some("mysql") => {
                let server = Mysql::new(url, &pattern, &TrustedRoots::of(bounds)?)?;
                Ok(Self::Mysql(Box::new(Pool::new(server, bounds.connections, bounds.timeout))))
            }
            Some("sqlite") => Ok(Self::Sqlite(Sqlite::new(url, &pattern, bounds))),
            _ => Err(bad_url("it does not begin with postgresql://, mysql:// or sqlite:".to_owned())),
        }
    }

    /// The user of this name; `None` if the query returns no row.
    ///
    /// # Errors
    ///
    /// The database gives no usable answer.
    pub(crate) async fn find(&self, name: &LookupName) -> Result<Option<UserRecord>, QueryError> {
        let (server, rows) = match self {
            Self::Postgres(pool) => (pool.server().name(), pool.ask(name).await?),
            Self::Mysql(pool) => (pool.server().name(), pool.ask(name).await?),
            Self::Sqlite(sqlite) => (sqlite.name(), sqlite.ask(name).await?),
        };
        only_row(rows).map_err(|why| QueryError::Unusable { server: server.to_owned(), why: why.to_string() })
    }
}
