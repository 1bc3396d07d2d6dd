//! The connections to one server: a few, kept while they work, made anew when they do not.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::failure::Failure;

/// For so long an idle connection is used again. A firewall between us and the server may forget it, and says nothing.
const IDLE: Duration = Duration::from_secs(60);

/// A server, as a pool sees it.
pub(crate) trait Server: Send + Sync {
    type Connection: Send;
    type Question: Sync + ?Sized;
    type Answer: Send;

    /// The server's name in messages, without any secret.
    fn name(&self) -> &str;

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;

    /// Whether the connection is still open, as far as that can be seen.
    fn is_open(&self, connection: &mut Self::Connection) -> bool;

    /// Asks one question.
    fn ask(
        &self,
        connection: &mut Self::Connection,
        question: &Self::Question,
    ) -> impl Future<Output = Result<Self::Answer, Trouble>> + Send;
}

/// Why there is no answer.
pub(crate) enum Trouble {
    /// The connection is not usable any more.
    Lost(Failure),
    /// The connection is as good as before.
    Kept(Failure),
}

/// The connections to one server.
pub(crate) struct Pool<S: Server> {
    server: S,
    limit: Duration,
    slots: Semaphore,
    idle: Mutex<Vec<(S::Connection, Instant)>>,
}

impl<S: Server> Pool<S> {
    /// At most so many connections at a time; an answer must be there within `limit`.
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
    /// Why there is no answer. A connection that was left in the middle of one is closed.
    pub(crate) async fn ask(&self, question: &S::Question) -> Result<S::Answer, Failure> {
        let late = || Failure::Late { server: self.server.name().to_owned(), after: self.limit };
        tokio::time::timeout(self.limit, self.ask_in_time(question)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn ask_in_time(&self, question: &S::Question) -> Result<S::Answer, Failure> {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await;
        while let Some(mut connection) = self.take_idle() {
            match self.server.ask(&mut connection, question).await {
                // The server may have closed it while it was idle: the next one, or a new one, decides.
                Err(Trouble::Lost(_)) => {}
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
        answer: Result<S::Answer, Trouble>,
    ) -> Result<S::Answer, Failure> {
        match answer {
            Err(Trouble::Lost(failure)) => Err(failure),
            Err(Trouble::Kept(failure)) => {
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
        // Every change is one call: a panic elsewhere leaves it whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A server whose answer is the number of the connection. Connections up to `broken` are lost when they are asked.
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

    impl Server for Numbered {
        type Connection = usize;
        type Question = Question;
        type Answer = usize;

        fn name(&self) -> &str {
            "the server"
        }

        async fn connect(&self) -> Result<usize, Failure> {
            Ok(self.opened.fetch_add(1, Ordering::SeqCst) + 1)
        }

        fn is_open(&self, _: &mut usize) -> bool {
            true
        }

        async fn ask(&self, connection: &mut usize, question: &Question) -> Result<usize, Trouble> {
            let failure = || Failure::Rejected { server: String::new(), why: String::new() };
            if *connection <= self.broken.load(Ordering::SeqCst) {
                return Err(Trouble::Lost(failure()));
            }
            match question {
                Question::Which => Ok(*connection),
                Question::WhatItRejects => Err(Trouble::Kept(failure())),
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
            assert!(matches!(pool.ask(&Question::WhatItRejects).await, Err(Failure::Rejected { .. })));
            assert_eq!(pool.ask(&Question::Which).await, Ok(1));
            pool.server().broken.store(1, Ordering::SeqCst);
            assert_eq!(pool.ask(&Question::Which).await, Ok(2), "the first one was lost while it was idle");
            pool.server().broken.store(3, Ordering::SeqCst);
            assert!(
                matches!(pool.ask(&Question::Which).await, Err(Failure::Rejected { .. })),
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
            let late = Err(Failure::Late { server: "the server".to_owned(), after: limit });
            let (first, second) =
                tokio::join!(pool.ask(&Question::WhatItNeverAnswers), pool.ask(&Question::Which));
            assert_eq!(first, late);
            assert_eq!(second, late, "there was no place for it");
            assert_eq!(pool.ask(&Question::Which).await, Ok(2), "the first one was left in the middle");
        });
    }
}
