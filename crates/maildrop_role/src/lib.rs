//! The maildrop role: opens, lists, hands out and removes the mail of one uid, as that uid.
//!
//! One process serves all sessions of its uid. Two groups of threads read the two queues: orders
//! to open, which only auth can give, and requests of the session role, which are good only with a
//! ticket that came with such an order. The kernel hands each message to one idle thread.
//!
//! A session's locks and deletions live and die here: what ends without
//! [`ToMaildrop::Finish`] removes nothing.
#![forbid(unsafe_code)]

mod in_hand;
mod last_logins;
mod listings;
mod mail_group;
mod user_log;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant, SystemTime};

use ::maildrop::{CommitError, FetchError, Location, Maildrop, OpenError, Opener, Update, Wishes};
use ipc::mail::{Extent, FromMaildrop, NotFetched, Outcome, ToMaildrop};
use ipc::open::Open;
use ipc::user_log::Note;
use ipc::wire::{self, Wait};
use ipc::{Payload, Ticket, receive, send};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use vocabulary::{LoginFailure, Storage};

pub use in_hand::InHand;
pub use last_logins::LastLogins;
use listings::Listings;
use logging::Untrusted;
pub use mail_group::Group;
use user_log::UserLog;

/// How long a process without a session stays, so that the next login of its uid finds it.
const LINGER: Duration = Duration::from_secs(60);

/// What is kept for when memory runs out, in octets: enough for a QUIT.
const RESERVE: usize = 2 << 20;

/// The ends of the channels that this role has.
pub struct Channels<'a> {
    /// Orders to open, from auth.
    pub orders: &'a OwnedFd,
    /// To and from the session role.
    pub sessions: &'a OwnedFd,
}

/// What the configuration says of single users.
#[derive(Debug, Clone, Default)]
pub struct Users {
    /// Those whose files stay in the spool after a session.
    pub debug: BTreeSet<String>,
    /// Those whose messages get a Received: line.
    pub received: BTreeSet<String>,
    /// Whether clients that do not take UTF-8 get surrogates of messages with UTF-8 in their headers.
    pub surrogates: bool,
}

impl Users {
    fn wishes_of(&self, user: &str, utf8: bool) -> Wishes {
        Wishes {
            keep_spool: self.debug.contains(user),
            received_for: self.received.get(user).cloned(),
            as_stored: utf8 || !self.surrogates,
        }
    }
}

/// How the role works.
pub struct Setup<'a> {
    /// What single users have.
    pub users: &'a Users,
    /// Looked at where logins must not follow each other too soon.
    pub last_logins: Option<LastLogins>,
    /// Told which logins are being worked on.
    pub in_hand: &'a InHand,
    /// How many threads read each queue.
    pub threads: usize,
    /// Whether the process can open files in some folders only, as they were when it was started.
    pub is_confined: bool,
}

