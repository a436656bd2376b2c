//! What a cell says, drawn in a terminal: text, pictures, displays that change in place, progress below.

use super::canvas::{Canvas, Row, wrap};
use super::picture::Face;
use super::tty::{Abilities, Mode, Size};
use crate::document::terminal::Folded;
use crate::screen::{Display, Progress, Question, Screen, StreamName};
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A terminal whose lines can be drawn again.
pub struct Terminal {
    canvas: Canvas,
    abilities: Abilities,
    measure: fn() -> Size,
    blocks: Vec<Block>,
    progress: Option<Progress>,
    note: Option<String>,
    began: Instant,
    painted: Option<Instant>,
    dirty: bool,
    clear_next: bool,
}

enum Block {
    Stream { name: StreamName, done: Vec<Row>, tail: Folded },
    Shown { display: Display, moves: bool, rows: Vec<Row> },
}

impl Block {
    fn rows(&self, size: Size, colours: bool) -> Vec<Row> {
        match self {
            Block::Stream { done, tail, .. } => {
                done.iter().cloned().chain(text_rows(&tail.text(), size, colours)).collect()
            }
            Block::Shown { rows, .. } => rows.clone(),
        }
    }
}

/// At most so often is the terminal drawn while much is said.
const EVERY: Duration = Duration::from_millis(40);

/// A cell that says nothing for so long gets a line that says that it runs.
const PATIENCE: Duration = Duration::from_millis(1500);

impl Terminal {
    /// A terminal behind `to`, whose size `measure` says.
    pub fn new(to: Box<dyn Write + Send>, abilities: Abilities, measure: fn() -> Size) -> Terminal {
        Terminal {
            canvas: Canvas::new(to, measure()),
            abilities,
            measure,
            blocks: Vec::new(),
            progress: None,
            note: None,
            began: Instant::now(),
            painted: None,
            dirty: false,
            clear_next: false,
        }
    }

    /// A cell begins.
    pub fn begin(&mut self) {
        self.canvas.resize((self.measure)());
        self.began = Instant::now();
    }

    /// Time went by: draws what has not been drawn, and the seconds.
    pub fn tick(&mut self) {
        let waiting = self.blocks.is_empty() && self.began.elapsed() > PATIENCE;
        if self.dirty || self.progress.is_some() || self.note.is_some() || waiting {
            self.paint();
        }
    }

    /// A word in the line of progress, such as `interrupting`.
    pub fn note(&mut self, note: &str) {
        self.note = Some(note.to_owned());
        self.paint();
    }

    /// The cell ended: what moved is drawn in its best form, progress is gone.
    pub fn finish(&mut self) {
        (self.progress, self.note, self.clear_next) = (None, None, false);
        let (abilities, size) = (self.abilities, self.canvas.size());
        for block in &mut self.blocks {
            if let Block::Shown { display, moves: moves @ true, rows } = block {
                *moves = false;
                *rows = display_rows(display, abilities, size, false);
            }
        }
        self.began = Instant::now();
        self.paint();
        self.blocks.clear();
        self.canvas.finish();
    }

    /// A line of its own, outside of any cell.
    pub fn line(&mut self, text: &str) {
        let size = (self.measure)();
        let text: String =
            wrap(text, size.columns, self.abilities.colours).iter().map(|l| format!("{l}\r\n")).collect();
        self.canvas.write(&text);
    }

    fn changed(&mut self) {
        self.dirty = true;
        if self.painted.is_none_or(|painted| painted.elapsed() >= EVERY) {
            self.paint();
        }
    }

    fn paint(&mut self) {
        self.canvas.resize((self.measure)());
        let (size, colours) = (self.canvas.size(), self.abilities.colours);
        let mut rows: Vec<Row> = self.blocks.iter().flat_map(|block| block.rows(size, colours)).collect();
        rows.extend(self.status(size));
        self.canvas.paint(&rows);
        self.freeze();
        (self.dirty, self.painted) = (false, Some(Instant::now()));
    }

    /// Lets go of what has left the window, so that a talkative cell stays cheap.
    fn freeze(&mut self) {
        let mut gone = self.canvas.out_of_reach();
        while gone > 0
            && let Some(first) = self.blocks.first_mut()
        {
            let (count, empty) = match first {
                Block::Stream { done, tail, .. } => {
                    let count = done.drain(..done.len().min(gone)).count();
                    (count, done.is_empty() && tail.text().is_empty())
                }
                Block::Shown { rows, .. } if rows.len() <= gone => (rows.len(), true),
                Block::Shown { .. } => (0, false),
            };
            self.canvas.forget(count);
            gone -= count;
            if !empty {
                break;
            }
            self.blocks.remove(0);
        }
    }

