//! How maildrops are stored, locked and quoted.

use std::path::PathBuf;

use crate::words::words;

words! {
    /// How a maildrop is stored and served.
    Storage {
        /// One mbox file, read in place.
        Mbox = "mbox",
        /// One mbox file, split into files of a spool folder at login.
        Disk = "disk",
        /// One mbox file, copied into memory at login.
        Ram = "ram",
        /// A Maildir: `new/`, `cur/` and `tmp/`, one file a message.
        Maildir = "maildir",
    }

    /// A lock that mail delivery agents honour.
    LockMethod {
        /// A file `MBOX.lock` beside the mbox.
        Dotlock = "dotlock",
        /// A record lock on the whole file, fcntl(2).
        Fcntl = "fcntl",
        /// A lock on the whole file, flock(2).
        Flock = "flock",
    }

    /// How the delivery agent quotes body lines that begin with `From `.
    UnescapeFrom {
        /// Not at all, or the lines are served unchanged.
        None = "none",
        /// With a `>` before `From `.
        Mboxo = "mboxo",
        /// With a `>` before any number of `>` and `From `.
        Mboxrd = "mboxrd",
    }
}

/// Where a maildrop lies and how it is stored and served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// How it is stored and served.
    pub storage: Storage,
    /// The mbox file or the Maildir, wherever the messages are served from.
    pub path: PathBuf,
}
