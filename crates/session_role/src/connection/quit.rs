//! Carries out QUIT.

use ipc::Numbers;
use ipc::mail::Outcome;
use logging::step;
use pop3::{CloseReason, Commit, Deletions, MessageNumber};
use tokio::time::Instant;

use super::handler::ConnectionHandler;

impl ConnectionHandler {
    /// Removes the marked messages and closes the maildrop. Nothing interrupts this, not even the loss of the
    /// connection: the client has sent QUIT.
    pub(super) async fn finish(&mut self, marked: &Deletions) {
        self.record.finishing();
        let began = Instant::now();
        let numbers: Vec<u32> = marked.iter().map(MessageNumber::get).collect();
        let wanted = marked.len();
        step!(self.session, "session", "finish", "finish asked", deleted = wanted);
        let commit = match (self.mail.take(), Numbers::new(numbers)) {
            (Some(mut mail), Ok(deleted)) => {
                mail.notes().closed(CloseReason::Quit.as_str());
                match mail.finish(deleted).await {
                    Ok(Outcome::Removed) => Commit::Done,
                    Ok(Outcome::Remaining(left)) => Commit::Partial { removed: wanted.saturating_sub(left) },
                    Ok(Outcome::Changed) | Err(_) => Commit::Failed,
                }
            }
            _ => Commit::Failed,
        };
        let took = began.elapsed();
        step!(self.session, "session", "finish", "finish answered", us = logging::micros(took));
        self.dialogue.finished(commit, &mut self.out);
        self.shared.counters.messages_removed.add(u64::from(self.dialogue.tally().removed));
        self.shared.counters.quit_time.observe(took);
    }
}
