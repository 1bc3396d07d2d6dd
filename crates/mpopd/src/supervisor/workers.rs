//! The maildrop processes: at most one per owner takes orders, forked when auth needs it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use auth_role::MailRoots;
use ipc::hire::{FileAccess, HireRequest, WorkerId, WorkerIdentity};
use ipc::mail::FromMaildrop;
use ipc::open::OpenRequest;
use ipc::steer::ToSession;
use ipc::wire::{self, Wait};
use ipc::{LoginId, receive, send};
use maildrop::{Notice, Opener};
use maildrop_role::{LastLogins, LoginsInProgress, SpoolGroup};
use rustix::net::{Shutdown, shutdown};
use rustix::process::Pid;
use sys::seqpacket;

use crate::plan::MaildropPlan;
use crate::process::child::{self, Identity, ProcessRole};
use crate::process::sandbox;

#[derive(Default)]
pub(super) struct Workers {
    /// The process that new orders go to, for each identity.
    current: HashMap<WorkerIdentity, MaildropWorker>,
    /// Every process that has not been reaped.
    living: HashMap<Pid, LivingWorker>,
    started: u64,
}

struct MaildropWorker {
    id: WorkerId,
    pid: Pid,
    orders: OwnedFd,
}

struct LivingWorker {
    identity: WorkerIdentity,
    work: AssignedWork,
}

/// What a process has to do, visible from outside after it has ended.
struct AssignedWork {
    /// The queue that it reads.
    orders: OwnedFd,
    in_progress: LoginsInProgress,
}

/// A process that has ended.
pub(super) struct EndedWorker {
    pub(super) uid: u32,
    /// The logins that it should have answered and did not.
    pub(super) unanswered: Vec<LoginId>,
}

impl Workers {
    /// The process for an identity: the running one, unless auth reports that it no longer answers.
    pub(super) fn get(
        &mut self,
        request: HireRequest,
        plan: &MaildropPlan,
        steer: Option<&OwnedFd>,
    ) -> io::Result<(WorkerId, &OwnedFd)> {
        let HireRequest { worker: identity, instead_of } = request;
        if self.current.get(&identity).is_none_or(|worker| instead_of == Some(worker.id)) {
            let steer = steer.ok_or_else(|| io::Error::other("the session role is being restarted"))?;
            let (pid, orders, work) = start(&identity, plan, steer)?;
            let id = WorkerId(self.started);
            self.started += 1;
            self.living.insert(pid, LivingWorker { identity: identity.clone(), work });
            self.current.insert(identity.clone(), MaildropWorker { id, pid, orders });
        }
        match self.current.get(&identity) {
            Some(worker) => Ok((worker.id, &worker.orders)),
            None => Err(io::Error::other("it was lost")),
        }
    }

    /// No running process gets new orders from now on: the next request starts another one.
    pub(super) fn relieve(&mut self) {
        self.current.clear();
    }

    /// Notes that a process ended, if it was one of these.
    pub(super) fn ended(&mut self, pid: Pid) -> Option<EndedWorker> {
        let LivingWorker { identity, work } = self.living.remove(&pid)?;
        if self.current.get(&identity).is_some_and(|worker| worker.pid == pid) {
            self.current.remove(&identity);
        }
        Some(EndedWorker { uid: identity.uid, unanswered: work.unanswered() })
    }

    pub(super) fn pids(&self) -> Vec<Pid> {
        self.living.keys().copied().collect()
    }
}

impl AssignedWork {
    /// The logins that were left. No further order can arrive: auth is told to ask for another process.
    fn unanswered(&self) -> Vec<LoginId> {
        let mut logins = self.in_progress.logins();
        let _ = shutdown(&self.orders, Shutdown::Read);
        let mut buffer = vec![0; wire::MOST_OCTETS];
        while let Ok(Some((order, _))) = receive::<OpenRequest>(&self.orders, &mut buffer, Wait::No) {
            logins.push(order.context.id);
        }
        logins
    }
}

