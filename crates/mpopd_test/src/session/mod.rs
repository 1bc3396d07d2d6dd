//! One session, from the connection to QUIT, and all that is checked on the way.

mod command;
mod listing;
mod wire;

use std::time::Instant;

pub(crate) use command::Command;
use listing::Listing;
use wire::Wire;

use crate::fault::{Fault, Kind};
use crate::measure::{Phase, Record};
use crate::net::{Connection, Tools};
use crate::plan::{Mode, Tls};
use crate::reference::Seen;
use crate::run::Work;
use crate::users::Turn;

/// Commands sent in one go by `--pipeline`. Few enough that they and a server that stops reading while it sends fit
/// into the smallest socket buffers.
const PIPELINE: usize = 32;

/// What one session after the other uses.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) tools: Tools,
    pub(crate) record: Record,
    listing: Listing,
    body: Vec<u8>,
}

impl Slot {
    pub(crate) fn new(tools: Tools) -> Self {
        Self { tools, record: Record::default(), listing: Listing::default(), body: Vec::new() }
    }
}

/// Holds one session for the user of `turn`. Times count from `due`. At most `limit` messages are downloaded.
///
/// # Errors
/// The first thing that is wrong. A session with a fault never reaches QUIT, so it deletes nothing.
pub(crate) async fn run(
    work: &Work,
    slot: &mut Slot,
    turn: &Turn,
    due: Instant,
    limit: Option<u32>,
) -> Result<(), Fault> {
    let Slot { tools, record, listing, body } = slot;
    listing.clear();
    let named = |fault: Fault| Fault::new(fault.kind, format!("{}: {}", turn.user().name, fault.text));
    let connection = connect(work, tools, record, due).await.map_err(named)?;
    let seen = work.references.get(turn.index).map(|reference| match work.plan.mode {
        Mode::Drain => work.ledger.delivered(turn.index, reference),
        _ => reference.nothing_seen(),
    });
    let mut session =
        Session { work, turn, limit, connection, record, listing, body, seen, login_began: due, deleted: 0 };
    session.play().await.map_err(named)?;
    session.record.time(Phase::Session, session.connection.heard() - due);
    Ok(())
}

/// Connects, up to the greeting and TLS.
async fn connect<'a>(
    work: &Work,
    tools: &'a mut Tools,
    record: &mut Record,
    due: Instant,
) -> Result<Connection<'a>, Fault> {
    let mut connection = Connection::open(&work.target, tools).await?;
    if let Tls::Pop3s(tls) = &work.plan.tls {
        connection = shake(work, connection, tls, record).await?;
    }
    if let (false, text) = connection.reply(&"the greeting").await? {
        return Err(Fault::new(Kind::Greeting, format!("greeting: -ERR {}", text.escape_ascii())));
    }
    if let Tls::Stls(tls) = &work.plan.tls {
        connection.queue(format_args!("{}", Command::Stls), None);
        connection.flush().await?;
        if let (false, text) = connection.reply(&Command::Stls).await? {
            return Err(refused(Command::Stls, text));
        }
        connection = shake(work, connection, tls, record).await?;
    }
    record.time(Phase::Connect, connection.heard() - due);
    Ok(connection)
}

async fn shake<'a>(
    work: &Work,
    connection: Connection<'a>,
    tls: &tokio_rustls::TlsConnector,
    record: &mut Record,
) -> Result<Connection<'a>, Fault> {
    let began = Instant::now();
    let connection = connection.secure(&work.target, tls).await?;
    record.time(Phase::Tls, connection.heard() - began);
    Ok(connection)
}

struct Session<'a> {
    work: &'a Work,
    turn: &'a Turn,
    limit: Option<u32>,
    connection: Connection<'a>,
    record: &'a mut Record,
    listing: &'a mut Listing,
    body: &'a mut Vec<u8>,
    /// With `--verify`: which messages came so far.
    seen: Option<Seen<'a>>,
    login_began: Instant,
    /// Messages marked as deleted: always the first ones.
    deleted: usize,
}

