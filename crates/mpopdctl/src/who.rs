//! `mpopdctl who`: a line for each connection.

use std::io::{self, Write};
use std::process::ExitCode;

use ipc::report::ConnectionInfo;
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::status::duration;

/// What the columns are called; numbers stand to the right.
pub(crate) const TITLES: [&str; 8] = ["ID", "USER", "ADDRESS", "TLS", "STATE", "IDLE", "MESSAGES", "BYTES"];
pub(crate) const FIRST_NUMBER: usize = 5;

/// Prints the connections.
pub(crate) fn run(daemon: &Client, as_json: bool) -> Result<ExitCode, Failure> {
    let visitors = daemon.visitors()?;
    let mut out = io::stdout().lock();
    match as_json {
        true => writeln!(out, "{:#}", Value::from_iter(visitors.iter().map(to_json)))?,
        false => write!(out, "{}", to_text(&visitors))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One connection as text, a cell for each of [`TITLES`].
pub(crate) fn cells(visitor: &ConnectionInfo) -> [String; 8] {
    // A name is text that a client chose: it must not move the cursor of a terminal.
    let user = visitor.user.as_deref().map_or_else(|| "-".to_owned(), |user| user.escape_debug().to_string());
    [
        format!("{:x}", visitor.session),
        user,
        visitor.peer.to_string(),
        visitor.tls.clone(),
        visitor.state.word().to_owned(),
        duration(visitor.idle),
        visitor.messages.to_string(),
        visitor.octets_sent.to_string(),
    ]
}

fn to_text(visitors: &[ConnectionInfo]) -> String {
    let rows: Vec<[String; 8]> =
        std::iter::once(TITLES.map(str::to_owned)).chain(visitors.iter().map(cells)).collect();
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

fn to_json(visitor: &ConnectionInfo) -> Value {
    json!({
        "id": format!("{:x}", visitor.session),
        "user": visitor.user,
        "address": visitor.peer,
        "tls": (visitor.tls != "none").then_some(&visitor.tls),
        "state": visitor.state.word(),
        "seconds": visitor.seconds,
        "idle": visitor.idle,
        "messages": visitor.messages,
        "bytes_sent": visitor.octets_sent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc::report::Activity;

    fn visitors() -> [ConnectionInfo; 2] {
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
        assert_eq!(to_text(&visitors()), expected);
        assert_eq!(to_text(&[]).lines().count(), 1);
    }

    #[test]
    fn the_json_has_the_same() {
        let [alice, nobody] = visitors().map(|visitor| to_json(&visitor));
        assert_eq!((&alice["id"], &alice["tls"]), (&json!("10000004f"), &json!("TLSv1.3")));
        assert!(nobody["user"].is_null() && nobody["tls"].is_null());
    }
}
