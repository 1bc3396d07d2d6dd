//! What a maildrop process is told when it starts.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use maildrop::SessionOptions;

use crate::last_logins::LastLogins;
use crate::logins_in_progress::LoginsInProgress;

/// The ends of the channels that this role has.
pub struct Channels<'a> {
    /// Orders to open, from auth.
    pub orders: &'a OwnedFd,
    /// To and from the session role.
    pub sessions: &'a OwnedFd,
}

/// What is set for single users.
#[derive(Debug, Clone, Default)]
pub struct UserSettings {
    /// The users whose files stay in the spool after a session.
    pub debug: BTreeSet<String>,
    /// The users whose messages get a Received: line.
    pub received: BTreeSet<String>,
    /// Whether clients without UTF8 get surrogates for messages with UTF-8 in their headers.
    pub surrogates: bool,
}

impl UserSettings {
    /// How a session of this user gets its mail. `utf8`: whether the client takes messages in UTF-8.
    pub(crate) fn options_of(&self, user: &str, utf8: bool) -> SessionOptions {
        SessionOptions {
            keep_spool: self.debug.contains(user),
            received_for: self.received.get(user).cloned(),
            as_stored: utf8 || !self.surrogates,
        }
    }
}

/// How the role works.
pub struct WorkerSettings<'a> {
    /// What is set for single users.
    pub users: &'a UserSettings,
    /// The last logins, if there is a delay between logins.
    pub last_logins: Option<LastLogins>,
    /// Where the logins in progress are recorded for the supervisor.
    pub in_progress: &'a LoginsInProgress,
    /// The number of threads that read each queue.
    pub threads: usize,
    /// Whether the process can open files only in some folders, as they were when it was started.
    pub is_confined: bool,
}
