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
//! | `learner.add_classes(&data)?`, `keep_old_classes(&old)?` | a wider head that keeps its old classes; what they still get right, a column of the table |
//! | `learner.rehearse(&old, 0.25)?`, `distill(&older, 2.0, 1.0)?` | against forgetting: old examples in each batch; the older network's answers as soft targets |
//! | `learner.freeze()`, `unfreeze()` | the head alone trains; everything trains |
//! | `learner.unfreeze_from("blocks.2")?`, `freeze_to(-2)?` | from this part on; by group number, as fastai |
//! | `learner.fit(3, 1e-3)?`, `fit(3, 1e-5..1e-3)?` | train: one rate, or a range over the groups |
//! | `learner.fit_one_cycle(4, 1e-3)?` | train with the rate going up and down |
//! | `learner.fit_with(5, 1e-3, Schedule::cosine().warm_up(0.1))?` | train by any [`Schedule`]; `plot_schedule(5, 1e-3, schedule)?` shows it before |
//! | `learner.rates(1e-5..1e-3)?` | the rate of each part |
//! | `learner.unfreeze_gradually(6, 1e-5..1e-3)?` | the head first, one part more with each epoch |
//! | `learner.train_bn(true)` | BatchNorm trains in frozen parts too |
//! | `learner.resume()?` | finish the fit that was cut off, as if it had not been |
//! | `learner.fine_tune(4)?` | one epoch frozen, then so many with everything trainable, as fastai |
//! | `learner.lr_find()?` | a curve of losses over rates, with a suggestion |
//! | `learner.add(callback)`, `learner.metric(metric)` | what takes part in every fit; what is measured beside |
//! | `learner.accumulate(4)`, `clip(1.0)`, `ema(0.999)?` | larger batches, shorter gradients, averaged weights |
//! | `learner.summary()?` | a row a part: output shape, parameters, trainable or frozen |
//! | `learner.plot_losses()?` | the curve of all fits so far |
//! | `learner.predict("new.jpg")?` | label, probabilities, and where the head says so, a box |
//! | `learner.attention("new.jpg")?`, `attention_for("new.jpg", "cat")?` | what in the picture speaks for the answer, or for a class |
//! | `learner.embed("new.jpg")?` | the body's features, a row of numbers |
//! | `learner.index("folder")?`, `linear_probe(&few)?`, `prototypes(&few)?` | what looks alike; classifiers of a handful of examples on frozen features |
//! | `learner.embedding_map()?`, `embedding_tsne()?` | the validation pictures on a plane, alike ones near each other: PCA, t-SNE |
//! | `learner.evaluate_on(Part::Test)?`, `evaluate_on(&others)?` | what it gets right of what is held out, and of other data |
//! | `learner.validate()?`, `confusion()?`, `top_losses(9)?` | what it gets right, what it takes for what, its worst pictures |
//! | `learner.classification_report()?`, `most_confused(20)?` | precision, recall and F1 a class; what is taken for what most |
//! | `learner.roc()?`, `precision_recall()?`, `calibration()?` | curves with their areas; whether answers are as sure as they are right |
//! | `learner.show_results(9)?`, `norms()?`, `compare(&[("a", &a)])?` | pictures with answer and truth; norms a part and dead units; several learners |
//! | `learner.watch(4)?`, `validate_every(3)` | what is said of the same pictures or texts after each epoch, beside the curve; how often validation runs |
//! | `learner.threshold_slider(6)?`, `score_histogram()?` | a detector's boxes from a score on, as it is dragged; right and wrong boxes by their scores |
//! | `learner.optimizer(Optimizer::sgd(0.9))` | another optimiser than AdamW: SGD, Adam, RMSprop, LAMB, Lion |
//! | `learner.predict_tta("new.jpg", 4)?`, `evaluate_tta(4)?` | answers averaged over several views of a picture |
//! | `learner.balanced_weights()?`, `class_weights(&[1.0, 5.0])?`, `focal_loss(2.0)` | what weighs more in the loss: rare classes, what is hard |
//! | `learner.card()?.save("card.md")?` | what was trained on what, how, how well and within which limits; `card.json` for programs |
//! | `learner.export_onnx("model.onnx")?` | the network for onnxruntime and others, its preprocessing in the file |
//! | `lora(Lora::rank(8))?`, `save_adapter`, `load_adapter`, `add_adapter`, `use_adapter`, `merge_lora` | small matrices beside frozen weights train instead of these (LoRA), in PEFT's folders |
//! | `learner.save(path)?`, `load(path)?` | weights, frozen flags, optimiser, classes, history |
//!
//! All of them leave the learner whole when they fail or are interrupted.
//!
//! # One seed, one result
//!
//! On the CPU, one seed and one number of threads (`RAYON_NUM_THREADS`, else the cores) give the same run to the last bit, whichever
//! thread is done first; a run that was cut off and resumed is such a run too. With another number of threads all answers are the
//! same, and so is a fit of a linear head on a frozen body; the gradients of a convolution's weight and of LayerNorm's scale and
//! offset are summed over the batch in another order, so that a fit that trains those differs in the last digits from its first
//! step on. Another instruction set (AVX2 or not) does the same. On a GPU sums have no fixed order.

