//! The maildrop processes: at most one per owner that takes orders, forked when auth needs it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::maildrop::{Notice, Opener, Settings};
use ipc::hire::{Hire, Post, Reach, WorkerId};
use ipc::mail::FromMaildrop;
use ipc::open::Open;
use ipc::steer::ToSession;
use ipc::wire::{self, Wait};
use ipc::{LoginId, receive, send};
use rustix::net::{Shutdown, shutdown};
use rustix::process::Pid;
use sys::seqpacket;

use crate::start::state::StateDir;
use crate::supervisor::child::{self, Identity, Part};
use crate::supervisor::seal;
use auth_role::Roots;
use maildrop_role::Group;
use maildrop_role::{InHand, LastLogins};

/// What every maildrop process needs.
pub(crate) struct Maildrops {
    /// How mailboxes are read and locked.
    pub(crate) settings: Settings,
    /// Where each owner's private folder lies.
    pub(crate) state: StateDir,
    /// Where each owner's mailboxes are taken apart; `None` if no storage = "disk" is configured.
    pub(crate) spool: Option<StateDir>,
    /// What single users have.
    pub(crate) users: maildrop_role::Users,
    /// Where mail lies, by the settings.
    pub(crate) roots: Roots,
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
    /// The process that new orders go to, for each post.
    current: HashMap<Post, Worker>,
    /// Every process that was not reaped.
    living: HashMap<Pid, Living>,
    started: u64,
}

struct Worker {
    id: WorkerId,
    pid: Pid,
    orders: OwnedFd,
}

struct Living {
    post: Post,
    work: Work,
}

/// What a process has to do, as it can be seen from outside when it has ended.
struct Work {
    /// The queue that it reads.
    orders: OwnedFd,
    in_hand: InHand,
}

/// A process that has ended.
pub(super) struct Ended {
    pub(super) uid: u32,
    /// The logins that it was to answer and did not.
    pub(super) unanswered: Vec<LoginId>,
}

impl Workers {
    /// The process for a post: the one there is, unless auth says that it answers no more.
    pub(super) fn get(
        &mut self,
        wish: Hire,
        plan: &Maildrops,
        steer: Option<&OwnedFd>,
    ) -> io::Result<(WorkerId, &OwnedFd)> {
        let Hire { post, instead_of } = wish;
        if self.current.get(&post).is_none_or(|worker| instead_of == Some(worker.id)) {
            let steer = steer.ok_or_else(|| io::Error::other("the session role is being restarted"))?;
            let (pid, orders, work) = start(&post, plan, steer)?;
            let id = WorkerId(self.started);
            self.started += 1;
            self.living.insert(pid, Living { post: post.clone(), work });
            self.current.insert(post.clone(), Worker { id, pid, orders });
        }
        match self.current.get(&post) {
            Some(worker) => Ok((worker.id, &worker.orders)),
            None => Err(io::Error::other("it was lost")),
        }
    }

    /// No process gets new orders any more: whoever asks from now on gets another one.
    pub(super) fn relieve(&mut self) {
        self.current.clear();
    }

    /// Notes that a process ended, if it was one of these.
    pub(super) fn ended(&mut self, pid: Pid) -> Option<Ended> {
        let Living { post, work } = self.living.remove(&pid)?;
        if self.current.get(&post).is_some_and(|worker| worker.pid == pid) {
            self.current.remove(&post);
        }
        Some(Ended { uid: post.uid, unanswered: work.unanswered() })
    }

    pub(super) fn pids(&self) -> Vec<Pid> {
        self.living.keys().copied().collect()
    }
}

impl Work {
    /// The logins that were left. No order comes after this: auth is told to ask for another process.
    fn unanswered(&self) -> Vec<LoginId> {
        let mut logins = self.in_hand.logins();
        let _ = shutdown(&self.orders, Shutdown::Read);
        let mut buffer = vec![0; wire::MOST_OCTETS];
        while let Ok(Some((order, _))) = receive::<Open>(&self.orders, &mut buffer, Wait::No) {
            logins.push(order.login);
        }
        logins
    }
}

/// Forks a process: its pid, where it is sent its orders, and its work.
fn start(post: &Post, plan: &Maildrops, steer: &OwnedFd) -> io::Result<(Pid, OwnedFd, Work)> {
    let Post { uid, gid, .. } = *post;
    let state = plan.state.folder_of(uid, gid)?;
    let spool = plan.spool.as_ref().map(|spool| spool.folder_of(uid, gid)).transpose()?;
    let (orders_in, orders_out) = seqpacket::pair()?;
    let (sessions_in, sessions_out) = seqpacket::pair()?;
    let in_hand = InHand::new(plan.threads)?;
    let identity = match plan.change_user {
        true => Identity::User { uid, gid, file_group: plan.mail_group.map(Group::gid), chroot: None },
        false => Identity::Unchanged,
    };
    let ours: Vec<_> = [Some(&state), spool.as_ref()].into_iter().flatten().map(AsFd::as_fd).collect();
    let mut keep = vec![orders_out.as_fd(), sessions_out.as_fd(), in_hand.as_fd()];
    keep.extend(&ours);
    let sealed = seal::maildrop(folders(&plan.roots, &post.reach), ours);
    let part = Part { name: c"mpopd-maildrop", identity: &identity, seal: Some(sealed) };
    let role = |_, ()| {
        let channels = maildrop_role::Channels { orders: &orders_out, sessions: &sessions_out };
        let setup = maildrop_role::Setup {
            users: &plan.users,
            last_logins: last_logins(plan, &state),
            in_hand: &in_hand,
            threads: plan.threads,
            is_confined: post.reach != Reach::Anything,
        };
        match opener(plan, &state, spool.as_ref(), &sessions_out) {
            Ok(opener) => maildrop_role::run(channels, opener, setup),
            Err(error) => {
                tracing::error!("maildrop of uid {uid} cannot start: {error}");
                1
            }
        }
    };
    let pid = child::start(&part, &keep, Vec::new(), || Ok(()), role)?;
    // Only now: a session that is told of a process that could not be forked would wait for it.
    send(steer, &ToSession::Maildrop, &[sessions_in.as_fd()], Wait::No).map_err(|error| {
        // Without its channel to the session role the process ends by itself.
        io::Error::other(error.to_string())
    })?;
    Ok((pid, orders_in, Work { orders: orders_out, in_hand }))
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

/// The folders of mail that a process with this reach opens.
fn folders(roots: &Roots, reach: &Reach) -> Vec<PathBuf> {
    match reach {
        Reach::Roots => roots.folders().to_vec(),
        Reach::Folders(folders) => {
            roots.folders().iter().cloned().chain(folders.iter().cloned().map(PathBuf::from)).collect()
        }
        Reach::Anything => vec![Path::new("/").to_owned()],
    }
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
