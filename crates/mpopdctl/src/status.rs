//! `mpopdctl status`: the identity and the statistics of the daemon.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use ipc::control::{ControlReply, ControlRequest, Port, Status};
use ipc::report::SessionFigures;
use serde_json::{Map, Value, json};

use crate::client::DaemonClient;
use crate::error::CtlError;

/// Prints the status of the daemon.
pub(crate) fn run(daemon: &DaemonClient, as_json: bool) -> Result<ExitCode, CtlError> {
    let status = ask(daemon)?;
    let mut out = io::stdout().lock();
    match as_json {
        true => writeln!(out, "{:#}", to_json(&status))?,
        false => write!(out, "{}", to_text(&status))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for the status.
pub(crate) fn ask(daemon: &DaemonClient) -> Result<Status, CtlError> {
    match daemon.ask(&ControlRequest::Status)? {
        ControlReply::Status(status) => Ok(status),
        _ => Err(daemon.unexpected_reply()),
    }
}

/// A duration in words: `3days 4h 5m 6s`.
pub(crate) fn duration(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// The addresses that it listens on, in one line.
pub(crate) fn ports(status: &Status) -> String {
    let port = |Port { address, tls }: &Port| format!("{address}{}", if *tls { " (TLS)" } else { "" });
    status.ports.iter().map(port).collect::<Vec<_>>().join(", ")
}

/// The reasons of failed logins in one line, without those that never occurred.
pub(crate) fn reasons(figures: &SessionFigures) -> String {
    let occurred = figures.logins_failed.iter().filter(|(_, count)| *count > 0);
    occurred.map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
}

fn to_text(status: &Status) -> String {
    let lines = [
        ("version", status.version.clone()),
        ("pid", status.pid.to_string()),
        ("ports", ports(status)),
        ("uptime", duration(status.uptime)),
    ];
    lines
        .into_iter()
        .chain(counted(&status.figures))
        .map(|(what, value)| format!("{what:<15} {value}\n"))
        .collect()
}

fn counted(figures: &SessionFigures) -> [(&'static str, String); 5] {
    let SessionFigures { connections, sessions, logins, octets_sent, octets_received, .. } = figures;
    let failed = match figures.all_failed() {
        0 => "0".to_owned(),
        all => format!("{all} ({})", reasons(figures)),
    };
    [
        ("sessions", format!("{sessions} now, {logins} in all")),
        (
            "connections",
            format!(
                "{connections} now, {} in all, {} refused",
                figures.connections_total, figures.connections_refused
            ),
        ),
        ("logins failed", failed),
        ("bytes sent", octets_sent.to_string()),
        ("bytes received", octets_received.to_string()),
    ]
}

fn to_json(status: &Status) -> Value {
    let Status { version, pid, ports, uptime, figures } = status;
    let ports = ports.iter().map(|port| json!({ "address": port.address, "tls": port.tls }));
    let failed = figures.logins_failed.iter().map(|(reason, count)| (reason.clone(), json!(count)));
    json!({
        "version": version,
        "pid": pid,
        "ports": ports.collect::<Vec<_>>(),
        "uptime": uptime,
        "sessions": figures.sessions,
        "sessions_total": figures.logins,
        "connections": figures.connections,
        "connections_total": figures.connections_total,
        "connections_refused": figures.connections_refused,
        "logins_failed": figures.all_failed(),
        "logins_failed_by_reason": Value::Object(failed.collect::<Map<_, _>>()),
        "bytes_sent": figures.octets_sent,
        "bytes_received": figures.octets_received,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let figures = SessionFigures {
            sessions: 2,
            connections: 3,
            connections_total: 90,
            logins: 70,
            logins_failed: vec![
                ("password".to_owned(), 4),
                ("limit".to_owned(), 0),
                ("in-use".to_owned(), 1),
            ],
            octets_sent: 123_456,
            ..SessionFigures::default()
        };
        Status {
            version: "1.2.3".to_owned(),
            pid: 99,
            ports: vec![
                Port { address: "0.0.0.0:110".parse().unwrap(), tls: false },
                Port { address: "[::]:995".parse().unwrap(), tls: true },
            ],
            uptime: 90_061,
            figures,
        }
    }

    #[test]
    fn the_text_has_a_line_for_each_thing() {
        let expected = "\
version         1.2.3
pid             99
ports           0.0.0.0:110, [::]:995 (TLS)
uptime          1day 1h 1m 1s
sessions        2 now, 70 in all
connections     3 now, 90 in all, 0 refused
logins failed   5 (password 4, in-use 1)
bytes sent      123456
bytes received  0
";
        assert_eq!(to_text(&status()), expected);
    }

    #[test]
    fn the_json_has_the_same() {
        let json = to_json(&status());
        assert_eq!(json["ports"][1], json!({ "address": "[::]:995", "tls": true }));
        assert_eq!(
            (&json["logins_failed"], &json["logins_failed_by_reason"]["limit"]),
            (&json!(5), &json!(0))
        );
    }
}
