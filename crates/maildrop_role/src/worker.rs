//! The process: its threads, how long it stays, and how it ends.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use ipc::mail::{FromMaildrop, NotFetched};
use ipc::send;
use ipc::wire::{self, Wait};
use maildrop::Opener;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use vocabulary::LoginFailure;

use crate::listings::PackedListings;
use crate::open_maildrops::OpenMaildrops;
use crate::settings::{Channels, WorkerSettings};

/// How long a process without a session stays, so that the next login of its uid finds it.
const LINGER: Duration = Duration::from_secs(60);

/// Memory that is kept for when it runs out, in octets: enough for a QUIT.
const RESERVE: usize = 2 << 20;

/// Runs the role until it has been idle for a while or the session role is gone. Returns the exit status.
pub fn run(channels: Channels<'_>, opener: Opener, settings: WorkerSettings<'_>) -> i32 {
    let threads = settings.threads;
    if let Err(error) = set_socket_timeout(channels.orders, Timeout::Recv, Some(LINGER)) {
        tracing::error!("maildrop cannot start: {error}");
        return 1;
    }
    sys::reserve::keep(RESERVE);
    let worker = &Worker {
        channels,
        opener,
        settings,
        listings: PackedListings::default(),
        open: OpenMaildrops::default(),
        work: RwLock::default(),
        takers: AtomicUsize::new(1),
        slots: AtomicUsize::new(0),
        started: Instant::now(),
        last_order: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        // One thread of each kind is enough to serve; with only one, the others' requests wait.
        if let Err(error) = worker.spawn(scope, Worker::serve_sessions) {
            tracing::error!("maildrop cannot start: no thread: {error}");
            return 1;
        }
        for _ in 1..threads {
            let more = worker.spawn(scope, Worker::serve_sessions).and_then(|()| {
                worker.takers.fetch_add(1, Ordering::SeqCst);
                worker.spawn(scope, Worker::take_orders).inspect_err(|_| {
                    worker.takers.fetch_sub(1, Ordering::SeqCst);
                })
            });
            if let Err(error) = more {
                tracing::warn!("maildrop has fewer threads than it wants: {error}");
                break;
            }
        }
        worker.take_orders();
        0
    })
}

pub(crate) struct Worker<'a> {
    pub(crate) channels: Channels<'a>,
    pub(crate) opener: Opener,
    pub(crate) settings: WorkerSettings<'a>,
    pub(crate) listings: PackedListings,
    pub(crate) open: OpenMaildrops,
    /// Held for reading by a thread at work on a maildrop, and for writing by the thread that ends the
    /// process: no lock file and no half-done commit is left behind.
    pub(crate) work: RwLock<()>,
    /// The number of threads that still take orders; with none the process only serves its last sessions.
    pub(crate) takers: AtomicUsize,
    /// The number of threads that have started to take orders.
    pub(crate) slots: AtomicUsize,
    started: Instant,
    /// When the last order came, in milliseconds after `started`.
    last_order: AtomicU64,
}

impl<'a> Worker<'a> {
    fn spawn<'s>(&'s self, scope: &'s Scope<'s, '_>, work: fn(&Self)) -> io::Result<()> {
        Builder::new().spawn_scoped(scope, move || work(self)).map(drop)
    }

    /// Notes that an order came.
    pub(crate) fn note_order(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_order.store(millis, Ordering::Relaxed);
    }

    /// Whether there is no session, and no order came for a while.
    pub(crate) fn is_idle(&self) -> bool {
        let last = Duration::from_millis(self.last_order.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last) >= LINGER && self.open.is_empty()
    }

    /// From now on auth cannot send orders and asks for another process; those already sent are still carried
    /// out.
    pub(crate) fn take_no_more(&self) {
        let _ = rustix::net::shutdown(self.channels.orders, rustix::net::Shutdown::Read);
    }

    /// Ends a process that takes no more orders, after its last session.
    pub(crate) fn exit_when_done(&self) {
        if self.takers.load(Ordering::SeqCst) == 0 && self.open.is_empty() {
            self.exit(0);
        }
    }

    /// Waits for all work under way, releases all locks and ends the process.
    pub(crate) fn exit(&self, status: i32) -> ! {
        let _all = self.work.write();
        self.open.clear();
        sys::process::exit_now(status)
    }

    /// Sends an answer to the session role.
    pub(crate) fn answer(&self, answer: &FromMaildrop, descriptors: &[BorrowedFd<'_>]) {
        let Err(error) = send(self.channels.sessions, answer, descriptors, Wait::Forever) else { return };
        // Without its session role the process has nothing to do; the threads that read its channel notice
        // and end it. An answer that is out of bounds ends one session.
        if !matches!(&error, wire::Error::Io(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            tracing::error!("maildrop cannot answer: {error}");
        }
        match answer {
            FromMaildrop::Opened { ticket, login, user, .. } => {
                self.open.take(*ticket);
                self.answer_instead(&FromMaildrop::NotOpened {
                    login: *login,
                    user: user.clone(),
                    why: LoginFailure::Temporary,
                });
            }
            FromMaildrop::Fetched { ticket, .. } => {
                let why = NotFetched::Temporary;
                self.answer_instead(&FromMaildrop::NotFetched { ticket: *ticket, why });
            }
            FromMaildrop::NotOpened { .. }
            | FromMaildrop::NotFetched { .. }
            | FromMaildrop::Finished { .. }
            | FromMaildrop::LockWait { .. }
            | FromMaildrop::Noted { .. } => {}
        }
    }

    /// Tells the waiting session that what it asked for cannot be sent.
    fn answer_instead(&self, answer: &FromMaildrop) {
        // If this cannot be sent either, the session role is gone, or it stops waiting by itself.
        let _ = send(self.channels.sessions, answer, &[], Wait::Forever);
    }

    /// Sends memory along with an answer.
    pub(crate) fn answer_with<M: AsFd>(&self, answer: &FromMaildrop, memory: Option<&M>) {
        let descriptors: Vec<_> = memory.into_iter().map(AsFd::as_fd).collect();
        self.answer(answer, &descriptors);
    }
}
