//! The connections to one server: a few are kept open, and broken ones are replaced.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::failure::QueryError;

/// How long an idle connection is kept. A firewall on the way may forget it after that without telling us.
const IDLE: Duration = Duration::from_secs(60);

/// A server with pooled connections.
pub(crate) trait PooledServer: Send + Sync {
    type Connection: Send;
    type Question: Sync + ?Sized;
    type Answer: Send;

    /// The server's name in messages, without any secret.
    fn name(&self) -> &str;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, QueryError>> + Send;

    /// Whether the connection is still open, as far as the client knows.
    fn is_open(&self, connection: &mut Self::Connection) -> bool;

    /// Asks one question.
    fn ask(
        &self,
        connection: &mut Self::Connection,
        question: &Self::Question,
    ) -> impl Future<Output = Result<Self::Answer, AskError>> + Send;
}

/// Why there is no answer.
pub(crate) enum AskError {
    /// The connection is no longer usable.
    Lost(QueryError),
    /// The connection can be used again.
    Kept(QueryError),
}

/// The connections to one server.
pub(crate) struct Pool<S: PooledServer> {
    server: S,
    limit: Duration,
    slots: Semaphore,
    idle: Mutex<Vec<(S::Connection, Instant)>>,
}

impl<S: PooledServer> Pool<S> {
    /// Allows this number of concurrent connections; each answer must arrive within `limit`.
    pub(crate) fn new(server: S, connections: u16, limit: Duration) -> Self {
        let slots = Semaphore::new(usize::from(connections.max(1)));
        Self { server, limit, slots, idle: Mutex::default() }
    }

    pub(crate) fn server(&self) -> &S {
        &self.server
    }

    /// Asks the server one question.
    ///
    /// # Errors
    ///
    /// Why there is no answer. A connection with an unfinished answer is closed.
    pub(crate) async fn ask(&self, question: &S::Question) -> Result<S::Answer, QueryError> {
        let late = || QueryError::Late { server: self.server.name().to_owned(), after: self.limit };
        tokio::time::timeout(self.limit, self.ask_in_time(question)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn ask_in_time(&self, question: &S::Question) -> Result<S::Answer, QueryError> {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await;
        while let Some(mut connection) = self.take_idle() {
            match self.server.ask(&mut connection, question).await {
                // The server may have closed it while it was idle: try the next one, or a new one.
                Err(AskError::Lost(_)) => {}
                answer => return self.keep(connection, answer),
            }
        }
        let mut connection = self.server.connect().await?;
        let answer = self.server.ask(&mut connection, question).await;
        self.keep(connection, answer)
    }

    fn keep(
        &self,
        connection: S::Connection,
        answer: Result<S::Answer, AskError>,
    ) -> Result<S::Answer, QueryError> {
        match answer {
            Err(AskError::Lost(failure)) => Err(failure),
            Err(AskError::Kept(failure)) => {
                self.idle().push((connection, Instant::now()));
                Err(failure)
            }
            Ok(answer) => {
                self.idle().push((connection, Instant::now()));
                Ok(answer)
            }
        }
    }

    fn take_idle(&self) -> Option<S::Connection> {
        let mut idle = self.idle();
        while let Some((mut connection, since)) = idle.pop() {
            if since.elapsed() < IDLE && self.server.is_open(&mut connection) {
                return Some(connection);
            }
        }
        None
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(S::Connection, Instant)>> {
        // Every change is a single call, so a panic elsewhere leaves the list consistent.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    /// A server that answers with the number of the connection. Connections up to `broken` fail when they are
    /// used.
    #[derive(Default)]
    struct Numbered {
        opened: AtomicUsize,
        broken: AtomicUsize,
    }

    enum Question {
        Which,
        WhatItRejects,
        WhatItNeverAnswers,
    }

    impl PooledServer for Numbered {
        type Connection = usize;
        type Question = Question;
        type Answer = usize;

        fn name(&self) -> &str {
            "the server"
        }

        async fn connect(&self) -> Result<usize, QueryError> {
            Ok(self.opened.fetch_add(1, Ordering::SeqCst) + 1)
        }

        fn is_open(&self, _: &mut usize) -> bool {
            true
        }

        async fn ask(&self, connection: &mut usize, question: &Question) -> Result<usize, AskError> {
            let failure = || QueryError::Rejected { server: String::new(), why: String::new() };
            if *connection <= self.broken.load(Ordering::SeqCst) {
                return Err(AskError::Lost(failure()));
            }
            match question {
                Question::Which => Ok(*connection),
                Question::WhatItRejects => Err(AskError::Kept(failure())),
                Question::WhatItNeverAnswers => std::future::pending().await,
            }
        }
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    }

    fn pool(limit: Duration) -> Pool<Numbered> {
        Pool::new(Numbered::default(), 1, limit)
    }

    #[test]
    fn a_connection_is_used_again_and_a_lost_one_replaced() {
        run(async {
            let pool = pool(Duration::from_secs(60));
            assert_eq!(pool.ask(&Question::Which).await, Ok(1));
            assert!(matches!(pool.ask(&Question::WhatItRejects).await, Err(QueryError::Rejected { .. })));
            assert_eq!(pool.ask(&Question::Which).await, Ok(1));
            pool.server().broken.store(1, Ordering::SeqCst);
            assert_eq!(pool.ask(&Question::Which).await, Ok(2), "the first one was lost while it was idle");
            pool.server().broken.store(3, Ordering::SeqCst);
            assert!(
                matches!(pool.ask(&Question::Which).await, Err(QueryError::Rejected { .. })),
                "a new one is lost"
            );
            assert_eq!(pool.ask(&Question::Which).await, Ok(4));
        });
    }

    #[test]
    fn what_is_never_answered_ends_and_frees_its_place() {
        run(async {
            let limit = Duration::from_millis(50);
            let pool = pool(limit);
            let late = Err(QueryError::Late { server: "the server".to_owned(), after: limit });
            let mut first = pin!(pool.ask(&Question::WhatItNeverAnswers));
            let mut second = Box::pin(pool.ask(&Question::Which));
            // Which of two equal limits ends first is up to the clock: look before either does.
            poll_fn(|context| {
                assert!(!matches!(first.as_mut().poll(context), Poll::Ready(Ok(_))));
                let answer = second.as_mut().poll(context);
                assert!(!matches!(answer, Poll::Ready(Ok(_))), "there is no slot for it: {answer:?}");
                Poll::Ready(())
            })
            .await;
            drop(second);
            assert_eq!(first.await, late);
            assert_eq!(pool.ask(&Question::Which).await, Ok(2), "the first one was left in the middle");
        });
    }
}
