//! What a fit shows while it runs: progress, a table of epochs, the loss curve.

use std::time::{Duration, Instant};

use crate::Result;
use crate::plot::{Figure, LossCurve};
use crate::show::{Bundle, Live, escape};
use crate::train::callback::{Callback, Fit, Next, When};
use crate::train::history::{History, clock, epochs_table};

/// The curve takes at most one part in so many of a fit's time, the words beside it too, and what is said of the watched pictures: together
/// less than 1.2 %; the last drawing comes on top, which is much of a fit of some seconds.
const CURVE: u32 = 180;
const WORDS: u32 = 400;
const GLANCE: u32 = 300;
/// A fit that is over sooner is drawn once, at its end.
const QUIET: Duration = Duration::from_secs(2);
/// The longest that the watched pictures may be in the page, in bytes: a saved fit stays below 100 kB.
const LONGEST: usize = 40_000;

/// The display of one fit.
#[derive(Debug)]
pub(super) struct Screen {
    live: Option<Live>,
    started: Instant,
    /// Pictures since the last epoch ended, and when that was.
    recent: (usize, Instant),
    /// Epochs of earlier fits, which the table leaves out.
    before: usize,
    /// Nothing is shown, drawn or looked at before these.
    next: Instant,
    next_curve: Instant,
    next_glance: Instant,
    curve: Option<LivePicture>,
    /// What was said of the watched pictures last, and whether epochs have ended since.
    glance: Option<LivePicture>,
    stale: bool,
}

/// A figure as the page has it, drawn once and shown in several updates.
#[derive(Debug)]
struct LivePicture {
    html: String,
    text: String,
}

impl LivePicture {
    fn of(figure: &Figure, what: &str, url: &str) -> LivePicture {
        let (width, height) = figure.size();
        let html = format!(
            "<div><img src=\"{url}\" width=\"{width}\" height=\"{height}\" style=\"max-width:100%\" alt=\"{what}\"></div>"
        );
        LivePicture { html, text: figure.text().to_owned() }
    }

    /// The losses, where there are some; what does not stay is made in haste.
    fn curve(history: &History, stays: bool) -> Option<LivePicture> {
        (history.batches.len() > 1).then(|| {
            let figure = LossCurve::of(&history.run("")).figure();
            LivePicture::of(&figure, "loss a batch", &if stays { figure.url() } else { figure.passing_url() })
        })
    }

    fn glance_of(figure: &Figure) -> LivePicture {
        LivePicture::of(figure, "what is said of the watched pictures", &figure.url_within(LONGEST))
    }

    /// What is said of the watched pictures, where there are some.
    fn glance(fit: &Fit) -> Result<Option<LivePicture>> {
        let figure = fit.learner.glance()?;
        Ok(figure.map(|figure| LivePicture::glance_of(&figure)))
    }
}

impl Screen {
    pub fn new(quiet: bool, before: usize) -> Screen {
        let now = Instant::now();
        Screen {
            live: (!quiet).then(Live::new),
            started: now,
            recent: (0, now),
            before,
            next: now,
            next_curve: now + QUIET,
            next_glance: now + QUIET,
            curve: None,
            glance: None,
            stale: false,
        }
    }

    /// Shows what is new where it is time to; `part` is how much is done.
    fn update(&mut self, history: &History, part: f64, line: impl FnOnce() -> String) {
        let begun = Instant::now();
        let Some(live) = self.live.as_mut().filter(|live| begun >= self.next && live.is_due()) else { return };
        if begun >= self.next_curve {
            self.curve = LivePicture::curve(history, false);
            self.next_curve = Instant::now() + begun.elapsed() * CURVE;
        }
        let begun = Instant::now();
        let pictures = [self.curve.as_ref(), self.glance.as_ref()];
        live.update(|| bundle(history, self.before, &line(), (Some(part), &[]), pictures));
        self.next = Instant::now() + begun.elapsed() * WORDS;
    }

