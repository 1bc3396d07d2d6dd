//! The login desk: hands logins to auth and finds the connection that an answer belongs to.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipc::LoginId;
use ipc::login::{Attempt, Decision, Login, Said, Why};
use ipc::mail::NotOpened;
use tokio::sync::oneshot;

use super::mail::OpenMail;
use super::socket::Socket;
use crate::roles::auth;

/// How long a login may take in all: what auth has, and as much for opening a large maildrop.
const PATIENCE: Duration = Duration::from_secs(auth::DEADLINE.as_secs() * 2);

pub(super) struct Desk {
    socket: Socket,
    generation: u32,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Verdict>>>,
}

/// What became of a login.
pub(super) enum Verdict {
    /// Auth refused it.
    Refused(Why),
    /// There is such a user.
    Known,
    /// Auth accepted it, but the maildrop cannot be had.
    NotOpened {
        /// The name as auth settled it.
        user: String,
        why: NotOpened,
    },
    /// The maildrop is open.
    Opened(OpenMail),
}

impl Desk {
    pub(super) fn new(socket: Socket, generation: u32) -> Desk {
        Desk { socket, generation, next: AtomicU64::new(0), waiting: Mutex::default() }
    }

    /// Asks auth, and waits for whoever answers.
    pub(super) async fn ask(&self, attempt: Attempt, peer: IpAddr, tls: bool) -> Verdict {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = LoginId { generation: self.generation, number };
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(number, sender);
        let login = Login { id, peer, tls, attempt };
        let asked = tokio::time::timeout(PATIENCE, async {
            self.socket.send(&login, &[]).await?;
            Ok::<_, ipc::Error>(answer.await.ok())
        });
        match asked.await {
            Ok(Ok(Some(verdict))) => return verdict,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::error!("auth cannot be asked: {error}"),
            Err(_) => tracing::error!("no answer to a login within {} s", PATIENCE.as_secs()),
        }
        // An answer that comes later finds nobody; what it opened is closed then.
        self.waiting().remove(&number);
        Verdict::Refused(Why::Temporary)
    }

    /// Gives an answer to the connection that waits for it. One that nobody waits for is dropped,
    /// and an opened maildrop is closed with it.
    pub(super) fn answer(&self, login: LoginId, verdict: Verdict) {
        if login.generation != self.generation {
            return;
        }
        let waiting = self.waiting().remove(&login.number);
        if let Some(waiting) = waiting {
            let _ = waiting.send(verdict);
        }
    }

    /// Hears auth's decisions, for ever.
    pub(super) async fn hear(&self) {
        loop {
            match self.socket.receive::<Decision>().await {
                Ok(Some((Decision { id, said }, _))) => {
                    let verdict = match said {
                        Said::Refused(why) => Verdict::Refused(why),
                        Said::Known => Verdict::Known,
                        // No exchange is begun yet.
                        Said::Challenge(_) => Verdict::Refused(Why::Temporary),
                    };
                    self.answer(id, verdict);
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("auth cannot be heard: {error}");
                    return;
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Verdict>>> {
        // Every change is one call on the map: a panic elsewhere leaves it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
