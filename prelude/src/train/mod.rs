//! The learner, optimisers, schedules, metrics, checkpoints.
//!
//! A [`Learner`] owns a network, its data, an optimiser and a history. What a person types on it:
//!
//! | verb | what it does |
//! |---|---|
//! | `Learner::vision(Arch::default(), &data)?` | the architecture's trained body, a new head for the data's classes |
//! | `Learner::vision_untrained(arch, &data)?` | the same from random weights, to compare with |
//! | `Learner::localization(arch, &data)?` | a head that says one class and one box a picture |
//! | `Learner::pretrained(arch)?`, `Learner::open(path)?` | a trained network with its head, without data: to predict with |
//! | `Learner::regression(arch, &data)?` | a head that says numbers |
//! | `Learner::labels(arch, &data)?`, `thresholds()?` | any number of labels a picture; what each one's share has to reach |
//! | `Learner::new(network, Classify, &data)?` | a network of one's own, or of a candle model; any task, one's own too |
//! | `Learner::vision(arch.cut(1), &data)?` | the body without its last block |
//! | `learner.replace_head(&data)?` | the same body with a new head for other classes, as a new learner |
//! | `learner.freeze()`, `unfreeze()` | the head alone trains; everything trains |
//! | `learner.unfreeze_from("blocks.2")?`, `freeze_to(-2)?` | from this part on; by group number, as fastai |
//! | `learner.fit(3, 1e-3)?`, `fit(3, 1e-5..1e-3)?` | train: one rate, or a range over the groups |
//! | `learner.fit_one_cycle(4, 1e-3)?` | train with the rate going up and down |
//! | `learner.fine_tune(4)?` | one epoch frozen, then so many with everything trainable, as fastai |
//! | `learner.lr_find()?` | a curve of losses over rates, with a suggestion |
//! | `learner.add(callback)`, `learner.metric(metric)` | what takes part in every fit; what is measured beside |
//! | `learner.accumulate(4)`, `clip(1.0)`, `ema(0.999)?` | larger batches, shorter gradients, averaged weights |
//! | `learner.summary()?` | a row a part: output shape, parameters, trainable or frozen |
//! | `learner.plot_losses()?` | the curve of all fits so far |
//! | `learner.predict("new.jpg")?` | label, probabilities, and where the head says so, a box |
//! | `learner.embed("new.jpg")?` | the body's features, a row of numbers |
//! | `learner.validate()?`, `confusion()?`, `top_losses(9)?` | what it gets right, what it takes for what, its worst pictures |
//! | `learner.watch(4)?`, `validate_every(3)` | what is said of the same pictures after each epoch, beside the curve; how often validation runs |
//! | `learner.threshold_slider(6)?`, `score_histogram()?` | a detector's boxes from a score on, as it is dragged; right and wrong boxes by their scores |
//! | `learner.predict_tta("new.jpg", 4)?`, `evaluate_tta(4)?` | answers averaged over several views of a picture |
//! | `learner.balanced_weights()?`, `class_weights(&[1.0, 5.0])?`, `focal_loss(2.0)` | what weighs more in the loss: rare classes, what is hard |
//! | `learner.optimizer(Optimizer::sgd(0.9))` | another optimiser than AdamW |
//! | `learner.save(path)?`, `load(path)?` | weights, frozen flags, optimiser, classes, history |
//!
//! All of them leave the learner whole when they fail or are interrupted.

mod answer;
mod average;
mod box_views;
mod cache;
mod callback;
mod callbacks;
mod checkpoint;
mod detection;
mod finder;
mod fit;
mod fitting;
mod gradients;
mod history;
mod inspect;
mod judge;
mod labels;
mod learner;
mod loss;
mod matching;
mod metric;
mod metrics;
mod optim;
mod options;
mod predict;
mod run;
mod schedule;
mod slider;
mod step;
mod summary;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod tuning;
mod views;
mod watch;
mod weighing;
mod worst;

pub use answer::{Answer, Located};
pub use callback::{Callback, Fit, Next, When};
pub use finder::RateSearch;
pub use gradients::Gradients;
pub use history::{BatchRecord, EpochRecord, FitReport, History, Stage};
pub use inspect::{BoxMeasures, ClassMeasures, Evaluation};
pub use learner::Learner;
pub use loss::Loss;
pub use metric::{Better, Measure, Measures, Metric, Seen, Unit};
pub use metrics::{Accuracy, MeanError, MeanIou};
pub use optim::{Optimizer, OptimizerState, Rule};
pub use predict::{Picture, Prediction};
pub use schedule::{IntoRate, Rate, Schedule};
pub use slider::ThresholdSlider;
pub use summary::{ModelSummary, PartSummary};
pub use task::Task;
pub use tasks::{AveragePrecision, BoxPrecision, Classify, Detect, F1, Labels, Localize, Regress};
pub use worst::{TopLoss, TopLosses};
