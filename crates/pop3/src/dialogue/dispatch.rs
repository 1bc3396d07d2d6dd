//! From a line to a command, and on to the function of that command in the current state.

use super::Dialogue;
use crate::FetchRequest;
use crate::commands::{
    ClientCommand, auth, capa, dele, lang, last, list, noop, pass, quit, retr, rset, stat, stls, top, uidl,
    user, utf8, xclient,
};
use crate::enumeration::Enumeration;
use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::state::{AuthorizationState, SessionState};
use crate::transaction::TransactionState;
use crate::{CloseReason, CommandError, CommandRecord, MessageListing, Step, Tls, Verb};
use std::mem;

impl<L: MessageListing> Dialogue<L> {
    /// Carries out a command. `more` is whether octets came after it.
    pub(super) fn take(&mut self, line: &[u8], more: bool, out: &mut ReplyWriter<'_>) -> Step {
        let mut record = CommandRecord::default();
        let Some((verb, argument)) = Verb::parse(line) else {
            return self.refuse(record, CommandError::UnknownCommand, out);
        };
        record.verb = Some(verb);
        let result = ClientCommand::parse(verb, argument).and_then(|command| {
            record.message = command.message();
            self.run(command, more, out)
        });
        match result {
            Ok(step) => {
                self.bad_in_a_row = 0;
                if let Step::Auth(request) = &step {
                    record.mechanism = Some(request.mechanism);
                }
                self.record = Some(record);
                step
            }
            Err(error) => self.refuse(record, error, out),
        }
    }

    fn run(
        &mut self,
        command: ClientCommand,
        more: bool,
        out: &mut ReplyWriter<'_>,
    ) -> Result<Step, CommandError> {
        match mem::take(&mut self.state) {
            SessionState::Authorization(at) => self.run_before_login(at, command, more, out),
            SessionState::Transaction(at) => self.run_after_login(at, command, out),
            waiting => {
                self.state = waiting;
                Ok(Step::Waiting)
            }
        }
    }

    fn run_before_login(
        &mut self,
        mut at: AuthorizationState,
        command: ClientCommand,
        more: bool,
        out: &mut ReplyWriter<'_>,
    ) -> Result<Step, CommandError> {
        let (state, result) = match command {
            ClientCommand::User(name) if self.policy.refuse_unknown_users => {
                match user::ask(&mut at, name.clone(), self.tls.plaintext()) {
                    Ok(next) => (SessionState::Naming(next), Ok(Step::LookUpUser(name))),
                    Err(error) => (SessionState::Authorization(at), Err(error)),
                }
            }
            ClientCommand::User(name) => {
                let result = user::run(&mut at, name, self.tls.plaintext(), out);
                (SessionState::Authorization(at), result.map(|()| Step::Replied))
            }
            ClientCommand::Pass(password) => match pass::run(&mut at, password, self.tls.plaintext()) {
                Ok((next, credentials)) => (SessionState::Authenticating(next), Ok(Step::Login(credentials))),
                Err(error) => (SessionState::Authorization(at), Err(error)),
            },
            ClientCommand::Auth(auth::AuthArgument::List) => {
                auth::list(&self.mechanisms, out);
                (SessionState::Authorization(at), Ok(Step::Replied))
            }
            ClientCommand::Auth(auth::AuthArgument::Begin { name, initial }) => {
                match auth::begin(&at, (&name, initial), &self.mechanisms, self.tls) {
                    Ok((next, request)) => (SessionState::Exchanging(next), Ok(Step::Auth(request))),
                    Err(error) => (SessionState::Authorization(at), Err(error)),
                }
            }
            ClientCommand::Stls => match stls::run(&at, self.tls, self.utf8, more, out) {
                Ok(next) => (SessionState::StartingTls(next), Ok(Step::StartTls)),
                Err(error) => (SessionState::Authorization(at), Err(error)),
            },
            ClientCommand::Xclient(forwarded) => match xclient::run(&at, self.trusted_proxy) {
                Ok(next) => (SessionState::Forwarding(next), Ok(Step::Forward(forwarded))),
                Err(error) => (SessionState::Authorization(at), Err(error)),
            },
            ClientCommand::Capa => {
                let stls = matches!(self.tls, Tls::Offered(_));
                let result = capa::run(&self.policy, self.tls, &self.mechanisms, stls, out);
                (SessionState::Authorization(at), result.map(|()| Step::Replied))
            }
            ClientCommand::Utf8 => {
                let result = utf8::run(&at, &self.policy, out);
                self.utf8 |= result.is_ok();
                (SessionState::Authorization(at), result.map(|()| Step::Replied))
            }
            ClientCommand::Lang(wanted) => {
                let result = self.choose_language(&wanted, out);
                (SessionState::Authorization(at), result.map(|()| Step::Replied))
            }
            ClientCommand::Quit => {
                quit::before_login(&at, out);
                (SessionState::closed(at.user, CloseReason::Quit), Ok(Step::Close(CloseReason::Quit)))
            }
            ClientCommand::Stat
            | ClientCommand::List(_)
            | ClientCommand::Uidl(_)
            | ClientCommand::Retr(_)
            | ClientCommand::Dele(_)
            | ClientCommand::Top(..)
            | ClientCommand::Noop
            | ClientCommand::Rset
            | ClientCommand::Last => (SessionState::Authorization(at), Err(CommandError::NotBeforeLogin)),
        };
        self.state = state;
        result
    }

