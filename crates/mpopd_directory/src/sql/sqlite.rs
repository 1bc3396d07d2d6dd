//! SQLite: the file is opened for each query. That costs less than a query to a server, and a replaced file
//! takes effect at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use config::QueryPattern;
use ipc::directory::{LookupName, ServerBounds};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags, params_from_iter};
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use super::query::BoundQuery;
use super::row::SqlRow;
use crate::failure::QueryError;

pub(crate) struct Sqlite {
    file: Arc<SqliteFile>,
    limit: Duration,
    slots: Arc<Semaphore>,
}

/// What a query needs; shared with the thread that runs it.
struct SqliteFile {
    path: PathBuf,
    query: BoundQuery,
    name: String,
    limit: Duration,
}

impl Sqlite {
    pub(super) fn new(url: &str, pattern: &QueryPattern, bounds: &ServerBounds) -> Self {
        let path = url.strip_prefix("sqlite:").unwrap_or(url).trim_start_matches('/');
        let path = PathBuf::from(format!("/{path}"));
        let name = format!("the SQLite file {}", path.display());
        let query = BoundQuery::new(pattern, |number| format!("?{number}"));
        let slots = Arc::new(Semaphore::new(usize::from(bounds.connections.max(1))));
        let limit = bounds.timeout;
        Self { file: Arc::new(SqliteFile { path, query, name, limit }), limit, slots }
    }

    pub(super) fn name(&self) -> &str {
        &self.file.name
    }

    /// Runs the query on a thread of its own.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or not in time. A slow query is interrupted.
    pub(super) async fn ask(&self, name: &LookupName) -> Result<Vec<SqlRow>, QueryError> {
        let (opened, mut interrupt) = oneshot::channel();
        let asked = tokio::time::timeout(self.limit, async {
            // The semaphore is never closed. The slot is free again when the thread is done.
            let slot = self.slots.clone().acquire_owned().await;
            let (file, name) = (self.file.clone(), name.clone());
            tokio::task::spawn_blocking(move || {
                let rows = file.ask(&name, opened);
                drop(slot);
                rows
            })
            .await
        });
        match asked.await {
            Ok(Ok(rows)) => rows,
            Ok(Err(_)) => {
                let why = "its thread ended before the query".to_owned();
                Err(QueryError::Unreachable { server: self.file.name.clone(), why })
            }
            Err(_) => {
                if let Ok(handle) = interrupt.try_recv() {
                    InterruptHandle::interrupt(&handle);
                }
                Err(QueryError::Late { server: self.file.name.clone(), after: self.limit })
            }
        }
    }
}

impl SqliteFile {
    fn ask(
        &self,
        name: &LookupName,
        opened: oneshot::Sender<InterruptHandle>,
    ) -> Result<Vec<SqlRow>, QueryError> {
        let failure = |error: rusqlite::Error| self.failure(&error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(failure)?;
        // If nobody waits any more, nobody needs the handle.
        let _ = opened.send(connection.get_interrupt_handle());
        connection.busy_timeout(self.limit).map_err(failure)?;
        let mut statement = connection.prepare(&self.query.text).map_err(failure)?;
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut found = statement.query(params_from_iter(self.query.values(name))).map_err(failure)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(failure)? {
            let cells = columns.iter().enumerate().map(|(nth, column)| {
                let text = text(row.get_ref(nth).map_err(failure)?).map_err(|what| {
                    let why = format!("the column {column} is {what}; make it a text or an integer");
                    QueryError::Unusable { server: self.name.clone(), why }
                })?;
                Ok((column.clone(), text))
            });
            rows.push(cells.collect::<Result<SqlRow, QueryError>>()?);
            if rows.len() > 1 {
                break;
            }
        }
        Ok(rows)
    }

    fn failure(&self, error: &rusqlite::Error) -> QueryError {
        let (server, why) = (self.name.clone(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::Unknown) => QueryError::Rejected { server, why },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                let why = format!("{why} (the user mpopd-directory must be able to read it)");
                QueryError::Unreachable { server, why }
            }
            Some(_) => QueryError::Unreachable { server, why },
            None => QueryError::Rejected { server, why },
        }
    }
}

fn text(value: ValueRef<'_>) -> Result<Option<Zeroizing<String>>, &'static str> {
    let text = match value {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(octets) => str::from_utf8(octets).map_err(|_| "a text that is not UTF-8")?.to_owned(),
        ValueRef::Real(_) => return Err("a number with a fraction"),
        ValueRef::Blob(_) => return Err("a blob"),
    };
    Ok(Some(Zeroizing::new(text)))
}
