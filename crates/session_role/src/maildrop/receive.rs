//! Receives the messages of one maildrop process.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use ipc::PackedListing;
use ipc::mail::FromMaildrop;

use super::channel::{MaildropAnswer, MaildropChannel};
use super::open_mail::OpenMail;
use crate::login::LoginOutcome;
use crate::shared::Shared;

/// Handles the messages of a maildrop process until it is gone; then stops its sessions.
pub(crate) async fn receive(channel: Arc<MaildropChannel>, shared: Arc<Shared>) {
    while let Some((message, descriptors)) = channel.receive().await {
        handle(&channel, &shared, message, descriptors);
    }
    channel.close();
}

fn handle(channel: &Arc<MaildropChannel>, shared: &Shared, message: FromMaildrop, descriptors: Vec<OwnedFd>) {
    match message {
        FromMaildrop::Opened { login, ticket, user, listing, user_log, marks_read, storage, micros } => {
            shared.counters.opened(storage, Duration::from_micros(micros));
            channel.add(ticket);
            // From here on, dropping it tells the maildrop process to close the maildrop.
            let mail = OpenMail::new(channel.clone(), ticket, user, user_log, marks_read);
            let listing = listing
                .unpack(descriptors.into_iter().next(), ipc::listing::MOST_OCTETS)
                .and_then(PackedListing::parse);
            let outcome = match listing {
                Ok(listing) => LoginOutcome::Opened(mail, listing),
                Err(error) => {
                    tracing::error!("a maildrop process listed its messages wrongly: {error}");
                    LoginOutcome::temporary_failure()
                }
            };
            shared.logins.answer(login, outcome);
        }
        FromMaildrop::OpenFailed { login, user, why } => {
            shared.logins.answer(login, LoginOutcome::MaildropUnavailable { user, why });
        }
        FromMaildrop::Fetched { ticket, first, extents } => {
            channel.answer(ticket, MaildropAnswer::Fetched { first, extents, descriptors });
        }
        FromMaildrop::NotFetched { ticket, why } => channel.answer(ticket, MaildropAnswer::NotFetched(why)),
        FromMaildrop::Finished { ticket, outcome } => {
            channel.answer(ticket, MaildropAnswer::Finished(outcome));
        }
        FromMaildrop::LockWait { millis } => {
            shared.counters.lock_waits.add(1);
            shared.counters.lock_wait_millis.add(millis);
        }
        FromMaildrop::Noted { ticket } => channel.answer(ticket, MaildropAnswer::Noted),
    }
}
