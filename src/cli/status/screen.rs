//! What is drawn for `status --watch`: a head, a table of flows, and below it all about the one
//! that is chosen. Pure: it draws into whatever it is given.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table, TableState, Wrap};

use super::model::{bytes, time};
use super::text;
use crate::admin::page::model::{Flow, Page};
use crate::shown::counted;

/// Rows of the head, at most.
const HEAD_ROWS_MAX: usize = 6;

/// The screen is narrow below this many columns: fewer are shown of the table.
const NARROW: u16 = 90;

const KEYS: &str = " q quit  ↑↓ choose a flow  s sort  / filter  Esc no filter";

/// The order of the flows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    TroubleFirst,
    Lag,
    Rate,
    Name,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Self::TroubleFirst => Self::Lag,
            Self::Lag => Self::Rate,
            Self::Rate => Self::Name,
            Self::Name => Self::TroubleFirst,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::TroubleFirst => "trouble first",
            Self::Lag => "by lag",
            Self::Rate => "by rate",
            Self::Name => "by name",
        }
    }
}

/// What a person chose.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    pub(super) order: Order,
    pub(super) filter: String,
    /// The filter is being written.
    pub(super) is_typing: bool,
    /// The row that is chosen.
    pub(super) row: usize,
}

/// The flows in the order of their rows.
pub(super) fn rows<'p>(page: &'p Page, choice: &Choice) -> Vec<&'p Flow> {
    let mut flows = page.matching(&choice.filter);
    match choice.order {
        Order::TroubleFirst => {}
        Order::Lag => flows.sort_by_key(|flow| std::cmp::Reverse(flow.lag_bytes)),
        Order::Rate => {
            flows.sort_by(|a, b| b.records_per_second.total_cmp(&a.records_per_second));
        }
        Order::Name => flows.sort_by(|a, b| a.id.cmp(&b.id)),
    }
    flows
}

/// Draws everything. `trouble` is why there is nothing newer.
pub(super) fn draw(frame: &mut Frame<'_>, page: &Page, trouble: Option<&str>, choice: &Choice) {
    let head = head_lines(page, trouble);
    let head_rows = u16::try_from(head.len()).unwrap_or(u16::MAX);
    let flows = rows(page, choice);
    let table_rows = u16::try_from(flows.len()).unwrap_or(u16::MAX).saturating_add(1);
    let areas = Layout::vertical([
        Constraint::Length(head_rows),
        Constraint::Max(table_rows.max(3)),
        Constraint::Min(6),
        Constraint::Length(1),
    ]);
    let [top, middle, bottom, keys] = areas.areas(frame.area());
    frame.render_widget(Paragraph::new(head), top);
    draw_table(frame, middle, &flows, choice);
    draw_flow(frame, bottom, flows.get(choice.row).copied());
    let typed = if choice.is_typing {
        format!(" filter: {}_", choice.filter)
    } else {
        let filter = if choice.filter.is_empty() { "" } else { "  filter: " };
        format!("{KEYS}  ({}{filter}{})", choice.order.label(), choice.filter)
    };
    frame
        .render_widget(Paragraph::new(typed).style(Style::new().add_modifier(Modifier::DIM)), keys);
}

