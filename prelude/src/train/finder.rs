//! The search for a learning rate: a short mock training with a rising rate.

use super::learner::Learner;
use super::rate::Rate;
use crate::data::{Data, Order, Part};
use crate::plot::{Figure, Lines, Look};
use crate::show::{self, Bundle, Show};
use crate::words::count;
use crate::{Error, Result, interrupt};

/// fastai's `lr_find`: from, to, in so many steps; the loss's smoothing; what ends it early.
const FIRST: f64 = 1e-7;
const LAST: f64 = 10.0;
const STEPS: usize = 100;
const SMOOTHING: f64 = 0.98;
const DIVERGED: f64 = 4.0;
/// A loss that falls by less says little of a rate.
const LITTLE: f64 = 0.05;
/// The first tenth and the last five steps say nothing.
const SKIPPED: (usize, usize) = (STEPS / 10, 5);

/// What a search found: the loss at each rate, and three opinions on the best. A cell that ends with it shows the curve
/// with the suggestion marked.
#[derive(Clone, Debug, PartialEq)]
pub struct RateSearch {
    /// The rates, rising.
    pub rates: Vec<f64>,
    /// The smoothed loss at each.
    pub losses: Vec<f64>,
    /// Two thirds down the longest descent: the suggestion. fastai's `valley`.
    pub valley: f64,
    /// Where the loss falls fastest. fastai's `steep`.
    pub steep: f64,
    /// A tenth of the rate with the lowest loss. fastai's `minimum`.
    pub minimum: f64,
}

impl Learner {
    /// Looks for a good learning rate: trains up to 100 steps with a rate that rises from 1e-7 to 10, until the smoothed
    /// loss is four times its best. Afterwards weights, optimiser and history are as before. Smith 2015, with fastai's
    /// numbers.
    ///
    /// # Errors
    /// When an option makes no sense, the learner has no data or everything is frozen, and when the search ends before anything can be said.
    pub fn lr_find(&mut self) -> Result<RateSearch> {
        let data = self.need_data()?;
        self.check(Rate::One(LAST))?;
        self.check_trainable()?;
        self.cache.prepare(&self.network)?;
        let (values, optimizer) = (self.network.params().snapshot()?, self.optimizer.clone());
        let searched = self.search(data.as_ref());
        self.network.params().load(&values, None)?;
        *self.optimizer = optimizer;
        show::progress(LABEL, STEPS as u64, STEPS as u64);
        let (rates, losses) = searched?;
        let found = RateSearch::of(rates, losses)?;
        if let Some(share) = found.fall().filter(|share| *share < LITTLE) {
            show::note(&format!(
                "the loss falls by {:.0} % at its best: the network has learned at these rates what it can, and the suggestion rests on little; low rates such as 1e-4 go on with care",
                share.max(0.0) * 100.0
            ));
        }
        Ok(found)
    }

    /// The rates that were tried, and the smoothed losses.
    fn search(&mut self, data: &dyn Data) -> Result<(Vec<f64>, Vec<f64>)> {
        let (mut rates, mut losses) = (Vec::new(), Vec::new());
        let (mut mean, mut best) = (0.0, f64::INFINITY);
        for pass in self.begun.. {
            let before = rates.len();
            for (index, batch) in data.batches(Part::Train, Order::Epoch(pass))?.enumerate() {
                if interrupt::requested() || rates.len() == STEPS {
                    return Ok((rates, losses));
                }
                show::progress(LABEL, rates.len() as u64, STEPS as u64);
                let (loss, mut gradients, passed) = self.gradients(&batch?, (pass, index))?;
                let rate = FIRST * (LAST / FIRST).powf(rates.len() as f64 / STEPS as f64);
                mean = SMOOTHING * mean + (1.0 - SMOOTHING) * loss;
                let loss = mean / (1.0 - SMOOTHING.powi(rates.len() as i32 + 1));
                if !loss.is_finite() || !gradients.norm().is_finite() {
                    return Ok((rates, losses));
                }
                rates.push(rate);
                losses.push(loss);
                best = loss.min(best);
                if loss > DIVERGED * best {
                    return Ok((rates, losses));
                }
                self.options.clip.map_or(Ok(()), |clip| gradients.shorten(clip))?;
                self.optimizer.step(gradients.params(), gradients.store(), |_| rate, None)?;
                passed.commit()?;
            }
            if rates.len() == before {
                break;
            }
        }
        Ok((rates, losses))
    }
}

const LABEL: &str = "search for a learning rate";

impl RateSearch {
    /// The opinions on a curve.
    fn of(rates: Vec<f64>, losses: Vec<f64>) -> Result<RateSearch> {
        let Some((inner, falls)) = trimmed(&rates, &losses).filter(|(inner, _)| inner.len() > 2) else {
            if interrupt::requested() {
                return Err(Error::interrupted());
            }
            if rates.is_empty() {
                return Err(Error::new(
                    "the first loss is no number: the network has diverged, or the data hold values that are none",
                )
                .remedy("load a checkpoint, or make the network anew; look at the data: `data.show_batch(9)?`"));
            }
            let what = format!("the search ended after {}, too few to say anything", count(rates.len(), "step"));
            return Err(Error::new(what)
                .remedy("look at the data (`data.show_batch(9)?`) and the weights: the loss explodes at any rate"));
        };
        let lowest = (0..falls.len()).min_by(|a, b| falls[*a].total_cmp(&falls[*b])).unwrap_or(0);
        let slope = |at: &usize| (falls[at + 1] - falls[*at]) / (inner[at + 1].ln() - inner[*at].ln());
        let steepest = (0..falls.len() - 1).min_by(|a, b| slope(a).total_cmp(&slope(b))).unwrap_or(0);
        let (valley, steep, minimum) = (inner[valley(falls)], inner[steepest], inner[lowest] / 10.0);
        Ok(RateSearch { rates, losses, valley, steep, minimum })
    }

