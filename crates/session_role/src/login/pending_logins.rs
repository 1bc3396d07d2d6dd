//! Sends logins to auth, and passes each answer to the connection that waits for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipc::login::{Attempt, Challenge, Decision, Login, Reaction, Response, Said, SessionContext};
use ipc::socket::MessageSocket;
use ipc::{LoginId, Secret};
use tokio::sync::oneshot;
use tokio::time::error::Elapsed;

use super::outcome::{LoginOutcome, PendingExchange};

/// How long a login may take: the time that auth has, and as much again for opening a large maildrop.
const TIMEOUT: Duration = Duration::from_secs(ipc::login::DEADLINE.as_secs() * 2);

/// How long to wait when the machine has no memory or descriptor for an answer of auth.
const PAUSE: Duration = Duration::from_millis(100);

/// The logins that wait for an answer, and the channel to auth.
pub(crate) struct PendingLogins {
    socket: MessageSocket,
    generation: u32,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<LoginOutcome>>>,
}

/// The client that wants to log in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginClient {
    pub(crate) peer: IpAddr,
    /// The number of its session.
    pub(crate) session: u64,
    /// Whether it has sent the UTF8 command.
    pub(crate) utf8: bool,
}

impl PendingLogins {
    pub(crate) fn new(socket: MessageSocket, generation: u32) -> Self {
        Self { socket, generation, next: AtomicU64::new(0), waiting: Mutex::default() }
    }

    /// Sends an attempt to auth, and waits for the answer of auth or of the maildrop process.
    pub(crate) async fn ask(&self, attempt: Attempt, client: LoginClient) -> LoginOutcome {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = LoginId { generation: self.generation, number };
        let answer = self.register(number);
        let LoginClient { peer, session, utf8 } = client;
        let login = Login { context: SessionContext { id, session, utf8 }, peer, attempt };
        let outcome = tokio::time::timeout(TIMEOUT, async {
            self.socket.send(&login, &[]).await?;
            Ok(answer.await.ok())
        });
        self.settle(number, outcome.await)
    }

    /// Continues an exchange: sends the client's response to auth, and waits for the answer to it.
    pub(crate) async fn respond(&self, exchange: PendingExchange, response: Secret) -> LoginOutcome {
        let PendingExchange { channel, number } = exchange;
        let answer = self.register(number);
        let outcome = tokio::time::timeout(TIMEOUT, async {
            channel.send(&Response(response), &[]).await?;
            Ok(match channel.receive::<Reaction>().await? {
                Some((Reaction::Challenge(Challenge(challenge)), _)) => {
                    Some(LoginOutcome::Challenge(challenge, PendingExchange { channel, number }))
                }
                Some((Reaction::Refused(refused), _)) => Some(LoginOutcome::Refused(refused)),
                Some((Reaction::Accepted, _)) => answer.await.ok(),
                // The auth process of the exchange is gone.
                None => None,
            })
        });
        self.settle(number, outcome.await)
    }

    fn register(&self, number: u64) -> oneshot::Receiver<LoginOutcome> {
        let (sender, answer) = oneshot::channel();
        self.waiting().insert(number, sender);
        answer
    }

    fn settle(
        &self,
        number: u64,
        outcome: Result<Result<Option<LoginOutcome>, ipc::Error>, Elapsed>,
    ) -> LoginOutcome {
        // A later answer finds no entry and is dropped; a maildrop that it opened is closed then.
        self.waiting().remove(&number);
        match outcome {
            Ok(Ok(Some(outcome))) => return outcome,
            Ok(Ok(None)) => tracing::error!("an auth process ended before its answer"),
            Ok(Err(error)) => tracing::error!("auth cannot be asked: {error}"),
            Err(_) => tracing::error!("no answer to a login within {} s", TIMEOUT.as_secs()),
        }
        LoginOutcome::temporary_failure()
    }

    /// Passes an answer to the connection that waits for it. If none does, the answer is dropped, and an
    /// opened maildrop is closed with it.
    pub(crate) fn answer(&self, login: LoginId, outcome: LoginOutcome) {
        if login.generation != self.generation {
            return;
        }
        let waiting = self.waiting().remove(&login.number);
        if let Some(waiting) = waiting {
            let _ = waiting.send(outcome);
        }
    }

    /// Ends a login that will get no answer any more.
    pub(crate) fn give_up(&self, login: LoginId) {
        self.answer(login, LoginOutcome::temporary_failure());
    }

    /// Receives the decisions of auth, until its channel is closed.
    pub(crate) async fn receive(&self) {
        loop {
            match self.socket.receive::<Decision>().await {
                Ok(Some((Decision { id, said }, descriptors))) => {
                    let outcome = match said {
                        Said::Refused(refused) => LoginOutcome::Refused(refused),
                        Said::Known => LoginOutcome::Known,
                        Said::Challenge(Challenge(challenge)) => {
                            match descriptors.into_iter().next().map(MessageSocket::new) {
                                Some(Ok(channel)) => {
                                    let exchange = PendingExchange { channel, number: id.number };
                                    LoginOutcome::Challenge(challenge, exchange)
                                }
                                Some(Err(_)) | None => LoginOutcome::temporary_failure(),
                            }
                        }
                    };
                    self.answer(id, outcome);
                }
                Ok(None) => return,
                // Messages do not depend on each other: only one login is lost.
                Err(error) => {
                    tracing::error!("an answer of auth cannot be received: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<LoginOutcome>>> {
        // Every change is one call on the map, so a panic elsewhere leaves it consistent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
