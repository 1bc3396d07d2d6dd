//! The lines of the central log, as text or JSON, with or without the prefix of syslog.

use serde::Deserialize;

use crate::moment::Moment;
use crate::tally::LogEvent;

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CentralLogLine {
    Event {
        user: String,
        events: [Option<LogEvent>; 2],
        when: Option<Moment>,
    },
    /// A line about something else.
    Nothing,
    /// A login or logout, but damaged.
    Torn,
}

/// Parses a line.
pub(crate) fn read(line: &str) -> CentralLogLine {
    match line.find("{\"time\":") {
        // Only a prefix of syslog may come before the object.
        Some(at) if !line.get(..at).unwrap_or_default().contains('<') => {
            json(line.get(at..).unwrap_or_default())
        }
        _ => text(line),
    }
}

/// The events, by the words that begin their lines; in the text format the user comes next.
const EVENTS: [&str; 3] = ["login ok", "login failed", "logout"];

fn text(line: &str) -> CentralLogLine {
    // Text from a client stands between < and >, and can contain neither: so what comes before the first < is
    // mpopd's.
    let found = EVENTS.iter().find_map(|event| {
        let (before, after) = line.split_once(&format!(" {event} user=<"))?;
        (!before.contains('<')).then_some((*event, before, after))
    });
    let Some((event, before, after)) = found else { return CentralLogLine::Nothing };
    let when = before.split(' ').next().and_then(Moment::parse);
    let Some((user, fields)) = after.split_once('>') else { return CentralLogLine::Torn };
    let field = |name: &str| {
        fields.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    said(event, user.to_owned(), field, when)
}

#[derive(Deserialize)]
struct JsonLine {
    time: String,
    event: String,
    user: Option<String>,
    retr: Option<String>,
    top: Option<String>,
    session: Option<String>,
}

fn json(line: &str) -> CentralLogLine {
    let Ok(object) = serde_json::from_str::<JsonLine>(line) else { return CentralLogLine::Torn };
    let Some(event) = EVENTS.iter().find(|event| **event == object.event) else {
        return CentralLogLine::Nothing;
    };
    let Some(user) = object.user else { return CentralLogLine::Torn };
    let field = |name: &str| match name {
        "retr" => object.retr.clone(),
        "top" => object.top.clone(),
        _ => object.session.clone(),
    };
    said(event, user, field, Moment::parse(&object.time))
}

fn said(
    event: &str,
    user: String,
    field: impl Fn(&str) -> Option<String>,
    when: Option<Moment>,
) -> CentralLogLine {
    // This is the last field; without it the line breaks off.
    if field("session").is_none() {
        return CentralLogLine::Torn;
    }
    let events = match event {
        "login ok" => [Some(LogEvent::Connected), None],
        "login failed" => [Some(LogEvent::Failed), None],
        _ => match (pair(field("retr")), pair(field("top"))) {
            (Some((messages, whole)), Some((_, parts))) => [
                Some(LogEvent::Sent { messages, octets: whole.saturating_add(parts) }),
                Some(LogEvent::Ended),
            ],
            _ => return CentralLogLine::Torn,
        },
    };
    CentralLogLine::Event { user, events, when }
}

/// `3/10240`: a number of messages, and their octets.
fn pair(text: Option<String>) -> Option<(u64, u64)> {
    let text = text?;
    let (messages, octets) = text.split_once('/')?;
    Some((messages.parse().ok()?, octets.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGOUT: &str =
        "user=<alice> ip=192.0.2.1 reason=quit top=1/40 retr=3/10240 del=3/50 size=51200 session=4f2a";

    fn event(line: &str) -> (String, [Option<LogEvent>; 2], Option<String>) {
        match read(line) {
            CentralLogLine::Event { user, events, when } => (user, events, when.map(|when| when.to_string())),
            other => panic!("{other:?}: {line}"),
        }
    }

    #[test]
    fn logins_and_logouts_are_read() {
        let date = Some("2026-11-23T10:00:00Z".to_owned());
        let ok = "2026-11-23T10:00:00Z INFO login ok user=<alice> ip=192.0.2.1 tls=TLSv1.3 method=PASS \
            session=4f2a";
        assert_eq!(event(ok), ("alice".into(), [Some(LogEvent::Connected), None], date.clone()));
        let failed =
            "2026-11-23T10:00:00Z WARN login failed user=<a b> ip=192.0.2.1 reason=password session=4f2a";
        assert_eq!(event(failed), ("a b".into(), [Some(LogEvent::Failed), None], date.clone()));
        let sent = Some(LogEvent::Sent { messages: 3, octets: 10_280 });
        assert_eq!(
            event(&format!("2026-11-23T10:00:00Z INFO logout {LOGOUT}")),
            ("alice".into(), [sent, Some(LogEvent::Ended)], date)
        );
    }

    #[test]
    fn what_syslog_puts_in_front_does_not_matter() {
        let (user, events, when) =
            event(&format!("2026-11-23T11:00:00.5+01:00 host mpopd[7]: INFO logout {LOGOUT}"));
        assert_eq!(
            (user.as_str(), events[1], when.as_deref()),
            ("alice", Some(LogEvent::Ended), Some("2026-11-23T10:00:00Z"))
        );
        let (_, events, when) = event(&format!("Nov 23 10:00:00 host mpopd[7]: INFO logout {LOGOUT}"));
        assert!(events[0].is_some() && when.is_none());
    }

    #[test]
    fn json_says_the_same() {
        let json = "{\"time\":\"2026-11-23T10:00:00Z\",\"level\":\"INFO\",\"event\":\"logout\",\
            \"user\":\"alice\",\"ip\":\"192.0.2.1\",\
            \"reason\":\"quit\",\"top\":\"1/40\",\"retr\":\"3/10240\",\"del\":\"3/50\",\"size\":51200,\
            \"session\":\"4f2a\"}";
        assert_eq!(event(json), event(&format!("2026-11-23T10:00:00Z INFO logout {LOGOUT}")));
        assert_eq!(read(&json[..100]), CentralLogLine::Torn);
        assert_eq!(
            read("{\"time\":\"2026-11-23T10:00:00Z\",\"event\":\"listening\"}"),
            CentralLogLine::Nothing
        );
    }

    #[test]
    fn a_name_that_a_client_made_up_is_no_event() {
        let line = "2026-11-23T10:00:00Z WARN login failed user=<x logout user=alice> ip=192.0.2.1 \
            reason=password session=1";
        assert_eq!(event(line).1, [Some(LogEvent::Failed), None]);
        let line = "2026-11-23T10:00:00Z INFO other user=<{\"time\":\"x\"> note";
        assert_eq!(read(line), CentralLogLine::Nothing);
    }

    #[test]
    fn what_breaks_off_is_torn() {
        let whole = format!("2026-11-23T10:00:00Z INFO logout {LOGOUT}");
        let from = whole.find('<').unwrap() + 1;
        for end in from..whole.find("session=").unwrap() {
            assert_eq!(read(&whole[..end]), CentralLogLine::Torn, "{}", &whole[..end]);
        }
        assert_eq!(read("2026-11-23T10:00:00Z INFO listening on 127.0.0.1:110"), CentralLogLine::Nothing);
    }
}
