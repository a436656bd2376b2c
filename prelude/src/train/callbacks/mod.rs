//! The learner's own callbacks: each stands on the seam that a person's own does.

mod audit;
mod clip;
mod distill;
mod follow;
mod gather;
mod live;
mod plateau;
mod rehearse;

pub(super) use distill::Distill;
pub(super) use rehearse::Rehearse;

use super::callback::Callback;
use super::run::FitRun;

/// Those that come before a person's own.
pub(super) fn first(run: &FitRun) -> Vec<Box<dyn Callback>> {
    vec![
        Box::new(audit::Audit::default()),
        Box::new(gather::Gather::of(run.accumulate)),
        Box::new(clip::Clip(run.clip)),
        Box::new(plateau::Plateau),
    ]
}

/// Those that come after them.
pub(super) fn last(run: &FitRun) -> Vec<Box<dyn Callback>> {
    vec![Box::new(follow::Follow), Box::new(live::Screen::new(run.quiet, run.before))]
}
