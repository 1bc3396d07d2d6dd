//! Host names: of clients, and of the domains behind the `@` of logins.

use std::cell::OnceCell;
use std::fmt;
use std::net::IpAddr;

use config::path_part;
use sys::names;

use crate::refusal::Refusal;

/// A host name or domain, in lower case, without the dot of the root: letters, digits, `-` and `_` in labels (RFC 1123
/// section 2.1, and the underscore of the wild), at most 253 octets. Harmless as a part of a path.
///
/// The last label is not all digits: an address in text form is no name, though resolvers find its "address".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostName(Box<str>);

impl HostName {
    /// `None` if the text is no host name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        const MOST: usize = 253;
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let last = name.rsplit('.').next()?;
        let named = !last.bytes().all(|octet| octet.is_ascii_digit());
        (name.len() <= MOST && named && name.split('.').all(is_label) && path_part(&name).is_ok())
            .then(|| Self(name.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first letter, by which the folders of hosts are sorted.
    pub(crate) fn initial(&self) -> &str {
        self.0.get(..1).unwrap_or_default()
    }

    /// Whether this is a host below `domain`.
    pub(crate) fn is_below(&self, domain: &Self) -> bool {
        self.0.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
}

/// Finds the name of an address that leads back to it. Fails, with the reason, where nobody could say.
pub(crate) type Resolve = fn(IpAddr) -> Result<Option<HostName>, String>;

/// By the system's resolver. Blocks.
///
/// # Errors
/// The resolver could not find out.
pub(crate) fn resolve(address: IpAddr) -> Result<Option<HostName>, String> {
    confirmed(address, names::name_of, names::addresses_of).map_err(|error| error.to_string())
}

/// What stands in reverse DNS counts only if the name's own addresses have this one: the name is what the owner of
/// the address says, the addresses are what the owner of the name says.
fn confirmed<E>(
    address: IpAddr,
    name_of: impl FnOnce(IpAddr) -> Result<Option<String>, E>,
    addresses_of: impl FnOnce(&str) -> Result<Vec<IpAddr>, E>,
) -> Result<Option<HostName>, E> {
    let Some(name) = name_of(address)?.as_deref().and_then(HostName::parse) else { return Ok(None) };
    let leads_back = addresses_of(name.as_str())?.iter().any(|back| back.to_canonical() == address);
    Ok(leads_back.then_some(name))
}

/// The other end of a connection. Its host name is looked up when it is first asked for, and once.
pub(crate) struct Peer {
    address: IpAddr,
    resolve: Resolve,
    host: OnceCell<Result<Option<HostName>, String>>,
}

impl Peer {
    /// An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`, from a socket for both) counts as IPv4.
    pub(crate) fn new(address: IpAddr, resolve: Resolve) -> Self {
        Self { address: address.to_canonical(), resolve, host: OnceCell::new() }
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// The host name that leads back to the address, if there is one.
    ///
    /// # Errors
    /// The resolver could not find out.
    pub(crate) fn host(&self) -> Result<Option<&HostName>, Refusal> {
        let found = self.host.get_or_init(|| (self.resolve)(self.address));
        found.as_ref().map(Option::as_ref).map_err(|why| {
            Refusal::Temporary(format!("the host name of {} is not known: {why}", self.address))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn what_is_no_name_or_leads_elsewhere_is_refused() {
        for text in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a..b",
            ".a",
            "a\0b",
            "a b",
            "-a",
            "a-",
            "é.org",
            "192.0.2.1",
            "::1",
            "a.1",
            "*",
            "a%b",
            &"a".repeat(64),
            &"a.".repeat(128),
        ] {
            assert_eq!(HostName::parse(text), None, "{text:?}");
        }
        for (text, name) in
            [("Mail.Example.ORG.", "mail.example.org"), ("localhost", "localhost"), ("1a.2b", "1a.2b")]
        {
            assert_eq!(HostName::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn below_means_below() {
        let name = |text| HostName::parse(text).unwrap();
        assert!(name("a.example.org").is_below(&name("example.org")));
        assert!(!name("example.org").is_below(&name("example.org")));
        assert!(!name("badexample.org").is_below(&name("example.org")));
    }

    #[test]
    fn a_name_counts_only_if_it_leads_back() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let find = |name: Option<&str>, back: &[&str]| {
            let back = back.iter().map(|address| address.parse().unwrap()).collect();
            confirmed(address, |_| Ok::<_, ()>(name.map(str::to_owned)), |_| Ok(back)).unwrap()
        };
        let host = HostName::parse("a.example.org");
        assert_eq!(find(Some("a.example.org"), &["198.51.100.1", "192.0.2.1"]), host);
        assert_eq!(find(Some("a.example.org"), &["::ffff:192.0.2.1"]), host);
        assert_eq!(find(Some("a.example.org"), &["192.0.2.10"]), None);
        assert_eq!(find(Some("a.example.org"), &[]), None);
        assert_eq!(find(None, &["192.0.2.1"]), None);
        assert_eq!(find(Some("../../etc"), &["192.0.2.1"]), None);
        // Its owner named it after itself; a resolver takes the text for an address.
        assert_eq!(find(Some("192.0.2.1"), &["192.0.2.1"]), None);
    }

    proptest! {
        #[test]
        fn a_name_is_one_part_of_a_path(text in prop_oneof!["\\PC{0,40}", "[a./_\\x00-]{0,9}"]) {
            if let Some(name) = HostName::parse(&text) {
                let parts: Vec<_> = Path::new(name.as_str()).components().collect();
                prop_assert_eq!(parts, [Component::Normal(name.as_str().as_ref())]);
                prop_assert_eq!(name.initial().len(), 1);
            }
        }
    }
}
