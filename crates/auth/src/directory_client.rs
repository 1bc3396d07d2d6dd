//! The auth process's side of the channel to mpopd-directory, which talks to databases, LDAP and OAuth
//! servers.
//!
//! An auth process opens no connection to such a server itself: see [`ipc::directory`].

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use config::Config;
use ipc::directory::{DirectoryAnswer, DirectoryQuery, DirectoryRequest, LookupOutcome, RequestId};
use ipc::wire::{self, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How much longer than its own timeouts mpopd-directory may take: it may just be starting again.
const GRACE: Duration = Duration::from_secs(2);

/// The channel to mpopd-directory, shared by everything that asks it.
#[derive(Clone)]
pub(crate) struct DirectoryClient(Rc<RefCell<DirectoryChannel>>);

struct DirectoryChannel {
    /// Handed to each auth process after its fork.
    channel: Option<OwnedFd>,
    last: Option<RequestId>,
    patience: Duration,
    buffer: Vec<u8>,
}

impl DirectoryClient {
    /// A client that is not connected yet.
    pub(crate) fn new(config: &Config) -> Self {
        let bounds = [config.sql.timeout, config.ldap.timeout, config.oauth.timeout];
        let patience = bounds.into_iter().max().unwrap_or_default() + GRACE;
        let channel = DirectoryChannel { channel: None, last: None, patience, buffer: Vec::new() };
        Self(Rc::new(RefCell::new(channel)))
    }

    /// Sends all later requests over this channel.
    pub(crate) fn connect(&self, channel: OwnedFd) {
        let mut client = self.0.borrow_mut();
        client.buffer = vec![0; wire::MOST_OCTETS];
        client.channel = Some(channel);
    }

    /// Sends a request and waits for the answer, which is never [`LookupOutcome::Temporary`].
    ///
    /// # Errors
    ///
    /// Why there is no answer now.
    pub(crate) fn ask(&self, ask: DirectoryQuery) -> Result<LookupOutcome, DirectoryError> {
        match self.0.borrow_mut().ask(ask)? {
            LookupOutcome::Temporary(why) => Err(DirectoryError::Server(why)),
            verdict => Ok(verdict),
        }
    }
}

impl DirectoryChannel {
    fn ask(&mut self, query: DirectoryQuery) -> Result<LookupOutcome, DirectoryError> {
        let until = Instant::now() + self.patience;
        let channel = self.channel.as_ref().ok_or(DirectoryError::NotConnected)?;
        let id = match self.last {
            Some(last) => last.next(),
            None => RequestId::first().map_err(DirectoryError::System)?,
        };
        self.last = Some(id);
        // If the channel is full, mpopd-directory has not read for as long as it takes to fill it.
        ipc::send(channel, &DirectoryRequest { id, query }, &[], Wait::No)
            .map_err(DirectoryError::NotSent)?;
        loop {
            match ipc::receive::<DirectoryAnswer>(channel, &mut self.buffer, Wait::No) {
                Ok(Some((answer, _))) if answer.id == id => return Ok(answer.verdict),
                // Answers a request that this process or its predecessor has given up.
                Ok(Some(_)) => {}
                Ok(None) => return Err(DirectoryError::Gone),
                Err(error) if error.would_block() => wait(channel, until)?,
                Err(error) => return Err(DirectoryError::Channel(error)),
            }
        }
    }
}

/// Waits until the channel can be read.
fn wait(channel: &OwnedFd, until: Instant) -> Result<(), DirectoryError> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(DirectoryError::NoAnswer);
    }
    let left = Timespec::try_from(left).map_err(|error| DirectoryError::System(io::Error::other(error)))?;
    match poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&left)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(DirectoryError::System(error.into())),
    }
}

/// Why mpopd-directory gave no answer. Each login that needs one fails as temporary.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// No channel was handed to this process.
    NotConnected,
    /// mpopd-directory does not read its channel, or is gone.
    NotSent(ipc::Error),
    /// mpopd-directory ended while it was asked.
    Gone,
    /// mpopd-directory did not answer in time.
    NoAnswer,
    /// The channel broke.
    Channel(ipc::Error),
    /// The system has no random numbers, or poll(2) failed.
    System(io::Error),
    /// The database, the LDAP or the OAuth server failed, as mpopd-directory reports.
    Server(String),
    /// mpopd-directory answered a different question.
    WrongAnswer,
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("mpopd-directory is not connected"),
            Self::NotSent(error) => write!(f, "mpopd-directory cannot be asked: {error}"),
            Self::Gone => f.write_str("mpopd-directory is gone"),
            Self::NoAnswer => f.write_str("mpopd-directory does not answer"),
            Self::Channel(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
            Self::Server(why) => f.write_str(why),
            Self::WrongAnswer => f.write_str("mpopd-directory answered something else"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ipc::directory::LookupName;

    /// The channel to a directory that answers each request as the function says, until it is closed.
    pub(crate) fn channel_answering(
        answers: impl Fn(&DirectoryQuery) -> Vec<LookupOutcome> + Send + 'static,
    ) -> OwnedFd {
        let (ours, theirs) = sys::seqpacket::pair().unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; wire::MOST_OCTETS];
            while let Some((request, _)) =
                ipc::receive::<DirectoryRequest>(&theirs, &mut buffer, Wait::Forever).unwrap()
            {
                for verdict in answers(&request.query) {
                    ipc::send(&theirs, &DirectoryAnswer { id: request.id, verdict }, &[], Wait::Forever)
                        .unwrap();
                }
            }
        });
        ours
    }

    /// A client of such a directory.
    pub(crate) fn answering(
        config: &Config,
        answers: impl Fn(&DirectoryQuery) -> Vec<LookupOutcome> + Send + 'static,
    ) -> DirectoryClient {
        let directory = DirectoryClient::new(config);
        directory.connect(channel_answering(answers));
        directory
    }

    fn lookup() -> DirectoryQuery {
        DirectoryQuery::Lookup(LookupName { user: "a".to_owned(), local_part: "a".to_owned(), domain: None })
    }

    /// Why a lookup fails.
    fn said(directory: &DirectoryClient) -> String {
        directory.ask(lookup()).unwrap_err().to_string()
    }

    #[test]
    fn late_answers_are_not_taken_for_the_next_one() {
        // Two answers to each request: the second one is still unread when the next request is made.
        let twice = |_: &DirectoryQuery| vec![LookupOutcome::NotFound, LookupOutcome::Refused];
        let directory = answering(&Config::default(), twice);
        for _ in 0..3 {
            assert_eq!(directory.ask(lookup()).unwrap(), LookupOutcome::NotFound);
        }
    }

    #[test]
    fn without_an_answer_it_is_temporary() {
        let directory = DirectoryClient::new(&Config::default());
        assert_eq!(said(&directory), "mpopd-directory is not connected");
        let (ours, theirs) = sys::seqpacket::pair().unwrap();
        directory.connect(ours);
        directory.0.borrow_mut().patience = Duration::from_millis(20);
        assert_eq!(said(&directory), "mpopd-directory does not answer");
        drop(theirs);
        assert!(said(&directory).starts_with("mpopd-directory cannot be asked: "));
        let down = |_: &DirectoryQuery| vec![LookupOutcome::Temporary("it is down".to_owned())];
        let directory = answering(&Config::default(), down);
        assert_eq!(said(&directory), "it is down");
    }
}
