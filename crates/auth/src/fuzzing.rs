//! Access for the targets of /fuzz; not a part of the library otherwise (feature `fuzzing`).

pub use crate::access::fuzzing::{judged, trusted};
pub use crate::passdb::fuzzing::{FuzzedUser, FuzzedUserlist};
