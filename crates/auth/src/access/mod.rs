//! Which clients may connect at all: the settings `hosts_allow_deny`, `trusted_networks` and
//! `allow_non_fqdn`.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod pattern;
mod rules;
mod watched_file;

use config::{Config, Fault, Faults};
use vocabulary::LoginFailure;

use self::rules::{AccessRules, TrustedNetworks};
use self::watched_file::WatchedFile;
use crate::host::Peer;
use crate::login_error::LoginError;

/// Decides by address and host name which clients may connect.
pub(crate) struct AccessControl {
    rules: Option<WatchedFile<AccessRules>>,
    trusted: Option<WatchedFile<TrustedNetworks>>,
    /// Whether a client outside the trusted networks must have a host name that leads back to it.
    needs_name: bool,
    remarks: Vec<Fault>,
}

/// The most remarks that are kept for the log.
const MOST_REMARKS: usize = 100;

impl AccessControl {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    ///
    /// All errors in them. A server without its rules would let everyone in.
    pub(crate) fn new(config: &Config) -> Result<Self, Faults> {
        let rules =
            config.hosts_allow_deny.as_deref().map(|path| WatchedFile::open(path, AccessRules::parse));
        let trusted =
            config.trusted_networks.as_deref().map(|path| WatchedFile::open(path, TrustedNetworks::parse));
        let told = |faults: Option<&Faults>| faults.map(|faults| faults.iter().cloned().collect::<Vec<_>>());
        let mut faults = told(rules.as_ref().and_then(|rules| rules.as_ref().err())).unwrap_or_default();
        faults.extend(told(trusted.as_ref().and_then(|trusted| trusted.as_ref().err())).unwrap_or_default());
        Faults::none_in(faults)?;
        Ok(Self {
            rules: rules.transpose()?,
            trusted: trusted.transpose()?,
            needs_name: !config.allow_non_fqdn,
            remarks: Vec::new(),
        })
    }

    /// Lets everyone in.
    pub(crate) fn allow_all() -> Self {
        Self { rules: None, trusted: None, needs_name: false, remarks: Vec::new() }
    }

    /// Decides whether this client may connect. A matching `WARN` rule adds a remark.
    ///
    /// # Errors
    ///
    /// [`LoginFailure::ReverseLookup`] and [`LoginFailure::DeniedHost`]; [`LoginFailure::Temporary`] if the
    /// client's host name is needed and the resolver failed.
    pub(crate) fn admit(&mut self, peer: &Peer) -> Result<(), LoginError> {
        let trusted = match &mut self.trusted {
            Some(trusted) => trusted.current(&mut self.remarks).contain(peer.address()),
            None => false,
        };
        if self.needs_name && !trusted && peer.host()?.is_none() {
            return Err(LoginFailure::ReverseLookup.into());
        }
        let Some(rules) = &mut self.rules else { return Ok(()) };
        let decision = rules.current(&mut self.remarks).judge(peer.address(), || peer.host())?;
        let outcome = if decision.allowed { "let in" } else { "refused" };
        for line in decision.warned_by {
            let what = format!("WARN: client {} was {outcome}", peer.address());
            self.remarks.push(Fault::of_line(rules.path(), line, what));
        }
        self.remarks.truncate(MOST_REMARKS);
        if decision.allowed { Ok(()) } else { Err(LoginFailure::DeniedHost.into()) }
    }

    /// The remarks since the last call.
    pub(crate) fn take_remarks(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.remarks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostName, ResolveError};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    struct Scene {
        folder: tempfile::TempDir,
        config: Config,
    }

