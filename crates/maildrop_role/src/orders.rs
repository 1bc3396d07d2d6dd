//! Orders of auth to open maildrops.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use ipc::mail::FromMaildrop;
use ipc::open::Open;
use ipc::receive;
use ipc::wire::{self, Wait};
use logging::{Untrusted, micros, step};
use maildrop::{Maildrop, OpenError, SessionOptions};
use vocabulary::{Location, LoginFailure, Storage};

use crate::open_maildrops::OpenMaildrop;
use crate::user_log::UserLog;
use crate::worker::Worker;

impl Worker<'_> {
    /// One thread's loop over the orders. Returns when the process takes no more.
    pub(crate) fn take_orders(&self) {
        let slot = self.slots.fetch_add(1, Ordering::Relaxed);
        let mut buffer = vec![0; wire::MOST_OCTETS];
        loop {
            match receive::<Open>(self.channels.orders, &mut buffer, Wait::Forever) {
                Ok(Some((order, descriptors))) => {
                    self.note_order();
                    self.settings.in_progress.set(slot, Some(order.context.id));
                    let _work = self.work.read();
                    self.open(order, descriptors.into_iter().next());
                    self.settings.in_progress.set(slot, None);
                }
                // The queue was shut, by this thread or another, and all orders in it are done.
                Ok(None) => break,
                // The linger time has passed without an order for this thread.
                Err(error) if error.would_block() => {
                    if self.is_idle() {
                        self.take_no_more();
                    }
                }
                Err(error) => {
                    tracing::error!("maildrop ends: {error}");
                    self.exit(1);
                }
            }
        }
        self.takers.fetch_sub(1, Ordering::SeqCst);
        self.exit_when_done();
    }

    fn open(&self, order: Open, log: Option<OwnedFd>) {
        let Open { context, ticket, user, storage, path, user_log } = order;
        let (login, session) = (context.id, context.session);
        let log = log.zip(user_log).map(|(file, detail)| UserLog::new(file.into(), detail));
        let path = PathBuf::from(path);
        let options = self.settings.users.options_of(&user, context.utf8);
        let began = Instant::now();
        let opened = self.open_in_time(storage, &path, &options, &user).and_then(|mail| {
            let packed = self.listings.pack(&*mail).map_err(|error| {
                tracing::error!("maildrop of user={} not listed: {error}", Untrusted(user.as_bytes()));
                LoginFailure::Temporary
            });
            Ok((mail, packed?))
        });
        let (mail, (listing, memory)) = match opened {
            Ok(opened) => opened,
            Err(why) => {
                let us = micros(began.elapsed());
                step!(session, "maildrop", "open", "maildrop not opened", reason = why.word(), us);
                return self.answer(&FromMaildrop::NotOpened { login, user, why }, &[]);
            }
        };
        let user_log = log.as_ref().map(UserLog::detail);
        let (marks_read, count) = (mail.marks_read(), mail.count());
        self.open.insert(ticket, OpenMaildrop { session, user: user.clone(), mail, log });
        let micros = micros(began.elapsed());
        step!(
            session,
            "maildrop",
            "open",
            "maildrop opened",
            storage = storage.word(),
            messages = count,
            us = micros
        );
        let opened =
            FromMaildrop::Opened { login, ticket, user, listing, user_log, marks_read, storage, micros };
        self.answer_with(&opened, memory.as_deref());
    }

    /// Opens a maildrop, unless its last login was too recent. That is checked before any work is done, and
    /// again once no other login can be opening it.
    fn open_in_time(
        &self,
        storage: Storage,
        path: &Path,
        options: &SessionOptions,
        user: &str,
    ) -> Result<Box<dyn Maildrop>, LoginFailure> {
        self.check_delay(path)?;
        let mail = self.open_now(storage, path, options, user)?;
        self.check_delay(path)?;
        if let Some(last_logins) = &self.settings.last_logins
            && let Err(error) = last_logins.note(path)
        {
            tracing::error!("a login is not noted, the next one may be too soon: {error}");
        }
        Ok(mail)
    }

    fn check_delay(&self, path: &Path) -> Result<(), LoginFailure> {
        let Some(last_logins) = &self.settings.last_logins else { return Ok(()) };
        match last_logins.too_soon(path, SystemTime::now()) {
            Ok(true) => Err(LoginFailure::LoginDelay),
            Ok(false) => Ok(()),
            Err(error) => {
                tracing::error!("it cannot be seen when the last login was: {error}");
                Ok(())
            }
        }
    }

    fn open_now(
        &self,
        storage: Storage,
        path: &Path,
        options: &SessionOptions,
        user: &str,
    ) -> Result<Box<dyn Maildrop>, LoginFailure> {
        if sys::reserve::is_short() {
            tracing::error!("maildrop of user={} not opened: memory is short", Untrusted(user.as_bytes()));
            return Err(LoginFailure::Temporary);
        }
        let location = Location { storage, path: path.to_owned() };
        // A bug in reading one strange mailbox must not end the sessions of all others.
        match catch_unwind(AssertUnwindSafe(|| self.opener.open_for(&location, options))) {
            Ok(Ok(mail)) => Ok(mail),
            Ok(Err(error)) => {
                if !matches!(error, OpenError::InUse) {
                    tracing::warn!("maildrop of user={} not opened: {error}", Untrusted(user.as_bytes()));
                }
                if self.settings.is_confined && is_denied(&error) {
                    // The folder may have been replaced or mounted since this process was started.
                    self.take_no_more();
                }
                Err(failure_of(&error))
            }
            Err(_) => Err(LoginFailure::Temporary),
        }
    }
}

fn is_denied(error: &OpenError) -> bool {
    matches!(error, OpenError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
}

fn failure_of(error: &OpenError) -> LoginFailure {
    match error {
        OpenError::InUse | OpenError::Locked { .. } => LoginFailure::InUse,
        OpenError::NotAMaildrop { .. } | OpenError::TooManyMessages { .. } => LoginFailure::Maildrop,
        OpenError::Io { .. } => LoginFailure::Temporary,
    }
}