fn head_lines(page: &Page, trouble: Option<&str>) -> Vec<Line<'static>> {
    let colour = if page.is_well() && trouble.is_none() { Color::Green } else { Color::Red };
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some(trouble) = trouble {
        lines.push(Line::styled(trouble.to_owned(), Style::new().fg(Color::Red).bold()));
    }
    for (at, line) in text::head(page).into_iter().enumerate() {
        let style = if at == 0 { Style::new().fg(colour).bold() } else { Style::new() };
        lines.push(Line::styled(line, style));
    }
    lines.truncate(HEAD_ROWS_MAX);
    lines
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, flows: &[&Flow], choice: &Choice) {
    let narrow = area.width < NARROW;
    let name = usize::from(area.width.saturating_sub(if narrow { 32 } else { 64 }));
    let header = if narrow {
        vec!["FLOW", "STATE", "LAG", "OLDEST"]
    } else {
        vec!["FLOW", "STATE", "LAG", "OLDEST", "RATE", "FILES"]
    };
    let widths: Vec<Constraint> = if narrow {
        [9, 9, 10].map(Constraint::Length).into()
    } else {
        [9, 9, 12, 22, 6].map(Constraint::Length).into()
    };
    let widths = std::iter::once(Constraint::Min(10)).chain(widths);
    let rows = flows.iter().map(|flow| {
        let oldest = match flow.lag_seconds {
            Some(seconds) if flow.lag_bytes > 0 => time(seconds),
            Some(_) | None => "-".to_owned(),
        };
        let mut cells = vec![
            Cell::new(text::cut(&flow.id, name)),
            Cell::new(flow.word().to_owned()).style(Style::new().fg(colour_of(flow))),
            Cell::new(bytes(flow.lag_bytes)),
            Cell::new(oldest),
        ];
        if !narrow {
            cells.push(Cell::new(text::rate(flow)));
            cells.push(Cell::new(flow.files_total.to_string()));
        }
        Row::new(cells)
    });
    let table = Table::new(rows, widths)
        .header(Row::new(header).style(Style::new().add_modifier(Modifier::BOLD)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(Some(choice.row));
    frame.render_stateful_widget(table, area, &mut state);
}

fn colour_of(flow: &Flow) -> Color {
    match flow.word() {
        "ok" => Color::Green,
        "retrying" | "waiting" | "degraded" | "draining" => Color::Yellow,
        _ => Color::Red,
    }
}

fn draw_flow(frame: &mut Frame<'_>, area: Rect, flow: Option<&Flow>) {
    let Some(flow) = flow else {
        frame.render_widget(Paragraph::new("no flow matches"), area);
        return;
    };
    let mut lines: Vec<Line<'static>> = vec![Line::raw(format!(
        "to {}; {} delivered, {} skipped; {} in flight",
        flow.destination,
        counted(flow.totals.records_delivered, "record"),
        flow.totals.records_skipped,
        counted(flow.in_flight_batches, "batch")
    ))];
    let style = if flow.is_well() { Style::new() } else { Style::new().fg(Color::Yellow) };
    lines.extend(text::details(flow).into_iter().map(|line| Line::styled(line, style)));
    if let Some(last) = &flow.last_success {
        lines.push(Line::raw(format!("last success {last}")));
    }
    let mut files: Vec<_> = flow.files.iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.lag_bytes));
    for file in files {
        let lag = bytes(file.lag_bytes);
        let half = file
            .half_line_since
            .as_ref()
            .map_or_else(String::new, |since| format!("; since {since} its last line has no end"));
        let (state, path) = (&file.state, file.name());
        lines.push(Line::raw(format!("lag {lag:>9}  {state:<10} {path}{half}")));
    }
    let title = format!(" {} ", text::cut(&flow.id, usize::from(area.width.saturating_sub(4))));
    let block = Block::new().borders(Borders::TOP).title(title);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn page() -> Page {
        let flow = |id: &str, health: &str, lag: u64| Flow {
            id: id.to_owned(),
            health: health.to_owned(),
            alive: true,
            lag_bytes: lag,
            lag_seconds: Some(5.0),
            reason: (health != "ok").then(|| "no such stream".to_owned()),
            ..Flow::default()
        };
        Page { flows: vec![flow("a", "ok", 9), flow("b", "paused", 5)], ..Page::default() }
    }

    fn drawn(width: u16, height: u16, choice: &Choice, trouble: Option<&str>) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let page = page();
        terminal.draw(|frame| draw(frame, &page, trouble, choice)).unwrap();
        let buffer = terminal.backend().buffer();
        let rows = buffer.content.chunks(usize::from(width));
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n")
            .collect()
    }

    #[test]
    fn trouble_is_seen_at_any_size() {
        for (width, height) in [(120, 40), (80, 24), (60, 20), (40, 12)] {
            let screen = drawn(width, height, &Choice::default(), None);
            assert!(screen.contains("paused"), "{width}x{height}:\n{screen}");
            assert!(screen.contains("no such stream"), "{width}x{height}:\n{screen}");
        }
        // There is hardly any room, and nothing breaks.
        for (width, height) in [(1, 1), (10, 3), (300, 2)] {
            drawn(width, height, &Choice::default(), Some("gone"));
        }
        assert!(drawn(80, 24, &Choice::default(), Some("cannot reach")).contains("cannot reach"));
    }

    #[test]
    fn flows_are_sorted_and_filtered() {
        let page = page();
        let first = |order| {
            let choice = Choice { order, ..Choice::default() };
            rows(&page, &choice)[0].id.clone()
        };
        assert_eq!(first(Order::TroubleFirst), "b");
        assert_eq!(first(Order::Lag), "a");
        assert_eq!(first(Order::Name), "a");
        let choice = Choice { filter: "b".to_owned(), ..Choice::default() };
        assert_eq!(rows(&page, &choice).len(), 1);
        assert_eq!(Order::Name.next(), Order::TroubleFirst);
    }
}
