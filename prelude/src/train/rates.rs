//! Rates before any training: by part, and over the steps of a fit.

use super::learner::Learner;
use super::optim::Rule;
use super::rate::{IntoRate, Rate};
use super::schedule::{Moment, Schedule};
use crate::data::{Order, Part};
use crate::params::Param;
use crate::plot::{self, Figure, Lines, Look};
use crate::show::{Bundle, Show, Table};
use crate::words::count;
use crate::{Error, Result, limits};

/// So many parts get a line of their own.
const LINES: usize = 5;
/// So many points make a line.
const POINTS: usize = 400;

/// What a schedule does over the steps of a fit. A cell that ends with it shows the curves.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulePlot {
    /// The parts that train, and the rate of each at each step; 0 while a part is frozen.
    pub rates: Vec<(String, Vec<f64>)>,
    /// The momentum at each step, or what stands in its place (beta1), where the optimiser has one.
    pub momentum: Vec<f64>,
    title: String,
    /// Steps an epoch.
    epoch: usize,
}

/// So many steps are drawn at most.
const DRAWN: usize = 1_000_000;

impl Learner {
    /// Shows what a fit of so many epochs does with the rate of each part, and with the momentum, before anything is trained:
    /// `plot_schedule(5, 1e-3, Schedule::one_cycle())`. A plateau's falls depend on what will be measured, and are not shown.
    ///
    /// # Errors
    /// When a number makes no sense, everything is frozen, or the learner has no data.
    pub fn plot_schedule(&self, epochs: usize, rate: impl IntoRate, schedule: Schedule) -> Result<SchedulePlot> {
        self.schedule_plot(epochs, rate.into_rate(), &schedule)
    }

    fn schedule_plot(&self, epochs: usize, rate: Rate, schedule: &Schedule) -> Result<SchedulePlot> {
        limits::some("`epochs`", epochs, "passes through the training examples", "a few are usual")?;
        rate.check()?;
        self.check_schedule(schedule)?;
        let epoch = self.need_data()?.batches(Part::Train, Order::Given)?.size_hint().0.max(1);
        let (steps, parts) = (epoch.saturating_mul(epochs), self.network.parts());
        let remedy = "fewer epochs show the same course: `learner.plot_schedule(5, 1e-3, schedule)?`";
        limits::allow(steps <= DRAWN, "the number of steps", &steps, &format!("at most {DRAWN} to draw"), remedy)?;
        let own = match self.optimizer.rule() {
            Rule::Sgd { momentum, .. } | Rule::RmsProp { momentum, .. } => momentum,
            Rule::AdamW { beta1, .. } | Rule::Adam { beta1, .. } => beta1,
            Rule::Lamb { beta1, .. } | Rule::Lion { beta1, .. } => beta1,
        };
        let takes = !matches!(self.optimizer.rule(), Rule::RmsProp { momentum: 0.0, .. });
        let trains = |group: usize| self.network.params().in_group(group).iter().any(|param| !param.frozen());
        let trainable: Vec<bool> = (0..parts.len()).map(trains).collect();
        let backbone = self.network.backbone_parts();
        let mut rates = vec![Vec::with_capacity(steps); parts.len()];
        let mut momentum = Vec::with_capacity(steps);
        for step in 0..steps {
            let (done, now) = (step as f64 / steps as f64, step / epoch);
            let (factor, set) = schedule.at(Moment { done, step, epoch: now });
            if !(factor.is_finite() && factor >= 0.0) {
                let what = format!("the schedule gives the factor {factor} before step {}", step + 1);
                return Err(Error::new(format!("{what}; expected a finite number, 0 or above"))
                    .remedy("a share of the rate, such as `1.0 - done`"));
            }
            for (group, top) in rate.over(parts.len()).into_iter().enumerate() {
                let is_on = match schedule.unfreezes() {
                    Some(by) => group >= backbone.saturating_sub(now.saturating_mul(by)),
                    None => trainable[group],
                };
                rates[group].push(if is_on { top * factor } else { 0.0 });
            }
            momentum.push(if takes { set.unwrap_or(own) } else { own });
        }
        let mut rates: Vec<(String, Vec<f64>)> = parts.iter().cloned().zip(rates).collect();
        rates.retain(|(_, rates)| rates.iter().any(|rate| *rate > 0.0));
        if rates.is_empty() {
            self.check_trainable()?;
        }
        if momentum.iter().all(|momentum| *momentum == 0.0) {
            momentum.clear();
        }
        let title = format!("{schedule}, {rate}, {} of {}", count(epochs, "epoch"), count(epoch, "step"));
        Ok(SchedulePlot { rates, momentum, title, epoch })
    }

    /// The rate of each part where a fit is given this one, or this range, and what of it is frozen: `rates(1e-5..1e-3)`.
    ///
    /// # Errors
    /// When a rate is no positive number.
    pub fn rates(&self, rate: impl IntoRate) -> Result<Table> {
        self.rates_of(rate.into_rate())
    }

