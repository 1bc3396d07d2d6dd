//! A run: begins sessions at their time, ends them in order, and gathers what they tell.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::clock;
use crate::fault::{Fault, Kind};
use crate::ledger::Ledger;
use crate::live::Live;
use crate::measure::{LATE, Measures};
use crate::net::{Target, Tools, Watchdog};
use crate::plan::{Mode, Pace, Plan};
use crate::process::{self, Observer};
use crate::reference::Reference;
use crate::report::{Summary, Totals};
use crate::session::{self, Slot};
use crate::users::{Roster, Turn};

/// Sessions of one connection that fail one after the other begin with growing pauses, up to this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What all sessions of a run share.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) plan: Plan,
    pub(crate) target: Target,
    pub(crate) ledger: Ledger,
    /// With `--verify`, one for each user.
    pub(crate) references: Vec<Reference>,
    roster: Arc<Roster>,
    measures: Mutex<Measures>,
    /// Octets received.
    traffic: Arc<AtomicU64>,
    /// Sessions begun.
    begun: AtomicU64,
    began: Instant,
    /// True: begin no more sessions.
    stop: watch::Sender<bool>,
    /// Slots that no session uses.
    slots: Mutex<Vec<Slot>>,
}

/// Carries out a plan and tells how it went.
///
/// # Errors
/// What kept the run from beginning, in words for the command line.
pub(crate) fn run(plan: Plan) -> Result<Summary, String> {
    let target = Target::new(&plan.host, plan.port)?;
    let observer = plan.pid.map(Observer::new).transpose()?;
    let references = references(&plan)?;
    raise_descriptor_limit(plan.pace.connections())?;
    let runtime = match plan.threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        threads => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    };
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let roster = Roster::new(plan.users.clone(), plan.mode == Mode::Drain);
    let work = Work {
        target,
        references,
        roster,
        plan,
        ledger: Ledger::default(),
        measures: Mutex::new(Measures::new()),
        traffic: Arc::default(),
        begun: AtomicU64::new(0),
        began: Instant::now(),
        stop: watch::Sender::new(false),
        slots: Mutex::default(),
    };
    runtime.block_on(observed(Arc::new(work), observer))
}

/// Holds all sessions, with the live line beside them.
async fn observed(work: Arc<Work>, mut observer: Option<Observer>) -> Result<Summary, String> {
    let live = Live::new(&work.plan);
    let own_before = process::own_cpu();
    let mut ticks = tokio::time::interval(tick(&work.plan));
    ticks.tick().await;
    let mut interrupts = Interrupts::new().map_err(|error| format!("cannot watch for signals: {error}"))?;
    let mut load = tokio::spawn(load(work.clone()));
    let mut interrupted = false;
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {
                let octets = work.traffic.load(Ordering::Relaxed);
                let point = work.measures().tick(work.began, octets);
                live.show(&point, &work.measures());
                if let Some(observer) = &mut observer {
                    observer.look();
                }
            }
            () = interrupts.next() => {
                if interrupted {
                    load.abort();
                }
                interrupted = true;
                work.stop.send_replace(true);
            }
            ended = &mut load => {
                match ended {
                    Ok(done) => done?,
                    Err(error) if error.is_panic() => return Err("a session panicked, which is our fault".to_owned()),
                    // The second Ctrl-C.
                    Err(_) => {}
                }
                break;
            }
        }
    }
    let seconds = work.began.elapsed().as_secs_f64();
    let own_cpu = process::own_cpu() - own_before;
    let used = observer.as_ref().and_then(Observer::used);
    let octets = work.traffic.load(Ordering::Relaxed);
    work.measures().tick(work.began, octets);
    if work.plan.mode == Mode::Drain {
        live.say("looking whether what was removed stays away");
        audit(&work).await;
    }
    live.end();
    let server = used.zip(observer).map(|(used, observer)| (used, observer.memory));
    let totals = Totals { seconds, octets, own_cpu, server };
    let measures = work.measures();
    Ok(Summary::new(&work.plan, &measures, work.ledger.balance(), &totals))
}

async fn load(work: Arc<Work>) -> Result<(), String> {
    match work.plan.pace {
        Pace::Closed { connections, pause } => {
            let mut workers = JoinSet::new();
            for _ in 0..connections {
                workers.spawn(closed(work.clone(), pause));
            }
            workers.join_all().await;
            Ok(())
        }
        Pace::Open { rate, connections } => open(&work, rate, connections).await,
    }
}

/// One connection of a closed loop: a session after the other.
async fn closed(work: Arc<Work>, pause: Duration) {
    let mut failures = 0;
    while work.may_begin(Instant::now()) {
        let turn = work.roster.take().await;
        let due = Instant::now();
        let done = hold(&work, &turn, due).await;
        drop(turn);
        failures = if done { 0 } else { failures + 1 };
        let back_off = Duration::from_millis(5) * (1 << failures.min(8)) * u32::from(failures > 0);
        work.rest(pause.max(back_off.min(LONGEST_PAUSE))).await;
    }
}

