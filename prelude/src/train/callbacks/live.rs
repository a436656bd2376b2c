//! What a fit shows while it runs: progress, a table of epochs, the loss curve.

use std::time::{Duration, Instant};

use crate::Result;
use crate::plot::{Figure, LossCurve};
use crate::show::{Bundle, Live, escape};
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::history::{History, clock, epochs_table};

/// Drawing takes at most this share of a fit.
const SHARE: u32 = 12;

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
    /// What was said of the watched pictures last.
    glance: Option<Figure>,
}

impl Screen {
    pub fn new(quiet: bool, before: usize) -> Screen {
        let now = Instant::now();
        Screen { live: (!quiet).then(Live::new), started: now, recent: (0, now), before, next: now, glance: None }
    }

    /// Draws where it is time to; `part` is how much is done.
    fn update(&mut self, history: &History, part: f64, line: impl FnOnce() -> String) {
        let (before, begun) = (self.before, Instant::now());
        let Some(live) = self.live.as_mut().filter(|live| begun >= self.next && live.is_due()) else { return };
        let glance = self.glance.as_ref();
        live.update(|| bundle(history, before, &line(), (Some(part), &[]), glance));
        self.next = Instant::now() + (begun.elapsed() * SHARE).min(Duration::from_secs(5));
    }

    /// A batch is done.
    fn batch(&mut self, fit: &Fit) -> Result<()> {
        self.recent.0 += fit.batch()?.len();
        let speed = self.recent.0 as f64 / self.recent.1.elapsed().as_secs_f64().max(1e-6);
        let elapsed = self.started.elapsed().as_secs_f64();
        let (done, total) = (fit.steps(), fit.run.planned.unwrap_or(1));
        self.update(fit.history(), done as f64 / total.max(1) as f64, || {
            let left = clock(elapsed / done.max(1) as f64 * total.saturating_sub(done) as f64);
            let trained = fit.run.trained.iter().map(|part| format!(" · {part}")).collect::<String>();
            let epoch = format!("epoch {}/{}{trained}", fit.epoch(), fit.epochs());
            format!("{epoch} · batch {}/{} · {speed:.0} img/s · {left} left", fit.batch_number(), fit.batches())
        });
        Ok(())
    }
}

impl Callback for Screen {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::BatchEnded => self.batch(fit)?,
            When::EpochEnded => {
                if self.live.is_some() {
                    self.glance = fit.learner.glance()?;
                }
                self.recent = (0, Instant::now());
                let (done, total) = (fit.run.done, fit.epochs());
                let line = || format!("epoch {done}/{total} done");
                self.update(fit.history(), done as f64 / total.max(1) as f64, line);
            }
            // the last state, which stays
            When::FitEnded => {
                let (before, report) = (self.before, fit.report());
                if let Some(live) = &mut self.live {
                    let (line, glance) = (report.line(), self.glance.as_ref());
                    live.finish(&bundle(fit.history(), before, &line, (None, &report.notes), glance));
                }
            }
            _ => {}
        }
        Ok(Next::Go)
    }
}

/// The display's forms; `part` is how much is done, `None` at the end.
fn bundle(
    history: &History,
    before: usize,
    line: &str,
    (part, notes): (Option<f64>, &[String]),
    glance: Option<&Figure>,
) -> Bundle {
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
    if let Some(glance) = glance {
        let (width, height) = glance.size();
        html += &format!(
            "<div><img src=\"{}\" width=\"{width}\" height=\"{height}\" style=\"max-width:100%\" \
             alt=\"what is said of the watched pictures\"></div>",
            glance.url()
        );
        text += &format!("{}\n", glance.text());
    }
    Bundle::new().text(text).html(html + "</div>")
}
