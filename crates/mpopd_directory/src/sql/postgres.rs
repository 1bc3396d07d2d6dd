//! PostgreSQL.

use std::time::Duration;

use config::QueryPattern;
use ipc::directory::LookupName;
use tokio::runtime::Handle;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{CancelToken, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use super::query::BoundQuery;
use super::row::{BadRow, SqlRow};
use crate::failure::{QueryError, SettingsError, chain};
use crate::pool::{AskError, PooledServer};
use crate::tls::TrustedRoots;

pub(crate) struct Postgres {
    config: Config,
    tls: MakeRustlsConnect,
    query: BoundQuery,
    name: String,
}

impl Postgres {
    /// # Errors
    ///
    /// The URL is malformed.
    pub(super) fn new(
        url: &str,
        pattern: &QueryPattern,
        roots: &TrustedRoots,
    ) -> Result<Self, SettingsError> {
        let mut config: Config = url
            .parse()
            .map_err(|error: Error| SettingsError::Setting { key: "sql.url", why: chain(&error) })?;
        if config.get_application_name().is_none() {
            config.application_name("mpopd");
        }
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(host) => host.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let name = format!("PostgreSQL at {}", hosts.collect::<Vec<_>>().join(", "));
        let tls = MakeRustlsConnect::new(roots.client()?);
        Ok(Self { config, tls, query: BoundQuery::new(pattern, |number| format!("${number}")), name })
    }

    fn failure(&self, error: &Error) -> QueryError {
        let (server, why) = (self.name.clone(), chain(error));
        match error.code() {
            Some(code) if !is_passing(code) => QueryError::Rejected { server, why },
            _ => QueryError::Unreachable { server, why },
        }
    }
}

impl PooledServer for Postgres {
    type Connection = Client;
    type Question = LookupName;
    type Answer = Vec<SqlRow>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Client, QueryError> {
        let (client, connection) =
            self.config.connect(self.tls.clone()).await.map_err(|error| self.failure(&error))?;
        // Ends when the client is dropped or the server closes the connection. The client reports the errors.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    fn is_open(&self, client: &mut Client) -> bool {
        !client.is_closed()
    }

    async fn ask(&self, client: &mut Client, name: &LookupName) -> Result<Vec<SqlRow>, AskError> {
        let values = self.query.values(name);
        // With an unknown type the server uses the type of the column, as it does for a literal.
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
        let mut under_way = UnderWay(Some((client.cancel_token(), self.tls.clone())));
        let rows = client.query_typed(&self.query.text, &parameters).await;
        under_way.0 = None;
        let rows = rows.map_err(|error| {
            let failure = self.failure(&error);
            match error.code() {
                Some(code) if !is_passing(code) && !error.is_closed() => AskError::Kept(failure),
                _ => AskError::Lost(failure),
            }
        })?;
        rows.iter().map(read_row).collect::<Result<_, _>>().map_err(|why: BadRow| {
            AskError::Kept(QueryError::Unusable { server: self.name.clone(), why: why.to_string() })
        })
    }
}

/// A query that is under way. Dropping it asks the server to cancel the query; slow ones would pile up
/// otherwise.
struct UnderWay(Option<(CancelToken, MakeRustlsConnect)>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let (Some((query, tls)), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move {
                // A server that does not accept even this cannot be helped.
                let _ = tokio::time::timeout(Duration::from_secs(5), query.cancel_query(tls)).await;
            });
        }
    }
}

/// Whether the error is about the state of the server, not about the query: classes 08 (connection), 53
/// (resources), 57 (operator), 58 (system) and XX (internal) of its manual, appendix A.
fn is_passing(code: &SqlState) -> bool {
    ["08", "53", "57", "58", "XX"].iter().any(|class| code.code().starts_with(class))
}

fn read_row(row: &tokio_postgres::Row) -> Result<SqlRow, BadRow> {
    let mut texts = SqlRow::new();
    for (nth, column) in row.columns().iter().enumerate() {
        let text: ColumnText = row.try_get(nth).map_err(|_| BadRow::ColumnType {
            column: column.name().to_owned(),
            kind: column.type_().to_string(),
        })?;
        texts.push((column.name().to_owned(), text.0));
    }
    Ok(texts)
}

/// The value of a text or integer column, as text.
struct ColumnText(Option<Zeroizing<String>>);

impl<'a> FromSql<'a> for ColumnText {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let text = match *kind {
            Type::INT2 => i16::from_sql(kind, raw)?.to_string(),
            Type::INT4 => i32::from_sql(kind, raw)?.to_string(),
            Type::INT8 => i64::from_sql(kind, raw)?.to_string(),
            Type::OID => u32::from_sql(kind, raw)?.to_string(),
            _ => String::from_sql(kind, raw)?,
        };
        Ok(Self(Some(Zeroizing::new(text))))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT2 | Type::INT4 | Type::INT8 | Type::OID)
            || <String as FromSql>::accepts(kind)
    }
}
