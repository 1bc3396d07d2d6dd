//! The form of a log line, for each place it can go to.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use ipc::log::{Level, Line, Value};

/// The last second of the year 9999, in seconds since 1970: the last one that RFC 3339 can write.
const LAST_SECOND: u64 = 253_402_300_799;

/// The facility `mail` of syslog(3).
const MAIL: u8 = 2;

/// A moment in seconds since 1970.
pub fn now(moment: SystemTime) -> u64 {
    moment.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `2026-11-23T10:00:00Z INFO login ok user=<alice> ip=192.0.2.1` and a line end.
pub fn text(line: &Line, out: &mut Vec<u8>) {
    let _ = write!(out, "{} {} ", date(line.time), word(line.level));
    words(line, out);
    out.push(b'\n');
}

/// One JSON object and a line end: `time`, `level`, `event`, then the fields.
pub fn json(line: &Line, out: &mut Vec<u8>) {
    json_object(line, out);
    out.push(b'\n');
}

/// A datagram for syslog(3): facility `mail`, the form that every syslog daemon reads from `/dev/log`.
/// `offset` is the offset of local time from UTC in seconds.
pub fn syslog(line: &Line, json: bool, pid: i32, offset: i32) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let local = line.time.saturating_add_signed(i64::from(offset));
    let _ = write!(out, "<{}>{} mpopd[{pid}]: ", MAIL * 8 + severity(line.level), syslog_date(local));
    if json {
        json_object(line, &mut out);
    } else {
        let _ = write!(out, "{} ", word(line.level));
        words(line, &mut out);
    }
    out
}

/// A datagram for the systemd journal, in its own protocol (systemd.journal-fields(7)): one field on each
/// line.
pub fn journal(line: &Line) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let _ = write!(
        out,
        "PRIORITY={}\nSYSLOG_FACILITY={MAIL}\nSYSLOG_IDENTIFIER=mpopd\nMESSAGE=",
        severity(line.level)
    );
    words(line, &mut out);
    let _ = write!(out, "\nMPOPD_EVENT={}\n", OneLine(&line.event));
    for field in &line.fields {
        let _ = writeln!(out, "MPOPD_{}={}", field.name.to_ascii_uppercase(), BareValue(&field.value));
    }
    out
}

/// The date in UTC to the second, in the form of RFC 3339.
pub fn date(time: u64) -> impl fmt::Display {
    humantime::format_rfc3339_seconds(moment(time))
}

fn moment(time: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.min(LAST_SECOND))
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARN",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    }
}

/// The severity as syslog(3) counts.
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The event and its fields.
fn words(line: &Line, out: &mut Vec<u8>) {
    let _ = write!(out, "{}", OneLine(&line.event));
    for field in &line.fields {
        let _ = match &field.value {
            Value::Client(text) => write!(out, " {}=<{text}>", field.name),
            other => write!(out, " {}={}", field.name, BareValue(other)),
        };
    }
}

/// `Nov  3 10:00:00` (RFC 3164, section 4.1.2) of a moment in local time.
fn syslog_date(local: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = date(local).to_string(); // 2026-11-03T10:00:00Z
    let part = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let day = part(8..10).trim_start_matches('0');
    format!("{} {day:>2} {}", month.unwrap_or(&MONTHS[0]), part(11..19))
}

fn json_object(line: &Line, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "{{\"time\":\"{}\",\"level\":\"{}\",\"event\":{}",
        date(line.time),
        word(line.level),
        JsonString(&line.event)
    );
    for field in &line.fields {
        let _ = match &field.value {
            Value::Number(number) => write!(out, ",\"{}\":{number}", field.name),
            Value::Text(text) | Value::Client(text) => {
                write!(out, ",\"{}\":{}", field.name, JsonString(text))
            }
        };
    }
    out.push(b'}');
}

/// A value without brackets.
struct BareValue<'a>(&'a Value);

impl fmt::Display for BareValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(text) | Value::Client(text) => OneLine(text).fmt(f),
            Value::Number(number) => number.fmt(f),
        }
    }
}

/// Text of mpopd's own that may contain a name from outside: nothing in it starts a new line.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(|c: char| c.is_control()) {
            let (before, after) = rest.split_at(at);
            f.write_str(before)?;
            let mut after = after.chars();
            if let Some(control) = after.next() {
                write!(f, "\\x{:02x}", u32::from(control))?;
            }
            rest = after.as_str();
        }
        f.write_str(rest)
    }
}

/// A JSON string (RFC 8259, section 7).
struct JsonString<'a>(&'a str);

impl fmt::Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc::log::Field;

    fn line(event: &str) -> Line {
        let field = |name: &'static str, value| Field { name: name.into(), value };
        Line {
            time: 1_793_700_000,
            level: Level::Warn,
            lost: 0,
            event: event.to_owned(),
            fields: vec![
                field("user", Value::Client("a\\x3e".into())),
                field("ip", Value::Text("192.0.2.1".into())),
                field("size", Value::Number(51200)),
            ],
        }
    }

    fn written(write: impl Fn(&Line, &mut Vec<u8>), event: &str) -> String {
        let mut out = Vec::new();
        write(&line(event), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_text_is_that_of_the_interface() {
        assert_eq!(
            written(text, "login failed"),
            "2026-11-03T10:00:00Z WARN login failed user=<a\\x3e> ip=192.0.2.1 size=51200\n"
        );
    }

    #[test]
    fn json_has_the_same_fields() {
        assert_eq!(
            written(json, "login failed"),
            "{\"time\":\"2026-11-03T10:00:00Z\",\"level\":\"WARN\",\"event\":\"login failed\",\
             \"user\":\"a\\\\x3e\",\"ip\":\"192.0.2.1\",\"size\":51200}\n"
        );
    }

    #[test]
    fn a_file_name_cannot_begin_a_new_line() {
        let event = "/mail/a\nb\"\u{85}: gone";
        assert!(written(text, event).contains("WARN /mail/a\\x0ab\"\\x85: gone user="));
        assert!(written(json, event).contains("\"event\":\"/mail/a\\u000ab\\\"\\u0085: gone\""));
        let journal = String::from_utf8(journal(&line(event))).unwrap();
        assert!(journal.lines().all(|line| line.contains('=')), "{journal}");
    }

    #[test]
    fn syslog_gets_its_priority_and_local_time() {
        let sent = String::from_utf8(syslog(&line("x"), false, 7, 3600)).unwrap();
        assert_eq!(sent, "<20>Nov  3 11:00:00 mpopd[7]: WARN x user=<a\\x3e> ip=192.0.2.1 size=51200");
        let sent = String::from_utf8(syslog(&line("x"), true, 7, 0)).unwrap();
        assert!(sent.starts_with("<20>Nov  3 10:00:00 mpopd[7]: {\"time\":"), "{sent}");
    }

    #[test]
    fn the_journal_gets_fields() {
        let sent = String::from_utf8(journal(&line("login failed"))).unwrap();
        assert_eq!(
            sent,
            "PRIORITY=4\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=mpopd\nMESSAGE=login failed user=<a\\x3e> \
             ip=192.0.2.1 size=51200\nMPOPD_EVENT=login failed\nMPOPD_USER=a\\x3e\nMPOPD_IP=192.0.2.1\nMPOPD_SIZE=51200\n"
        );
    }

    #[test]
    fn no_time_is_too_late_to_be_written() {
        assert_eq!(date(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }
}
