//! The resources of a daemon that are not in its plan, and stay when the configuration is re-read.

use super::control_socket::ControlSocket;
use super::notifier::Notifier;
use crate::plan::LogPlan;
use crate::plan::settings_file::SettingsFile;

/// Each is there only where it is needed: `mpopd try` has none, a server of one connection has only a log.
#[derive(Default)]
pub(crate) struct DaemonResources {
    /// Where the configuration can be re-read.
    pub(crate) file: Option<SettingsFile>,
    /// Reports when the server serves, reloads and ends.
    pub(crate) notifier: Notifier,
    /// Where mpopdctl connects.
    pub(crate) control: Option<ControlSocket>,
    /// Where the log goes; without it, every role writes its lines to standard error.
    pub(crate) log: Option<LogPlan>,
}
