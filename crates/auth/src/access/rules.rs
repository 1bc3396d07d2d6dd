//! The files of `hosts_allow_deny` and `trusted_networks`: a rule a line, `#` before comments.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use config::{Fault, Faults};
use ipnet::IpNet;

use super::pattern::{BadPattern, Pattern};
use crate::host::HostName;

/// The rules of `hosts_allow_deny`: lines of `DENY`, `ALLOW` or `WARN` and a client.
///
/// The first line that denies or allows a client decides; `WARN` goes on to the next. `DENY ALL`, wherever it stands, means
/// that only an `ALLOW` line lets a client in; without it, a client that no line speaks of may come in.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// The line of `DENY ALL`.
    deny_all: Option<usize>,
}

#[derive(Debug)]
struct Rule {
    action: Action,
    who: Pattern,
    line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Deny,
    Allow,
    Warn,
}

/// What the rules say of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    /// The lines, from 1, of the `WARN` rules that came before the decision.
    pub(super) warned_by: Vec<usize>,
}

impl Rules {
    /// Reads a file; `path` stands in the messages.
    ///
    /// # Errors
    /// Every line that cannot be understood: a rule that is left out is a hole.
    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self, Faults> {
        let mut rules = Self::default();
        each_line(path, text, |line, words| {
            let [action, who] = words else { return Err(BadLine::Words) };
            let action = match action.to_ascii_uppercase().as_str() {
                "DENY" => Action::Deny,
                "ALLOW" => Action::Allow,
                "WARN" => Action::Warn,
                _ => return Err(BadLine::Action),
            };
            match (action, Pattern::parse(who).map_err(BadLine::Pattern)?) {
                (Action::Deny, Pattern::All) => rules.deny_all = Some(line),
                (action, who) => rules.rules.push(Rule { action, who, line }),
            }
            Ok(())
        })?;
        Ok(rules)
    }

    /// Judges a client. `host` is asked for its name only when a rule needs it.
    ///
    /// # Errors
    /// What `host` says.
    pub(super) fn judge<'a, E>(
        &self,
        address: IpAddr,
        host: impl Fn() -> Result<Option<&'a HostName>, E>,
    ) -> Result<Verdict, E> {
        let mut warned_by = Vec::new();
        for rule in &self.rules {
            let meant = match &rule.who {
                Pattern::All => true,
                Pattern::Network(net) => net.contains(&address),
                Pattern::Host(name) => host()? == Some(name),
                Pattern::Below(domain) => host()?.is_some_and(|host| host.is_below(domain)),
            };
            match rule.action {
                _ if !meant => {}
                Action::Allow => return Ok(Verdict { allowed: true, warned_by }),
                Action::Deny => return Ok(Verdict { allowed: false, warned_by }),
                Action::Warn => warned_by.push(rule.line),
            }
        }
        Ok(Verdict { allowed: self.deny_all.is_none(), warned_by })
    }
}

/// The networks of `trusted_networks`, one a line.
#[derive(Debug, Default)]
pub(super) struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads a file; `path` stands in the messages.
    ///
    /// A host name is read over: a client whose name leads back to it passes the reverse lookup anyway.
    ///
    /// # Errors
    /// Every line that cannot be understood.
    pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Self, Faults> {
        let mut networks = Self::default();
        each_line(path, text, |_, words| {
            let [who] = words else { return Err(BadLine::OneWord) };
            match Pattern::parse(who).map_err(BadLine::Pattern)? {
                Pattern::Network(net) => networks.0.push(net),
                Pattern::Host(_) | Pattern::Below(_) => {}
                Pattern::All => return Err(BadLine::TrustAll),
            }
            Ok(())
        })?;
        Ok(networks)
    }

    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// Hands out the words of each line that has any, and collects what is said against them. Lines count from 1.
fn each_line(
    path: &Path,
    text: &[u8],
    mut read: impl FnMut(usize, &[&str]) -> Result<(), BadLine>,
) -> Result<(), Faults> {
    let mut faults = Vec::new();
    for (nth, line) in text.split(|octet| *octet == b'\n').enumerate() {
        let outcome = match str::from_utf8(line) {
            Err(_) => Err(BadLine::NotText),
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
enum BadLine {
    NotText,
    Words,
    Action,
    OneWord,
    TrustAll,
    Pattern(BadPattern),
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("this is not UTF-8"),
            Self::Words => f.write_str("a line is DENY, ALLOW or WARN, and then one client"),
            Self::Action => f.write_str("a line begins with DENY, ALLOW or WARN"),
            Self::OneWord => f.write_str("a line is one address or network"),
            Self::TrustAll => f.write_str(
                "ALL is no network; to let in clients without a host name, set allow_non_fqdn = true",
            ),
            Self::Pattern(why) => why.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(text: &str) -> Rules {
        Rules::parse(Path::new("f"), text.as_bytes()).unwrap()
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
        let told = Rules::parse(Path::new("f"), text).unwrap_err().to_string();
        let lines: Vec<_> = told.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["f:1", "f:2", "f:3", "f:4", "f:5"], "{told}");
        assert!(told.contains("f:4: this is half an address"), "{told}");
    }

    #[test]
    fn trusted_networks_are_a_list_of_networks() {
        let networks = Networks::parse(Path::new("f"), b"10.\n2001:db8::/32\nhost.example.org\n").unwrap();
        for (address, trusted) in [("10.1.2.3", true), ("11.1.2.3", false), ("2001:db8::1", true)] {
            assert_eq!(networks.contain(address.parse().unwrap()), trusted, "{address}");
        }
        assert!(Networks::parse(Path::new("f"), b"ALL").is_err());
        assert!(Networks::parse(Path::new("f"), b"ALLOW 10.").is_err());
    }

    proptest! {
        /// Any octets are read without a panic, and each line is a rule, a comment or a fault.
        #[test]
        fn any_octets_are_rules_or_faults(text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "((DENY|ALLOW|WARN) ?[0-9.:/*a-cALL#]{0,12}\\n){0,6}".prop_map(String::into_bytes),
        ]) {
            let _ = Networks::parse(Path::new("f"), &text);
            if let Ok(rules) = Rules::parse(Path::new("f"), &text) {
                prop_assert!(rules.judge("::1".parse().unwrap(), || Ok::<_, ()>(None)).is_ok());
            }
        }
    }
}
