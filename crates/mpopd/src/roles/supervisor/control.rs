//! The supervisor's side of the control socket: mpopdctl asks, and is answered without ever being waited for.
//!
//! Only root and the user that mpopd runs as are heard. A client has one request under way at most; one that does not
//! take its answer is dropped.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc::control::{Answer, Port, Request, Rereading, Status, Verdict};
use ipc::steer::{FromSession, Question, ToSession, Told};
use ipc::wire::Wait;
use ipc::{receive, send};
use rustix::event::PollFlags;
use rustix::net::{SocketFlags, accept_with, sockopt};
use rustix::process::Signal as Kill;

use super::{Source, Supervisor};
use crate::control_socket::ControlSocket;
use crate::listen::Security;

/// The most clients at a time. Another one takes the place of the oldest that asks for nothing: an administrator who
/// forgets some must still get in.
const MOST_CLIENTS: usize = 16;

/// All clients there are.
pub(super) struct Control {
    /// `None` where there is nobody to control it: `mpopd try`.
    socket: Option<ControlSocket>,
    /// In the order in which they came.
    clients: Vec<Client>,
    /// How many clients and questions there were: each has a number of its own.
    numbers: u64,
}

struct Client {
    number: u64,
    channel: OwnedFd,
    waits: Waits,
}

/// For what a client waits. One that waits for nothing may ask.
#[derive(Debug, PartialEq, Eq)]
enum Waits {
    Nothing,
    /// For the session role's answer to this question.
    Session(u64),
    Rereading(Rereading),
}

impl Control {
    pub(super) fn new(socket: Option<ControlSocket>) -> Control {
        Control { socket, clients: Vec::new(), numbers: 0 }
    }

