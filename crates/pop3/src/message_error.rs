//! Why a message cannot be sent.

use crate::ResponseCode;
use std::fmt;

/// Why a message cannot be sent although it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// Another program removed it during the session.
    Gone,
    /// It cannot be read now: `[SYS/TEMP]`.
    Temporary,
    /// It cannot be read until an administrator fixes the maildrop: `[SYS/PERM]`.
    Permanent,
}

impl MessageError {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 3] = [Self::Gone, Self::Temporary, Self::Permanent];

    /// The response code of the reply.
    pub fn code(self) -> Option<ResponseCode> {
        match self {
            Self::Gone => None,
            Self::Temporary => Some(ResponseCode::SysTemp),
            Self::Permanent => Some(ResponseCode::SysPerm),
        }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the message was removed from the maildrop by another program",
            Self::Temporary => "the message cannot be read now, try again later",
            Self::Permanent => "the message cannot be read, ask the administrator of the maildrop",
        })
    }
}

impl std::error::Error for MessageError {}
