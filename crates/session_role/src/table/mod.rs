//! The table of all connections: what is known of each, and how to end them.

mod connection_table;
mod record;
mod stop_signal;

pub(crate) use connection_table::{Admitted, ConnectionTable};
pub(crate) use record::ConnectionRecord;
pub(crate) use stop_signal::StopSignal;
