//! The channels of the role to the other processes.

use std::os::fd::OwnedFd;

use crate::accept::Arrivals;

/// The role's ends of its channels.
pub struct Channels<'a> {
    /// Where clients connect. The role owns these sockets: when it stops accepting, it closes them.
    pub arrivals: Arrivals,
    /// The listening socket for Prometheus, if metrics are served.
    pub metrics: Option<OwnedFd>,
    /// To auth.
    pub logins: &'a OwnedFd,
    /// From and to the supervisor.
    pub steer: &'a OwnedFd,
}