mod ahead;
mod answer;
mod attention;
mod attributions;
mod average;
mod box_views;
mod cache;
mod callback;
mod callbacks;
mod card;
mod checkpoint;
mod class_report;
mod class_views;
mod comparison;
mod detection;
mod elsewhere;
mod embedding_map;
mod export;
mod finder;
mod first_lost;
mod fit;
mod fitting;
mod forgetting;
mod gradients;
mod history;
mod inspect;
mod judge;
mod labels;
mod learner;
mod lora;
mod loss;
mod lost;
mod matching;
mod metric;
mod metrics;
mod norms;
mod occlusion;
mod old_classes;
mod optim;
mod options;
mod plane;
mod predict;
mod probe;
mod query;
mod ranking;
mod rate;
mod rates;
mod recording;
mod records;
mod resume;
mod run;
mod saves;
mod schedule;
mod similarity;
mod slider;
mod step;
mod summary;
mod taking_part;
mod tally;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod text;
mod trial;
mod tuning;
mod unfreezing;
mod views;
mod watch;
mod weighing;
mod worst;

pub use answer::{Answer, Located};
pub use attention::{AttentionMap, AttentionMaps};
pub use attributions::Attributions;
pub use callback::{Callback, Fit, Next, When};
pub use callbacks::{BestWeights, Checkpoints, CsvLog, EarlyStopping, NanGuard, NormLog, NormRow, TensorBoard};
pub use card::RunCard;
pub use class_report::{ClassReport, ReportRow};
pub use comparison::{Comparison, compare};
pub use elsewhere::{MeasuredOn, ToMeasure};
pub use embedding_map::{EmbeddingMap, MapPoint};
pub use finder::RateSearch;
pub use gradients::Gradients;
pub use history::{BatchRecord, EpochRecord, FitReport, History, Stage};
pub use inspect::{BoxMeasures, ClassMeasures, Evaluation};
pub use learner::Learner;
pub use loss::Loss;
pub use metric::{Better, Measure, Measures, Metric, Seen, Unit};
pub use metrics::{Accuracy, MeanError, MeanIou};
pub use norms::{Norms, PartNorms};
pub use optim::{Optimizer, OptimizerState, Rule};
pub use predict::Prediction;
pub use query::Query;
pub use rate::{IntoRate, Rate};
pub use rates::SchedulePlot;
pub use records::{DataRecord, FitRecord, TestRecord, WeightsRecord};
pub use schedule::{Moment, Schedule};
pub use similarity::{Neighbour, Neighbours, SimilarityIndex};
pub use slider::ThresholdSlider;
pub use summary::{ModelSummary, PartSummary};
pub use task::Task;
pub use tasks::{AveragePrecision, BoxPrecision, Classify, Detect, Embed, F1, Labels, Localize, Regress};
pub use worst::{TopLoss, TopLosses};