impl Session<'_> {
    async fn play(&mut self) -> Result<(), Fault> {
        let plan = &self.work.plan;
        let downloads = matches!(plan.mode, Mode::Retr | Mode::Drain);
        let listing = [
            (Command::User, true),
            (Command::Pass, true),
            (Command::Stat, true),
            (Command::List, plan.mode == Mode::List || (downloads && plan.check)),
            (Command::Uidl, plan.mode != Mode::Login),
            (Command::Quit, !downloads),
        ];
        self.ask(listing.into_iter().filter(|(_, wanted)| *wanted).map(|(command, _)| command)).await?;
        if !downloads {
            return Ok(());
        }
        if plan.mode == Mode::Drain {
            self.work.ledger.listed(self.turn.index, self.listing.uidls())?;
        }
        let last = self.limit.map_or(self.listing.count, |limit| limit.min(self.listing.count));
        match plan.mode {
            Mode::Drain => self.ask((1..=last).flat_map(|n| [Command::Retr(n), Command::Dele(n)])).await?,
            _ => self.ask((1..=last).map(Command::Retr)).await?,
        }
        if let (Some(seen), None) = (&self.seen, self.limit) {
            seen.complete()?;
        }
        self.quit().await
    }

    /// Sends commands and takes their answers, one by one or, with `--pipeline`, many at a time.
    async fn ask(&mut self, commands: impl Iterator<Item = Command>) -> Result<(), Fault> {
        let batch = if self.work.plan.pipeline { PIPELINE } else { 1 };
        let mut commands = commands.peekable();
        while commands.peek().is_some() {
            let mut sent = [Command::Quit; PIPELINE];
            let mut count = 0;
            for (place, command) in sent.iter_mut().zip(commands.by_ref().take(batch)) {
                self.queue(command);
                *place = command;
                count += 1;
            }
            let asked = self.connection.flush().await?;
            for &command in &sent[..count] {
                self.answer(command, asked).await?;
            }
        }
        Ok(())
    }

    fn queue(&mut self, command: Command) {
        let user = self.turn.user();
        match command {
            Command::User => self.connection.queue(format_args!("USER {}", user.name), None),
            Command::Pass => {
                self.connection.queue(format_args!("PASS {}", user.password), Some("PASS ******"))
            }
            _ => self.connection.queue(format_args!("{command}"), None),
        }
    }

    async fn answer(&mut self, command: Command, asked: Instant) -> Result<(), Fault> {
        let (ok, text) = self.connection.reply(&command).await?;
        if !ok {
            return Err(refused(command, text));
        }
        let bad_listing = |fault: String| Fault::new(Kind::Listing, format!("{command}: {fault}"));
        let mut since = asked;
        match command {
            Command::User => self.login_began = asked,
            Command::Pass => since = self.login_began,
            Command::Stat => self.listing.stat(text).map_err(bad_listing)?,
            Command::List | Command::Uidl => {
                self.body.clear();
                self.connection.body(&command, |run| self.body.extend_from_slice(run)).await?;
                match (command, self.work.plan.check) {
                    (Command::List, true) => self.listing.list(self.body).map_err(bad_listing)?,
                    (Command::Uidl, true) => self.listing.uidl(self.body).map_err(bad_listing)?,
                    _ => {}
                }
            }
            Command::Retr(number) => self.message(number).await?,
            Command::Dele(_) => self.deleted += 1,
            Command::Stls | Command::Quit => {}
        }
        if let Some(phase) = command.phase() {
            self.record.time(phase, self.connection.heard() - since);
        }
        Ok(())
    }

    /// Takes and checks the body of a message.
    async fn message(&mut self, number: u32) -> Result<(), Fault> {
        let command = Command::Retr(number);
        let mut wire = Wire::default();
        self.body.clear();
        let (body, keep, check) = (&mut *self.body, self.seen.is_some(), self.work.plan.check);
        let decoder = self
            .connection
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
            self.connection.note(&format!("{octets} octets and the terminator"));
            let fault = |kind, text| Err(Fault::new(kind, format!("{command}: {text}")));
            if let Some(at) = wire.bare_lf {
                return fault(Kind::BareLf, format!("octet {at} is a LF without a CR before it"));
            }
            if decoder.lone_dots() > 0 {
                let lines = decoder.lone_dots();
                return fault(Kind::Stuffing, format!("{lines} lines begin with a dot that is not doubled"));
            }
            if let Some(listed) = self.listing.octets(number).filter(|&listed| listed != octets) {
                return fault(Kind::Octets, format!("{octets} octets came, but LIST said {listed}"));
            }
        }
        match &mut self.seen {
            Some(seen) => seen
                .take(self.body)
                .map_err(|fault| Fault::new(fault.kind, format!("{command}: {}", fault.text))),
            None => Ok(()),
        }
    }

    /// Ends the session; from here on deletions count.
    async fn quit(&mut self) -> Result<(), Fault> {
        let done = self.ask([Command::Quit].into_iter()).await;
        if self.work.plan.mode == Mode::Drain {
            let deleted = self.listing.uidls().take(self.deleted);
            self.work.ledger.quit(self.turn.index, deleted, done.is_ok());
            if let (Ok(()), Some(seen)) = (&done, &self.seen) {
                self.work.ledger.keep_delivered(self.turn.index, seen);
            }
        }
        done
    }
}

fn refused(command: Command, text: &[u8]) -> Fault {
    let kind = match command {
        _ if text.starts_with(b"[IN-USE]") => Kind::InUse,
        Command::User | Command::Pass => Kind::Login,
        _ => Kind::Refusal,
    };
    Fault::new(kind, format!("{command}: -ERR {}", text.escape_ascii()))
}