    /// What to listen to.
    pub(super) fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
        let socket = self.socket.iter().map(|socket| (Source::Clients, socket.socket.as_fd(), PollFlags::IN));
        let clients = self.clients.iter().map(|client| {
            // Of one that waits only its end is of interest.
            let events = if client.waits == Waits::Nothing { PollFlags::IN } else { PollFlags::empty() };
            (Source::Client(client.number), client.channel.as_fd(), events)
        });
        socket.chain(clients)
    }

    /// Takes in a client that has connected.
    pub(super) fn admit(&mut self) {
        let Some(socket) = &self.socket else { return };
        let channel = match accept_with(&socket.socket, SocketFlags::CLOEXEC) {
            Ok(channel) => channel,
            Err(error) => {
                tracing::debug!("a client of the control socket was gone: {error}");
                return;
            }
        };
        let me = rustix::process::geteuid();
        match sockopt::socket_peercred(&channel) {
            Ok(peer) if peer.uid.is_root() || peer.uid == me => {}
            // The file's mode keeps others out; this is for a folder on a file system that knows no modes.
            Ok(peer) => {
                tracing::warn!("uid {} may not use the control socket", peer.uid.as_raw());
                return;
            }
            Err(error) => {
                tracing::error!("a client of the control socket is unknown: {error}");
                return;
            }
        }
        if self.clients.len() >= MOST_CLIENTS {
            match self.clients.iter().position(|client| client.waits == Waits::Nothing) {
                Some(silent) => drop(self.clients.remove(silent)),
                None => {
                    tracing::warn!("more than {MOST_CLIENTS} clients wait at the control socket");
                    return;
                }
            }
        }
        let number = self.next_number();
        self.clients.push(Client { number, channel, waits: Waits::Nothing });
    }

    /// Tells those who wait for a re-reading of this kind what became of it.
    pub(super) fn tell(&mut self, kind: Rereading, verdict: &Verdict) {
        let waiting = self.clients.iter().filter(|client| client.waits == Waits::Rereading(kind));
        let waiting: Vec<u64> = waiting.map(|client| client.number).collect();
        for number in waiting {
            self.answer(number, &Answer::Reread(verdict.clone()), &[]);
        }
    }

    /// The session role is gone, and with it the answers that it owed.
    pub(super) fn session_lost(&mut self) {
        let waiting = self.clients.iter().filter(|client| matches!(client.waits, Waits::Session(_)));
        let waiting: Vec<u64> = waiting.map(|client| client.number).collect();
        for number in waiting {
            self.answer(number, &unavailable(), &[]);
        }
    }

    /// Removes the socket's file.
    pub(super) fn close(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.remove();
        }
    }

    /// The next request of a client. One that is gone or makes no sense is dropped.
    fn hear(&mut self, number: u64, buffer: &mut [u8]) -> Option<Request> {
        let client = self.clients.iter().find(|client| client.number == number)?;
        match receive::<Request>(&client.channel, buffer, Wait::No) {
            // It has not taken in the answer to its last one: it is not ours, or it is gone.
            Ok(Some(_)) if client.waits != Waits::Nothing => {}
            Ok(Some((request, _))) => return Some(request),
            Ok(None) => {}
            Err(error) if error.would_block() => return None,
            Err(error) => tracing::warn!("a client of the control socket is dropped: {error}"),
        }
        self.clients.retain(|client| client.number != number);
        None
    }

    /// Answers a client, which may ask again after it.
    fn answer(&mut self, number: u64, answer: &Answer, descriptors: &[BorrowedFd<'_>]) {
        self.say(number, answer, descriptors, Waits::Nothing);
    }

    fn say(&mut self, number: u64, answer: &Answer, descriptors: &[BorrowedFd<'_>], waits: Waits) {
        let Some(at) = self.clients.iter().position(|client| client.number == number) else { return };
        let Some(client) = self.clients.get_mut(at) else { return };
        match send(&client.channel, answer, descriptors, Wait::No) {
            Ok(()) => client.waits = waits,
            Err(error) => {
                tracing::debug!("a client of the control socket does not take its answer: {error}");
                self.clients.remove(at);
            }
        }
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Supervisor {
    /// Carries out what a client asks for.
    pub(super) fn obey(&mut self, client: u64, buffer: &mut [u8]) {
        let Some(request) = self.control.hear(client, buffer) else { return };
        match request {
            Request::Status => self.ask_session(client, Question::Figures),
            Request::Who => self.ask_session(client, Question::Visitors),
            Request::Kick(who) => {
                tracing::info!("mpopdctl kicks {}", crate::log::Untrusted(who.as_bytes()));
                self.ask_session(client, Question::Kick(who));
            }
            Request::Await(kind) => {
                self.control.say(client, &Answer::Awaiting, &[], Waits::Rereading(kind));
            }
        }
    }

    /// Asks the session role in a client's name. The answer comes by [`Supervisor::hear_session`].
    fn ask_session(&mut self, client: u64, question: Question) {
        let number = self.control.next_number();
        let is_status = question == Question::Figures;
        let asked = self.session.running.as_ref().is_some_and(|(_, steer)| {
            send(steer, &ToSession::Ask { number, question }, &[], Wait::No).is_ok()
        });
        match self.control.clients.iter_mut().find(|waiting| waiting.number == client) {
            Some(waiting) if asked => waiting.waits = Waits::Session(number),
            _ if is_status => self.control.answer(client, &Answer::Status(self.status(None)), &[]),
            _ => self.control.answer(client, &unavailable(), &[]),
        }
    }

    /// Passes an answer of the session role on to the client that waits for it.
    pub(super) fn hear_session(&mut self, buffer: &mut [u8]) {
        let Some((pid, steer)) = &self.session.running else { return };
        let (answer, descriptors) = match receive::<FromSession>(steer, buffer, Wait::No) {
            Ok(Some(heard)) => heard,
            Err(error) if error.would_block() => return,
            // Mostly it has just ended, and SIGCHLD says so. If not, it shall: nobody can steer it any more.
            Ok(None) => {
                let _ = sys::process::signal(*pid, Kill::KILL);
                return;
            }
            Err(error) => {
                tracing::error!("the session process is ended: {error}");
                let _ = sys::process::signal(*pid, Kill::KILL);
                return;
            }
        };
        let waits = Waits::Session(answer.number);
        let Some(client) = self.control.clients.iter().find(|client| client.waits == waits) else { return };
        let client = client.number;
        let memory: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        match answer.told {
            Told::Figures(figures) => {
                let status = self.status(Some(figures));
                self.control.answer(client, &Answer::Status(status), &[]);
            }
            Told::Visitors(packed) => self.control.answer(client, &Answer::Visitors(packed), &memory),
            Told::Kicked(sessions) => self.control.answer(client, &Answer::Kicked(sessions), &[]),
            Told::Failed => self.control.answer(client, &unavailable(), &[]),
        }
    }

    fn status(&self, figures: Option<ipc::report::Figures>) -> Status {
        let ports = self.plan.listeners.iter();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            ports: ports
                .map(|listener| Port { address: listener.address, tls: listener.security == Security::Tls })
                .collect(),
            uptime: self.began.elapsed().as_secs(),
            figures,
        }
    }
}

fn unavailable() -> Answer {
    Answer::Refused("the session role cannot answer now, it is being restarted: ask again".to_owned())
}
