//! What can be known to be wrong before the first client comes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use config::{Config, Fault, Faults};

use crate::access::Gate;
use crate::host::HostName;
use crate::passdb::{Plugins, Userlist, check_shadow};
use crate::sources::{Source, Sources};

/// Checks the files that the configuration names for logins; for `mpopd -t` and before a server starts. Gives the warnings.
///
/// # Errors
/// Every fault of those files. A running server leaves out lines of user lists that are wrong, and keeps the access rules that it
/// had; one that starts refuses both.
pub fn check(config: &Config) -> Result<Vec<Fault>, Faults> {
    let mut findings = Findings::default();
    findings.note(Gate::new(config).map(drop));
    for source in Sources::in_use(config) {
        match source {
            Source::System if config.use_pam => findings.pam_service(&config.mpopd_pam_service),
            Source::System => findings.note(check_shadow(&config.shadow).map_err(Faults::from)),
            Source::Lists | Source::List if config.has_directory_users() => {}
            Source::Lists | Source::List if config.userlist.is_absolute() => {
                findings.userlist(&config.userlist)
            }
            // `Loaded::check_serving` says that it must be absolute.
            Source::List => {}
            Source::Lists => findings.lists_below(&config.host_mail_path, &config.userlist),
            Source::Plugins => {
                for program in [&config.username_plugin, &config.password_plugin].into_iter().flatten() {
                    findings.note(Plugins::check(program).map_err(Faults::from));
                }
            }
        }
    }
    Faults::none_in(findings.faults)?;
    Ok(findings.warnings)
}

#[derive(Default)]
struct Findings {
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    /// Several kinds may use one list.
    seen: BTreeSet<PathBuf>,
}

impl Findings {
    fn note(&mut self, outcome: Result<(), Faults>) {
        if let Err(faults) = outcome {
            self.faults.extend(faults.iter().cloned());
        }
    }

    fn userlist(&mut self, path: &Path) {
        if !self.seen.insert(path.to_owned()) {
            return;
        }
        match Userlist::check(path) {
            Ok(checked) => {
                self.faults.extend(checked.faults);
                self.warnings.extend(checked.warnings);
            }
            Err(fault) => self.faults.push(fault),
        }
    }

    /// The lists of all hosts and domains that have one.
    fn lists_below(&mut self, host_mail_path: &Path, name: &Path) {
        let folders = match fs::read_dir(host_mail_path) {
            Ok(folders) => folders,
            Err(error) => {
                let what = format!("no host has a user list here: {error}");
                self.warnings.push(Fault::of_file(host_mail_path, what));
                return;
            }
        };
        for initial in folders.flatten() {
            for host in fs::read_dir(initial.path()).into_iter().flatten().flatten() {
                let list = host.path().join(name);
                if !list.is_file() {
                    continue;
                }
                self.userlist(&list);
                let host = host.file_name();
                let found_as = host.to_str().and_then(HostName::parse).filter(|name| {
                    host.to_str() == Some(name.as_str())
                        && initial.file_name().to_str() == Some(name.initial())
                });
                if found_as.is_none() {
                    let what =
                        "nobody finds this list: its folder is not INITIAL/NAME of a host name in lower case";
                    self.warnings.push(Fault::of_file(&list, what));
                }
            }
        }
    }

    /// PAM knows services in two folders; what it knows of neither it calls "other".
    fn pam_service(&mut self, service: &str) {
        let places = ["/etc/pam.d", "/usr/lib/pam.d"].map(|folder| Path::new(folder).join(service));
        if !places.iter().any(|place| place.exists()) && !Path::new("/etc/pam.conf").exists() {
            let what = "PAM has no such service and uses the one named \"other\"";
            self.warnings.extend(places.first().map(|place| Fault::of_file(place, what)));
        }
    }
}
