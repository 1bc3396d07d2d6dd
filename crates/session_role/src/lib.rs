//! The session role: accepts connections and holds the whole POP3 dialogue of each of them.
//!
//! It parses what hostile clients send, so it owns nothing worth stealing: it can open no file by name, has
//! no capability, and its root is an empty directory. Messages reach it as file descriptors.
//!
//! `run` is the role; `accept` takes connections in, `connection` serves one of them, `login` asks auth,
//! `maildrop` talks to the maildrop processes, and `shared` holds what all connections share.
#![forbid(unsafe_code)]

mod accept;
mod channels;
mod connection;
mod limits;
mod login;
mod maildrop;
mod metrics;
mod proxy_networks;
mod run;
mod settings;
mod shared;
mod stream;
mod table;
pub mod tls;

pub use accept::{Arrivals, Listener, Security};
pub use channels::Channels;
pub use login::MechanismOffer;
pub use proxy_networks::ProxyNetworks;
pub use run::run;
pub use settings::Settings;
