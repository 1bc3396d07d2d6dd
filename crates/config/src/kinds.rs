//! The kinds of values.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeValue;
use vocabulary::{LogTarget, Words};

use crate::cidr::cidr;
use crate::kind::{NotAccepted, SettingKind, quoted};
use crate::path_template::PathTemplate;
use crate::types::AuthType;

/// `true` or `false`.
pub(crate) fn flag() -> SettingKind<bool> {
    SettingKind::new("true or false", |value| value.as_bool(), bool::to_string)
}

/// A whole number in a range.
pub(crate) fn number<T>(range: RangeInclusive<T>) -> SettingKind<T>
where
    T: TryFrom<i64> + PartialOrd + Display + Copy + 'static,
{
    number_of("", range)
}

/// A whole number of units in a range. The unit follows the word "number".
pub(crate) fn number_of<T>(unit: &str, range: RangeInclusive<T>) -> SettingKind<T>
where
    T: TryFrom<i64> + PartialOrd + Display + Copy + 'static,
{
    let accepts = format!("a whole number{unit} from {} to {}", range.start(), range.end());
    SettingKind::new(
        accepts,
        move |value| T::try_from(integer(value)?).ok().filter(|number| range.contains(number)),
        T::to_string,
    )
}

/// A TCP port; never 0.
pub(crate) fn port() -> SettingKind<u16> {
    number(1..=u16::MAX)
}

/// A TCP port, or 0 for none.
pub(crate) fn port_or_off() -> SettingKind<Option<u16>> {
    SettingKind::new(
        format!("a whole number from 1 to {}, or 0 for off", u16::MAX),
        |value| u16::try_from(integer(value)?).ok().map(|port| (port != 0).then_some(port)),
        |port| port.unwrap_or(0).to_string(),
    )
}

/// A time in whole seconds.
pub(crate) fn seconds(range: RangeInclusive<u64>) -> SettingKind<Duration> {
    let accepts = format!("a whole number of seconds from {} to {}", range.start(), range.end());
    SettingKind::new(
        accepts,
        move |value| {
            u64::try_from(integer(value)?).ok().filter(|s| range.contains(s)).map(Duration::from_secs)
        },
        |time| time.as_secs().to_string(),
    )
}

/// A number of days, or never.
pub(crate) fn days_or_never() -> SettingKind<Option<u32>> {
    const MOST: u32 = 3650;
    SettingKind::new(
        format!("a whole number of days from 0 to {MOST}, or \"never\""),
        |value| match value {
            DeValue::String(word) => (word == "never").then_some(None),
            value => u32::try_from(integer(value)?).ok().filter(|days| *days <= MOST).map(Some),
        },
        |days| days.map_or_else(|| quoted("never"), |days| days.to_string()),
    )
}

/// One of the words of an enum.
pub(crate) fn word<T: Words>() -> SettingKind<T> {
    let all: Vec<String> = T::WORDS.iter().map(|(word, _)| quoted(word)).collect();
    SettingKind::new(
        one_of(&all),
        |value| {
            let text = value.as_str()?;
            T::from_word(text)
        },
        |value| quoted(&value.to_string()),
    )
}

/// `auth_type`: a number from 1 to 7.
pub(crate) fn auth_type() -> SettingKind<AuthType> {
    SettingKind::new(
        "a whole number from 1 to 7",
        |value| {
            let number = integer(value)?;
            AuthType::ALL.into_iter().find(|kind| i64::from(kind.number()) == number)
        },
        |kind| kind.number().to_string(),
    )
}

/// Text of one line, without control characters, of at most `most` octets.
pub(crate) fn text(most: usize) -> SettingKind<String> {
    SettingKind::of_text(
        format!("one line of text, at most {most} octets"),
        move |text| match text {
            _ if text.len() > most => Err("it is too long".into()),
            _ if text.chars().any(char::is_control) => Err("it has a control character".into()),
            _ => Ok(text.to_owned()),
        },
        String::clone,
    )
}

/// The same, but not empty.
pub(crate) fn name() -> SettingKind<String> {
    SettingKind::of_text(
        "a name, at most 255 octets",
        |text| match text {
            "" => Err("it is empty".into()),
            _ if text.len() > 255 => Err("it is too long".into()),
            _ if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') => {
                Err("it has a space, a slash or a control character".into())
            }
            _ => Ok(text.to_owned()),
        },
        String::clone,
    )
}

/// The text after `+OK ` in the first line that a client receives.
///
/// RFC 1939 section 3 limits a reply line to 512 octets of ASCII with its end. A `<` would start a timestamp
/// (section 7), and clients that see one try APOP.
pub(crate) fn greeting() -> SettingKind<String> {
    const MOST: usize = 500;
    SettingKind::of_text(
        format!("printable ASCII without < and without [ at the beginning, at most {MOST} octets"),
        |text| match text {
            _ if text.len() > MOST => Err("it is too long".into()),
            _ if text.contains('<') => Err("clients take < for the offer of APOP".into()),
            // RFC 2449, section 6.4.
            _ if text.starts_with('[') => Err("clients take a [ at the beginning for a response code".into()),
            _ if !text.bytes().all(|octet| (b' '..=b'~').contains(&octet)) => {
                Err("it has a character that is not printable ASCII".into())
            }
            _ => Ok(text.to_owned()),
        },
        String::clone,
    )
}