/// An open loop: session `n` is due `n / rate` seconds after the beginning, whatever became of the others.
async fn open(work: &Arc<Work>, rate: f64, connections: usize) -> Result<(), String> {
    let mut dues =
        clock::schedule(work.began, rate).map_err(|error| format!("no thread for the schedule: {error}"))?;
    let connections = Arc::new(Semaphore::new(connections));
    let mut sessions = JoinSet::new();
    let mut stop = work.stop.subscribe();
    loop {
        let due = tokio::select! {
            due = dues.recv() => due,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let Some(due) = due.filter(|&due| work.may_begin(due)) else { break };
        while sessions.try_join_next().is_some() {}
        let (work, connections) = (work.clone(), connections.clone());
        sessions.spawn(async move {
            // The semaphore is never closed, so this waits and always brings a permit.
            let _connection = connections.acquire_owned().await;
            let turn = work.roster.take().await;
            if due.elapsed() > LATE {
                work.measures().late += 1;
            }
            hold(&work, &turn, due).await;
        });
    }
    sessions.join_all().await;
    Ok(())
}

/// Holds one session and writes down how it went; tells whether it went well.
async fn hold(work: &Work, turn: &Turn, due: Instant) -> bool {
    let mut slot = work.slot();
    let done = session::run(work, &mut slot, turn, due, work.plan.messages).await;
    let ok = done.is_ok();
    work.finish(&mut slot, done);
    work.slots.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    ok
}

/// Looks once more into each maildrop that was drained.
async fn audit(work: &Work) {
    let mut slot = work.slot();
    for index in work.ledger.users() {
        let turn = work.roster.take_user(index);
        let done = session::run(work, &mut slot, &turn, Instant::now(), Some(0)).await;
        slot.record.clear();
        let Err(fault) = done else { continue };
        let accounted = matches!(fault.kind, Kind::CameBack | Kind::Lost);
        work.finish(&mut slot, Err(fault));
        if !accounted {
            // The server cannot be asked any more.
            return;
        }
    }
}

impl Work {
    fn measures(&self) -> MutexGuard<'_, Measures> {
        self.measures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another session may begin at `due`; it is counted as begun if so.
    fn may_begin(&self, due: Instant) -> bool {
        let in_time = self.plan.duration.is_none_or(|duration| due < self.began + duration);
        in_time
            && !*self.stop.borrow()
            && self.plan.count.is_none_or(|count| self.begun.fetch_add(1, Ordering::Relaxed) < count)
    }

    fn slot(&self) -> Slot {
        let idle = self.slots.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Slot::new(Tools::new(Watchdog::new(self.plan.patience), self.traffic.clone())))
    }

    fn finish(&self, slot: &mut Slot, done: Result<(), Fault>) {
        let mut measures = self.measures();
        measures.take(&mut slot.record);
        if let Err(fault) = done {
            measures.fail(fault, &slot.tools.transcript);
            if measures.sessions == 0 && self.plan.give_up.is_some_and(|most| measures.failed >= most) {
                self.stop.send_replace(true);
            }
        }
    }

    /// Sleeps, but no longer than the run lasts.
    async fn rest(&self, pause: Duration) {
        if pause.is_zero() {
            return;
        }
        let end = self.plan.duration.map(|duration| self.began + duration);
        let until = (Instant::now() + pause).min(end.unwrap_or(Instant::now() + pause));
        let mut stop = self.stop.subscribe();
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Ctrl-C and SIGTERM: the first ends the run in order, the second at once.
struct Interrupts([tokio::signal::unix::Signal; 2]);

impl Interrupts {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// How long a point of the timeline is: enough of them in a short run, not too many in a long one.
fn tick(plan: &Plan) -> Duration {
    match plan.duration {
        Some(duration) if duration <= Duration::from_secs(60) => Duration::from_millis(250),
        _ => Duration::from_secs(1),
    }
}

fn references(plan: &Plan) -> Result<Vec<Reference>, String> {
    let Some(template) = &plan.verify else { return Ok(Vec::new()) };
    let read = |name: &str| {
        let path = template.replace("%u", name);
        let reference = Reference::read(path.as_ref())?;
        match reference.count() {
            0 => Err(format!("--verify {path}: there is no message")),
            _ => Ok(reference),
        }
    };
    plan.users.iter().map(|user| read(&user.name)).collect()
}

/// A descriptor for each connection, and some more.
fn raise_descriptor_limit(connections: usize) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = connections as u64 + 50;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let refused = || format!("{connections} connections need {needed} descriptors: raise `ulimit -n`");
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return Err(refused());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })
        .map_err(|_| refused())
}
