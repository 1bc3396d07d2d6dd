//! Entry points for the fuzz targets in /fuzz, which are no part of the library (feature `fuzzing`).

pub use crate::maildir::fuzzing::{MaildirName, name};
pub use crate::mbox::fuzzing::{FoundMessage, scan, scan_shared, unquote};
