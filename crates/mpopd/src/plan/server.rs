//! The parts of a plan.

use std::os::fd::OwnedFd;
use std::time::Duration;

use auth::Authenticator;
use auth_role::{MailRoots, UserLogs};
use maildrop_role::SpoolGroup;
use session_role::tls::TlsSettings;
use session_role::{Arrivals, Listener};

use super::directory_program::DirectoryProgram;
use super::fixed_settings::FixedSettings;
use super::state_dir::StateDir;
use crate::process::child::Identity;

/// Everything that the roles need, fixed before the first fork.
pub(crate) struct Plan {
    /// Where connections come from.
    pub(crate) arrivals: Arrivals,
    /// The listening socket for Prometheus, if metrics are configured.
    pub(crate) metrics: Option<Listener>,
    /// The certificates of the session role.
    pub(crate) tls: TlsSettings,
    /// The user of the session role.
    pub(crate) session_identity: Identity,
    /// The session role's settings.
    pub(crate) session: session_role::Settings,
    /// The number of auth processes.
    pub(crate) auth_processes: usize,
    /// Checks logins in each auth process.
    pub(crate) authenticator: Authenticator,
    /// The program that asks databases, LDAP and OAuth servers, if any is configured.
    pub(crate) directory: Option<DirectoryProgram>,
    /// The users who have logs of their own.
    pub(crate) user_logs: UserLogs,
    /// Where and how maildrop processes work.
    pub(crate) maildrops: MaildropPlan,
    /// How the log is written.
    pub(crate) log: log_role::Settings,
    /// The settings that not every reload changes.
    pub(crate) fixed: FixedSettings,
}

/// The part of the plan that every maildrop process needs.
pub(crate) struct MaildropPlan {
    /// How mailboxes are read and locked.
    pub(crate) settings: maildrop::Settings,
    /// Where each owner's private folder lies.
    pub(crate) state: StateDir,
    /// Where mailboxes with `storage = "disk"` are split into messages; `None` if there are none.
    pub(crate) spool: Option<StateDir>,
    /// The settings for single users.
    pub(crate) users: maildrop_role::UserSettings,
    /// The folders of mail that the settings name.
    pub(crate) roots: MailRoots,
    /// The group that makes lock files in the mail spool.
    pub(crate) mail_group: Option<SpoolGroup>,
    /// Whether each process becomes its owner: true when the supervisor is root.
    pub(crate) change_user: bool,
    /// The least time between two logins at a maildrop; zero for none.
    pub(crate) login_delay: Duration,
    /// The number of threads that read each of a process's two queues.
    pub(crate) threads: usize,
}

/// The part of the plan that the log role needs.
pub(crate) struct LogPlan {
    /// The end of the queue that the log role reads. The supervisor keeps it: lines wait there while the role
    /// is restarted.
    pub(crate) lines: OwnedFd,
    /// Where and how lines are written.
    pub(crate) settings: log_role::Settings,
}

impl Plan {
    /// All listening sockets.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.arrivals.listeners().iter().chain(&self.metrics)
    }

    /// The port that the pid file names: the first one.
    pub(crate) fn port(&self) -> u16 {
        self.arrivals.listeners().first().map_or(0, |listener| listener.address.port())
    }
}