/// A regular expression for octets. Only its length is checked here; it is compiled where it is used.
pub(crate) fn pattern() -> SettingKind<String> {
    SettingKind::of_text(
        "a regular expression",
        |text| match text {
            "" => Err("it is empty and would match everything".into()),
            _ if text.len() > 1000 => Err("it is longer than 1000 octets".into()),
            _ => Ok(text.to_owned()),
        },
        String::clone,
    )
}

/// An absolute path.
pub(crate) fn path() -> SettingKind<PathBuf> {
    SettingKind::of_text(
        "an absolute path, which begins with /",
        |text| {
            if text.starts_with('/') { clean_path(text) } else { Err("it does not begin with /".into()) }
        },
        |path| shown_path(path),
    )
}

/// An absolute path, or a file name that the setting looks up elsewhere.
pub(crate) fn path_or_name() -> SettingKind<PathBuf> {
    SettingKind::of_text(
        "an absolute path, or a file name",
        |text| {
            let relative_with_folders = !text.starts_with('/') && text.contains('/');
            if text.is_empty() || relative_with_folders {
                Err("it is neither".into())
            } else {
                clean_path(text)
            }
        },
        |path| shown_path(path),
    )
}

/// A path with placeholders for names.
pub(crate) fn template() -> SettingKind<PathTemplate> {
    SettingKind::of_text(
        "an absolute path, in which %u is the user, %n the local part, %d the domain, %h the home",
        |text| PathTemplate::parse(text).map_err(|why| why.to_string().into()),
        |template| template.as_str().to_owned(),
    )
}

/// Where the log goes.
pub(crate) fn log_target() -> SettingKind<LogTarget> {
    SettingKind::of_text(
        "an absolute path, \"syslog\", \"journald\", or \"\" for none",
        |text| match text {
            "" => Ok(LogTarget::None),
            "syslog" => Ok(LogTarget::Syslog),
            "journald" => Ok(LogTarget::Journald),
            _ if text.starts_with('/') => clean_path(text).map(LogTarget::File),
            _ => Err("it does not begin with /".into()),
        },
        |target| match target {
            LogTarget::None => String::new(),
            LogTarget::Syslog => "syslog".to_owned(),
            LogTarget::Journald => "journald".to_owned(),
            LogTarget::File(path) => shown_path(path),
        },
    )
}

/// A time zone in the form of RFC 5322 section 3.3; the value is in minutes east of UTC.
pub(crate) fn utc_offset() -> SettingKind<i16> {
    SettingKind::of_text(
        "hours and minutes east of UTC, such as +0100 or -0330",
        |text| {
            let digits = text.strip_prefix(['+', '-']).filter(|digits| digits.len() == 4);
            let number = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            let number: i16 = number.and_then(|digits| digits.parse().ok()).ok_or("it is no such time")?;
            let (hours, minutes) = (number / 100, number % 100);
            if hours > 14 || minutes > 59 {
                return Err("no place on earth has it".into());
            }
            let east = hours * 60 + minutes;
            Ok(if text.starts_with('-') { -east } else { east })
        },
        |east| {
            let sign = if *east < 0 { '-' } else { '+' };
            format!("{sign}{:02}{:02}", east.abs() / 60, east.abs() % 60)
        },
    )
}

/// An IP address.
pub(crate) fn address() -> SettingKind<IpAddr> {
    SettingKind::of_text(
        "an IPv4 or IPv6 address",
        |text| text.parse().map_err(|_| "it is no address".into()),
        IpAddr::to_string,
    )
}

/// An IP address with a port.
pub(crate) fn socket_address() -> SettingKind<SocketAddr> {
    SettingKind::of_text(
        "ADDRESS:PORT, with an IPv6 address in []",
        |text| text.parse().map_err(|_| "it is no address with a port".into()),
        SocketAddr::to_string,
    )
}

/// A network in CIDR form; a plain address is a network with one address.
pub(crate) fn network() -> SettingKind<IpNet> {
    SettingKind::of_text(
        "an address or a network such as 192.0.2.0/24 or 2001:db8::/32",
        |text| {
            let network = match text.parse::<IpAddr>() {
                Ok(address) => IpNet::from(address),
                Err(_) => cidr(text).ok_or("it is no network")?,
            };
            if network == network.trunc() {
                Ok(network)
            } else {
                Err(format!("it has bits set behind its prefix; did you mean {}?", network.trunc()).into())
            }
        },
        IpNet::to_string,
    )
}