    /// A batch is done.
    fn batch(&mut self, fit: &Fit) -> Result<()> {
        self.recent.0 += fit.batch()?.len();
        let speed = self.recent.0 as f64 / self.recent.1.elapsed().as_secs_f64().max(1e-6);
        let elapsed = self.started.elapsed().as_secs_f64();
        let (done, total) = (fit.steps(), fit.run.way.planned.unwrap_or(1));
        self.update(fit.history(), done as f64 / total.max(1) as f64, || {
            let left = clock(elapsed / done.max(1) as f64 * total.saturating_sub(done) as f64);
            let trained = fit.run.trained.iter().map(|part| format!(" · {part}")).collect::<String>();
            let epoch = format!("epoch {}/{}{trained}", fit.epoch(), fit.epochs());
            let unit = match fit.learner.noun() {
                "picture" => "img".to_owned(),
                noun => format!("{noun}s"),
            };
            format!("{epoch} · batch {}/{} · {speed:.0} {unit}/s · {left} left", fit.batch_number(), fit.batches())
        });
        Ok(())
    }

    /// Looks at the watched pictures, where somebody sees it and it is time to.
    fn look(&mut self, fit: &Fit) -> Result<()> {
        let begun = Instant::now();
        self.stale = true;
        if self.live.as_ref().is_some_and(Live::updates) && begun >= self.next_glance {
            self.glance = LivePicture::glance(fit)?;
            self.stale = false;
            self.next_glance = Instant::now() + begun.elapsed() * GLANCE;
        }
        Ok(())
    }

    /// Shows the last state, which stays.
    fn finish(&mut self, fit: &Fit) -> Result<()> {
        let Some(live) = &mut self.live else { return Ok(()) };
        if self.stale {
            // an interrupt ends the cell, not what is known by then
            self.glance = LivePicture::glance(fit)
                .or_else(|error| if error.is_interrupted() { Ok(self.glance.take()) } else { Err(error) })?;
        }
        let report = fit.report();
        // a fit that was refused has nothing to show
        let curve = LivePicture::curve(fit.history(), true).filter(|_| report.batches > 0);
        let pictures = [curve.as_ref(), self.glance.as_ref()];
        live.finish(&bundle(fit.history(), self.before, &report.line(), (None, &report.notes), pictures));
        Ok(())
    }
}

impl Callback for Screen {
    fn on(&mut self, when: When, fit: &mut Fit) -> Result<Next> {
        match when {
            When::BatchEnded => self.batch(fit)?,
            When::EpochEnded => {
                self.look(fit)?;
                self.recent = (0, Instant::now());
                let (done, total) = (fit.run.way.done, fit.epochs());
                let line = || format!("epoch {done}/{total} done");
                self.update(fit.history(), done as f64 / total.max(1) as f64, line);
            }
            When::FitEnded => self.finish(fit)?,
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
    pictures: [Option<&LivePicture>; 2],
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
    for picture in pictures.into_iter().flatten() {
        text += &picture.text;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        html += &picture.html;
    }
    Bundle::new().text(text).html(html + "</div>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot;
    use crate::train::history::BatchRecord;
    use image::{Rgb, RgbImage};

    #[test]
    fn a_fit_in_a_saved_notebook_is_one_small_frame() {
        let mut history = History::default();
        for batch in 0..3000u32 {
            let noise = f64::from(batch * 7919 % 101) / 101.0;
            history.batches.push(BatchRecord { loss: 2.0 / (1.0 + f64::from(batch) * 0.01) + noise, rate: 1e-3 });
        }
        let noise = |at: u32| {
            RgbImage::from_fn(64, 64, |x, y| {
                let value = (x * 7919 + y * 104_729 + at * 31) ^ (x * y);
                Rgb([value as u8, (value >> 3) as u8, (value >> 5) as u8])
            })
        };
        for count in [4, 12] {
            let pictures: Vec<RgbImage> = (0..count).map(noise).collect();
            let figure = plot::strip(&pictures, &vec!["truck 93 %".to_owned(); pictures.len()]);
            let glance = LivePicture::glance_of(&figure);
            let curve = LivePicture::curve(&history, true).expect("there are losses");
            let bundle = bundle(&history, 0, "done", (None, &[]), [Some(&curve), Some(&glance)]);
            let bytes = serde_json::to_string(bundle.data()).expect("it is JSON").len();
            assert!(bytes < 100_000, "{count} pictures: {bytes}");
        }
    }
}
