//! `mpopdctl top`: sessions, rates and failures on a screen that follows them. Each second the daemon is asked once for
//! its figures and once for its connections.

mod screen;
mod state;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::client::Client;
use crate::failure::Failure;
use crate::status;
use state::State;

const INTERVAL: Duration = Duration::from_secs(1);

/// Shows the daemon behind this control socket until q is pressed.
pub(crate) fn run(control_socket: &Path) -> Result<ExitCode, Failure> {
    if !io::stdout().is_terminal() {
        return Err("top needs a terminal; mpopdctl status and mpopdctl who do without".into());
    }
    let mut state = State::default();
    let mut daemon = Some(Client::connect(control_socket)?);
    let mut terminal = ratatui::try_init().map_err(|error| terminal_failed(&error))?;
    let watched = watch(&mut terminal, control_socket, &mut daemon, &mut state);
    ratatui::restore();
    watched.map(|()| ExitCode::SUCCESS).map_err(|error| terminal_failed(&error))
}

fn watch(
    terminal: &mut DefaultTerminal,
    control_socket: &Path,
    daemon: &mut Option<Client>,
    state: &mut State,
) -> io::Result<()> {
    loop {
        let due = Instant::now() + INTERVAL;
        if let Err(failure) = refresh(control_socket, daemon, state) {
            // It may be restarted at this moment: the next second tries again.
            *daemon = None;
            state.lost(failure.to_string());
        }
        loop {
            terminal.draw(|frame| screen::draw(frame, state))?;
            if !event::poll(due.saturating_duration_since(Instant::now()))? {
                break;
            }
            match event::read()? {
                Event::Key(key) if ends(key) => return Ok(()),
                _ => {}
            }
        }
    }
}

fn refresh(control_socket: &Path, daemon: &mut Option<Client>, state: &mut State) -> Result<(), Failure> {
    let client = match daemon.take() {
        Some(client) => client,
        None => Client::connect(control_socket)?,
    };
    state.update(Instant::now(), status::ask(&client)?, client.visitors()?);
    *daemon = Some(client);
    Ok(())
}

fn ends(key: KeyEvent) -> bool {
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

fn terminal_failed(error: &io::Error) -> Failure {
    Failure::Other(format!("the terminal: {error}"))
}