/// An integer of 64 bits. No setting has a larger range.
pub(crate) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn clean_path(text: &str) -> Result<PathBuf, NotAccepted> {
    let path = Path::new(text);
    if text.chars().any(char::is_control) {
        Err("it has a control character".into())
    } else if path.components().any(|part| part == Component::ParentDir) {
        Err("it has .. in it".into())
    } else {
        Ok(path.to_owned())
    }
}

fn shown_path(path: &Path) -> String {
    path.display().to_string()
}

fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;
    use toml::Spanned;
    use vocabulary::Storage;

    /// Reads a TOML value with a kind, and checks that what the kind shows for it reads back as the same
    /// value.
    fn read<T: Debug + PartialEq + 'static>(kind: &SettingKind<T>, toml: &str) -> Option<T> {
        let parse = |toml: &str| {
            let value = DeValue::parse(toml).unwrap().into_inner();
            kind.parse(&Spanned::new(0..toml.len(), value)).ok()
        };
        let value = parse(toml)?;
        assert_eq!(parse(&kind.show(&value)).as_ref(), Some(&value));
        Some(value)
    }

    #[test]
    fn numbers_keep_to_their_range() {
        assert_eq!(read(&port(), "110"), Some(110));
        assert_eq!(read(&port(), "0x6E"), Some(110));
        for bad in ["0", "65536", "-1", "99999999999999999999", "\"110\"", "1.5", "true"] {
            assert_eq!(read(&port(), bad), None, "{bad}");
        }
        assert_eq!(read(&port_or_off(), "0"), Some(None));
        assert_eq!(read(&port_or_off(), "995"), Some(Some(995)));
        assert_eq!(read(&seconds(1..=60), "60"), Some(Duration::from_secs(60)));
        assert_eq!(read(&seconds(1..=60), "61"), None);
        assert_eq!(read(&days_or_never(), "\"never\""), Some(None));
        assert_eq!(read(&days_or_never(), "30"), Some(Some(30)));
        assert_eq!(read(&auth_type(), "6"), Some(AuthType::List));
        assert_eq!(read(&auth_type(), "8"), None);
    }

    #[test]
    fn time_zones_are_hours_and_minutes() {
        for (text, east) in [("+0000", 0), ("+0100", 60), ("-0330", -210), ("+1400", 840)] {
            assert_eq!(read(&utc_offset(), &format!("\"{text}\"")), Some(east));
        }
        for bad in ["0100", "+1", "CET", "+01:00", "+0160", "+9900", "+-100", "++100"] {
            assert_eq!(read(&utc_offset(), &format!("\"{bad}\"")), None, "{bad}");
        }
        assert_eq!(read(&utc_offset().or_none(), "\"\""), Some(None));
    }

    #[test]
    fn words_are_exact() {
        assert_eq!(read(&word::<Storage>(), "\"maildir\""), Some(Storage::Maildir));
        assert_eq!(read(&word::<Storage>(), "\"Maildir\""), None);
        assert_eq!(word::<Storage>().accepts(), r#""mbox", "disk", "ram" or "maildir""#);
    }

    #[test]
    fn paths_are_absolute_and_plain() {
        assert_eq!(read(&path(), "\"/var/mail\""), Some(PathBuf::from("/var/mail")));
        for bad in ["\"\"", "\"var\"", "\"/a/../b\"", "\"/a\\u0000\""] {
            assert_eq!(read(&path(), bad), None, "{bad}");
        }
        assert_eq!(read(&path().or_none(), "\"\""), Some(None));
        assert_eq!(read(&path_or_name(), "\".userlist\""), Some(PathBuf::from(".userlist")));
        for bad in ["\"\"", "\"..\"", "\"a/b\""] {
            assert_eq!(read(&path_or_name(), bad), None, "{bad}");
        }
    }

    #[test]
    fn a_greeting_fits_in_a_reply_line_and_offers_no_apop() {
        assert!(read(&greeting(), "\"mpopd ready\"").is_some() && read(&greeting(), "\"\"").is_some());
        for bad in ["\"<1@x>\"", "\"[AUTH] go away\"", "\"a\\r\\nb\"", "\"é\""] {
            assert!(read(&greeting(), bad).is_none(), "{bad}");
        }
        assert!(read(&greeting(), &format!("\"{}\"", "x".repeat(501))).is_none());
    }

    #[test]
    fn networks_say_what_they_mean() {
        assert!(read(&network(), "\"192.0.2.1\"").is_some());
        assert!(read(&network(), "\"2001:db8::/32\"").is_some());
        assert!(read(&network(), "\"192.0.2.1/24\"").is_none());
        assert!(read(&address(), "\"192.0.2.300\"").is_none());
        assert!(read(&socket_address(), "\"[::1]:9100\"").is_some());
        assert!(read(&socket_address(), "\"::1\"").is_none());
    }
}
