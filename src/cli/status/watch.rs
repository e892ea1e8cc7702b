//! `status --watch`: the screen, kept up to date until the user quits.

use std::io::{self, Stdout};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::screen::{self, Choice};
use crate::admin::page::model::Page;
use crate::cli::CliError;
use crate::cli::control::{self, SocketArgs};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The terminal as it was before, however this ends.
struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let mut out = io::stdout();
        if let Err(error) = execute!(out, EnterAlternateScreen, cursor::Hide) {
            disable_raw_mode()?;
            return Err(error);
        }
        Ok(Self(Terminal::new(CrosstermBackend::new(out))?))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // If the terminal is gone this is not visible.
        execute!(io::stdout(), LeaveAlternateScreen, cursor::Show).unwrap_or_default();
        disable_raw_mode().unwrap_or_default();
    }
}

/// Runs until the user quits. That kinetail cannot be reached is shown, and it is tried again:
/// the user may be watching a restart.
pub(super) fn run(socket: &SocketArgs, filter: String) -> Result<(), CliError> {
    // Before the screen is taken: a mistake on the command line should stay to be read.
    let mut page = look(socket)?;
    let mut trouble: Option<String> = None;
    let mut choice = Choice { filter, ..Choice::default() };
    let mut screen = Screen::enter()?;
    let mut next = Instant::now() + EVERY;
    loop {
        choice.row = choice.row.min(screen::rows(&page, &choice).len().saturating_sub(1));
        screen.0.draw(|frame| screen::draw(frame, &page, trouble.as_deref(), &choice))?;
        let left = next.saturating_duration_since(Instant::now());
        if event::poll(left)? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && on_key(&mut choice, key)
            {
                return Ok(());
            }
            continue;
        }
        next = Instant::now() + EVERY;
        match look(socket) {
            Ok(newer) => (page, trouble) = (newer, None),
            Err(error) => trouble = Some(error.to_string()),
        }
    }
}

fn look(socket: &SocketArgs) -> Result<Page, CliError> {
    super::parse(&control::get(socket, "/status")?)
}

/// Does what a key asks for. Says whether that is to quit.
fn on_key(choice: &mut Choice, key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
        return true;
    }
    if choice.is_typing {
        match key.code {
            KeyCode::Enter => choice.is_typing = false,
            KeyCode::Esc => {
                choice.is_typing = false;
                choice.filter.clear();
            }
            KeyCode::Backspace => {
                choice.filter.pop();
            }
            KeyCode::Char(c) => choice.filter.push(c),
            _ => {}
        }
        return false;
    }
    match key.code {
        KeyCode::Char('q') => return true,
        KeyCode::Up | KeyCode::Char('k') => choice.row = choice.row.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => choice.row = choice.row.saturating_add(1),
        KeyCode::Home => choice.row = 0,
        KeyCode::Char('s') => choice.order = choice.order.next(),
        KeyCode::Char('/') => choice.is_typing = true,
        KeyCode::Esc => choice.filter.clear(),
        _ => {}
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::screen::Order;

    #[test]
    fn keys_choose_sort_filter_and_quit() {
        let mut choice = Choice::default();
        let mut press = |code| on_key(&mut choice, KeyEvent::new(code, KeyModifiers::NONE));
        assert!(!press(KeyCode::Down));
        assert!(!press(KeyCode::Char('s')));
        assert!(!press(KeyCode::Char('/')));
        assert!(!press(KeyCode::Char('q')), "a letter of the filter");
        assert!(!press(KeyCode::Enter));
        assert!(press(KeyCode::Char('q')));
        assert_eq!((choice.row, choice.order, choice.filter.as_str()), (1, Order::Lag, "q"));
        let quit = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert!(on_key(&mut choice, quit));
    }
}
