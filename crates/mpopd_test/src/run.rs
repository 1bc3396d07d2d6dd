//! A run: begins sessions when they are due, ends them in order, and collects the results.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pop3_client::asynchronous::RemoteServer;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::clock;
use crate::error::Error;
use crate::failure::FailureKind;
use crate::live::LiveLine;
use crate::load_run::LoadRun;
use crate::measure::LATE;
use crate::numbers::wide;
use crate::plan::{LoadPlan, Pace, SessionMode};
use crate::process::{self, Observer};
use crate::reference::ReferenceMailbox;
use crate::report::{Summary, Totals};
use crate::session;
use crate::users::Turn;

/// While the sessions of a connection fail, the pauses between them grow up to this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Carries out a plan.
///
/// # Errors
///
/// What kept the run from beginning.
pub(crate) fn carry_out(plan: LoadPlan) -> Result<Summary, Error> {
    let server = RemoteServer::look_up(&plan.host, plan.port).map_err(Error::Lookup)?;
    let observer = plan.pid.map(Observer::new).transpose()?;
    let references = references(&plan)?;
    raise_descriptor_limit(plan.pace.connections())?;
    let runtime = match plan.threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        threads => tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    };
    let runtime = runtime.map_err(|error| Error::System("cannot start", error))?;
    let run = LoadRun::new(plan, server, references);
    runtime.block_on(observed(Arc::new(run), observer))
}

/// Holds all sessions, and shows the live line meanwhile.
async fn observed(run: Arc<LoadRun>, mut observer: Option<Observer>) -> Result<Summary, Error> {
    let live = LiveLine::new(&run.plan);
    let own_before = process::own_cpu();
    let mut ticks = tokio::time::interval(tick(&run.plan));
    ticks.tick().await;
    let interrupts = Interrupts::new();
    let mut interrupts = interrupts.map_err(|error| Error::System("cannot watch for signals", error))?;
    let mut load = tokio::spawn(load(run.clone()));
    let mut interrupted = false;
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {
                let octets = run.traffic();
                let point = run.measures().tick(run.began, octets);
                live.show(&point, &run.measures());
                if let Some(observer) = &mut observer {
                    observer.look();
                }
            }
            () = interrupts.next() => {
                if interrupted {
                    load.abort();
                }
                interrupted = true;
                run.stop();
            }
            ended = &mut load => {
                match ended {
                    Ok(done) => done?,
                    Err(error) if error.is_panic() => return Err(Error::Panicked),
                    // The second Ctrl-C.
                    Err(_) => {}
                }
                break;
            }
        }
    }
    let seconds = run.began.elapsed().as_secs_f64();
    let own_cpu = process::own_cpu() - own_before;
    let used = observer.as_ref().and_then(Observer::used);
    let octets = run.traffic();
    run.measures().tick(run.began, octets);
    if run.plan.mode == SessionMode::Drain {
        live.say("checking that removed messages stay away");
        audit(&run).await;
    }
    live.end();
    let server = used.zip(observer).map(|(used, observer)| (used, observer.memory));
    let totals = Totals { seconds, octets, own_cpu, server };
    let measures = run.measures();
    Ok(Summary::new(&run.plan, &measures, run.ledger.balance(), &totals))
}

async fn load(run: Arc<LoadRun>) -> Result<(), Error> {
    match run.plan.pace {
        Pace::Closed { connections, pause } => {
            let mut workers = JoinSet::new();
            for _ in 0..connections {
                workers.spawn(closed(run.clone(), pause));
            }
            workers.join_all().await;
            Ok(())
        }
        Pace::Open { rate, connections } => open(&run, rate, connections).await,
    }
}

/// One connection of a closed loop: one session after another.
async fn closed(run: Arc<LoadRun>, pause: Duration) {
    let mut failures = 0;
    while run.may_begin(Instant::now()) {
        let turn = run.roster.take().await;
        let due = Instant::now();
        let done = hold(&run, &turn, due).await;
        drop(turn);
        failures = if done { 0 } else { failures + 1 };
        let back_off = Duration::from_millis(5) * (1 << failures.min(8)) * u32::from(failures > 0);
        run.rest(pause.max(back_off.min(LONGEST_PAUSE))).await;
    }
}

/// An open loop: session `n` is due `n / rate` seconds after the beginning, whatever became of the others.
async fn open(run: &Arc<LoadRun>, rate: f64, connections: usize) -> Result<(), Error> {
    let dues = clock::schedule(run.began, rate);
    let mut dues = dues.map_err(|error| Error::System("no thread for the schedule", error))?;
    let connections = Arc::new(Semaphore::new(connections));
    let mut sessions = JoinSet::new();
    let mut stopped = pin!(run.stopped());
    loop {
        let due = tokio::select! {
            due = dues.recv() => due,
            () = &mut stopped => None,
        };
        let Some(due) = due.filter(|&due| run.may_begin(due)) else { break };
        while sessions.try_join_next().is_some() {}
        let (run, connections) = (run.clone(), connections.clone());
        sessions.spawn(async move {
            // The semaphore is never closed, so this waits and always brings a permit.
            let _connection = connections.acquire_owned().await;
            let turn = run.roster.take().await;
            if due.elapsed() > LATE {
                run.measures().late += 1;
            }
            hold(&run, &turn, due).await;
        });
    }
    sessions.join_all().await;
    Ok(())
}

/// Holds one session and records how it went; returns whether it went well.
async fn hold(run: &LoadRun, turn: &Turn, due: Instant) -> bool {
    let mut slot = run.slot();
    let done = session::hold(run, &mut slot, turn, due, run.plan.messages).await;
    let ok = done.is_ok();
    run.finish(&mut slot, done);
    run.give_back(slot);
    ok
}

/// Opens each maildrop that was drained once more.
async fn audit(run: &LoadRun) {
    let mut slot = run.slot();
    for index in run.ledger.users() {
        let turn = run.roster.take_user(index);
        let done = session::hold(run, &mut slot, &turn, Instant::now(), Some(0)).await;
        slot.record.clear();
        let Err(failure) = done else { continue };
        let accounted = matches!(failure.kind, FailureKind::CameBack | FailureKind::Lost);
        run.finish(&mut slot, Err(failure));
        if !accounted {
            // The server no longer answers.
            return;
        }
    }
}

/// Ctrl-C and SIGTERM: the first lets the sessions end, the second aborts them.
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

/// How long a point of the timeline is: enough points in a short run, not too many in a long one.
fn tick(plan: &LoadPlan) -> Duration {
    match plan.duration {
        Some(duration) if duration <= Duration::from_secs(60) => Duration::from_millis(250),
        _ => Duration::from_secs(1),
    }
}

fn references(plan: &LoadPlan) -> Result<Vec<ReferenceMailbox>, Error> {
    let Some(template) = &plan.verify else { return Ok(Vec::new()) };
    let read = |name: &str| {
        let path = template.replace("%u", name);
        let reference = ReferenceMailbox::read(path.as_ref())?;
        match reference.count() {
            0 => Err(Error::NoMessage(path)),
            _ => Ok(reference),
        }
    };
    plan.users.iter().map(|user| read(&user.name)).collect()
}

/// Makes sure that there is a descriptor for each connection, and some more.
fn raise_descriptor_limit(connections: usize) -> Result<(), Error> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = wide(connections) + 50;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let refused = || Error::Descriptors { connections, needed };
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return Err(refused());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })
        .map_err(|_| refused())
}
