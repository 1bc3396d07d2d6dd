//! The supervisor's side of the control socket: mpopdctl asks, and is answered without ever being waited for.
//!
//! Only root and the user that mpopd runs as are heard. A client has one request under way at most; one that does not
//! take its answer is dropped.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc::control::{Answer, Port, Request, Rereading, Status, Verdict};
use ipc::report::Figures;
use ipc::steer::{Question, Told};
use ipc::wire::Wait;
use ipc::{receive, send};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, sockopt};

use super::{Speaker, Supervisor};
use crate::start::control_socket::ControlSocket;
use session_role::Security;

/// The most clients at a time. Another one takes the place of the oldest that asks for nothing: an administrator who
/// forgets some must still get in.
const MOST_CLIENTS: usize = 16;

/// All clients there are.
pub(super) struct Control {
    /// `None` where there is nobody to control it: `mpopd try`.
    socket: Option<ControlSocket>,
    /// Given up for a moment when there are no descriptors left: a client that is not taken in would wake us for ever.
    spare: Option<OwnedFd>,
    /// In the order in which they came.
    clients: Vec<Client>,
    /// How many clients and questions there were: each has a number of its own.
    numbers: u64,
    /// What session roles counted that have ended.
    past: Figures,
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
    Sessions(Asked),
    Rereading {
        kind: Rereading,
        /// It has begun after the client asked. The verdict on one that had begun before would be on an older file.
        begun: bool,
    },
    /// For the program that is to take over.
    Successor,
}

/// A question to the session roles: of the current generation, and of those that still have sessions.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    number: u64,
    /// The generations whose answers are missing.
    owing: Vec<u32>,
    answer: Gathered,
}

/// What the session roles have answered so far.
#[derive(Debug, PartialEq, Eq)]
enum Gathered {
    Figures(Figures),
    /// Those who answered have been passed on.
    Visitors {
        heard: bool,
    },
    Kicked(Option<u32>),
}

impl Control {
    pub(super) fn new(socket: Option<ControlSocket>) -> Control {
        Control { socket, spare: spare(), clients: Vec::new(), numbers: 0, past: Figures::default() }
    }

    /// What to listen to.
    pub(super) fn sources(&self) -> impl Iterator<Item = (Speaker, BorrowedFd<'_>, PollFlags)> {
        let socket =
            self.socket.iter().map(|socket| (Speaker::Clients, socket.socket.as_fd(), PollFlags::IN));
        let clients = self.clients.iter().map(|client| {
            // Of one that waits only its end is of interest.
            let events = if client.waits == Waits::Nothing { PollFlags::IN } else { PollFlags::empty() };
            (Speaker::Client(client.number), client.channel.as_fd(), events)
        });
        socket.chain(clients)
    }

