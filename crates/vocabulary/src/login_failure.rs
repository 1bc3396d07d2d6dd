//! Why a login fails.

use crate::words::words;

words! {
    /// Why a login fails, by its word in the log: `login failed ... reason=WORD`. The client learns less.
    LoginFailure {
        /// The user is known, the password wrong.
        Password = "password",
        /// There is no such user, or what the client sent is no user name at all.
        UnknownUser = "unknown-user",
        /// The user is known and may not log in.
        Disabled = "disabled",
        /// This host may not connect.
        DeniedHost = "denied-host",
        /// The client's address has no host name that leads back to it.
        ReverseLookup = "reverse-lookup",
        /// The password would cross the network in the clear.
        Plaintext = "plaintext",
        /// The user has as many sessions as one user may have.
        Limit = "limit",
        /// It could not be decided now.
        Temporary = "temporary",
        /// Another session has the maildrop, or a delivery agent holds its lock for too long.
        InUse = "in-use",
        /// The user's last login was less than `login_delay` ago.
        LoginDelay = "login-delay",
        /// What lies at the maildrop's path is no maildrop, or one beyond a limit: an administrator must
        /// look.
        Maildrop = "maildrop",
    }
}
