//! MySQL and MariaDB.

use config::QueryPattern;
use ipc::directory::LookupName;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, Value};
use zeroize::Zeroizing;

use super::query::BoundQuery;
use super::row::{BadRow, SqlRow};
use crate::failure::{QueryError, SettingsError, chain};
use crate::pool::{AskError, PooledServer};
use crate::tls::{TrustedRoots, provider};

pub(crate) struct Mysql {
    opts: Opts,
    query: BoundQuery,
    name: String,
}

impl Mysql {
    /// # Errors
    ///
    /// The URL is malformed.
    pub(super) fn new(
        url: &str,
        pattern: &QueryPattern,
        roots: &TrustedRoots,
    ) -> Result<Self, SettingsError> {
        let opts = Opts::from_url(url)
            .map_err(|error| SettingsError::Setting { key: "sql.url", why: chain(&error) })?;
        // The library uses the default of the process.
        provider();
        let name = match opts.socket() {
            Some(path) => format!("MySQL at {path}"),
            None => format!("MySQL at {}", opts.ip_or_hostname()),
        };
        let tls = opts.ssl_opts().cloned().map(|tls| {
            let certificates = roots.certificates().iter().map(|certificate| certificate.to_vec().into());
            tls.with_disable_built_in_roots(true).with_root_certs(certificates.collect())
        });
        // Connects to the host of the URL: the server must not redirect us to a socket of its choice.
        let opts = OptsBuilder::from_opts(opts).ssl_opts(tls).prefer_socket(false).into();
        Ok(Self { opts, query: BoundQuery::new(pattern, |_| "?".to_owned()), name })
    }

    fn failure(&self, error: &Error) -> QueryError {
        let (server, why) = (self.name.clone(), chain(error));
        match error {
            Error::Server(server_error) if !is_passing(server_error.code) => {
                QueryError::Rejected { server, why }
            }
            _ => QueryError::Unreachable { server, why },
        }
    }
}

impl PooledServer for Mysql {
    type Connection = Conn;
    type Question = LookupName;
    type Answer = Vec<SqlRow>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Conn, QueryError> {
        Conn::new(self.opts.clone()).await.map_err(|error| self.failure(&error))
    }

    /// A closed connection is only noticed when it is used.
    fn is_open(&self, _: &mut Conn) -> bool {
        true
    }

    async fn ask(&self, connection: &mut Conn, name: &LookupName) -> Result<Vec<SqlRow>, AskError> {
        let values = self.query.values(name).into_iter().map(Value::from).collect();
        let rows: Vec<mysql_async::Row> =
            connection.exec(&self.query.text, Params::Positional(values)).await.map_err(|error| {
                let failure = self.failure(&error);
                match &error {
                    Error::Server(error) if !is_passing(error.code) => AskError::Kept(failure),
                    _ => AskError::Lost(failure),
                }
            })?;
        rows.into_iter().map(read_row).collect::<Result<_, _>>().map_err(|why: BadRow| {
            AskError::Kept(QueryError::Unusable { server: self.name.clone(), why: why.to_string() })
        })
    }
}

/// Whether the error is about the state of the server, not about the query: too many connections, a shutdown,
/// a lack of resources, a killed connection.
fn is_passing(code: u16) -> bool {
    matches!(
        code,
        1037 | 1038 | 1040 | 1041 | 1053 | 1077 | 1079 | 1080 | 1129 | 1203 | 1226 | 1317 | 1927 | 4031
    )
}

fn read_row(row: mysql_async::Row) -> Result<SqlRow, BadRow> {
    let columns = row.columns();
    let names = columns.iter().map(|column| column.name_str().into_owned());
    names.zip(row.unwrap()).map(|(name, value)| text(value).map(|text| (name, text))).collect()
}

fn text(value: Value) -> Result<Option<Zeroizing<String>>, BadRow> {
    let text = match value {
        Value::NULL => return Ok(None),
        Value::Bytes(octets) => String::from_utf8(octets).map_err(|_| BadRow::NotUtf8)?,
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        _ => return Err(BadRow::NotText),
    };
    Ok(Some(Zeroizing::new(text)))
}
