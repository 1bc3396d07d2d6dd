//! Extended response codes: the bracketed word that tells a program what the text tells a human.

/// A response code at the start of an `-ERR` text (RFC 2449, section 8; RFC 3206).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseCode {
    /// `[IN-USE]`: another session has the maildrop (RFC 2449, section 8.1.2).
    InUse,
    /// `[LOGIN-DELAY]`: the last login was too recent (RFC 2449, section 8.1.1).
    LoginDelay,
    /// `[AUTH]`: the credentials are wrong, so asking the user for them again makes sense (RFC 3206, section
    /// 4).
    Auth,
    /// `[SYS/TEMP]`: a problem of the server that may go away by itself (RFC 3206, section 4).
    SysTemp,
    /// `[SYS/PERM]`: a problem of the server that somebody must fix (RFC 3206, section 4).
    SysPerm,
}

impl ResponseCode {
    /// The code as it is sent, brackets included.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "[IN-USE]",
            Self::LoginDelay => "[LOGIN-DELAY]",
            Self::Auth => "[AUTH]",
            Self::SysTemp => "[SYS/TEMP]",
            Self::SysPerm => "[SYS/PERM]",
        }
    }
}
