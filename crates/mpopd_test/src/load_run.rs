//! What all sessions of a run share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pop3_client::asynchronous::{InactivityTimer, RemoteServer, SessionBuffers};
use tokio::sync::watch;

use crate::failure::SessionFailure;
use crate::ledger::Ledger;
use crate::measure::Measures;
use crate::plan::{LoadPlan, SessionMode};
use crate::reference::ReferenceMailbox;
use crate::session::slot::SessionSlot;
use crate::users::Roster;

/// A run: its plan, and what its sessions share.
#[derive(Debug)]
pub(crate) struct LoadRun {
    pub(crate) plan: LoadPlan,
    pub(crate) server: RemoteServer,
    pub(crate) ledger: Ledger,
    /// With `--verify`, one for each user.
    pub(crate) references: Vec<ReferenceMailbox>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) began: Instant,
    measures: Mutex<Measures>,
    /// Octets received.
    traffic: Arc<AtomicU64>,
    /// Sessions begun.
    begun: AtomicU64,
    /// True: begin no more sessions.
    stop: watch::Sender<bool>,
    /// Slots that no session uses.
    slots: Mutex<Vec<SessionSlot>>,
}

impl LoadRun {
    pub(crate) fn new(plan: LoadPlan, server: RemoteServer, references: Vec<ReferenceMailbox>) -> Self {
        Self {
            roster: Roster::new(plan.users.clone(), plan.mode == SessionMode::Drain),
            server,
            references,
            plan,
            ledger: Ledger::default(),
            began: Instant::now(),
            measures: Mutex::new(Measures::new()),
            traffic: Arc::default(),
            begun: AtomicU64::new(0),
            stop: watch::Sender::new(false),
            slots: Mutex::default(),
        }
    }

    pub(crate) fn measures(&self) -> MutexGuard<'_, Measures> {
        self.measures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Octets received so far.
    pub(crate) fn traffic(&self) -> u64 {
        self.traffic.load(Ordering::Relaxed)
    }

    /// Lets no more sessions begin.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until no more sessions may begin.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as this borrow, so this cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Whether another session may begin at `due`; it is counted as begun if so.
    pub(crate) fn may_begin(&self, due: Instant) -> bool {
        let in_time = self.plan.duration.is_none_or(|duration| due < self.began + duration);
        in_time
            && !*self.stop.borrow()
            && self.plan.count.is_none_or(|count| self.begun.fetch_add(1, Ordering::Relaxed) < count)
    }

    /// A slot for a session, inside the runtime.
    pub(crate) fn slot(&self) -> SessionSlot {
        let idle = self.slots.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| {
            let timer = InactivityTimer::new(self.plan.patience);
            SessionSlot::new(SessionBuffers::new(timer, self.traffic.clone()))
        })
    }

    /// Takes a slot back.
    pub(crate) fn give_back(&self, slot: SessionSlot) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }

    /// Records how a session went.
    pub(crate) fn finish(&self, slot: &mut SessionSlot, done: Result<(), SessionFailure>) {
        let mut measures = self.measures();
        measures.take(&mut slot.record);
        if let Err(failure) = done {
            measures.fail(failure, &slot.transcript);
            if measures.sessions == 0 && self.plan.give_up.is_some_and(|most| measures.failed >= most) {
                self.stop();
            }
        }
    }

    /// Sleeps, but no longer than the run lasts.
    pub(crate) async fn rest(&self, pause: Duration) {
        if pause.is_zero() {
            return;
        }
        let end = self.plan.duration.map(|duration| self.began + duration);
        let until = (Instant::now() + pause).min(end.unwrap_or(Instant::now() + pause));
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            () = self.stopped() => {}
        }
    }
}
