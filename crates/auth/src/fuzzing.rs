//! Doors for the fuzz targets of /fuzz, which are no part of the library (feature `fuzzing`).

pub use crate::access::fuzzing::{judged, trusted};
pub use crate::passdb::fuzzing::{User, Users};
