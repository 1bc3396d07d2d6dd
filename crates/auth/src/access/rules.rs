//! The files of `hosts_allow_deny` and `trusted_networks`: one rule per line, and comments that begin with
//! `#`.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use config::{Fault, Faults};
use ipnet::IpNet;

use super::pattern::{BadClientPattern, ClientPattern};
use crate::host::HostName;

/// The rules of `hosts_allow_deny`: lines of `DENY`, `ALLOW` or `WARN` and a client.
///
/// The first `DENY` or `ALLOW` line that matches a client decides. A matching `WARN` line does not end the
/// search. `DENY ALL`, wherever it stands, lets in only clients that an `ALLOW` line matches. Without it, a
/// client that no line matches may connect.
#[derive(Debug, Default)]
pub(super) struct AccessRules {
    rules: Vec<AccessRule>,
    /// The number of the line `DENY ALL`, if there is one.
    deny_all: Option<usize>,
}

#[derive(Debug)]
struct AccessRule {
    action: RuleAction,
    who: ClientPattern,
    line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleAction {
    Deny,
    Allow,
    Warn,
}

/// What the rules say about a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AccessDecision {
    pub(super) allowed: bool,
    /// The numbers, from 1, of the lines of the `WARN` rules that matched before the decision.
    pub(super) warned_by: Vec<usize>,
}

impl AccessRules {
    /// Parses a file; `path` is for error messages.
    ///
    /// # Errors
    ///
    /// Every invalid line. No line may be left out: that could let a client in.
    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self, Faults> {
        let mut rules = Self::default();
        each_line(path, text, |line, words| {
            let [action, who] = words else { return Err(BadRuleLine::Words) };
            let action = match action.to_ascii_uppercase().as_str() {
                "DENY" => RuleAction::Deny,
                "ALLOW" => RuleAction::Allow,
                "WARN" => RuleAction::Warn,
                _ => return Err(BadRuleLine::Action),
            };
            match (action, ClientPattern::parse(who).map_err(BadRuleLine::Client)?) {
                (RuleAction::Deny, ClientPattern::All) => rules.deny_all = Some(line),
                (action, who) => rules.rules.push(AccessRule { action, who, line }),
            }
            Ok(())
        })?;
        Ok(rules)
    }

    /// Judges a client. `host` looks up its name, and is called only if a rule needs it.
    ///
    /// # Errors
    ///
    /// The error that `host` returned.
    pub(super) fn judge<'a, E>(
        &self,
        address: IpAddr,
        host: impl Fn() -> Result<Option<&'a HostName>, E>,
    ) -> Result<AccessDecision, E> {
        let mut warned_by = Vec::new();
        for rule in &self.rules {
            let meant = match &rule.who {
                ClientPattern::All => true,
                ClientPattern::Network(net) => net.contains(&address),
                ClientPattern::Host(name) => host()? == Some(name),
                ClientPattern::Below(domain) => host()?.is_some_and(|host| host.is_below(domain)),
            };
            match rule.action {
                _ if !meant => {}
                RuleAction::Allow => return Ok(AccessDecision { allowed: true, warned_by }),
                RuleAction::Deny => return Ok(AccessDecision { allowed: false, warned_by }),
                RuleAction::Warn => warned_by.push(rule.line),
            }
        }
        Ok(AccessDecision { allowed: self.deny_all.is_none(), warned_by })
    }
}

/// The networks of `trusted_networks`, one per line.
#[derive(Debug, Default)]
pub(super) struct TrustedNetworks(Vec<IpNet>);