    impl Scene {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), config: Config::default() }
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            path
        }

        fn rules(&mut self, text: &str) {
            self.config.hosts_allow_deny = Some(self.file("rules", text));
        }

        fn gate(&self) -> AccessControl {
            AccessControl::new(&self.config).unwrap()
        }
    }

    /// 192.0.2.1 has a name, the resolver fails for 192.0.2.53, all others have no name.
    fn peer(address: &str) -> Peer {
        Peer::new(address.parse().unwrap(), |address| match address.to_string().as_str() {
            "192.0.2.1" => Ok(HostName::parse("a.example.org")),
            "192.0.2.53" => Err(ResolveError("no DNS".to_owned())),
            _ => Ok(None),
        })
    }

    fn word(verdict: Result<(), LoginError>) -> &'static str {
        verdict.map_or_else(|error| error.failure().word(), |()| "in")
    }

    #[test]
    fn without_files_everyone_may_connect() {
        assert_eq!(Scene::new().gate().admit(&peer("192.0.2.53")), Ok(()));
    }

    #[test]
    fn a_name_is_wanted_only_of_those_who_are_not_trusted() {
        let mut scene = Scene::new();
        scene.config.allow_non_fqdn = false;
        scene.config.trusted_networks = Some(scene.file("trusted", "10.\n"));
        scene.rules("DENY 10.0.0.13\n");
        let mut gate = scene.gate();
        for (address, expected) in [
            ("192.0.2.1", "in"),
            ("::ffff:192.0.2.1", "in"),
            ("192.0.2.2", "reverse-lookup"),
            ("192.0.2.53", "temporary"),
            ("10.0.0.1", "in"),
            // Trusted networks skip the reverse lookup, but not the access file.
            ("10.0.0.13", "denied-host"),
        ] {
            assert_eq!(word(gate.admit(&peer(address))), expected, "{address}");
        }
    }

    #[test]
    fn a_rule_that_needs_a_name_is_not_passed_over_when_dns_is_down() {
        let mut scene = Scene::new();
        scene.rules("DENY evil.example.org\n");
        assert_eq!(word(scene.gate().admit(&peer("192.0.2.53"))), "temporary");
    }

    #[test]
    fn changes_count_at_once_and_broken_ones_not_at_all() {
        let mut scene = Scene::new();
        scene.rules("DENY 192.0.2.1\n");
        let mut gate = scene.gate();
        assert_eq!(word(gate.admit(&peer("192.0.2.1"))), "denied-host");
        scene.rules("DENY 192.0.2.2\n");
        assert_eq!(word(gate.admit(&peer("192.0.2.1"))), "in");
        assert_eq!(word(gate.admit(&peer("192.0.2.2"))), "denied-host");

        scene.rules("DENY 192.0.2.1\nREFUSE 192.0.2.2\n");
        assert_eq!(word(gate.admit(&peer("192.0.2.2"))), "denied-host");
        assert_eq!(word(gate.admit(&peer("192.0.2.1"))), "in");
        let told: Vec<_> = gate.take_remarks().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "reported more than once: {told:?}");
        assert!(
            told[0].contains("stay in force") && told[1].contains("rules:2: a line begins with"),
            "{told:?}"
        );

        fs::remove_file(scene.config.hosts_allow_deny.as_ref().unwrap()).unwrap();
        assert_eq!(word(gate.admit(&peer("192.0.2.2"))), "denied-host");
        assert!(gate.take_remarks()[1].to_string().contains("No such file"));
        scene.rules("");
        assert_eq!(word(gate.admit(&peer("192.0.2.2"))), "in");
    }

    #[test]
    fn warnings_are_remarked() {
        let mut scene = Scene::new();
        scene.rules("WARN 192.0.2.\n");
        let mut gate = scene.gate();
        assert_eq!(word(gate.admit(&peer("192.0.2.9"))), "in");
        let told = gate.take_remarks()[0].to_string();
        assert!(told.ends_with("rules:1: WARN: client 192.0.2.9 was let in"), "{told}");
    }

    #[test]
    fn no_server_begins_with_a_fault_or_a_file_that_others_may_write() {
        let mut scene = Scene::new();
        scene.rules("DENY\n");
        scene.config.trusted_networks = Some("/nonexistent/trusted".into());
        let told = AccessControl::new(&scene.config).err().unwrap().to_string();
        assert_eq!(told.lines().count(), 2, "{told}");
        scene.config.trusted_networks = None;
        scene.rules("");
        let path = scene.config.hosts_allow_deny.clone().unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
        assert!(AccessControl::new(&scene.config).err().unwrap().to_string().contains("chmod o-w"));
    }
}
