//! The clients of the control socket: mpopdctl asks, and the supervisor answers without ever waiting for it.
//!
//! Only root and the user that mpopd runs as may connect. A client has at most one request under way; one
//! that does not take its answer is dropped.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc::control::{Answer, Request, Rereading, Verdict};
use ipc::report::Figures;
use ipc::wire::Wait;
use ipc::{receive, send};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, sockopt};

use super::control_socket::ControlSocket;
use super::speaker::Speaker;

/// The most clients at a time. A further one replaces the oldest that waits for nothing: an administrator who
/// forgets some must still get in.
const MOST_CLIENTS: usize = 16;

/// The control socket and its clients.
pub(super) struct ControlClients {
    /// `None` for `mpopd try`, which nobody controls.
    socket: Option<ControlSocket>,
    /// Closed for a moment when there are no descriptors left: a client that is never accepted would wake the
    /// loop for ever.
    spare: Option<OwnedFd>,
    /// In the order in which they connected.
    clients: Vec<ControlClient>,
    /// The number of clients and questions so far: each has a number of its own.
    numbers: u64,
    /// The figures of session roles that have ended.
    pub(super) past: Figures,
}

struct ControlClient {
    number: u64,
    channel: OwnedFd,
    waits: Waits,
}

/// What a client waits for. One that waits for nothing may ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Nothing,
    Sessions(PendingQuestion),
    Rereading {
        kind: Rereading,
        /// It began after the client asked. One that began earlier has read an older file.
        begun: bool,
    },
    /// The program that is to take over.
    Successor,
}

/// A question to the session roles of the current generation and of those that still have sessions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PendingQuestion {
    pub(super) number: u64,
    /// The generations whose answers are missing.
    pub(super) owing: Vec<u32>,
    pub(super) answer: PartialAnswer,
}

/// The session roles' answers so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PartialAnswer {
    Figures(Figures),
    /// The lists that arrived have been passed on.
    Visitors {
        heard: bool,
    },
    Kicked(Option<u32>),
}

impl ControlClients {
    pub(super) fn new(socket: Option<ControlSocket>) -> Self {
        Self { socket, spare: spare(), clients: Vec::new(), numbers: 0, past: Figures::default() }
    }

    /// What to wait for.
    pub(super) fn speakers(&self) -> impl Iterator<Item = (Speaker, BorrowedFd<'_>, PollFlags)> {
        let socket =
            self.socket.iter().map(|socket| (Speaker::Clients, socket.socket.as_fd(), PollFlags::IN));
        let clients = self.clients.iter().map(|client| {
            // Of a client that waits, only its end matters.
            let events = if client.waits == Waits::Nothing { PollFlags::IN } else { PollFlags::empty() };
            (Speaker::Client(client.number), client.channel.as_fd(), events)
        });
        socket.chain(clients)
    }

    /// Accepts a client that has connected.
    pub(super) fn accept(&mut self) {
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
            // The file's mode keeps others out; this is for file systems without modes.
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
        self.clients.push(ControlClient { number, channel, waits: Waits::Nothing });
    }

    /// A re-reading of this kind begins: the clients that have asked wait for this one.
    pub(super) fn begin(&mut self, wanted: Rereading) {
        for client in &mut self.clients {
            match &mut client.waits {
                Waits::Rereading { kind, begun } if *kind == wanted => *begun = true,
                _ => {}
            }
        }
    }

    /// Reports the outcome of a re-reading of this kind to the clients that wait for it.
    pub(super) fn report_reread(&mut self, kind: Rereading, verdict: &Verdict) {
        let awaited = Waits::Rereading { kind, begun: true };
        let waiting = self.clients.iter().filter(|client| client.waits == awaited);
        let waiting: Vec<u64> = waiting.map(|client| client.number).collect();
        for number in waiting {
            self.answer(number, &Answer::Reread(verdict.clone()), &[]);
        }
    }

    /// A session role has ended: keeps what it counted.
    pub(super) fn remember(&mut self, figures: Figures) {
        self.past.add(&figures.totals());
    }