impl TrustedNetworks {
    /// Parses a file; `path` is for error messages.
    ///
    /// Host names are ignored: a client whose name leads back to it passes the reverse lookup anyway.
    ///
    /// # Errors
    ///
    /// Every invalid line.
    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self, Faults> {
        let mut networks = Self::default();
        each_line(path, text, |_, words| {
            let [who] = words else { return Err(BadRuleLine::OneWord) };
            match ClientPattern::parse(who).map_err(BadRuleLine::Client)? {
                ClientPattern::Network(net) => networks.0.push(net),
                ClientPattern::Host(_) | ClientPattern::Below(_) => {}
                ClientPattern::All => return Err(BadRuleLine::TrustAll),
            }
            Ok(())
        })?;
        Ok(networks)
    }

    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// Passes the words of each line that has any to `read`, and collects the errors. Lines count from 1.
fn each_line(
    path: &Path,
    text: &[u8],
    mut read: impl FnMut(usize, &[&str]) -> Result<(), BadRuleLine>,
) -> Result<(), Faults> {
    let mut faults = Vec::new();
    for (nth, line) in text.split(|octet| *octet == b'\n').enumerate() {
        let outcome = match str::from_utf8(line) {
            Err(_) => Err(BadRuleLine::NotText),
            Ok(line) => {
                let line = line.split_once('#').map_or(line, |(rule, _)| rule);
                let words: Vec<&str> = line.split_whitespace().take(3).collect();
                if words.is_empty() { Ok(()) } else { read(nth + 1, &words) }
            }
        };
        if let Err(why) = outcome {
            faults.push(Fault::of_line(path, nth + 1, why.to_string()));
        }
    }
    Faults::none_in(faults)
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BadRuleLine {
    NotText,
    Words,
    Action,
    OneWord,
    TrustAll,
    Client(BadClientPattern),
}

impl fmt::Display for BadRuleLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("this is not UTF-8"),
            Self::Words => f.write_str("a line is DENY, ALLOW or WARN, and then one client"),
            Self::Action => f.write_str("a line begins with DENY, ALLOW or WARN"),
            Self::OneWord => f.write_str("a line is one address or network"),
            Self::TrustAll => f.write_str(
                "ALL is no network; to let in clients without a host name, set allow_non_fqdn = true",
            ),
            Self::Client(why) => why.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(text: &str) -> AccessRules {
        AccessRules::parse(Path::new("f"), text.as_bytes()).unwrap()
    }

    /// The verdict on 192.0.2.1, and whether its name was asked for.
    fn judge(text: &str, name: Option<&str>) -> (bool, Vec<usize>, bool) {
        let name = name.map(|name| HostName::parse(name).unwrap());
        let asked = std::cell::Cell::new(false);
        let verdict = rules(text).judge("192.0.2.1".parse().unwrap(), || {
            asked.set(true);
            Ok::<_, ()>(name.as_ref())
        });
        let verdict = verdict.unwrap();
        (verdict.allowed, verdict.warned_by, asked.get())
    }

    #[test]
    fn the_first_rule_that_decides_counts() {
        for (text, allowed) in [
            ("", true),
            ("# nothing\n\n  \t\r\n", true),
            ("DENY 192.0.2.1", false),
            ("deny\t192.0.2.*  # the cellar", false),
            ("ALLOW 192.0.2.1\nDENY 192.0.2.", true),
            ("DENY 192.0.2.\nALLOW 192.0.2.1", false),
            ("DENY ALL", false),
            ("DENY ALL\nALLOW 192.0.2.1", true),
            ("ALLOW 192.0.2.1\nDENY ALL", true),
            ("DENY ALL\nALLOW 192.0.2.2", false),
            ("DENY ALL\nALLOW ALL", true),
            // Compared as text or as a regular expression, these would match.
            ("DENY 192.0.2.10", true),
            ("DENY 192.0.2.10/31", true),
            ("DENY 192.0.20.", true),
            ("DENY ::/0", true),
        ] {
            assert_eq!(judge(text, None), (allowed, vec![], false), "{text}");
        }
    }

    #[test]
    fn warnings_name_their_lines_and_decide_nothing() {
        assert_eq!(
            judge("WARN ALL\n\nWARN 192.0.2.\nALLOW ALL\nWARN ALL\n", None),
            (true, vec![1, 3], false)
        );
        assert_eq!(judge("WARN 192.0.2.1\nDENY 192.0.2.1", None), (false, vec![1], false));
        assert_eq!(judge("DENY ALL\nWARN 192.0.2.1", None), (false, vec![2], false));
    }

    #[test]
    fn names_are_looked_up_only_when_a_rule_needs_one() {
        let name = Some("a.example.org");
        assert_eq!(judge("DENY a.example.org", name), (false, vec![], true));
        assert_eq!(judge("DENY .example.org", name), (false, vec![], true));
        assert_eq!(judge("DENY example.org\nDENY aXexample.org", name), (true, vec![], true));
        assert_eq!(judge("DENY a.example.org", None), (true, vec![], true));
        assert_eq!(judge("ALLOW 192.0.2.1\nDENY a.example.org", name), (true, vec![], false));
        let verdict = rules("ALLOW a.example.org").judge("192.0.2.1".parse().unwrap(), || Err("no DNS"));
        assert_eq!(verdict, Err("no DNS"));
    }

    #[test]
    fn a_line_that_is_not_understood_is_told() {
        let text = b"ALLOW\nPERMIT ALL\nDENY a b\nDENY 10.0\n\xff\nDENY 10.0.0.0/8\n";
        let told = AccessRules::parse(Path::new("f"), text).unwrap_err().to_string();
        let lines: Vec<_> = told.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["f:1", "f:2", "f:3", "f:4", "f:5"], "{told}");
        assert!(told.contains("f:4: this is half an address"), "{told}");
    }

    #[test]
    fn trusted_networks_are_a_list_of_networks() {
        let networks =
            TrustedNetworks::parse(Path::new("f"), b"10.\n2001:db8::/32\nhost.example.org\n").unwrap();
        for (address, trusted) in [("10.1.2.3", true), ("11.1.2.3", false), ("2001:db8::1", true)] {
            assert_eq!(networks.contain(address.parse().unwrap()), trusted, "{address}");
        }
        assert!(TrustedNetworks::parse(Path::new("f"), b"ALL").is_err());
        assert!(TrustedNetworks::parse(Path::new("f"), b"ALLOW 10.").is_err());
    }

    proptest! {
        /// No input panics, and each line is a rule, a comment or an error.
        #[test]
        fn any_octets_are_rules_or_faults(text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "((DENY|ALLOW|WARN) ?[0-9.:/*a-cALL#]{0,12}\\n){0,6}".prop_map(String::into_bytes),
        ]) {
            let _ = TrustedNetworks::parse(Path::new("f"), &text);
            if let Ok(rules) = AccessRules::parse(Path::new("f"), &text) {
                prop_assert!(rules.judge("::1".parse().unwrap(), || Ok::<_, ()>(None)).is_ok());
            }
        }
    }
}
