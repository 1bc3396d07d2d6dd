//! The kinds of values of the tables `[sql]`, `[ldap]` and `[oauth]`: addresses of servers, and queries.

use crate::kind::{NotAccepted, SettingKind};
use crate::kinds::integer;
use crate::query_pattern::QueryPattern;
use crate::types::SecretText;

/// The uid or gid of mail, or 0 for none, since root owns no mail.
pub(crate) fn id_or_none() -> SettingKind<Option<u32>> {
    const MOST: u32 = u32::MAX - 1;
    SettingKind::new(
        format!("a whole number from 1 to {MOST}, or 0 for none"),
        |value| {
            u32::try_from(integer(value)?).ok().filter(|id| *id <= MOST).map(|id| (id != 0).then_some(id))
        },
        |id| id.unwrap_or(0).to_string(),
    )
}

/// A password or the like; empty for none.
pub(crate) fn secret() -> SettingKind<SecretText> {
    SettingKind::of_secret(
        "one line of text, at most 1000 octets",
        |text| one_line(text, 1000).map(SecretText::new),
        |secret| secret.expose().is_empty(),
    )
}

/// The URL of a database, which may have a password in it.
pub(crate) fn database_url() -> SettingKind<SecretText> {
    const SCHEMES: [&str; 4] = ["postgresql://", "postgres://", "mysql://", "sqlite:/"];
    SettingKind::of_secret(
        "postgresql://USER:PASSWORD@HOST/DATABASE, the same with mysql://, or sqlite:/PATH",
        |text| match one_line(text, 1000)? {
            text if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) => {
                Err("it begins with none of these".into())
            }
            text => Ok(SecretText::new(text)),
        },
        |_| false,
    )
}

/// A query that finds a user in a database.
pub(crate) fn query() -> SettingKind<QueryPattern> {
    SettingKind::of_text(
        "a query, in which %u is the user, %n the local part, %d the domain",
        |text| match text {
            _ if text.len() > 4000 => Err("it is longer than 4000 octets".into()),
            _ => QueryPattern::parse_query(text).map_err(|why| why.to_string().into()),
        },
        |query| query.as_str().to_owned(),
    )
}

/// The URL of an LDAP server.
pub(crate) fn ldap_url() -> SettingKind<String> {
    const SCHEMES: [&str; 3] = ["ldap://", "ldaps://", "ldapi://"];
    SettingKind::of_text(
        "ldap://HOST, ldaps://HOST, or ldapi://PATH with %2F for each slash of PATH",
        |text| match one_line(text, 1000)? {
            text if !SCHEMES
                .iter()
                .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())) =>
            {
                Err("it is none of these".into())
            }
            text => Ok(text),
        },
        String::clone,
    )
}

/// A filter that finds a user in an LDAP server.
pub(crate) fn ldap_filter() -> SettingKind<QueryPattern> {
    SettingKind::of_text(
        "a filter in (), in which %u is the user, %n the local part, %d the domain",
        |text| match text {
            _ if text.len() > 1000 => Err("it is longer than 1000 octets".into()),
            _ if !(text.starts_with('(') && text.ends_with(')')) => Err("it is not in ()".into()),
            _ => QueryPattern::parse(text).map_err(|why| why.to_string().into()),
        },
        |filter| filter.as_str().to_owned(),
    )
}

/// The name of an LDAP attribute (RFC 4512 section 1.4), or nothing.
pub(crate) fn attribute() -> SettingKind<String> {
    SettingKind::of_text(
        "the name of an attribute; \"\" for none",
        |text| match text {
            _ if text.len() > 255 => Err("it is too long".into()),
            _ if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ';' | '.')) => {
                Err("it has other characters than letters, digits, - ; and .".into())
            }
            _ => Ok(text.to_owned()),
        },
        String::clone,
    )
}

