//! The row of a user, whatever the database.

use std::fmt;

use ipc::directory::UserRecord;
use zeroize::Zeroizing;

use crate::record::{BadRecord, RecordFields};

/// A row: the names of the columns with their values as text; `None` for NULL.
pub(super) type SqlRow = Vec<(String, Option<Zeroizing<String>>)>;

/// Why the answer of a database describes no user. The query or the table is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadRow {
    /// The query gave several rows.
    Several,
    /// The query gave a column with this unknown name.
    UnknownColumn(String),
    /// A text is not UTF-8.
    NotUtf8,
    /// A column is neither text nor an integer.
    NotText,
    /// This column has this type, which is neither text nor an integer.
    ColumnType {
        /// The name of the column.
        column: String,
        /// The type as the database names it.
        kind: String,
    },
    /// The values describe no user.
    Record(BadRecord),
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several => f.write_str("the query gives more than one row"),
            Self::UnknownColumn(column) => write!(
                f,
                "the query gives a column {column:?}; there are user, password, uid, gid, home, mbox and maildir"
            ),
            Self::NotUtf8 => f.write_str("a text is not UTF-8"),
            Self::NotText => f.write_str("a column is neither text nor an integer; cast it"),
            Self::ColumnType { column, kind } => write!(
                f,
                "the column {column} has the type {kind}; make it a text or an integer, such as {column}::text"
            ),
            Self::Record(why) => why.fmt(f),
        }
    }
}

/// Reads the row of a user; `None` if there is none.
///
/// # Errors
///
/// There are several rows, or the row does not describe a user.
pub(super) fn only_row(mut rows: Vec<SqlRow>) -> Result<Option<UserRecord>, BadRow> {
    let row = match (rows.pop(), rows.len()) {
        (None, _) => return Ok(None),
        (Some(row), 0) => row,
        (Some(_), _) => return Err(BadRow::Several),
    };
    let mut fields = RecordFields::default();
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
            _ => return Err(BadRow::UnknownColumn(column)),
        }
    }
    fields.into_record().map(Some).map_err(BadRow::Record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, &str)]) -> SqlRow {
        columns
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Some(Zeroizing::new((*text).to_owned()))))
            .collect()
    }

    #[test]
    fn a_row_is_a_user() {
        assert_eq!(only_row(Vec::new()), Ok(None));
        let record =
            only_row(vec![row(&[("UID", "5000"), ("password", "$y$x"), ("mbox", "/m")])]).unwrap().unwrap();
        assert_eq!((record.uid, record.password.unwrap().expose()), (5000, &b"$y$x"[..]));
    }

    #[test]
    fn what_is_no_user_is_reported_without_its_values() {
        let two = vec![row(&[("uid", "1")]), row(&[("uid", "2")])];
        assert_eq!(only_row(two).unwrap_err().to_string(), "the query gives more than one row");
        let reported = only_row(vec![row(&[("uid", "1"), ("pass", "hunter2")])]).unwrap_err().to_string();
        assert!(reported.contains("\"pass\"") && !reported.contains("hunter2"), "{reported}");
    }
}
