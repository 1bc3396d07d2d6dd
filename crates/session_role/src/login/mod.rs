//! Logins: which SASL mechanisms are offered, and how auth is asked.

mod mechanisms;
mod outcome;
mod pending_logins;

pub use mechanisms::MechanismOffer;
pub(crate) use mechanisms::OfferedMechanisms;
pub(crate) use outcome::{LoginOutcome, PendingExchange};
pub(crate) use pending_logins::{LoginClient, PendingLogins};