/// Forks a process. Returns its pid, the channel for its orders, and its work.
fn start(
    worker: &WorkerIdentity,
    plan: &MaildropPlan,
    steer: &OwnedFd,
) -> io::Result<(Pid, OwnedFd, AssignedWork)> {
    let WorkerIdentity { uid, gid, .. } = *worker;
    let state = plan.state.folder_of(uid, gid)?;
    let spool = plan.spool.as_ref().map(|spool| spool.folder_of(uid, gid)).transpose()?;
    let (orders_in, orders_out) = seqpacket::pair()?;
    let (sessions_in, sessions_out) = seqpacket::pair()?;
    let in_progress = LoginsInProgress::new(plan.threads)?;
    let identity = match plan.change_user {
        true => Identity::User { uid, gid, file_group: plan.mail_group.map(SpoolGroup::gid), chroot: None },
        false => Identity::Unchanged,
    };
    let ours: Vec<_> = [Some(&state), spool.as_ref()].into_iter().flatten().map(AsFd::as_fd).collect();
    let mut keep = vec![orders_out.as_fd(), sessions_out.as_fd(), in_progress.as_fd()];
    keep.extend(&ours);
    let sandbox = Some(sandbox::maildrop(folders(&plan.roots, &worker.access), ours));
    let becomes = ProcessRole { name: c"mpopd-maildrop", identity: &identity, sandbox };
    let role = |_, ()| {
        let channels = maildrop_role::Channels { orders: &orders_out, sessions: &sessions_out };
        let settings = maildrop_role::WorkerSettings {
            users: &plan.users,
            last_logins: last_logins(plan, &state),
            in_progress: &in_progress,
            threads: plan.threads,
            is_confined: worker.access != FileAccess::Anything,
        };
        match opener(plan, &state, spool.as_ref(), &sessions_out) {
            Ok(opener) => maildrop_role::run(channels, opener, settings),
            Err(error) => {
                tracing::error!("maildrop of uid {uid} cannot start: {error}");
                1
            }
        }
    };
    let pid = child::start(&becomes, &keep, Vec::new(), || Ok::<_, Infallible>(()), role)?;
    // Only now: a session that learns of a process that could not be forked would wait for it.
    send(steer, &ToSession::Maildrop, &[sessions_in.as_fd()], Wait::No).map_err(|error| {
        // Without its channel to the session role the process ends by itself.
        io::Error::other(error.to_string())
    })?;
    Ok((pid, orders_in, AssignedWork { orders: orders_out, in_progress }))
}

/// Enforces the delay between logins, if there is one. Mail is served without it rather than not at all.
fn last_logins(plan: &MaildropPlan, state: &OwnedFd) -> Option<LastLogins> {
    if plan.login_delay.is_zero() {
        return None;
    }
    LastLogins::in_folder(state.as_fd(), plan.login_delay)
        .inspect_err(|error| {
            tracing::error!("login_delay has no effect: state_dir cannot be written: {error}")
        })
        .ok()
}

/// The folders of mail that a process with this access may open.
fn folders(roots: &MailRoots, access: &FileAccess) -> Vec<PathBuf> {
    match access {
        FileAccess::Roots => roots.folders().to_vec(),
        FileAccess::Folders(folders) => {
            roots.folders().iter().cloned().chain(folders.iter().cloned().map(PathBuf::from)).collect()
        }
        FileAccess::Anything => vec![Path::new("/").to_owned()],
    }
}

fn opener(
    plan: &MaildropPlan,
    state: &OwnedFd,
    spool: Option<&OwnedFd>,
    sessions: &OwnedFd,
) -> io::Result<Opener> {
    let sessions = sessions.try_clone()?;
    let opener = Opener::new(plan.settings.clone(), state.try_clone()?, move |notice| match notice {
        Notice::WaitedForLock { time, .. } => {
            tracing::debug!("{notice}");
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            // It is counted, if there is room for it.
            let _ = send(&sessions, &FromMaildrop::LockWait { millis }, &[], Wait::No);
        }
        other => tracing::warn!("{other}"),
    })?;
    let opener = match spool {
        Some(spool) => opener.with_spool(spool.try_clone()?),
        None => opener,
    };
    Ok(match plan.mail_group {
        Some(group) => opener.with_mail_group(group),
        None => opener,
    })
}
