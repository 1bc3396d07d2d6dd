//! One session, from the connection to QUIT, with all its checks.

mod command;
mod listing;
mod recorded;
pub(crate) mod slot;
mod wire_check;

use std::time::Instant;

use command::SessionCommand;
use listing::CheckedListing;
use recorded::RecordedClient;
use slot::SessionSlot;
use wire_check::WireCheck;

use crate::failure::{FailureKind, SessionFailure};
use crate::load_run::LoadRun;
use crate::measure::{SessionRecord, TimedPhase};
use crate::plan::{SessionMode, TlsMode};
use crate::reference::SeenMessages;
use crate::users::Turn;

/// Commands that `--pipeline` sends at once. They fit into the smallest socket buffers, in case the server
/// stops reading while it sends.
const PIPELINE: usize = 32;

/// Holds one session for the user of `turn`. Times count from `due`. At most `limit` messages are downloaded.
///
/// # Errors
///
/// The first thing that is wrong. A session that fails never reaches QUIT, so it deletes nothing.
pub(crate) async fn hold(
    run: &LoadRun,
    slot: &mut SessionSlot,
    turn: &Turn,
    due: Instant,
    limit: Option<u32>,
) -> Result<(), SessionFailure> {
    let SessionSlot { buffers, listing, body, transcript, record } = slot;
    listing.clear();
    let named = |failure: SessionFailure| failure.prefixed(&turn.user().name);
    let client = RecordedClient::connect(&run.server, buffers, transcript).await.map_err(named)?;
    let client = greet(run, client, record, due).await.map_err(named)?;
    let seen = run.references.get(turn.index).map(|reference| match run.plan.mode {
        SessionMode::Drain => run.ledger.delivered(turn.index, reference),
        _ => reference.nothing_seen(),
    });
    let mut session =
        LoadSession { run, turn, limit, client, record, listing, body, seen, login_began: due, deleted: 0 };
    session.play().await.map_err(named)?;
    session.record.time(TimedPhase::Session, session.client.heard() - due);
    Ok(())
}

/// Reads the greeting, and begins TLS where it is due.
async fn greet<'a>(
    run: &LoadRun,
    mut client: RecordedClient<'a>,
    record: &mut SessionRecord,
    due: Instant,
) -> Result<RecordedClient<'a>, SessionFailure> {
    if run.plan.tls == TlsMode::Pop3s {
        client = secure(run, client, record).await?;
    }
    if let (false, text) = client.reply(&"the greeting").await? {
        let text = format!("greeting: -ERR {}", text.escape_ascii());
        return Err(SessionFailure::new(FailureKind::Greeting, text));
    }
    if run.plan.tls == TlsMode::Stls {
        client.queue(format_args!("{}", SessionCommand::Stls), None);
        client.flush().await?;
        if let (false, text) = client.reply(&SessionCommand::Stls).await? {
            return Err(refused(SessionCommand::Stls, text));
        }
        client = secure(run, client, record).await?;
    }
    record.time(TimedPhase::Connect, client.heard() - due);
    Ok(client)
}

async fn secure<'a>(
    run: &LoadRun,
    client: RecordedClient<'a>,
    record: &mut SessionRecord,
) -> Result<RecordedClient<'a>, SessionFailure> {
    let began = Instant::now();
    let client = client.secured(&run.server).await?;
    record.time(TimedPhase::Tls, client.heard() - began);
    Ok(client)
}

struct LoadSession<'a> {
    run: &'a LoadRun,
    turn: &'a Turn,
    limit: Option<u32>,
    client: RecordedClient<'a>,
    record: &'a mut SessionRecord,
    listing: &'a mut CheckedListing,
    body: &'a mut Vec<u8>,
    /// With `--verify`: the messages that have been delivered.
    seen: Option<SeenMessages<'a>>,
    login_began: Instant,
    /// How many messages are marked as deleted. These are always the first ones.
    deleted: usize,
}

