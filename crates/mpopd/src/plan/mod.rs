//! Turns the configuration into a [`Plan`], which has everything that the roles need. It is complete before
//! the first fork.

pub(crate) mod build;
pub(crate) mod directory_program;
mod fixed_settings;
mod identity;
pub(crate) mod listen;
mod mail_group;
mod maildrop;
mod server;
mod session;
pub(crate) mod settings_file;
pub(crate) mod state_dir;
mod tls;

pub(crate) use fixed_settings::{FixedSettings, Reload};
pub(crate) use server::{LogPlan, MaildropPlan, Plan};