    fn run_after_login(
        &mut self,
        mut at: TransactionState<L>,
        command: ClientCommand,
        out: &mut ReplyWriter<'_>,
    ) -> Result<Step, CommandError> {
        let done = match command {
            ClientCommand::List(None) => {
                let rest = list::all(&at, out);
                return Ok(self.enumerate(at, rest));
            }
            ClientCommand::Uidl(None) => {
                let rest = uidl::all(&at, out);
                return Ok(self.enumerate(at, rest));
            }
            ClientCommand::Quit => {
                let (next, deletions) = quit::run(at);
                self.state = SessionState::Update(next);
                return Ok(Step::Finish(deletions));
            }
            ClientCommand::Retr(number) => {
                let request = retr::run(&at, number);
                return self.fetch(at, request);
            }
            ClientCommand::Top(number, lines) => {
                let request = top::run(&at, number, lines);
                return self.fetch(at, request);
            }
            ClientCommand::List(Some(number)) => list::one(&at, number, out),
            ClientCommand::Uidl(Some(number)) => uidl::one(&at, number, out),
            ClientCommand::Dele(number) => dele::run(&mut at, number, out),
            ClientCommand::Stat => stat::run(&at, out),
            ClientCommand::Noop => noop::run(&at, out),
            ClientCommand::Rset => rset::run(&mut at, out),
            ClientCommand::Last => last::run(&at, out),
            ClientCommand::Capa => capa::run(&self.policy, self.tls, &self.mechanisms, false, out),
            ClientCommand::Lang(wanted) => self.choose_language(&wanted, out),
            ClientCommand::User(_)
            | ClientCommand::Pass(_)
            | ClientCommand::Stls
            | ClientCommand::Auth(_)
            | ClientCommand::Utf8
            | ClientCommand::Xclient(_) => Err(CommandError::NotAfterLogin),
        };
        self.state = SessionState::Transaction(at);
        done.map(|()| Step::Replied)
    }

    fn choose_language(
        &mut self,
        wanted: &lang::LangArgument,
        out: &mut ReplyWriter<'_>,
    ) -> Result<(), CommandError> {
        if let Some(language) = lang::run(wanted, &self.policy, out)? {
            self.language = language;
        }
        Ok(())
    }

    /// Continues LIST or UIDL in the next step if anything is left.
    pub(super) fn enumerate(&mut self, at: TransactionState<L>, rest: Option<Enumeration>) -> Step {
        self.state = match rest {
            Some(rest) => SessionState::Enumerating(at, rest),
            None => SessionState::Transaction(at),
        };
        Step::Replied
    }

    fn fetch(
        &mut self,
        at: TransactionState<L>,
        request: Result<FetchRequest, CommandError>,
    ) -> Result<Step, CommandError> {
        self.state = match request {
            Ok(request) => SessionState::Fetching(at, request),
            Err(_) => SessionState::Transaction(at),
        };
        request.map(Step::Fetch)
    }

    /// Refuses a command, and closes the dialogue after too many bad ones.
    pub(super) fn refuse(
        &mut self,
        record: CommandRecord,
        error: CommandError,
        out: &mut ReplyWriter<'_>,
    ) -> Step {
        self.record = Some(CommandRecord { refused: Some(error), ..record });
        self.bad_in_a_row = if error.is_bad_command() { self.bad_in_a_row + 1 } else { 0 };
        let end = match error {
            CommandError::AfterStls => Some(CloseReason::AfterStls),
            _ if self.bad_in_a_row >= self.policy.max_bad_commands => Some(CloseReason::BadCommands),
            _ => None,
        };
        match end {
            Some(CloseReason::BadCommands) => reply::err(out, None, ReplyText::TooManyBadCommands),
            _ => reply::err(out, None, ReplyText::Refused(error)),
        }
        match end {
            Some(reason) => {
                self.close(reason);
                Step::Close(reason)
            }
            None => Step::Replied,
        }
    }
}
