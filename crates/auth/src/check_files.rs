//! Finds errors in files before the first client connects.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use config::{Config, Fault, Faults};

use crate::access::AccessControl;
use crate::host::HostName;
use crate::passdb::{Plugins, Userlist, check_shadow};
use crate::user_sources::{PassdbKind, UserSources};

/// Checks the files that the configuration names for logins: for `mpopd -t`, and before a server starts.
/// Returns the warnings.
///
/// # Errors
///
/// Every error in those files. A running server leaves out invalid lines of user lists and keeps its previous
/// access rules; a server that starts accepts neither.
pub fn check(config: &Config) -> Result<Vec<Fault>, Faults> {
    let mut findings = FileFindings::default();
    findings.note(AccessControl::new(config).map(drop));
    for source in UserSources::in_use(config) {
        match source {
            PassdbKind::System if config.use_pam => findings.pam_service(&config.mpopd_pam_service),
            PassdbKind::System => findings.note(check_shadow(&config.shadow).map_err(Faults::from)),
            PassdbKind::Lists | PassdbKind::List if config.has_directory_users() => {}
            PassdbKind::Lists | PassdbKind::List if config.userlist.is_absolute() => {
                findings.userlist(&config.userlist)
            }
            // `Loaded::check_serving` reports a relative path.
            PassdbKind::List => {}
            PassdbKind::Lists => findings.lists_below(&config.host_mail_path, &config.userlist),
            PassdbKind::Plugins => {
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
struct FileFindings {
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    /// The lists already checked: several kinds may use the same one.
    seen: BTreeSet<PathBuf>,
}

impl FileFindings {
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

    /// Checks the lists of all hosts and domains that have one.
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

    /// PAM looks for a service in two folders, and otherwise uses the service "other".
    fn pam_service(&mut self, service: &str) {
        let places = ["/etc/pam.d", "/usr/lib/pam.d"].map(|folder| Path::new(folder).join(service));
        if !places.iter().any(|place| place.exists()) && !Path::new("/etc/pam.conf").exists() {
            let what = "PAM has no such service and uses the one named \"other\"";
            self.warnings.extend(places.first().map(|place| Fault::of_file(place, what)));
        }
    }
}
