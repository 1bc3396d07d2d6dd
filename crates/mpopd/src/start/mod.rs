//! From the command line and the configuration to the supervisor's plan: all that happens before the first fork.

pub(crate) mod control_socket;
pub(crate) mod daemon;
pub(crate) mod detach;
pub(crate) mod handover;
pub(crate) mod herald;
pub(crate) mod listen;
pub(crate) mod mail_group;
mod passed;
pub(crate) mod plan;
pub(crate) mod service_manager;
pub(crate) mod settings_file;
pub(crate) mod state;