/// The URL that tokens are sent to: with TLS, or on this machine.
pub(crate) fn token_url() -> SettingKind<String> {
    SettingKind::of_text(
        "https://HOST/PATH; http:// only with localhost, 127.0.0.1 or [::1] as HOST",
        |text| {
            let text = one_line(text, 1000)?;
            let authority = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
            let (host, secure) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
                (Some(rest), _) => (authority(rest), true),
                (None, Some(rest)) => (authority(rest), false),
                (None, None) => return Err("it begins with none of these".into()),
            };
            if host.is_empty() || host.contains('@') {
                return Err("it has no host, or a user before the host".into());
            }
            let here = ["localhost", "127.0.0.1", "[::1]"];
            let is_here = here.iter().any(|name| {
                host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':'))
            });
            if secure || is_here { Ok(text) } else { Err("tokens would travel in the clear".into()) }
        },
        String::clone,
    )
}

fn one_line(text: &str, most: usize) -> Result<String, NotAccepted> {
    match text {
        _ if text.len() > most => Err("it is too long".into()),
        _ if text.chars().any(char::is_control) => Err("it has a control character".into()),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;
    use toml::Spanned;
    use toml::de::DeValue;

    fn text(text: &str) -> Spanned<DeValue<'static>> {
        Spanned::new(0..1, DeValue::String(text.to_owned().into()))
    }

    /// Reads a text with a kind, and checks that what the kind shows for it reads back as the same value.
    fn read<T: Debug + PartialEq + 'static>(kind: &SettingKind<T>, value: &str) -> Option<T> {
        let value = kind.parse(&text(value)).ok()?;
        let shown = kind.show(&value);
        let again = DeValue::parse(&shown).unwrap().into_inner();
        assert_eq!(kind.parse(&Spanned::new(0..1, again)).ok().as_ref(), Some(&value));
        Some(value)
    }

    fn id(toml: &str) -> Option<Option<u32>> {
        id_or_none().parse(&Spanned::new(0..1, DeValue::parse(toml).unwrap().into_inner())).ok()
    }

    #[test]
    fn addresses_of_servers_keep_to_their_schemes() {
        for good in ["postgresql://u:p@h/d", "postgres:///d", "mysql://h/d", "sqlite:/var/lib/users.db"] {
            assert!(database_url().parse(&text(good)).is_ok(), "{good}");
        }
        for bad in ["", "sqlite:users.db", "oracle://h", "users.db"] {
            assert!(database_url().parse(&text(bad)).is_err(), "{bad}");
        }
        assert!(read(&ldap_url(), "ldapi://%2Frun%2Fslapd%2Fldapi").is_some());
        for bad in ["ldap://", "h", "http://h"] {
            assert!(read(&ldap_url(), bad).is_none(), "{bad}");
        }
        for good in
            ["https://id.example/introspect", "http://127.0.0.1:8080/i", "http://[::1]/", "http://localhost"]
        {
            assert!(token_url().parse(&text(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example/",
            "http://127.0.0.1.evil.example/",
            "https:///x",
            "https://u:p@h/",
            "ftp://h",
        ] {
            assert!(token_url().parse(&text(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_filters_and_ids() {
        assert_eq!(id("0"), Some(None));
        assert_eq!(id("5000"), Some(Some(5000)));
        assert_eq!(id("4294967295"), None);
        let shown = database_url().show(&SecretText::new("mysql://u:hunter2@h/d"));
        assert_eq!(shown, "\"******\"");
        assert!(read(&ldap_filter(), "(uid=%u)").is_some());
        assert!(read(&ldap_filter(), "uid=%u").is_none());
        assert!(read(&ldap_filter(), "(uid=x)").is_none());
        assert!(read(&query(), "SELECT 1 WHERE n = %u").is_some());
        assert!(read(&query(), "SELECT 1 WHERE n = '%u'").is_none());
        assert!(read(&attribute(), "uidNumber").is_some());
        assert!(read(&attribute(), "a)(b").is_none());
    }
}