    /// The socket, for another program.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(|socket| socket.socket.as_fd())
    }

    /// From now on no other process serves the socket.
    pub(super) fn take_over(&mut self) {
        self.socket.iter_mut().for_each(ControlSocket::take_over);
    }

    /// From now on another process serves the socket.
    pub(super) fn give_up(&mut self) {
        self.socket = None;
    }

    /// Lets this client wait for the program that is to take over.
    pub(super) fn await_successor(&mut self, number: u64) {
        self.wait_for(number, Waits::Successor);
    }

    /// Removes the socket's file.
    pub(super) fn close(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.remove();
        }
    }

    /// The next request of a client. A client that is gone or makes no sense is dropped.
    pub(super) fn hear(&mut self, number: u64, buffer: &mut [u8]) -> Option<Request> {
        let client = self.clients.iter().find(|client| client.number == number)?;
        match receive::<Request>(&client.channel, buffer, Wait::No) {
            // It has not waited for its last answer: it is not mpopdctl, or it is gone.
            Ok(Some(_)) if client.waits != Waits::Nothing => {}
            Ok(Some((request, _))) => return Some(request),
            Ok(None) => {}
            Err(error) if error.would_block() => return None,
            Err(error) => tracing::warn!("a client of the control socket is dropped: {error}"),
        }
        self.clients.retain(|client| client.number != number);
        None
    }

    /// Answers a client, which may ask again afterwards.
    pub(super) fn answer(&mut self, number: u64, answer: &Answer, descriptors: &[BorrowedFd<'_>]) {
        self.answer_and_wait(number, answer, descriptors, Waits::Nothing);
    }

    /// Answers a client, which then waits for something else.
    pub(super) fn answer_and_wait(
        &mut self,
        number: u64,
        answer: &Answer,
        descriptors: &[BorrowedFd<'_>],
        waits: Waits,
    ) {
        self.pass(number, answer, descriptors);
        self.wait_for(number, waits);
    }

    /// Sets what a client waits for. Returns whether it is still there.
    pub(super) fn wait_for(&mut self, number: u64, waits: Waits) -> bool {
        match self.clients.iter_mut().find(|client| client.number == number) {
            Some(client) => {
                client.waits = waits;
                true
            }
            None => false,
        }
    }

    /// Sends a client a part of its answer; it goes on waiting.
    pub(super) fn pass(&mut self, number: u64, answer: &Answer, descriptors: &[BorrowedFd<'_>]) {
        let Some(at) = self.clients.iter().position(|client| client.number == number) else { return };
        let Some(client) = self.clients.get(at) else { return };
        if let Err(error) = send(&client.channel, answer, descriptors, Wait::No) {
            tracing::debug!("a client of the control socket does not take its answer: {error}");
            self.clients.remove(at);
        }
    }

    /// The clients that wait for session roles.
    pub(super) fn asked(&mut self) -> impl Iterator<Item = (u64, &mut PendingQuestion)> {
        self.clients.iter_mut().filter_map(|client| match &mut client.waits {
            Waits::Sessions(asked) => Some((client.number, asked)),
            Waits::Nothing | Waits::Rereading { .. } | Waits::Successor => None,
        })
    }

    /// A number for the next client or question.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

fn spare() -> Option<OwnedFd> {
    std::fs::File::open("/dev/null").ok().map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

    /// A client that waits for a re-reading, and its end of the connection.
    fn waiting(kind: Rereading) -> (ControlClients, OwnedFd, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let mut control = ControlClients::new(Some(ControlSocket::bind(&path).unwrap()));
        let flags = SocketFlags::CLOEXEC;
        let ours = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        rustix::net::connect(&ours, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        control.accept();
        let client = control.clients[0].number;
        control.answer_and_wait(client, &Answer::Awaiting, &[], Waits::Rereading { kind, begun: false });
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
        control.report_reread(Rereading::Config, &verdict);
        assert_eq!(heard(&client), None, "that one had read an older file");
        control.begin(Rereading::Refresh);
        control.report_reread(Rereading::Config, &verdict);
        assert_eq!(heard(&client), None, "nor is it one of the other kind");
        control.begin(Rereading::Config);
        control.report_reread(Rereading::Config, &verdict);
        assert_eq!(heard(&client), Some(Answer::Reread(verdict.clone())));
        control.report_reread(Rereading::Config, &verdict);
        assert_eq!(heard(&client), None, "once");
    }
}
