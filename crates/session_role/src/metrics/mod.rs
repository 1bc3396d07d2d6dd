//! What the role counts, and how `mpopdctl status` and Prometheus get it.

mod counter;
mod counters;
mod histogram;
mod http;
mod page;

pub(crate) use counters::Counters;
pub(crate) use http::serve;
pub(crate) use page::page;
