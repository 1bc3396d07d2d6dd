//! Access files: every line is a rule, a comment or an error; and a client is judged as by a second
//! implementation of mpopd.conf(5).
//!
//! Input: an octet that chooses the client, then the file.
#![no_main]

use auth::fuzzing::{judged, trusted};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv6Addr};

const CLIENTS: [(&str, Option<&str>); 8] = [
    ("192.0.2.1", None),
    ("192.0.2.1", Some("mail.example.org")),
    ("10.0.0.255", Some("example.org")),
    ("127.0.0.1", Some("localhost")),
    ("0.0.0.0", None),
    ("2001:db8::1", Some("a.b.example.org")),
    ("::1", None),
    ("fe80::ff", Some("x")),
];

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: [chosen], content: text }) = Input::new(data, 1) else { return };
    let (address, name) = CLIENTS[usize::from(*chosen) % CLIENTS.len()];
    let client: IpAddr = address.parse().expect("an address");

    let rules: Vec<_> = lines(text).map(|(nth, line)| (nth, rule(line, client, name))).collect();
    let bad: Vec<usize> = rules.iter().filter(|(_, rule)| rule.is_none()).map(|(nth, _)| *nth).collect();
    match judged(text, client, name) {
        Ok(verdict) => {
            assert_eq!(bad, [0; 0]);
            assert_eq!(verdict, judge(rules.into_iter().filter_map(|(nth, rule)| Some((nth, rule?)))));
        }
        Err(told) => assert_eq!(told, bad),
    }
    if let Ok(contained) = trusted(text, client) {
        let words = lines(text).map(|(_, line)| line.trim().to_owned());
        let expected = words.filter_map(|word| is_meant(&word, client, None)).any(|meant| meant);
        assert_eq!(contained, expected);
    }
});

/// The lines that are not empty without their comments. A line that is not UTF-8 becomes an invalid one.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.split(|octet| *octet == b'\n'));
    lines.filter_map(|(nth, line)| match std::str::from_utf8(line) {
        Ok(line) => {
            let rule = line.split('#').next().unwrap_or_default();
            (!rule.trim().is_empty()).then_some((nth, rule))
        }
        Err(_) => Some((nth, "not UTF-8")),
    })
}

/// A rule, as far as it matters for one client.
struct Rule {
    /// In capitals.
    action: String,
    /// It matches that client.
    meant: bool,
    /// It matches every client.
    all: bool,
}

fn rule(line: &str, client: IpAddr, name: Option<&str>) -> Option<Rule> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [action, who] = words.as_slice() else { return None };
    let action = action.to_ascii_uppercase();
    let meant = is_meant(who, client, name)?;
    let all = who.eq_ignore_ascii_case("ALL");
    matches!(action.as_str(), "ALLOW" | "DENY" | "WARN").then_some(Rule { action, meant, all })
}

/// The first rule that decides counts, except that DENY ALL comes last wherever it stands.
fn judge(rules: impl Iterator<Item = (usize, Rule)>) -> (bool, Vec<usize>) {
    let (mut warned, mut decided, mut open) = (Vec::new(), None, true);
    for (nth, Rule { action, meant, all }) in rules {
        match action.as_str() {
            "DENY" if all => open = false,
            _ if !meant || decided.is_some() => {}
            "WARN" => warned.push(nth),
            action => decided = Some(action == "ALLOW"),
        }
    }
    (decided.unwrap_or(open), warned)
}

/// Whether this word matches the client; `None` if it is invalid.
fn is_meant(word: &str, client: IpAddr, name: Option<&str>) -> Option<bool> {
    let word = word.to_ascii_lowercase();
    if word == "all" {
        return Some(true);
    }
    if let Some((address, bits)) = word.split_once('/') {
        let (address, bits) = (address.parse::<IpAddr>().ok()?, decimal(bits)?);
        let most = if address.is_ipv4() { 32 } else { 128 };
        if bits > most || !is_plain(address) {
            return None;
        }
        let (net, client_bits) = (number(address), number(client));
        // The bits behind the prefix are zero.
        let behind = if bits == most { 0 } else { u128::MAX >> (128 - most + bits) };
        if net & behind != 0 {
            return None;
        }
        return Some(address.is_ipv4() == client.is_ipv4() && net == client_bits & !behind);
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return is_plain(address).then_some(address == client);
    }
    let below = word.strip_prefix("*.").or(word.strip_prefix('.'));
    if let Some(domain) = below {
        let domain = host(domain)?;
        return Some(name.is_some_and(|name| name.ends_with(&format!(".{domain}"))));
    }
    let prefix = word.strip_suffix('*').unwrap_or(&word);
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if prefix.ends_with('.') && digits(prefix) {
        let groups: Vec<u64> = prefix.trim_end_matches('.').split('.').map(decimal).collect::<Option<_>>()?;
        let whole = prefix.len() - prefix.trim_end_matches('.').len() == 1;
        if !whole || groups.len() > 3 || groups.iter().any(|group| *group > 255) {
            return None;
        }
        let IpAddr::V4(client) = client else { return Some(false) };
        return Some(client.octets().iter().zip(&groups).all(|(octet, group)| u64::from(*octet) == *group));
    }
    if let Some(groups) = prefix.strip_suffix(':') {
        let groups: Vec<u16> = groups
            .split(':')
            .map(|group| {
                let hexadecimal = group.chars().all(|c| c.is_ascii_hexdigit());
                u16::from_str_radix(group, 16).ok().filter(|_| hexadecimal && group.len() <= 4)
            })
            .collect::<Option<_>>()?;
        // Seven groups may make the form of an IPv4 address.
        let mapped = matches!(groups[..], [0, 0, 0, 0, 0, 0xffff, ..]);
        if groups.len() > 7 || mapped {
            return None;
        }
        let IpAddr::V6(client) = client else { return Some(false) };
        return Some(client.segments().iter().zip(&groups).all(|(segment, group)| segment == group));
    }
    if digits(&word) {
        return None;
    }
    host(&word).map(|host| name == Some(&host))
}

/// Clients are never compared in the IPv6 form of IPv4 addresses.
fn is_plain(address: IpAddr) -> bool {
    !matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// With the prefix at the front, whatever the version.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(Ipv6Addr::from(address.octets())),
    }
}

/// Without a leading zero, which would make it octal to some.
fn decimal(text: &str) -> Option<u64> {
    if text.len() > 1 && text.starts_with('0') {
        return None;
    }
    text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A host name: labels of letters, digits, `-` and `_`, at most 63 and 253 octets, the last one not a number.
fn host(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let letters = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        letters && (1..64).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let named = !text.split('.').next_back()?.chars().all(|c| c.is_ascii_digit());
    (text.len() <= 253 && named && text.split('.').all(label)).then(|| text.to_owned())
}
