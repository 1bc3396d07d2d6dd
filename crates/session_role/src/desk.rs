//! The login desk: hands logins to auth and finds the connection that an answer belongs to.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipc::login::{Attempt, Challenge, Decision, Login, Reaction, Refused, Response, Said};
use ipc::{LoginId, Secret};
use tokio::sync::oneshot;
use vocabulary::LoginFailure;

use crate::mail::OpenMail;
use ipc::socket::MessageSocket;

/// How long a login may take in all: what auth has, and as much for opening a large maildrop.
const PATIENCE: Duration = Duration::from_secs(ipc::login::DEADLINE.as_secs() * 2);

/// How long to wait when the machine has no room for auth's answer.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Desk {
    socket: MessageSocket,
    generation: u32,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Verdict>>>,
}

/// What became of a login.
pub(crate) enum Verdict {
    /// Auth refused it.
    Refused(Refused),
    /// There is such a user.
    Known,
    /// The client is to answer this; then the exchange goes on with [`Desk::respond`].
    Challenge(Vec<u8>, Exchange),
    /// Auth accepted it, but the maildrop cannot be had.
    NotOpened {
        /// The name as auth settled it.
        user: String,
        why: LoginFailure,
    },
    /// The maildrop is open.
    Opened(OpenMail),
}

/// The client that wants to log in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) peer: IpAddr,
    /// Whether it has said UTF8.
    pub(crate) utf8: bool,
}

/// A SASL exchange under way. Dropping it gives it up.
pub(crate) struct Exchange {
    /// To the auth process that has it.
    channel: MessageSocket,
    number: u64,
}

impl Desk {
    pub(crate) fn new(socket: MessageSocket, generation: u32) -> Desk {
        Desk { socket, generation, next: AtomicU64::new(0), waiting: Mutex::default() }
    }

    /// Asks auth, and waits for whoever answers.
    pub(crate) async fn ask(&self, attempt: Attempt, client: Client) -> Verdict {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = LoginId { generation: self.generation, number };
        let answer = self.await_answer(number);
        let Client { peer, utf8 } = client;
        let login = Login { id, peer, utf8, attempt };
        let verdict = tokio::time::timeout(PATIENCE, async {
            self.socket.send(&login, &[]).await?;
            Ok(answer.await.ok())
        });
        self.settle(number, verdict.await)
    }

    /// Goes on with an exchange: tells auth what the client answered, and waits for whoever answers that.
    pub(crate) async fn respond(&self, exchange: Exchange, response: Secret) -> Verdict {
        let Exchange { channel, number } = exchange;
        let answer = self.await_answer(number);
        let verdict = tokio::time::timeout(PATIENCE, async {
            channel.send(&Response(response), &[]).await?;
            Ok(match channel.receive::<Reaction>().await? {
                Some((Reaction::Challenge(Challenge(challenge)), _)) => {
                    Some(Verdict::Challenge(challenge, Exchange { channel, number }))
                }
                Some((Reaction::Refused(refused), _)) => Some(Verdict::Refused(refused)),
                Some((Reaction::Accepted, _)) => answer.await.ok(),
                // The auth process that had the exchange is gone.
                None => None,
            })
        });
        self.settle(number, verdict.await)
    }

    fn await_answer(&self, number: u64) -> oneshot::Receiver<Verdict> {
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(number, sender);
        answer
    }

    fn settle(
        &self,
        number: u64,
        verdict: Result<Result<Option<Verdict>, ipc::Error>, tokio::time::error::Elapsed>,
    ) -> Verdict {
        // An answer that comes later finds nobody; what it opened is closed then.
        self.waiting().remove(&number);
        match verdict {
            Ok(Ok(Some(verdict))) => return verdict,
            Ok(Ok(None)) => tracing::error!("an auth process ended before its answer"),
            Ok(Err(error)) => tracing::error!("auth cannot be asked: {error}"),
            Err(_) => tracing::error!("no answer to a login within {} s", PATIENCE.as_secs()),
        }
        Verdict::Refused(Refused { why: LoginFailure::Temporary, user: Vec::new() })
    }

    /// Gives an answer to the connection that waits for it. One that nobody waits for is dropped,
    /// and an opened maildrop is closed with it.
    pub(crate) fn answer(&self, login: LoginId, verdict: Verdict) {
        if login.generation != self.generation {
            return;
        }
        let waiting = self.waiting().remove(&login.number);
        if let Some(waiting) = waiting {
            let _ = waiting.send(verdict);
        }
    }

    /// Nobody will answer this login any more.
    pub(crate) fn give_up(&self, login: LoginId) {
        self.answer(login, Verdict::Refused(Refused { why: LoginFailure::Temporary, user: Vec::new() }));
    }

    /// Hears auth's decisions, for ever.
    pub(crate) async fn hear(&self) {
        loop {
            match self.socket.receive::<Decision>().await {
                Ok(Some((Decision { id, said }, descriptors))) => {
                    let verdict = match said {
                        Said::Refused(refused) => Verdict::Refused(refused),
                        Said::Known => Verdict::Known,
                        Said::Challenge(Challenge(challenge)) => {
                            let channel = descriptors.into_iter().next().map(MessageSocket::new);
                            match channel {
                                Some(Ok(channel)) => {
                                    Verdict::Challenge(challenge, Exchange { channel, number: id.number })
                                }
                                _ => Verdict::Refused(Refused {
                                    why: LoginFailure::Temporary,
                                    user: Vec::new(),
                                }),
                            }
                        }
                    };
                    self.answer(id, verdict);
                }
                Ok(None) => return,
                // Each message stands for itself: what is lost is one login, and not all that follow.
                Err(error) => {
                    tracing::error!("auth cannot be heard: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Verdict>>> {
        // Every change is one call on the map: a panic elsewhere leaves it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
