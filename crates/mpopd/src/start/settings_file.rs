//! Where the settings come from, at the start and each time that they are re-read.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use config::{Config, Faults, Loaded};

use crate::cli::Failure;
use crate::start::mail_group;
use crate::start::plan::{self, Entrance};
use crate::supervisor::{Plan, Reload};
use session_role::Listener;
use session_role::tls;

/// The configuration file, and what the command line says instead of it.
pub(crate) struct SettingsFile {
    file: PathBuf,
    port: Option<u16>,
    /// Whether the log goes to standard error, too.
    stderr: bool,
    /// Whether somebody else has bound the ports: then they are what they are.
    ports: Ports,
}

/// Who binds the ports.
pub(crate) enum Ports {
    /// We do.
    Ours,
    /// The service manager, which passes the sockets.
    Passed(Vec<OwnedFd>),
}

/// Settings that a server can work with, as far as they alone can say.
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// What the administrator should know, one line each.
    pub(crate) remarks: Vec<String>,
}

impl SettingsFile {
    /// `port` replaces the file's. With `stderr` the log goes there, too.
    ///
    /// # Errors
    ///
    /// The current folder is gone, so that a relative path leads nowhere.
    pub(crate) fn new(file: &Path, port: Option<u16>, stderr: bool) -> Result<SettingsFile, Failure> {
        // A daemon leaves the folder in which it was started.
        let file = std::path::absolute(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(SettingsFile { file, port, stderr, ports: Ports::Ours })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }

    /// Takes sockets that are bound already in place of binding.
    pub(crate) fn with_sockets(self, sockets: Vec<OwnedFd>) -> SettingsFile {
        SettingsFile { ports: Ports::Passed(sockets), ..self }
    }

    /// Whether the log goes to standard error, too.
    pub(crate) fn has_stderr(&self) -> bool {
        self.stderr
    }

    /// Whether somebody else has bound the ports.
    pub(crate) fn has_passed_sockets(&self) -> bool {
        matches!(self.ports, Ports::Passed(_))
    }

    /// The command line of a program that is to serve by the same file.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let foreground = self.stderr.then(|| OsString::from("-F"));
        let port = self.port.map(|port| OsString::from(port.to_string()));
        ["-c".into(), self.file.clone().into()].into_iter().chain(foreground).chain(port).collect()
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Every fault of the file.
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
    /// Every fault of the file, among them that something is missing which a server needs.
    pub(crate) fn settings(&self) -> Result<Settings, Faults> {
        let loaded = self.load()?;
        loaded.check_serving()?;
        plan::check_boundaries(&loaded)?;
        plan::check_tls(&loaded)?;
        let unlockable = mail_group::needed(&loaded.config).err().map(|what| loaded.fault("mailgroup", what));
        let dates = tls::remarks(&plan::tls_settings(&loaded.config), SystemTime::now());
        let dates = dates.into_iter().map(|what| loaded.fault("tls.certificate", what));
        let remarks = unlockable.into_iter().chain(dates).map(|remark| remark.to_string()).collect();
        Ok(Settings { config: loaded.config, remarks })
    }

    /// The plan for settings that were read: binds the ports, or takes over what `present` has bound.
    ///
    /// # Errors
    ///
    /// What is in the way, and what to do about it.
    pub(crate) fn plan(&self, config: &Config, present: &[Listener]) -> Result<Plan, Failure> {
        let metrics = plan::metrics(config, present)?;
        let entrance = match &self.ports {
            Ports::Ours => Entrance::Bind(present),
            Ports::Passed(sockets) => Entrance::Passed(sockets),
        };
        let plan = plan::of(config, plan::authenticator(config)?, entrance)?;
        Ok(Plan { metrics, ..plan })
    }

    /// Reads the file again, and makes the plan that comes after `now`.
    ///
    /// # Errors
    ///
    /// What is in the way, in one line or a line for each fault. Everything is as it was then.
    pub(crate) fn again(&self, now: &Plan, reload: Reload) -> Result<Plan, Failure> {
        let Settings { mut config, remarks } = self.settings()?;
        for remark in remarks {
            tracing::warn!("{remark}");
        }
        for key in now.lasting.hold(&mut config, reload) {
            tracing::warn!(
                "{key}: stays as it is until {}",
                match reload {
                    Reload::Settings if key != "state_dir" => "SIGHUP",
                    _ => "mpopd is started again",
                }
            );
        }
        let present = now.listeners().map(|listener| listener.with(listener.security));
        let present: Vec<_> = present.collect::<io::Result<_>>().map_err(|error| error.to_string())?;
        let plan = self.plan(&config, &present)?;
        Ok(Plan { log: Some(plan::log_settings(&config, self.stderr)), ..plan })
    }
}
