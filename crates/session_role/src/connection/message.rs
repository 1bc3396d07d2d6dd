//! Sends a message: RETR and TOP.

use ipc::mail::NotFetched;
use logging::Untrusted;
use pop3::MessageListing as _;
use pop3::{EncodeProgress, FetchRequest, MessageError, Shutdown};
use tokio::time::Instant;

use super::handler::ConnectionHandler;
use crate::maildrop::NoBody;
use crate::stream::buffers;

impl ConnectionHandler {
    /// Sends a message, or the part of it that TOP asks for.
    pub(super) async fn send_message(&mut self, request: FetchRequest) -> Result<(), Shutdown> {
        let Some(mail) = self.mail.as_mut() else { return Err(Shutdown::ServerError) };
        let began = Instant::now();
        let body = match mail.body(request.message.get(), self.session).await {
            Ok(body) => body,
            Err(NoBody::Lost) => return Err(Shutdown::ServerError),
            Err(NoBody::NotFetched(why)) => {
                let fault = match why {
                    NotFetched::Vanished => MessageError::Gone,
                    NotFetched::Temporary => MessageError::Temporary,
                };
                self.dialogue.message_failed(fault, &mut self.out);
                return Ok(());
            }
        };
        let Some(mut encoder) = self.dialogue.begin_message(&mut self.out) else {
            return Err(Shutdown::ServerError);
        };
        encoder.encode(&body.prefix, &mut self.out);
        let mut at = 0;
        while at < body.length {
            let (chunk, read) = body.read(at, buffers::chunk()).await;
            let octets = match read {
                Ok(octets) => octets,
                Err(error) => {
                    // Without the terminator the client cannot take half a message for a whole one.
                    tracing::error!(
                        "message {} of user={} breaks off after {at} of {} octets: {error}",
                        request.message,
                        Untrusted(self.user_name().as_bytes()),
                        body.length,
                    );
                    return Err(Shutdown::ServerError);
                }
            };
            let progress = encoder.encode(chunk.get(..octets).unwrap_or_default(), &mut self.out);
            buffers::give_back_chunk(chunk);
            at += u64::try_from(octets).unwrap_or(u64::MAX);
            if progress == EncodeProgress::Enough {
                break;
            }
            if self.out.len() >= buffers::CHUNK {
                self.stream.send(&mut self.out).await?;
            }
        }
        let sent = self.dialogue.end_message(encoder, &mut self.out);
        match (&mut self.mail, request.lines) {
            (Some(mail), None) => {
                mail.notes().retrieved(sent);
                mail.was_read(request.message.get());
                self.shared.counters.messages_retrieved.add(1);
                self.shared.counters.retr_time.observe(began.elapsed());
            }
            _ => self.shared.counters.messages_topped.add(1),
        }
        if request.lines.is_none()
            && self.dialogue.listing().map(|listing| listing.octets(request.message)) != Some(sent)
        {
            tracing::warn!(
                "message {} of user={} was changed by another program: {sent} octets sent",
                request.message,
                Untrusted(self.user_name().as_bytes()),
            );
        }
        Ok(())
    }
}
