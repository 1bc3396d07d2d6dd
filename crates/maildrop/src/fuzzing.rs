//! Doors for the fuzz targets of /fuzz, which are no part of the library (feature `fuzzing`).

pub use crate::maildir::fuzzing::{Name, name};
pub use crate::mbox::fuzzing::{Found, scan, scan_shared, unquote};
