//! What a cell says, drawn in a terminal: text, pictures, displays that change in place, progress below.

use super::canvas::{Canvas, Row, wrap, wrap_open};
use super::picture::Form;
use super::tty::{self, Abilities, Mode, WindowSize};
use crate::document::terminal::Folded;
use crate::screen::{Display, Progress, Question, Said, Screen, StreamName, in_words};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A terminal whose lines can be drawn again.
pub struct Terminal {
    canvas: Canvas,
    abilities: Abilities,
    measure: fn() -> WindowSize,
    blocks: Vec<Drawn>,
    progress: Option<Progress>,
    note: Option<String>,
    began: Instant,
    painted: Option<Instant>,
    dirty: bool,
    clear_next: bool,
}

enum Drawn {
    Stream {
        name: StreamName,
        done: Vec<Row>,
        tail: Folded,
    },
    /// A display; whether it may still change, whether it has changed since its lines began to leave the window, and
    /// whether what left the window was changed afterwards.
    Shown {
        display: Display,
        moves: bool,
        tall: bool,
        stale: bool,
        rows: Vec<Row>,
    },
}

impl Drawn {
    fn rows(&self, size: WindowSize, colours: bool) -> Vec<Row> {
        match self {
            Drawn::Stream { done, tail, .. } => {
                done.iter().cloned().chain(text_rows(&tail.text(), size, colours)).collect()
            }
            Drawn::Shown { rows, .. } => rows.clone(),
        }
    }
}

/// At most so often is the terminal drawn while much is said.
const EVERY: Duration = Duration::from_millis(40);

/// So much of a line that goes on is drawn again and again; what stands before it is done.
const OPEN: usize = 16 << 10;

/// A cell that says nothing for so long gets a line that says that it runs.
const PATIENCE: Duration = Duration::from_millis(1500);

impl Terminal {
    /// A terminal behind `to`, whose size `measure` says.
    pub fn new(to: Box<dyn Write + Send>, abilities: Abilities, measure: fn() -> WindowSize) -> Terminal {
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
        self.fit((self.measure)());
        self.began = Instant::now();
    }

    /// How many characters a line of it has.
    pub fn columns(&self) -> usize {
        self.canvas.size().columns
    }

    /// Time went by: draws what has not been drawn, and the seconds.
    pub fn tick(&mut self) {
        let size = (self.measure)();
        if size != self.canvas.size() {
            self.fit(size);
            self.dirty |= !self.blocks.is_empty();
        }
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
            if let Drawn::Shown { display, moves: moves @ true, tall, rows, .. } = block {
                *moves = false;
                *rows = display_rows(display, abilities, size, false);
                scroll(rows, size, tall);
            }
        }
        self.began = Instant::now();
        self.paint();
        // What left the window before it changed stands there as it was: all of it once more.
        let stale = |block: &Drawn| matches!(block, Drawn::Shown { stale: true, .. });
        let again: Vec<Row> = self.blocks.iter().filter(|b| stale(b)).flat_map(|b| b.rows(size, true)).collect();
        if !again.is_empty() {
            self.canvas.finish();
            self.canvas.paint(&again);
        }
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
        self.fit((self.measure)());
        let (size, colours) = (self.canvas.size(), self.abilities.colours);
        let mut rows: Vec<Row> = Vec::new();
        for block in &mut self.blocks {
            let own = block.rows(size, colours);
            if let Drawn::Shown { stale, .. } = block {
                *stale |= self.canvas.differs(rows.len(), &own);
            }
            rows.extend(own);
        }
        rows.extend(self.status(size));
        self.canvas.paint(&rows);
        self.freeze();
        (self.dirty, self.painted) = (false, Some(Instant::now()));
    }

    /// The terminal may have another size now: what is drawn from now on fits it.
    fn fit(&mut self, size: WindowSize) {
        let narrower = size.columns < self.canvas.size().columns;
        if size == self.canvas.size() {
            return;
        }
        self.canvas.resize(size);
        let (abilities, colours) = (self.abilities, self.abilities.colours);
        for block in &mut self.blocks {
            match block {
                Drawn::Shown { display, moves, tall, rows, .. } if narrower || *moves => {
                    *rows = display_rows(display, abilities, size, *moves);
                    if *moves {
                        scroll(rows, size, tall);
                    }
                }
                Drawn::Stream { done, .. } if narrower => {
                    let fitted = |row: Row| match row {
                        Row::Text(text) if !text.is_empty() => text_rows(&text, size, colours),
                        row => vec![row],
                    };
                    *done = std::mem::take(done).into_iter().flat_map(fitted).collect();
                }
                Drawn::Stream { .. } | Drawn::Shown { .. } => {}
            }
        }
    }

    /// Lets go of what has left the window, so that a talkative cell stays cheap.
    fn freeze(&mut self) {
        let mut gone = self.canvas.out_of_reach();
        while gone > 0
            && let Some(first) = self.blocks.first_mut()
        {
            let (count, empty) = match first {
                Drawn::Stream { done, tail, .. } => {
                    let count = done.drain(..done.len().min(gone)).count();
                    (count, done.is_empty() && tail.text().is_empty())
                }
                Drawn::Shown { rows, .. } if rows.len() <= gone => (rows.len(), true),
                Drawn::Shown { .. } => (0, false),
            };
            self.canvas.forget(count);
            gone -= count;
            if !empty {
                break;
            }
            self.blocks.remove(0);
        }
    }

    fn status(&self, size: WindowSize) -> Option<Row> {
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
        let size = self.canvas.size();
        let mut rows = display_rows(&display, self.abilities, size, moves);
        let mut tall = false;
        if moves {
            scroll(&mut rows, size, &mut tall);
        }
        self.blocks.push(Drawn::Shown { display, moves, tall, stale: false, rows });
        self.changed();
    }
}

