//! `mpopdctl who`: a line for each connection.

use std::io::{self, Write};
use std::process::ExitCode;

use ipc::report::ConnectionInfo;
use serde_json::{Value, json};

use crate::client::DaemonClient;
use crate::error::CtlError;
use crate::status::duration;

/// The titles of the columns.
pub(crate) const TITLES: [&str; 8] = ["ID", "USER", "ADDRESS", "TLS", "STATE", "IDLE", "MESSAGES", "BYTES"];
/// The first column of right-aligned numbers.
pub(crate) const FIRST_NUMBER: usize = 5;

/// Prints the connections.
pub(crate) fn run(daemon: &DaemonClient, as_json: bool) -> Result<ExitCode, CtlError> {
    let connections = daemon.connections()?;
    let mut out = io::stdout().lock();
    match as_json {
        true => writeln!(out, "{:#}", Value::from_iter(connections.iter().map(to_json)))?,
        false => write!(out, "{}", to_text(&connections))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A connection as text, with a cell for each of [`TITLES`].
pub(crate) fn cells(connection: &ConnectionInfo) -> [String; 8] {
    // The client chose the name: it must not control the terminal.
    let user =
        connection.user.as_deref().map_or_else(|| "-".to_owned(), |user| user.escape_debug().to_string());
    [
        format!("{:x}", connection.session),
        user,
        connection.peer.to_string(),
        connection.tls.clone(),
        connection.state.word().to_owned(),
        duration(connection.idle),
        connection.messages.to_string(),
        connection.octets_sent.to_string(),
    ]
}

fn to_text(connections: &[ConnectionInfo]) -> String {
    let rows: Vec<[String; 8]> =
        std::iter::once(TITLES.map(str::to_owned)).chain(connections.iter().map(cells)).collect();
    let widths: [usize; 8] = std::array::from_fn(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            FIRST_NUMBER.. => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}

fn to_json(connection: &ConnectionInfo) -> Value {
    json!({
        "id": format!("{:x}", connection.session),
        "user": connection.user,
        "address": connection.peer,
        "tls": (connection.tls != "none").then_some(&connection.tls),
        "state": connection.state.word(),
        "seconds": connection.seconds,
        "idle": connection.idle,
        "messages": connection.messages,
        "bytes_sent": connection.octets_sent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc::report::Activity;

    fn connections() -> [ConnectionInfo; 2] {
        let alice = ConnectionInfo {
            session: 0x1_0000_004f,
            peer: "192.0.2.1".parse().unwrap(),
            user: Some("alice\x1b[2J".to_owned()),
            tls: "TLSv1.3".to_owned(),
            state: Activity::Transaction,
            seconds: 100,
            idle: 61,
            messages: 12,
            octets_sent: 4096,
        };
        let nobody = ConnectionInfo {
            session: 0x1_0000_0050,
            user: None,
            tls: "none".to_owned(),
            state: Activity::Authorization,
            messages: 0,
            octets_sent: 17,
            idle: 0,
            ..alice.clone()
        };
        [alice, nobody]
    }

    #[test]
    fn columns_stand_below_their_titles_and_names_do_nothing_to_a_terminal() {
        let expected = "\
ID         USER            ADDRESS    TLS      STATE           IDLE  MESSAGES  BYTES
10000004f  alice\\u{1b}[2J  192.0.2.1  TLSv1.3  transaction    1m 1s        12   4096
100000050  -               192.0.2.1  none     authorization     0s         0     17
";
        assert_eq!(to_text(&connections()), expected);
        assert_eq!(to_text(&[]).lines().count(), 1);
    }

    #[test]
    fn the_json_has_the_same() {
        let [alice, nobody] = connections().map(|connection| to_json(&connection));
        assert_eq!((&alice["id"], &alice["tls"]), (&json!("10000004f"), &json!("TLSv1.3")));
        assert!(nobody["user"].is_null() && nobody["tls"].is_null());
    }
}
