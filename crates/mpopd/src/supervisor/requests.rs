//! Answers the requests of mpopdctl.

use std::os::fd::{AsFd, OwnedFd};

use ipc::control::{ControlReply, ControlRequest, Port, Status};
use ipc::report::SessionFigures;
use ipc::steer::{SteerAnswer, SteerQuestion};
use session_role::Security;

use super::clients::{PartialAnswer, PendingQuestion, Waits};
use super::state::Supervisor;

impl Supervisor {
    /// Carries out what a client asks for.
    pub(super) fn serve_client(&mut self, client: u64, buffer: &mut [u8]) {
        let Some(request) = self.clients.hear(client, buffer) else { return };
        match request {
            ControlRequest::Status => {
                self.ask(client, &SteerQuestion::Figures, PartialAnswer::Figures(self.clients.past.clone()))
            }
            ControlRequest::Who => {
                self.ask(client, &SteerQuestion::Connections, PartialAnswer::Visitors { heard: false })
            }
            ControlRequest::Kick(who) => {
                tracing::info!("mpopdctl kicks {}", logging::Untrusted(who.as_bytes()));
                self.ask(client, &SteerQuestion::Kick(who), PartialAnswer::Kicked(None));
            }
            ControlRequest::Upgrade => self.upgrade(client),
            ControlRequest::Await(kind) => {
                let waits = Waits::Rereading { kind, begun: false };
                self.clients.answer_and_wait(client, &ControlReply::Awaiting, &[], waits);
            }
        }
    }

    /// Asks the session roles for a client. The answers arrive in [`Supervisor::session_answers`].
    fn ask(&mut self, client: u64, question: &SteerQuestion, answer: PartialAnswer) {
        let number = self.clients.next_number();
        let generations = self.current.iter().chain(&self.leaving);
        let asked = generations.filter(|generation| generation.ask(number, question.clone()));
        let owing = asked.map(|generation| generation.number).collect();
        if self.clients.wait_for(client, Waits::Sessions(PendingQuestion { number, owing, answer })) {
            self.answer_if_complete(client);
        }
    }

    /// A session role answers: passes it on to the client that waits for it.
    pub(super) fn session_answers(
        &mut self,
        generation: u32,
        number: u64,
        told: SteerAnswer,
        descriptors: &[OwnedFd],
    ) {
        let Some((client, asked)) = self.clients.asked().find(|(_, asked)| asked.number == number) else {
            return;
        };
        asked.owing.retain(|owing| *owing != generation);
        let mut visitors = None;
        match (&mut asked.answer, told) {
            (PartialAnswer::Figures(sum), SteerAnswer::Figures(figures)) => sum.add(&figures),
            (PartialAnswer::Kicked(sum), SteerAnswer::Kicked(more)) => {
                *sum = Some(sum.unwrap_or(0).saturating_add(more))
            }
            (PartialAnswer::Visitors { heard }, SteerAnswer::Connections(packed)) => {
                *heard = true;
                visitors = Some(packed);
            }
            // No answer: the session role has logged why.
            _ => {}
        }
        if let Some(packed) = visitors {
            let memory: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            self.clients.pass(client, &ControlReply::Connections(packed), &memory);
        }
        self.answer_if_complete(client);
    }

    /// A session role is gone, and with it the answers that it owed.
    pub(super) fn session_lost(&mut self, generation: u32) {
        let mut waiting = Vec::new();
        for (client, asked) in self.clients.asked() {
            asked.owing.retain(|owing| *owing != generation);
            waiting.push(client);
        }
        waiting.into_iter().for_each(|client| self.answer_if_complete(client));
    }

    fn answer_if_complete(&mut self, client: u64) {
        let Some((_, asked)) = self.clients.asked().find(|(waiting, _)| *waiting == client) else { return };
        if !asked.owing.is_empty() {
            return;
        }
        let answer = match &mut asked.answer {
            PartialAnswer::Figures(figures) => {
                let figures = std::mem::take(figures);
                ControlReply::Status(self.status(figures))
            }
            PartialAnswer::Visitors { heard: true } => ControlReply::NoMoreConnections,
            PartialAnswer::Kicked(Some(sessions)) => ControlReply::Kicked(*sessions),
            PartialAnswer::Visitors { heard: false } | PartialAnswer::Kicked(None) => unavailable(),
        };
        self.clients.answer(client, &answer, &[]);
    }

    fn status(&self, figures: SessionFigures) -> Status {
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

fn unavailable() -> ControlReply {
    ControlReply::Refused("the session role cannot answer now, it is being restarted: ask again".to_owned())
}
