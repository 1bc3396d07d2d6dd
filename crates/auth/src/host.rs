//! Host names: of clients, and of domains in user names.

use std::cell::OnceCell;
use std::fmt;
use std::net::IpAddr;

use config::path_part;
use sys::names;

use crate::login_error::LoginError;

/// A host name or domain in lower case, without the final dot: labels of letters, digits, `-` (RFC 1123,
/// section 2.1) and the common `_`, at most 253 octets. Safe as a part of a path.
///
/// The last label is not all digits. An IPv4 address in text form is not a host name, though resolvers accept
/// it.
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

    /// The first character, by which the folders of hosts are grouped.
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

/// Finds the host name of an address, if the name leads back to the address.
pub(crate) type Resolve = fn(IpAddr) -> Result<Option<HostName>, ResolveError>;

/// The resolver's failure, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolveError(pub(crate) String);

/// Asks the system's resolver. Blocks.
///
/// # Errors
///
/// The resolver failed.
pub(crate) fn resolve(address: IpAddr) -> Result<Option<HostName>, ResolveError> {
    confirmed(address, names::name_of, names::addresses_of).map_err(|error| ResolveError(error.to_string()))
}

/// A name from reverse DNS counts only if it resolves to the address again. The owner of the address decides
/// which name reverse DNS returns; the owner of the name decides which addresses it has.
fn confirmed<E>(
    address: IpAddr,
    name_of: impl FnOnce(IpAddr) -> Result<Option<String>, E>,
    addresses_of: impl FnOnce(&str) -> Result<Vec<IpAddr>, E>,
) -> Result<Option<HostName>, E> {
    let Some(name) = name_of(address)?.as_deref().and_then(HostName::parse) else { return Ok(None) };
    let leads_back = addresses_of(name.as_str())?.iter().any(|back| back.to_canonical() == address);
    Ok(leads_back.then_some(name))
}

/// The client of a connection. Its host name is looked up once, when it is first needed.
pub(crate) struct Peer {
    address: IpAddr,
    resolve: Resolve,
    host: OnceCell<Result<Option<HostName>, ResolveError>>,
}

impl Peer {
    /// An IPv4 address in IPv6 form (`::ffff:192.0.2.1`, from a socket for both) counts as IPv4.
    pub(crate) fn new(address: IpAddr, resolve: Resolve) -> Self {
        Self { address: address.to_canonical(), resolve, host: OnceCell::new() }
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// The host name that leads back to the address, if there is one.
    ///
    /// # Errors
    ///
    /// The resolver failed: a temporary error.
    pub(crate) fn host(&self) -> Result<Option<&HostName>, LoginError> {
        let found = self.host.get_or_init(|| (self.resolve)(self.address));
        found.as_ref().map(Option::as_ref).map_err(|ResolveError(why)| {
            LoginError::temporary(format!("the host name of {} is not known: {why}", self.address))
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
        // A reverse record may name the address itself, and resolvers accept an address as a name.
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