fn text_rows(text: &str, size: WindowSize, colours: bool) -> Vec<Row> {
    wrap(text, size.columns, colours).into_iter().map(Row::Text).collect()
}

/// The lines of a display.
fn display_rows(display: &Display, abilities: Abilities, size: WindowSize, moves: bool) -> Vec<Row> {
    match Form::of(display, abilities, size, moves) {
        Form::Text(text) => text_rows(&text, size, abilities.colours),
        Form::Blocks(lines) => lines.into_iter().map(Row::Text).collect(),
        Form::Pixels(picture) => {
            let rows = picture.rows;
            let under = std::iter::repeat_n(Row::Under, rows.saturating_sub(1));
            std::iter::once(Row::Picture(Arc::new(picture))).chain(under).collect()
        }
    }
}

/// Lets a display that moves scroll where it is `tall`er than the window. What left it cannot be drawn again: so the
/// first line, which says how far it is, comes last, and a table grows upwards out of the window.
fn scroll(rows: &mut [Row], size: WindowSize, tall: &mut bool) {
    *tall |= rows.len() > size.rows.saturating_sub(3).max(2);
    if *tall && matches!(rows.first(), Some(Row::Text(_))) {
        rows.rotate_left(1);
    }
}

fn bar(progress: &Progress, seconds: u64, columns: usize) -> String {
    let others = format!("{}  {}/{}  {seconds} s", progress.label, progress.done, progress.total);
    let width = columns.saturating_sub(others.chars().count() + 2).clamp(8, 40);
    format!("{}  {seconds} s", in_words(progress, width, "─"))
}

impl Terminal {
    fn stream(&mut self, name: StreamName, text: &str) {
        self.make_way();
        let (size, colours) = (self.canvas.size(), self.abilities.colours);
        if !matches!(self.blocks.last(), Some(Drawn::Stream { name: last, .. }) if *last == name) {
            self.blocks.push(Drawn::Stream { name, done: Vec::new(), tail: Folded::default() });
        }
        if let Some(Drawn::Stream { done, tail, .. }) = self.blocks.last_mut() {
            tail.push(text);
            done.extend(text_rows(&tail.take_done(), size, colours));
            if let Some(line) = tail.take_long(OPEN) {
                let (rows, open) = wrap_open(&line, size.columns, colours);
                done.extend(rows.into_iter().map(Row::Text));
                tail.push(&open);
            }
        }
        self.changed();
    }

    fn update(&mut self, display: Display) {
        let (abilities, size) = (self.abilities, self.canvas.size());
        let found = self.blocks.iter_mut().find_map(|block| match block {
            Drawn::Shown { display: old, moves, tall, rows, .. } if old.display_id == display.display_id => {
                Some((old, moves, tall, rows))
            }
            _ => None,
        });
        match found {
            Some((old, moves, tall, rows)) => {
                *rows = display_rows(&display, abilities, size, true);
                scroll(rows, size, tall);
                (*old, *moves) = (display, true);
                self.changed();
            }
            // Shown in an earlier cell, or so long ago that it has left the window: it appears below.
            None => self.show(display, true),
        }
    }
}

impl Screen for Terminal {
    fn say(&mut self, said: Said) {
        match said {
            Said::Stream { name, text } => self.stream(name, &text),
            Said::Display(display) => {
                let moves = display.display_id.is_some();
                self.show(display, moves);
            }
            Said::Update(display) => self.update(display),
            Said::Result(display) => self.show(display, false),
            Said::Clear { wait } => {
                self.clear_next = wait;
                if !wait {
                    self.blocks.clear();
                    self.changed();
                }
            }
            Said::Progress(progress) => {
                let over = progress.label.is_empty() || (progress.total > 0 && progress.done >= progress.total);
                self.progress = (!over).then_some(progress);
                self.changed();
            }
            Said::Comm(_) | Said::Handled { .. } | Said::Gone => {}
        }
    }

    fn input(&mut self, question: Question) -> Option<String> {
        self.progress = None;
        self.paint();
        self.blocks.clear();
        self.canvas.finish();
        self.canvas.write(&question.prompt);
        let _mode = Mode::lines(!question.password);
        let answer = tty::read_line();
        if question.password {
            self.canvas.write("\r\n");
        }
        answer
    }
}