    /// By what share of its beginning the loss falls at its best.
    fn fall(&self) -> Option<f64> {
        let (_, losses) = trimmed(&self.rates, &self.losses)?;
        let (first, least) = (*losses.first()?, losses.iter().copied().fold(f64::INFINITY, f64::min));
        (first > 0.0).then(|| 1.0 - least / first)
    }

    /// The curve with the suggestion marked.
    pub fn figure(&self) -> Figure {
        let (rates, losses) = trimmed(&self.rates, &self.losses).unwrap_or((&self.rates, &self.losses));
        let points: Vec<(f64, f64)> = rates.iter().copied().zip(losses.iter().copied()).collect();
        let at = points.iter().find(|(rate, _)| *rate >= self.valley).copied().unwrap_or_default();
        let lines = Lines::new("learning rate", "loss (smoothed)").log_x().zoom();
        lines.line("loss", &points, Look::Line).point(at.0, at.1, format!("valley {:.1e}", self.valley)).figure()
    }

    /// One line.
    pub fn line(&self) -> String {
        let RateSearch { valley, steep, minimum, .. } = self;
        format!("suggestion {valley:.1e} (valley); steep {steep:.1e}, minimum / 10 {minimum:.1e}")
    }
}

impl Show for RateSearch {
    fn bundle(&self) -> Bundle {
        let figure = self.figure();
        let text = format!("{}\n{}", self.line(), figure.text());
        figure.bundle().text(text)
    }
}

/// What is left of a curve without its ends.
fn trimmed<'a>(rates: &'a [f64], losses: &'a [f64]) -> Option<(&'a [f64], &'a [f64])> {
    let inner = SKIPPED.0..rates.len().checked_sub(SKIPPED.1)?;
    Some((rates.get(inner.clone())?, losses.get(inner)?))
}

/// The place two thirds down the longest decreasing subsequence.
fn valley(losses: &[f64]) -> usize {
    let mut lengths = vec![1usize; losses.len()];
    let (mut start, mut end) = (0, 0);
    for i in 1..losses.len() {
        for j in 0..i {
            if losses[i] < losses[j] && lengths[i] < lengths[j] + 1 {
                lengths[i] = lengths[j] + 1;
            }
            if lengths[end] < lengths[i] {
                (start, end) = (i.saturating_sub(lengths[i]), i);
            }
        }
    }
    let third = (end - start) as f64 / 3.0;
    start + third as usize + (third / 2.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    // fastai 2.8.12: valley, steep, minimum of the same curve, cut at 4 × its best, as lr_find hands it to them:
    // 0.004365158267319202, 0.001737800776027143, 0.006918309628963471; 90 points
    #[test]
    fn the_opinions_are_fastais() -> Result<()> {
        let (mut rates, mut losses, mut best) = (Vec::new(), Vec::new(), f64::INFINITY);
        for step in 0..STEPS {
            let rate = FIRST * (LAST / FIRST).powf(step as f64 / STEPS as f64);
            let x = rate.log10();
            let wave = 0.05 * (step as f64 * 1.7).sin();
            let loss = 2.3 - 1.6 / (1.0 + (-3.0 * (x + 3.0)).exp()) + wave + (x + 0.7).max(0.0).powi(3) * 4.0;
            rates.push(rate);
            losses.push(loss);
            best = loss.min(best);
            if loss > DIVERGED * best {
                break;
            }
        }
        assert_eq!(rates.len(), 90);
        let found = RateSearch::of(rates, losses)?;
        for (found, expected) in [
            (found.valley, 0.004_365_158_267_319_202),
            (found.steep, 0.001_737_800_776_027_143),
            (found.minimum, 0.006_918_309_628_963_471),
        ] {
            assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
        }
        assert!(found.fall().is_some_and(|fall| (0.5..1.0).contains(&fall)), "{:?}", found.fall());
        let flat: Vec<f64> = (0..60).map(|step| 0.2 + 1e-3 * f64::from(step * 7 % 5)).collect();
        assert!(RateSearch::of((1..=60).map(f64::from).collect(), flat)?.fall().is_some_and(|fall| fall < LITTLE));
        assert!(found.bundle().as_text().is_some_and(|text| text.contains("suggestion 4.4e-3 (valley)")));
        Ok(())
    }

    #[test]
    fn a_curve_too_short_is_no_curve() {
        for length in [4, 10, 16] {
            let says = RateSearch::of(vec![1e-3; length], vec![1.0; length]).unwrap_err().to_string();
            assert!(says.contains(&format!("after {length} steps")), "{says}");
        }
    }
}