    fn rates_of(&self, rate: Rate) -> Result<Table> {
        rate.check()?;
        let parts = self.network.parts();
        let mut table = Table::new(["part", "rate", ""]).left(0).left(2);
        for (group, (part, rate)) in parts.iter().zip(rate.over(parts.len())).enumerate() {
            let mut params = self.network.params().in_group(group);
            params.retain(|param| !param.fixed());
            let frozen = params.iter().filter(|param| param.frozen()).count();
            let state = match frozen {
                0 => "trainable",
                some if some == params.len() => "frozen",
                _ => "partly frozen",
            };
            let rate = if params.iter().all(Param::frozen) { "–".to_owned() } else { format!("{rate:.1e}") };
            table.push([part.clone(), rate, state.to_owned()]);
        }
        Ok(table)
    }

    /// Refuses a schedule whose numbers make no sense, and a plateau of what is not measured.
    pub(super) fn check_schedule(&self, schedule: &Schedule) -> Result<()> {
        schedule.check()?;
        let Some((.., measure)) = schedule.as_plateau() else { return Ok(()) };
        if measure == "train loss" {
            return Ok(());
        }
        let own = self.task.metrics(&self.spec);
        let names: Vec<&str> = own.iter().chain(self.metrics.iter()).map(|metric| metric.name()).collect();
        if measure != "loss" && !names.contains(&measure) {
            return Err(Error::new(format!("`plateau` goes by `{measure}`, which is not measured")).remedy(format!(
                "there are `loss`, `train loss`{}",
                names.iter().map(|name| format!(", `{name}`")).collect::<String>()
            )));
        }
        if self.data.as_ref().is_some_and(|data| data.count(Part::Valid) == 0) {
            return Err(Error::new("`plateau` goes by what validation finds, and there is no validation data")
                .remedy("keep some apart (`.split(0.2, 42)?`), or go by the training loss: `.by(\"train loss\")`"));
        }
        Ok(())
    }
}

impl SchedulePlot {
    /// The curves: the rate of each part, of many a few, and the momentum beside.
    pub fn figure(&self) -> Figure {
        let points = |values: &[f64]| -> Vec<(f64, f64)> {
            let every = values.len().div_ceil(POINTS).max(1);
            let all = values.iter().enumerate().filter(|(step, _)| step % every == 0 || step + 1 == values.len());
            all.filter(|(_, value)| **value > 0.0).map(|(step, value)| ((step + 1) as f64, *value)).collect()
        };
        let mut lines = Lines::new("step", "learning rate").title(&self.title);
        for (name, rates) in self.shown() {
            lines = lines.line(name, &points(rates), Look::Line);
        }
        if self.momentum.is_empty() {
            return lines.figure();
        }
        let momentum = Lines::new("step", "momentum").line("momentum", &points(&self.momentum), Look::Line);
        plot::panels(&[lines, momentum])
    }

    /// What gets a line: a part of each rate, spread over all of them where they are many.
    fn shown(&self) -> Vec<(String, &[f64])> {
        let mut kinds: Vec<(String, &[f64])> = Vec::new();
        for (name, rates) in &self.rates {
            match kinds.last_mut().filter(|(_, last)| *last == rates) {
                Some((names, _)) => {
                    let first = names.split(" to ").next().unwrap_or_default().to_owned();
                    *names = format!("{first} to {name}");
                }
                None => kinds.push((name.clone(), rates)),
            }
        }
        let count = kinds.len();
        if count <= LINES {
            return kinds;
        }
        (0..LINES).map(|line| kinds[line * (count - 1) / (LINES - 1)].clone()).collect()
    }

    /// The same as numbers: a row at each epoch's beginning and at the last step.
    pub fn table(&self) -> Table {
        let shown = self.shown();
        let mut head = vec!["step".to_owned()];
        head.extend(shown.iter().map(|(name, _)| name.clone()));
        head.extend((!self.momentum.is_empty()).then(|| "momentum".to_owned()));
        let mut table = Table::new(head).title(&self.title);
        let steps = shown.first().map_or(0, |(_, rates)| rates.len());
        let rows = (0..steps).filter(|step| step % self.epoch == 0 || step + 1 == steps);
        for step in rows {
            let mut row = vec![(step + 1).to_string()];
            row.extend(shown.iter().map(|(_, rates)| match rates[step] {
                0.0 => "–".to_owned(),
                rate => format!("{rate:.2e}"),
            }));
            row.extend(self.momentum.get(step).map(|momentum| format!("{momentum:.3}")));
            table.push(row);
        }
        table
    }
}

impl Show for SchedulePlot {
    fn bundle(&self) -> Bundle {
        self.figure().bundle()
    }
}
