//! What a fit shows while it runs: progress, a table of epochs, the loss curve.

use std::time::{Duration, Instant};

use super::history::{FitReport, History, clock, epochs_table};
use crate::plot::LossCurve;
use crate::show::{Bundle, Live, escape};

/// Drawing takes at most this share of a fit.
const SHARE: u32 = 12;

/// Where a fit is: each pair counts from 1, with its total.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub epoch: (usize, usize),
    pub batch: (usize, usize),
    pub step: (usize, usize),
    pub pictures: usize,
}

/// The display of one fit.
#[derive(Debug)]
pub(super) struct Screen {
    live: Option<Live>,
    started: Instant,
    /// Pictures since the last epoch ended, and when that was.
    recent: (usize, Instant),
    /// Epochs of earlier fits, which the table leaves out.
    before: usize,
    /// Nothing is drawn before this.
    next: Instant,
}

impl Screen {
    pub fn new(quiet: bool, before: usize) -> Screen {
        let now = Instant::now();
        Screen { live: (!quiet).then(Live::new), started: now, recent: (0, now), before, next: now }
    }

    /// A step was taken.
    pub fn step(&mut self, history: &History, position: Position) {
        self.recent.0 += position.pictures;
        let speed = self.recent.0 as f64 / self.recent.1.elapsed().as_secs_f64().max(1e-6);
        let elapsed = self.started.elapsed().as_secs_f64();
        let (done, total) = position.step;
        self.update(history, done as f64 / total.max(1) as f64, || {
            let left = elapsed / done.max(1) as f64 * total.saturating_sub(done) as f64;
            let (epoch, batch) = (position.epoch, position.batch);
            format!(
                "epoch {}/{} · batch {}/{} · {speed:.0} img/s · {} left",
                epoch.0,
                epoch.1,
                batch.0,
                batch.1,
                clock(left)
            )
        });
    }

    fn update(&mut self, history: &History, part: f64, line: impl FnOnce() -> String) {
        let (before, begun) = (self.before, Instant::now());
        let Some(live) = self.live.as_mut().filter(|live| begun >= self.next && live.is_due()) else { return };
        live.update(|| bundle(history, before, &line(), Some(part), &[]));
        self.next = Instant::now() + (begun.elapsed() * SHARE).min(Duration::from_secs(5));
    }

    /// An epoch ended.
    pub fn epoch(&mut self, history: &History, (done, total): (usize, usize)) {
        self.recent = (0, Instant::now());
        self.update(history, done as f64 / total.max(1) as f64, || format!("epoch {done}/{total} done"));
    }

    /// The fit ended: the last state, which stays.
    pub fn finish(&mut self, history: &History, report: &FitReport) {
        let before = self.before;
        if let Some(live) = &mut self.live {
            live.finish(&bundle(history, before, &report.line(), None, &report.notes));
        }
    }
}

/// The display's forms; `part` is how much is done, `None` at the end.
fn bundle(history: &History, before: usize, line: &str, part: Option<f64>, notes: &[String]) -> Bundle {
    let table = epochs_table(&history.epochs[before.min(history.epochs.len())..]);
    let mut text = String::new();
    let mut html = String::from("<div>");
    if let Some(part) = part {
        let cells = (part.clamp(0.0, 1.0) * 24.0).round() as usize;
        text += &format!("{}{} {line}\n", "█".repeat(cells), "░".repeat(24 - cells));
        html += &format!(
            "<div style=\"display:flex;align-items:center;gap:10px\"><progress value=\"{part:.4}\" max=\"1\" \
             style=\"width:220px\"></progress><span style=\"font-variant-numeric:tabular-nums\">{}</span></div>",
            escape(line)
        );
    } else {
        text += &format!("{line}\n");
        html += &format!("<div>{}</div>", escape(line));
    }
    if history.epochs.len() > before {
        text += &table.text();
        html += &table.html();
    }
    for note in notes {
        text += &format!("{note}\n");
        html += &format!("<div style=\"margin-top:4px\">{}</div>", escape(note));
    }
    if history.batches.len() > 1 {
        let figure = LossCurve::of(&history.run("")).figure();
        text += figure.text();
        let (width, height) = figure.size();
        html += &format!(
            "<img src=\"{}\" width=\"{width}\" height=\"{height}\" \
             style=\"max-width:100%\" alt=\"loss a batch\">",
            figure.url()
        );
    }
    Bundle::new().text(text).html(html + "</div>")
}
