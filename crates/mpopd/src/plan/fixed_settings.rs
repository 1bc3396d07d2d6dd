//! The settings that a reload does not change while sessions continue.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use config::Config;

/// How the configuration is re-read. SIGHUP includes what SIGUSR1 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reload {
    /// New sessions get the new settings; running ones keep theirs, and the ports stay (SIGUSR1).
    Settings,
    /// Sessions are closed, and the ports are those of the new configuration (SIGHUP).
    All,
}

/// The settings that SIGUSR1 does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FixedSettings {
    port: u16,
    listen: Vec<IpAddr>,
    pop3s_port: Option<u16>,
    user: String,
    chroot: PathBuf,
    state_dir: PathBuf,
}

impl FixedSettings {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            port: config.port,
            listen: config.listen.clone(),
            pop3s_port: config.pop3s_port,
            user: config.user.clone(),
            chroot: config.chroot.clone(),
            state_dir: config.state_dir.clone(),
        }
    }

    /// The folder of the session locks.
    pub(crate) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Keeps these settings in a configuration that was re-read, as far as `reload` cannot change them.
    /// Returns the keys whose new values were overruled.
    pub(crate) fn keep_in(&self, config: &mut Config, reload: Reload) -> Vec<&'static str> {
        let mut kept = Vec::new();
        // The session locks are there: with two folders, two sessions could have one maildrop.
        keep(&mut kept, "state_dir", &mut config.state_dir, &self.state_dir);
        if reload == Reload::Settings {
            keep(&mut kept, "port", &mut config.port, &self.port);
            keep(&mut kept, "listen", &mut config.listen, &self.listen);
            keep(&mut kept, "pop3s_port", &mut config.pop3s_port, &self.pop3s_port);
            keep(&mut kept, "user", &mut config.user, &self.user);
            keep(&mut kept, "chroot", &mut config.chroot, &self.chroot);
        }
        kept
    }
}

fn keep<T: Clone + PartialEq>(kept: &mut Vec<&'static str>, key: &'static str, new: &mut T, old: &T) {
    if new != old {
        old.clone_into(new);
        kept.push(key);
    }
}