/// Runs the role until it has been idle for a while or the session role is gone. Returns the exit status.
pub fn run(channels: Channels<'_>, opener: Opener, setup: Setup<'_>) -> i32 {
    let threads = setup.threads;
    if let Err(error) = set_socket_timeout(channels.orders, Timeout::Recv, Some(LINGER)) {
        tracing::error!("maildrop cannot start: {error}");
        return 1;
    }
    sys::reserve::keep(RESERVE);
    let worker = &Worker {
        channels,
        opener,
        setup,
        listings: Listings::default(),
        open: Mutex::default(),
        work: RwLock::default(),
        takers: AtomicUsize::new(1),
        slots: AtomicUsize::new(0),
        started: Instant::now(),
        last_order: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        // One of each is enough to serve; without others, one waits for the other.
        if let Err(error) = worker.begin(scope, Worker::serve_sessions) {
            tracing::error!("maildrop cannot start: no thread: {error}");
            return 1;
        }
        for _ in 1..threads {
            let more = worker.begin(scope, Worker::serve_sessions).and_then(|()| {
                worker.takers.fetch_add(1, Ordering::SeqCst);
                worker.begin(scope, Worker::take_orders).inspect_err(|_| {
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

/// An opened maildrop in the table; `None` once it was given up.
type Held = Arc<Mutex<Option<Kept>>>;

/// What is kept of an opened maildrop.
struct Kept {
    user: String,
    mail: Box<dyn Maildrop>,
    log: Option<UserLog>,
}

impl Kept {
    fn note(&mut self, notes: &[Note]) {
        if let Some(log) = &mut self.log {
            log.write(&self.user, notes);
        }
    }
}

struct Worker<'a> {
    channels: Channels<'a>,
    opener: Opener,
    setup: Setup<'a>,
    listings: Listings,
    open: Mutex<HashMap<Ticket, Held>>,
    /// Held for reading by whoever is at work on a maildrop, for writing by whoever ends the
    /// process: no lock file and no half-done commit is left behind.
    work: RwLock<()>,
    /// The threads that still take orders; with none the process only sees its sessions out.
    takers: AtomicUsize,
    /// How many threads have begun to take orders.
    slots: AtomicUsize,
    started: Instant,
    /// When the last order came, in milliseconds after `started`.
    last_order: AtomicU64,
}

impl<'a> Worker<'a> {
    /// Begins a thread.
    fn begin<'s>(&'s self, scope: &'s Scope<'s, '_>, work: fn(&Worker<'a>)) -> io::Result<()> {
        Builder::new().spawn_scoped(scope, move || work(self)).map(drop)
    }

    /// One thread's loop over the orders. Returns when the process takes no more.
    fn take_orders(&self) {
        let slot = self.slots.fetch_add(1, Ordering::Relaxed);
        let mut buffer = vec![0; wire::MOST_OCTETS];
        loop {
            match receive::<Open>(self.channels.orders, &mut buffer, Wait::Forever) {
                Ok(Some((order, descriptors))) => {
                    self.last_order.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
                    self.setup.in_hand.set(slot, Some(order.login));
                    let _work = self.work.read();
                    self.open(order, descriptors.into_iter().next());
                    self.setup.in_hand.set(slot, None);
                }
                // The queue was shut, by this thread or another, and what was in it is done.
                Ok(None) => break,
                // The linger time has passed without an order for this thread.
                Err(error) if error.would_block() => {
                    if self.is_idle() {
                        self.take_no_more();
                    }
                }
                Err(error) => {
                    tracing::error!("maildrop ends: {error}");
                    self.leave(1);
                }
            }
        }
        self.takers.fetch_sub(1, Ordering::SeqCst);
        self.leave_when_done();
    }

    /// From here on auth cannot send any more and asks for a successor; what it sent before is still carried out.
    fn take_no_more(&self) {
        let _ = rustix::net::shutdown(self.channels.orders, rustix::net::Shutdown::Read);
    }

    /// One thread's loop over the sessions' requests. Ends the process when the session role is gone.
    fn serve_sessions(&self) {
        let mut buffer = vec![0; wire::MOST_OCTETS];
        loop {
            match receive::<ToMaildrop>(self.channels.sessions, &mut buffer, Wait::Forever) {
                Ok(Some((request, descriptors))) => {
                    let work = self.work.read();
                    self.serve(request, descriptors);
                    std::mem::drop(work);
                    self.leave_when_done();
                }
                Ok(None) => self.leave(0),
                Err(error) => {
                    tracing::error!("maildrop ends: {error}");
                    self.leave(1);
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        let last = Duration::from_millis(self.last_order.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last) >= LINGER && self.table().is_empty()
    }

    /// The end of a process that takes no orders any more, after its last session.
    fn leave_when_done(&self) {
        if self.takers.load(Ordering::SeqCst) == 0 && self.table().is_empty() {
            self.leave(0);
        }
    }

    /// Waits for all work under way, gives up all locks and ends the process.
    fn leave(&self, status: i32) -> ! {
        let _all = self.work.write();
        for (_, held) in self.table().drain() {
            lock(&held).take();
        }
        sys::process::exit_now(status)
    }

    fn serve(&self, request: ToMaildrop, descriptors: Vec<OwnedFd>) {
        match request {
            ToMaildrop::Fetch { ticket, first, window } => self.fetch(ticket, first, window),
            ToMaildrop::Finish { ticket, update, notes } => {
                let outcome = self.finish(ticket, update, descriptors, &notes);
                self.answer(&FromMaildrop::Finished { ticket, outcome }, &[]);
            }
            ToMaildrop::Abandon { ticket, notes } => {
                self.close(ticket, &notes);
            }
            ToMaildrop::Note { ticket, notes } => {
                if let Some(held) = self.table().get(&ticket).cloned() {
                    lock(&held).iter_mut().for_each(|kept| kept.note(&notes));
                }
                self.answer(&FromMaildrop::Noted { ticket }, &[]);
            }
        }
    }

    fn open(&self, order: Open, log: Option<OwnedFd>) {
        let Open { login, ticket, user, storage, path, user_log, utf8 } = order;
        let log = log.zip(user_log).map(|(file, detail)| UserLog::new(file.into(), detail));
        let path = PathBuf::from(path);
        let wishes = self.setup.users.wishes_of(&user, utf8);
        let began = Instant::now();
        let opened = self.open_in_time(storage, &path, &wishes, &user).and_then(|mail| {
            let packed = self.listings.pack(&*mail).map_err(|error| {
                tracing::error!("maildrop of user={} not listed: {error}", Untrusted(user.as_bytes()));
                LoginFailure::Temporary
            });
            Ok((mail, packed?))
        });
        let (mail, (listing, memory)) = match opened {
            Ok(opened) => opened,
            Err(why) => return self.answer(&FromMaildrop::NotOpened { login, user, why }, &[]),
        };
        let user_log = log.as_ref().map(UserLog::detail);
        let marks_read = mail.marks_read();
        let kept = Kept { user: user.clone(), mail, log };
        self.table().insert(ticket, Arc::new(Mutex::new(Some(kept))));
        let memory: Vec<BorrowedFd<'_>> = memory.iter().map(|memory| memory.as_fd()).collect();
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let opened =
            FromMaildrop::Opened { login, ticket, user, listing, user_log, marks_read, storage, micros };
        self.answer(&opened, &memory);
    }

    /// Opens a maildrop, unless its last login was too short a time ago. That is looked at before any work is done, and again
    /// once nobody else can be opening it.
    fn open_in_time(
        &self,
        storage: Storage,
        path: &Path,
        wishes: &Wishes,
        user: &str,
    ) -> Result<Box<dyn Maildrop>, LoginFailure> {
        self.check_delay(path)?;
        let mail = self.open_now(storage, path, wishes, user)?;
        self.check_delay(path)?;
        if let Some(last_logins) = &self.setup.last_logins
            && let Err(error) = last_logins.note(path)
        {
            tracing::error!("a login is not noted, the next one may be too soon: {error}");
        }
        Ok(mail)
    }

    fn check_delay(&self, path: &Path) -> Result<(), LoginFailure> {
        let Some(last_logins) = &self.setup.last_logins else { return Ok(()) };
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
        wishes: &Wishes,
        user: &str,
    ) -> Result<Box<dyn Maildrop>, LoginFailure> {
        if sys::reserve::is_short() {
            tracing::error!("maildrop of user={} not opened: memory is short", Untrusted(user.as_bytes()));
            return Err(LoginFailure::Temporary);
        }
        let path = path.to_owned();
        let location = match storage {
            Storage::Mbox => Location::Mbox(path),
            Storage::Ram => Location::Ram(path),
            Storage::Disk => Location::Disk(path),
            Storage::Maildir => Location::Maildir(path),
        };
        // A defect in reading one strange mailbox must not end the sessions of all others.
        match catch_unwind(AssertUnwindSafe(|| self.opener.open_for(&location, wishes))) {
            Ok(Ok(mail)) => Ok(mail),
            Ok(Err(error)) => {
                if !matches!(error, OpenError::InUse) {
                    tracing::warn!("maildrop of user={} not opened: {error}", Untrusted(user.as_bytes()));
                }
                if self.setup.is_confined && is_denied(&error) {
                    // The folder may be another one than when this process was started: made anew, or mounted again.
                    self.take_no_more();
                }
                Err(not_opened(&error))
            }
            Err(_) => Err(LoginFailure::Temporary),
        }
    }

    fn fetch(&self, ticket: Ticket, first: u32, window: u32) {
        let held = self.table().get(&ticket).cloned();
        let Some(held) = held else {
            return self.answer(&FromMaildrop::NotFetched { ticket, why: NotFetched::Temporary }, &[]);
        };
        let mut held = lock(&held);
        let Some(kept) = held.as_mut() else {
            return self.answer(&FromMaildrop::NotFetched { ticket, why: NotFetched::Temporary }, &[]);
        };
        match kept.mail.fetch(first, window) {
            Ok(bodies) => {
                let mut descriptors: Vec<BorrowedFd<'_>> = Vec::new();
                let mut extents = Vec::with_capacity(bodies.len());
                let mut prefixes = 0;
                for body in bodies.iter().take(ipc::mail::MOST_EXTENTS) {
                    prefixes += body.prefix.len();
                    if prefixes > ipc::mail::MOST_PREFIXES {
                        break;
                    }
                    let source = body.source.as_fd();
                    // Neighbours share a descriptor (mbox) or have one each (Maildir).
                    if descriptors.last().is_none_or(|last| !same(last, &source)) {
                        if descriptors.len() == ipc::mail::MOST_WINDOW as usize {
                            break;
                        }
                        descriptors.push(source);
                    }
                    let descriptor = (descriptors.len() - 1) as u8;
                    let (offset, length, prefix) = (body.offset, body.length, body.prefix.clone());
                    extents.push(Extent { descriptor, offset, length, prefix });
                }
                self.answer(&FromMaildrop::Fetched { ticket, first, extents }, &descriptors);
            }
            Err(error) => {
                tracing::warn!(
                    "message {first} of user={} not read: {error}",
                    Untrusted(kept.user.as_bytes())
                );
                let why = match error {
                    FetchError::Vanished { .. } => NotFetched::Vanished,
                    _ => NotFetched::Temporary,
                };
                self.answer(&FromMaildrop::NotFetched { ticket, why }, &[]);
            }
        }
    }

    fn finish(&self, ticket: Ticket, update: Payload, descriptors: Vec<OwnedFd>, notes: &[Note]) -> Outcome {
        let Some(Kept { user, mail, .. }) = self.close(ticket, notes) else { return Outcome::Changed };
        let count = mail.count();
        let user = Untrusted(user.as_bytes());
        let update = update
            .unpack(descriptors.into_iter().next(), ipc::update::MOST_OCTETS)
            .and_then(|octets| ipc::Update::unpack(&octets, count));
        let update = match update {
            Ok(update) => update,
            Err(error) => {
                tracing::error!("nothing removed for user={user}: {error}");
                return Outcome::Changed;
            }
        };
        let update = Update { deleted: update.deleted.numbers(), read: update.read.numbers() };
        if update.is_empty() {
            return Outcome::Removed;
        }
        match mail.commit(update) {
            Ok(()) => Outcome::Removed,
            Err(error) => {
                tracing::error!("deletions of user={user} incomplete: {error}");
                match error {
                    CommitError::Changed { .. } => Outcome::Changed,
                    other => Outcome::Remaining(other.remaining(update.deleted).len() as u32),
                }
            }
        }
    }

    /// Takes a maildrop out of the table, after the last notes for the user's log. With the returned value its locks go.
    fn close(&self, ticket: Ticket, notes: &[Note]) -> Option<Kept> {
        let held = self.table().remove(&ticket)?;
        let mut kept = lock(&held).take()?;
        kept.note(notes);
        Some(kept)
    }

    fn answer(&self, answer: &FromMaildrop, descriptors: &[BorrowedFd<'_>]) {
        if let Err(error) = send(self.channels.sessions, answer, descriptors, Wait::Forever) {
            // Without its session role the process has nothing to do; the threads that read its
            // channel notice and end it. An answer of ours that is out of bounds ends one session.
            if !matches!(&error, wire::Error::Io(error) if error.kind() == io::ErrorKind::BrokenPipe) {
                tracing::error!("maildrop cannot answer: {error}");
            }
            match answer {
                FromMaildrop::Opened { ticket, login, user, .. } => {
                    self.close(*ticket, &[]);
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
                _ => {}
            }
        }
    }

    /// Says that what cannot be sent cannot be had: somebody waits for an answer.
    fn answer_instead(&self, answer: &FromMaildrop) {
        // Where this cannot be sent either, the session role is gone, or its client's patience ends it.
        let _ = send(self.channels.sessions, answer, &[], Wait::Forever);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Ticket, Held>> {
        lock(&self.open)
    }
}

/// A panic in another thread leaves these tables whole: they are changed by single calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn same(a: &BorrowedFd<'_>, b: &BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd;
    a.as_raw_fd() == b.as_raw_fd()
}

fn is_denied(error: &OpenError) -> bool {
    matches!(error, OpenError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
}

fn not_opened(error: &OpenError) -> LoginFailure {
    match error {
        OpenError::InUse | OpenError::Locked { .. } => LoginFailure::InUse,
        OpenError::NotAMaildrop { .. } | OpenError::TooManyMessages { .. } => LoginFailure::Maildrop,
        _ => LoginFailure::Temporary,
    }
}