impl LoadSession<'_> {
    async fn play(&mut self) -> Result<(), SessionFailure> {
        let plan = &self.run.plan;
        let downloads = matches!(plan.mode, SessionMode::Retr | SessionMode::Drain);
        let listing = [
            (SessionCommand::User, true),
            (SessionCommand::Pass, true),
            (SessionCommand::Stat, true),
            (SessionCommand::List, plan.mode == SessionMode::List || (downloads && plan.check)),
            (SessionCommand::Uidl, plan.mode != SessionMode::Login),
            (SessionCommand::Quit, !downloads),
        ];
        self.ask(listing.into_iter().filter(|(_, wanted)| *wanted).map(|(command, _)| command)).await?;
        if !downloads {
            return Ok(());
        }
        if plan.mode == SessionMode::Drain {
            self.run.ledger.listed(self.turn.index, self.listing.uidls())?;
        }
        let last = self.limit.map_or(self.listing.count, |limit| limit.min(self.listing.count));
        match plan.mode {
            SessionMode::Drain => {
                self.ask((1..=last).flat_map(|n| [SessionCommand::Retr(n), SessionCommand::Dele(n)])).await?
            }
            _ => self.ask((1..=last).map(SessionCommand::Retr)).await?,
        }
        if let (Some(seen), None) = (&self.seen, self.limit) {
            seen.complete()?;
        }
        self.quit().await
    }

    /// Sends commands and reads their replies, one by one or, with `--pipeline`, many at once.
    async fn ask(&mut self, commands: impl Iterator<Item = SessionCommand>) -> Result<(), SessionFailure> {
        let batch = if self.run.plan.pipeline { PIPELINE } else { 1 };
        let mut commands = commands.peekable();
        while commands.peek().is_some() {
            let mut sent = [SessionCommand::Quit; PIPELINE];
            let mut count = 0;
            for (place, command) in sent.iter_mut().zip(commands.by_ref().take(batch)) {
                self.queue(command);
                *place = command;
                count += 1;
            }
            let asked = self.client.flush().await?;
            for &command in &sent[..count] {
                self.answer(command, asked).await?;
            }
        }
        Ok(())
    }

    fn queue(&mut self, command: SessionCommand) {
        let user = self.turn.user();
        match command {
            SessionCommand::User => self.client.queue(format_args!("USER {}", user.name), None),
            SessionCommand::Pass => {
                self.client.queue(format_args!("PASS {}", user.password), Some("PASS ******"))
            }
            _ => self.client.queue(format_args!("{command}"), None),
        }
    }

    async fn answer(&mut self, command: SessionCommand, asked: Instant) -> Result<(), SessionFailure> {
        let (ok, text) = self.client.reply(&command).await?;
        if !ok {
            return Err(refused(command, text));
        }
        let named = |failure: SessionFailure| failure.prefixed(command);
        let mut since = asked;
        match command {
            SessionCommand::User => self.login_began = asked,
            SessionCommand::Pass => since = self.login_began,
            SessionCommand::Stat => self.listing.stat(text).map_err(named)?,
            SessionCommand::List | SessionCommand::Uidl => {
                self.body.clear();
                self.client.body(&command, |run| self.body.extend_from_slice(run)).await?;
                match (command, self.run.plan.check) {
                    (SessionCommand::List, true) => self.listing.list(self.body).map_err(named)?,
                    (SessionCommand::Uidl, true) => self.listing.uidl(self.body).map_err(named)?,
                    _ => {}
                }
            }
            SessionCommand::Retr(number) => self.message(number).await?,
            SessionCommand::Dele(_) => self.deleted += 1,
            SessionCommand::Stls | SessionCommand::Quit => {}
        }
        if let Some(phase) = command.phase() {
            self.record.time(phase, self.client.heard() - since);
        }
        Ok(())
    }

    /// Reads and checks the body of a message.
    async fn message(&mut self, number: u32) -> Result<(), SessionFailure> {
        let command = SessionCommand::Retr(number);
        let mut wire = WireCheck::default();
        self.body.clear();
        let (body, keep, check) = (&mut *self.body, self.seen.is_some(), self.run.plan.check);
        let lone_dots = self
            .client
            .body(&command, |run| {
                if check {
                    wire.take(run);
                }
                if keep {
                    body.extend_from_slice(run);
                }
            })
            .await?;
        self.record.messages += 1;
        if check {
            let octets = wire.octets;
            self.client.note(&format!("{octets} octets and the terminator"));
            let failure = |kind, text: String| Err(SessionFailure::new(kind, text).prefixed(command));
            if let Some(at) = wire.bare_lf {
                return failure(FailureKind::BareLf, format!("octet {at} is a LF without a CR before it"));
            }
            if lone_dots > 0 {
                return failure(
                    FailureKind::Stuffing,
                    format!("{lone_dots} lines begin with a dot that is not doubled"),
                );
            }
            if let Some(listed) = self.listing.octets(number).filter(|&listed| listed != octets) {
                return failure(FailureKind::Octets, format!("{octets} octets came, but LIST said {listed}"));
            }
        }
        match &mut self.seen {
            Some(seen) => seen.take(self.body).map_err(|failure| failure.prefixed(command)),
            None => Ok(()),
        }
    }

    /// Ends the session, which is when deletions take effect.
    async fn quit(&mut self) -> Result<(), SessionFailure> {
        let done = self.ask([SessionCommand::Quit].into_iter()).await;
        if self.run.plan.mode == SessionMode::Drain {
            let deleted = self.listing.uidls().take(self.deleted);
            self.run.ledger.quit(self.turn.index, deleted, done.is_ok());
            if let (Ok(()), Some(seen)) = (&done, &self.seen) {
                self.run.ledger.keep_delivered(self.turn.index, seen);
            }
        }
        done
    }
}

fn refused(command: SessionCommand, text: &[u8]) -> SessionFailure {
    let kind = match command {
        _ if text.starts_with(b"[IN-USE]") => FailureKind::InUse,
        SessionCommand::User | SessionCommand::Pass => FailureKind::Login,
        _ => FailureKind::Refusal,
    };
    SessionFailure::new(kind, format!("{command}: -ERR {}", text.escape_ascii()))
}
