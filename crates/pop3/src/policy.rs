//! What the administrator configures for all dialogues.

use vocabulary::Language;

/// The rules for all connections. They share one `Arc` of it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Number of bad commands in a row after which the connection is closed; 100 by default. A command is bad
    /// if it is unknown, malformed, too long, or not allowed in the current state.
    pub max_bad_commands: u32,
    /// Number of failed logins after which the connection is closed; 3 by default.
    pub max_failed_logins: u32,
    /// Refuse unknown users at USER ([`Step::LookUpUser`](crate::Step::LookUpUser)) rather than after PASS.
    /// This lets everyone find out which users exist.
    pub refuse_unknown_users: bool,
    /// The text of the IMPLEMENTATION capability (RFC 2449, section 6.9), such as `mpopd-0.1.0`. `None` hides
    /// it.
    pub implementation: Option<String>,
    /// Minimum number of seconds between two logins of a user, as CAPA announces it; 0 for none. The driver
    /// enforces it ([`LoginFailure::LoginDelay`](vocabulary::LoginFailure::LoginDelay)).
    pub login_delay: u64,
    /// Minimum number of days that mail stays on the server, as CAPA announces it (RFC 2449, section 6.7).
    /// `None` for ever.
    pub expire: Option<u32>,
    /// Whether UTF8 is offered (RFC 6856). If so, the driver has surrogate messages for clients that do not
    /// use it, and accepts names and passwords in UTF-8.
    pub utf8: bool,
    /// The language that `LANG *` selects.
    pub language: Language,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_bad_commands: 100,
            max_failed_logins: 3,
            refuse_unknown_users: false,
            implementation: None,
            login_delay: 0,
            expire: None,
            utf8: true,
            language: Language::English,
        }
    }
}
