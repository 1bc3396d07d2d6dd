//! The maildrop processes: at most one per owner that takes orders, forked when auth needs it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use ::maildrop::{Notice, Opener, Settings};
use ipc::hire::{Hire, WorkerId};
use ipc::mail::FromMaildrop;
use ipc::send;
use ipc::steer::ToSession;
use ipc::wire::Wait;
use rustix::process::Pid;
use sys::seqpacket;

use crate::mail_group::Group;
use crate::roles::child::{self, Identity};
use crate::roles::maildrop::{self, LastLogins};
use crate::state::StateDir;

/// What every maildrop process needs.
pub(crate) struct Maildrops {
    /// How mailboxes are read and locked.
    pub(crate) settings: Settings,
    /// Where each owner's private folder lies.
    pub(crate) state: StateDir,
    /// Where each owner's mailboxes are taken apart; `None` if no storage = "disk" is configured.
    pub(crate) spool: Option<StateDir>,
    /// What single users have.
    pub(crate) users: maildrop::Users,
    /// The group that makes lock files in the mail spool.
    pub(crate) mail_group: Option<Group>,
    /// Whether each process becomes its owner: when the supervisor is root.
    pub(crate) change_user: bool,
    /// The least time between two logins at a maildrop; zero for any.
    pub(crate) login_delay: Duration,
    /// How many threads read each of a process's two queues.
    pub(crate) threads: usize,
}

#[derive(Default)]
pub(super) struct Workers {
    /// The process of each owner (uid and gid) that new orders go to.
    current: HashMap<(u32, u32), Worker>,
    /// Every process that was not reaped, with its owner.
    living: HashMap<Pid, (u32, u32)>,
    started: u64,
}

struct Worker {
    id: WorkerId,
    pid: Pid,
    orders: OwnedFd,
}

impl Workers {
    /// The process for an owner: the one there is, unless auth says that it answers no more.
    pub(super) fn get(
        &mut self,
        wish: Hire,
        plan: &Maildrops,
        steer: Option<&OwnedFd>,
    ) -> io::Result<(WorkerId, &OwnedFd)> {
        let owner = (wish.uid, wish.gid);
        if self.current.get(&owner).is_none_or(|worker| wish.instead_of == Some(worker.id)) {
            let steer = steer.ok_or_else(|| io::Error::other("the session role is being restarted"))?;
            let (pid, orders) = start(owner, plan, steer)?;
            let id = WorkerId(self.started);
            self.started += 1;
            self.living.insert(pid, owner);
            self.current.insert(owner, Worker { id, pid, orders });
        }
        match self.current.get(&owner) {
            Some(worker) => Ok((worker.id, &worker.orders)),
            None => Err(io::Error::other("it was lost")),
        }
    }

    /// No process gets new orders any more: whoever asks from now on gets another one.
    pub(super) fn relieve(&mut self) {
        self.current.clear();
    }

    /// Notes that a process ended. Returns its uid, if it was one of these.
    pub(super) fn ended(&mut self, pid: Pid) -> Option<u32> {
        let owner = self.living.remove(&pid)?;
        if self.current.get(&owner).is_some_and(|worker| worker.pid == pid) {
            self.current.remove(&owner);
        }
        Some(owner.0)
    }

    pub(super) fn pids(&self) -> Vec<Pid> {
        self.living.keys().copied().collect()
    }
}

fn start(owner: (u32, u32), plan: &Maildrops, steer: &OwnedFd) -> io::Result<(Pid, OwnedFd)> {
    let (uid, gid) = owner;
    let state = plan.state.folder_of(uid, gid)?;
    let spool = plan.spool.as_ref().map(|spool| spool.folder_of(uid, gid)).transpose()?;
    let (orders_in, orders_out) = seqpacket::pair()?;
    let (sessions_in, sessions_out) = seqpacket::pair()?;
    let identity = match plan.change_user {
        true => Identity::User { uid, gid, file_group: plan.mail_group.map(Group::gid), chroot: None },
        false => Identity::Unchanged,
    };
    let mut keep = vec![state.as_fd(), orders_out.as_fd(), sessions_out.as_fd()];
    keep.extend(spool.as_ref().map(AsFd::as_fd));
    let pid = child::start(
        c"mpopd-maildrop",
        &keep,
        Vec::new(),
        &identity,
        || Ok(()),
        |_, ()| {
            sys::process::raise_descriptor_limit();
            let channels = maildrop::Channels { orders: &orders_out, sessions: &sessions_out };
            match opener(plan, &state, spool.as_ref(), &sessions_out) {
                Ok(opener) => {
                    let last_logins = last_logins(plan, &state);
                    maildrop::run(channels, opener, last_logins, &plan.users, plan.threads)
                }
                Err(error) => {
                    tracing::error!("maildrop of uid {uid} cannot start: {error}");
                    1
                }
            }
        },
    )?;
    // Only now: a session that is told of a process that could not be forked would wait for it.
    send(steer, &ToSession::Maildrop, &[sessions_in.as_fd()], Wait::No).map_err(|error| {
        // Without its channel to the session role the process ends by itself.
        io::Error::other(error.to_string())
    })?;
    Ok((pid, orders_in))
}

/// What enforces the delay between logins, if there is one. Mail is served without it rather than not at all.
fn last_logins(plan: &Maildrops, state: &OwnedFd) -> Option<LastLogins> {
    if plan.login_delay.is_zero() {
        return None;
    }
    LastLogins::in_folder(state.as_fd(), plan.login_delay)
        .inspect_err(|error| {
            tracing::error!("login_delay has no effect: state_dir cannot be written: {error}")
        })
        .ok()
}

fn opener(
    plan: &Maildrops,
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
