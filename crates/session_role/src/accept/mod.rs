//! Accepts connections, reads the PROXY protocol header where one is due, and refuses connections over the
//! limits.

mod acceptor;
mod arrivals;
mod proxy_header;
mod refusal;

pub(crate) use acceptor::Acceptor;
pub use arrivals::{Arrivals, Listener, Security};
