//! The supervisor: starts the other roles, restarts them, owns the signals.
//!
//! Runs as root, in one thread, and parses nothing but small messages from auth, from the session role and
//! from mpopdctl. It never waits for any of them: a process that does not take a message at once counts as
//! gone.

mod clients;
pub(crate) mod control_socket;
mod directory;
mod event_loop;
mod generation;
pub(crate) mod handover;
mod incoming;
mod logger;
pub(crate) mod notifier;
mod requests;
mod reread;
mod resources;
mod restart;
pub(crate) mod service_manager;
mod speaker;
pub(crate) mod startup_report;
mod state;
mod successor;
mod upgrade;
mod workers;

pub(crate) use event_loop::run;
pub(crate) use resources::DaemonResources;
