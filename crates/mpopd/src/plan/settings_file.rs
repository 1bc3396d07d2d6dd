//! The configuration file, as it is read at the start and each time it is re-read.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use config::{Config, Faults, Loaded};
use session_role::Listener;

use super::build::{self, Entrance};
use super::{Plan, Reload, mail_group, maildrop, tls};
use crate::error::StartError;

/// The configuration file, and what the command line says instead of it.
pub(crate) struct SettingsFile {
    file: PathBuf,
    port: Option<u16>,
    /// Whether the log goes to standard error, too.
    stderr: bool,
    ports: Ports,
}

/// Which program binds the ports.
enum Ports {
    /// This one.
    Ours,
    /// The service manager, which passes the sockets.
    Passed(Vec<OwnedFd>),
}

/// Settings that a server can work with, as far as they alone can tell.
pub(crate) struct UsableSettings {
    pub(crate) config: Config,
    /// What the administrator should know, one line each.
    pub(crate) remarks: Vec<String>,
}

impl SettingsFile {
    /// `port` replaces the one in the file. With `stderr` the log goes there, too.
    ///
    /// # Errors
    ///
    /// The current folder is gone, so that a relative path leads nowhere.
    pub(crate) fn new(file: &Path, port: Option<u16>, stderr: bool) -> Result<Self, StartError> {
        // A daemon leaves the folder in which it was started.
        let file = std::path::absolute(file)
            .map_err(|error| StartError::Caller(format!("{}: {error}", file.display())))?;
        Ok(Self { file, port, stderr, ports: Ports::Ours })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }

    /// Uses sockets that are already bound instead of binding the ports.
    pub(crate) fn with_sockets(self, sockets: Vec<OwnedFd>) -> Self {
        Self { ports: Ports::Passed(sockets), ..self }
    }

    /// Whether the log goes to standard error, too.
    pub(crate) fn has_stderr(&self) -> bool {
        self.stderr
    }

    /// Whether another program has bound the ports.
    pub(crate) fn has_passed_sockets(&self) -> bool {
        matches!(self.ports, Ports::Passed(_))
    }

    /// The command line of a program that serves by the same file.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let foreground = self.stderr.then(|| OsString::from("-F"));
        let port = self.port.map(|port| OsString::from(port.to_string()));
        ["-c".into(), self.file.clone().into()].into_iter().chain(foreground).chain(port).collect()
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Every error of the file.
    pub(crate) fn load(&self) -> Result<Loaded, Faults> {
        let mut loaded = config::load(&self.file, rustix::process::geteuid().as_raw())?;
        if let Some(port) = self.port {
            loaded.config.port = port;
        }
        Ok(loaded)
    }

    /// Reads the file for a server.
    ///
    /// # Errors
    ///
    /// Every error of the file, including settings that a server needs and that are missing.
    pub(crate) fn settings(&self) -> Result<UsableSettings, Faults> {
        let loaded = self.load()?;
        loaded.check_serving()?;
        maildrop::check_boundaries(&loaded)?;
        tls::check(&loaded)?;
        let group = mail_group::needed(&loaded.config).err();
        let group = group.map(|error| loaded.fault("mailgroup", error.to_string()));
        let remarks = group.into_iter().chain(tls::warnings(&loaded));
        let remarks = remarks.map(|remark| remark.to_string()).collect();
        Ok(UsableSettings { config: loaded.config, remarks })
    }

    /// The plan for settings that were read. Sockets in `present` are taken over.
    ///
    /// # Errors
    ///
    /// What is in the way, and what to do about it.
    pub(crate) fn plan(&self, config: &Config, present: &[Listener]) -> Result<Plan, StartError> {
        let entrance = match &self.ports {
            Ports::Ours => Entrance::Bind,
            Ports::Passed(sockets) => Entrance::Passed(sockets),
        };
        build::build(config, build::authenticator(config)?, entrance, present, self.stderr)
    }

    /// Reads the file again and makes the plan that replaces `current`.
    ///
    /// # Errors
    ///
    /// What is in the way: one line, or a line for each error of the file. Nothing has changed then.
    pub(crate) fn replan(&self, current: &Plan, reload: Reload) -> Result<Plan, StartError> {
        let UsableSettings { mut config, remarks } = self.settings()?;
        for remark in remarks {
            tracing::warn!("{remark}");
        }
        for key in current.fixed.keep_in(&mut config, reload) {
            tracing::warn!(
                "{key}: stays as it is until {}",
                match reload {
                    Reload::Settings if key != "state_dir" => "SIGHUP",
                    Reload::Settings | Reload::All => "mpopd is started again",
                }
            );
        }
        let present = current.listeners().map(|listener| listener.with(listener.security));
        let present: Vec<_> = present
            .collect::<io::Result<_>>()
            .map_err(StartError::system("the listening sockets cannot be kept"))?;
        self.plan(&config, &present)
    }
}