    /// Takes in a client that has connected.
    pub(super) fn admit(&mut self) {
        let Some(socket) = &self.socket else { return };
        let channel = match accept_with(&socket.socket, SocketFlags::CLOEXEC) {
            Ok(channel) => channel,
            Err(error @ (Errno::MFILE | Errno::NFILE)) => {
                tracing::error!("no client of the control socket can be heard: {error}");
                self.spare = None;
                drop(accept_with(&socket.socket, SocketFlags::CLOEXEC));
                self.spare = spare();
                return;
            }
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

    /// A re-reading of this kind begins: this is what those wait for who have asked.
    pub(super) fn begin(&mut self, wanted: Rereading) {
        for client in &mut self.clients {
            match &mut client.waits {
                Waits::Rereading { kind, begun } if *kind == wanted => *begun = true,
                _ => {}
            }
        }
    }

    /// Tells those who wait for a re-reading of this kind what became of it.
    pub(super) fn tell(&mut self, kind: Rereading, verdict: &Verdict) {
        let awaited = Waits::Rereading { kind, begun: true };
        let waiting = self.clients.iter().filter(|client| client.waits == awaited);
        let waiting: Vec<u64> = waiting.map(|client| client.number).collect();
        for number in waiting {
            self.answer(number, &Answer::Reread(verdict.clone()), &[]);
        }
    }

    /// A session role has ended, and had counted this.
    pub(super) fn remember(&mut self, figures: Figures) {
        self.past.add(&figures.totals());
    }

    /// The socket, for another program.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(|socket| socket.socket.as_fd())
    }

    /// From here on no other process serves the socket.
    pub(super) fn take_over(&mut self) {
        self.socket.iter_mut().for_each(ControlSocket::take_over);
    }

    /// From here on another process serves the socket.
    pub(super) fn give_up(&mut self) {
        self.socket = None;
    }

    /// This client waits for the program that is to take over.
    pub(super) fn await_successor(&mut self, number: u64) {
        if let Some(client) = self.clients.iter_mut().find(|client| client.number == number) {
            client.waits = Waits::Successor;
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
    pub(super) fn answer(&mut self, number: u64, answer: &Answer, descriptors: &[BorrowedFd<'_>]) {
        self.say(number, answer, descriptors, Waits::Nothing);
    }

    fn say(&mut self, number: u64, answer: &Answer, descriptors: &[BorrowedFd<'_>], waits: Waits) {
        self.pass(number, answer, descriptors);
        if let Some(client) = self.clients.iter_mut().find(|client| client.number == number) {
            client.waits = waits;
        }
    }

    /// Tells a client something while it goes on waiting.
    fn pass(&mut self, number: u64, answer: &Answer, descriptors: &[BorrowedFd<'_>]) {
        let Some(at) = self.clients.iter().position(|client| client.number == number) else { return };
        let Some(client) = self.clients.get(at) else { return };
        if let Err(error) = send(&client.channel, answer, descriptors, Wait::No) {
            tracing::debug!("a client of the control socket does not take its answer: {error}");
            self.clients.remove(at);
        }
    }

    /// The clients that wait for session roles.
    fn asked(&mut self) -> impl Iterator<Item = (u64, &mut Asked)> {
        self.clients.iter_mut().filter_map(|client| match &mut client.waits {
            Waits::Sessions(asked) => Some((client.number, asked)),
            Waits::Nothing | Waits::Rereading { .. } | Waits::Successor => None,
        })
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
            Request::Status => {
                self.ask(client, &Question::Figures, Gathered::Figures(self.control.past.clone()))
            }
            Request::Who => self.ask(client, &Question::Visitors, Gathered::Visitors { heard: false }),
            Request::Kick(who) => {
                tracing::info!("mpopdctl kicks {}", logging::Untrusted(who.as_bytes()));
                self.ask(client, &Question::Kick(who), Gathered::Kicked(None));
            }
            Request::Upgrade => self.upgrade(client),
            Request::Await(kind) => {
                let waits = Waits::Rereading { kind, begun: false };
                self.control.say(client, &Answer::Awaiting, &[], waits);
            }
        }
    }

    /// Asks the session roles in a client's name. The answers come by [`Supervisor::session_answers`].
    fn ask(&mut self, client: u64, question: &Question, answer: Gathered) {
        let number = self.control.next_number();
        let generations = self.current.iter().chain(&self.leaving);
        let asked = generations.filter(|generation| generation.ask(number, question.clone()));
        let owing = asked.map(|generation| generation.number).collect();
        if let Some(waiting) = self.control.clients.iter_mut().find(|waiting| waiting.number == client) {
            waiting.waits = Waits::Sessions(Asked { number, owing, answer });
            self.answer_if_complete(client);
        }
    }

    /// A session role answers: this is for the client that waits for it.
    pub(super) fn session_answers(
        &mut self,
        generation: u32,
        number: u64,
        told: Told,
        descriptors: &[OwnedFd],
    ) {
        let Some((client, asked)) = self.control.asked().find(|(_, asked)| asked.number == number) else {
            return;
        };
        asked.owing.retain(|owing| *owing != generation);
        let mut visitors = None;
        match (&mut asked.answer, told) {
            (Gathered::Figures(sum), Told::Figures(figures)) => sum.add(&figures),
            (Gathered::Kicked(sum), Told::Kicked(more)) => *sum = Some(sum.unwrap_or(0).saturating_add(more)),
            (Gathered::Visitors { heard }, Told::Visitors(packed)) => {
                *heard = true;
                visitors = Some(packed);
            }
            // Not told: the session role has logged why.
            _ => {}
        }
        if let Some(packed) = visitors {
            let memory: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            self.control.pass(client, &Answer::Visitors(packed), &memory);
        }
        self.answer_if_complete(client);
    }

    /// A session role is gone, and with it the answers that it owed.
    pub(super) fn session_lost(&mut self, generation: u32) {
        let mut waiting = Vec::new();
        for (client, asked) in self.control.asked() {
            asked.owing.retain(|owing| *owing != generation);
            waiting.push(client);
        }
        waiting.into_iter().for_each(|client| self.answer_if_complete(client));
    }

    fn answer_if_complete(&mut self, client: u64) {
        let Some((_, asked)) = self.control.asked().find(|(waiting, _)| *waiting == client) else { return };
        if !asked.owing.is_empty() {
            return;
        }
        let answer = match &mut asked.answer {
            Gathered::Figures(figures) => {
                let figures = std::mem::take(figures);
                Answer::Status(self.status(figures))
            }
            Gathered::Visitors { heard: true } => Answer::NoMoreVisitors,
            Gathered::Kicked(Some(sessions)) => Answer::Kicked(*sessions),
            Gathered::Visitors { heard: false } | Gathered::Kicked(None) => unavailable(),
        };
        self.control.answer(client, &answer, &[]);
    }

    fn status(&self, figures: Figures) -> Status {
        let ports = self.current.iter().flat_map(|current| current.plan.arrivals.listeners());
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

fn spare() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

fn unavailable() -> Answer {
    Answer::Refused("the session role cannot answer now, it is being restarted: ask again".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

    /// A client that waits for a re-reading, and its end of the connection.
    fn waiting(kind: Rereading) -> (Control, OwnedFd, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let mut control = Control::new(Some(ControlSocket::bind(&path).unwrap()));
        let flags = SocketFlags::CLOEXEC;
        let ours = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        rustix::net::connect(&ours, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        control.admit();
        let client = control.clients[0].number;
        control.say(client, &Answer::Awaiting, &[], Waits::Rereading { kind, begun: false });
        assert_eq!(heard(&ours), Some(Answer::Awaiting));
        (control, ours, folder)
    }

    fn heard(client: &OwnedFd) -> Option<Answer> {
        let mut buffer = vec![0; ipc::wire::MOST_OCTETS];
        match receive::<Answer>(client, &mut buffer, Wait::No) {
            Ok(heard) => heard.map(|(answer, _)| answer),
            Err(error) => {
                assert!(error.would_block(), "{error}");
                None
            }
        }
    }

    #[test]
    fn a_verdict_is_on_a_reading_that_began_after_the_question() {
        let (mut control, client, _folder) = waiting(Rereading::Config);
        let verdict = Verdict::InForce { port: 110 };
        control.tell(Rereading::Config, &verdict);
        assert_eq!(heard(&client), None, "that one had read an older file");
        control.begin(Rereading::Refresh);
        control.tell(Rereading::Config, &verdict);
        assert_eq!(heard(&client), None, "nor is it one of the other kind");
        control.begin(Rereading::Config);
        control.tell(Rereading::Config, &verdict);
        assert_eq!(heard(&client), Some(Answer::Reread(verdict.clone())));
        control.tell(Rereading::Config, &verdict);
        assert_eq!(heard(&client), None, "once");
    }
}
