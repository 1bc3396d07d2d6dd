//! MySQL and MariaDB.

use config::QueryPattern;
use ipc::directory::LookupName;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, Params, Value};
use zeroize::Zeroizing;

use super::Row;
use super::query::Query;
use crate::failure::{Failure, NotStarted, chain};
use crate::pool::{Server, Trouble};
use crate::tls::{Roots, provider};

pub(crate) struct Mysql {
    opts: Opts,
    query: Query,
    name: String,
}

impl Mysql {
    /// # Errors
    /// The URL is none.
    pub(super) fn new(url: &str, pattern: &QueryPattern, roots: &Roots) -> Result<Self, NotStarted> {
        let opts = Opts::from_url(url)
            .map_err(|error| NotStarted::Setting { key: "sql.url", why: chain(&error) })?;
        // The library takes the process's default.
        provider();
        let name = match opts.socket() {
            Some(path) => format!("MySQL at {path}"),
            None => format!("MySQL at {}", opts.ip_or_hostname()),
        };
        let tls = opts.ssl_opts().cloned().map(|tls| {
            let certificates = roots.certificates().iter().map(|certificate| certificate.to_vec().into());
            tls.with_disable_built_in_roots(true).with_root_certs(certificates.collect())
        });
        // What `ip_or_hostname` says is what was asked for: to be sent to a socket of the server's choice is no gain.
        let opts = OptsBuilder::from_opts(opts).ssl_opts(tls).prefer_socket(false).into();
        Ok(Self { opts, query: Query::new(pattern, |_| "?".to_owned()), name })
    }

    fn failure(&self, error: &Error) -> Failure {
        let (server, why) = (self.name.clone(), chain(error));
        match error {
            Error::Server(server_error) if !is_passing(server_error.code) => {
                Failure::Rejected { server, why }
            }
            _ => Failure::Unreachable { server, why },
        }
    }
}

impl Server for Mysql {
    type Connection = Conn;
    type Question = LookupName;
    type Answer = Vec<Row>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn connect(&self) -> Result<Conn, Failure> {
        Conn::new(self.opts.clone()).await.map_err(|error| self.failure(&error))
    }

    /// It shows only when it is used.
    fn is_open(&self, _: &mut Conn) -> bool {
        true
    }

    async fn ask(&self, connection: &mut Conn, name: &LookupName) -> Result<Vec<Row>, Trouble> {
        let values = self.query.values(name).into_iter().map(Value::from).collect();
        let rows: Vec<mysql_async::Row> =
            connection.exec(&self.query.text, Params::Positional(values)).await.map_err(|error| {
                let failure = self.failure(&error);
                match &error {
                    Error::Server(error) if !is_passing(error.code) => Trouble::Kept(failure),
                    _ => Trouble::Lost(failure),
                }
            })?;
        rows.into_iter()
            .map(read_row)
            .collect::<Result<_, _>>()
            .map_err(|why| Trouble::Kept(Failure::Unusable { server: self.name.clone(), why }))
    }
}

/// Whether the server speaks of its own state, not of what it was asked: too many connections, it is being stopped, it
/// lacks resources, the connection was killed.
fn is_passing(code: u16) -> bool {
    matches!(
        code,
        1037 | 1038 | 1040 | 1041 | 1053 | 1077 | 1079 | 1080 | 1129 | 1203 | 1226 | 1317 | 1927 | 4031
    )
}

fn read_row(row: mysql_async::Row) -> Result<Row, String> {
    let columns = row.columns();
    let names = columns.iter().map(|column| column.name_str().into_owned());
    names.zip(row.unwrap()).map(|(name, value)| text(value).map(|text| (name, text))).collect()
}

fn text(value: Value) -> Result<Option<Zeroizing<String>>, String> {
    let text = match value {
        Value::NULL => return Ok(None),
        Value::Bytes(octets) => String::from_utf8(octets).map_err(|_| "a text is not UTF-8".to_owned())?,
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        _ => return Err("a column is neither text nor an integer; cast it".to_owned()),
    };
    Ok(Some(Zeroizing::new(text)))
}
