//! Limits on what one client can take or cause: quotas, delays after failed logins, and log lines per minute.

mod network;
mod penalties;
mod quota;
mod rate_limit;

pub(crate) use network::Network;
pub(crate) use penalties::Penalties;
pub(crate) use quota::{Quota, QuotaSlot};
pub(crate) use rate_limit::RateLimit;