    fn status(&self, size: Size) -> Option<Row> {
        let seconds = self.began.elapsed().as_secs();
        let text = match (&self.note, &self.progress) {
            (Some(note), _) => format!("{note} …"),
            (None, Some(progress)) => bar(progress, seconds, size.columns),
            (None, None) if self.blocks.is_empty() && self.began.elapsed() > PATIENCE => {
                format!("running … {seconds} s")
            }
            (None, None) => return None,
        };
        let text = if self.abilities.colours { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text };
        wrap(&text, size.columns, self.abilities.colours).into_iter().next().map(Row::Text)
    }

    /// Something new comes: what was to be cleared is, and a step without an end is over.
    fn make_way(&mut self) {
        if self.progress.as_ref().is_some_and(|progress| progress.total == 0) {
            self.progress = None;
        }
        if std::mem::take(&mut self.clear_next) {
            self.blocks.clear();
        }
    }

    fn show(&mut self, display: Display, moves: bool) {
        self.make_way();
        let rows = display_rows(&display, self.abilities, self.canvas.size(), moves);
        self.blocks.push(Block::Shown { display, moves, rows });
        self.changed();
    }
}

fn text_rows(text: &str, size: Size, colours: bool) -> Vec<Row> {
    wrap(text, size.columns, colours).into_iter().map(Row::Text).collect()
}

/// The lines of a display. One that moves must fit the window, because what left it cannot be drawn
/// again: until the cell ends, its first line and its last ones are shown.
fn display_rows(display: &Display, abilities: Abilities, size: Size, moves: bool) -> Vec<Row> {
    let mut rows = match Face::of(display, abilities, size, moves) {
        Face::Text(text) => text_rows(&text, size, abilities.colours),
        Face::Blocks(lines) => lines.into_iter().map(Row::Text).collect(),
        Face::Pixels(picture) => {
            let rows = picture.rows;
            let under = std::iter::repeat_n(Row::Under, rows.saturating_sub(1));
            std::iter::once(Row::Picture(Arc::new(picture))).chain(under).collect()
        }
    };
    let room = size.rows.saturating_sub(3).max(2);
    if moves && rows.len() > room && matches!(rows[0], Row::Text(_)) {
        rows.drain(1..=rows.len() - room);
    }
    rows
}

fn bar(progress: &Progress, seconds: u64, columns: usize) -> String {
    let Progress { label, done, total } = progress;
    if *total == 0 {
        return format!("{label}  {seconds} s");
    }
    let tail = format!(" {done}/{total}  {seconds} s");
    let width = columns.saturating_sub(label.chars().count() + tail.len() + 2).clamp(8, 40) as u64;
    let filled = ((*done).min(*total) * width / total) as usize;
    format!("{label} {}{}{tail}", "━".repeat(filled), "─".repeat(width as usize - filled))
}

impl Screen for Terminal {
    fn stream(&mut self, name: StreamName, text: &str) {
        self.make_way();
        let (size, colours) = (self.canvas.size(), self.abilities.colours);
        if !matches!(self.blocks.last(), Some(Block::Stream { name: last, .. }) if *last == name) {
            self.blocks.push(Block::Stream { name, done: Vec::new(), tail: Folded::default() });
        }
        if let Some(Block::Stream { done, tail, .. }) = self.blocks.last_mut() {
            tail.push(text);
            done.extend(text_rows(&tail.take_done(), size, colours));
        }
        self.changed();
    }

    fn display(&mut self, display: Display) {
        let moves = display.display_id.is_some();
        self.show(display, moves);
    }

    fn update(&mut self, display: Display) {
        let (abilities, size) = (self.abilities, self.canvas.size());
        let found = self.blocks.iter_mut().find_map(|block| match block {
            Block::Shown { display: old, moves, rows } if old.display_id == display.display_id => {
                Some((old, moves, rows))
            }
            _ => None,
        });
        match found {
            Some((old, moves, rows)) => {
                *rows = display_rows(&display, abilities, size, true);
                (*old, *moves) = (display, true);
                self.changed();
            }
            // Shown in an earlier cell, or so long ago that it has left the window: it appears below.
            None => self.show(display, true),
        }
    }

    fn result(&mut self, display: Display) {
        self.show(display, false);
    }

    fn clear(&mut self, wait: bool) {
        self.clear_next = wait;
        if !wait {
            self.blocks.clear();
            self.changed();
        }
    }

    fn progress(&mut self, progress: Progress) {
        let over = progress.label.is_empty() || (progress.total > 0 && progress.done >= progress.total);
        self.progress = (!over).then_some(progress);
        self.changed();
    }

    fn input(&mut self, question: Question) -> Option<String> {
        self.progress = None;
        self.paint();
        self.blocks.clear();
        self.canvas.finish();
        self.canvas.write(&question.prompt);
        let _mode = if question.password { Mode::quiet() } else { Mode::echoing() };
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).ok()?;
        if question.password {
            self.canvas.write("\r\n");
        }
        (read > 0).then(|| answer.trim_end_matches(['\n', '\r']).to_owned())
    }
}
