//! Learners of boxes: how one starts, and what it looks at.

use std::sync::Arc;

use super::learner::Learner;
use super::tasks::Detect;
use crate::data::{Data, Order, Part};
use crate::layers::Pass;
use crate::models::{DetectorReport, DetectorStart, IntoDetector, Network, Trained, device};
use crate::params::ParamSet;
use crate::{Result, show};

/// On so many pictures BatchNorm's statistics are measured.
const MEASURED: usize = 32;

impl Learner {
    /// A detector for data of boxes: its trained weights, with those rows of its head that belong to classes of the data's, and
    /// all of it trainable.
    ///
    /// `detector` may also be `Detector::….untrained()` or `Detector::….weights("file.safetensors")`.
    ///
    /// # Errors
    /// When the weights cannot be read or are another detector's, and when the data has no boxes or an option that makes no sense.
    pub fn detection(detector: impl IntoDetector, data: &impl Data) -> Result<Learner> {
        Learner::start_detection(&detector.into_detector(), data)
    }

    // Not generic, so that a cell does not compile it.
    fn start_detection(start: &DetectorStart, data: &dyn Data) -> Result<Learner> {
        use super::task::Task;
        data.check()?;
        let spec = data.spec();
        Detect.check(&spec)?;
        let names = spec.names().to_vec();
        let detector = start.detector;
        let network = Network::detecting(ParamSet::on(&device()?, spec.seed), detector, names.len())?;
        let data = data.suited(detector.transform(detector.picture()));
        let mut report = None;
        if let Some(trained) = start.trained()? {
            let theirs = classes_of(start, &trained);
            let loaded = network.load_detector(&trained, &theirs, &names)?;
            if loaded.folded {
                unfold(&network, data.as_ref())?;
            }
            show::note(&told(&loaded, &trained, &names));
            report = Some(loaded.loaded);
        }
        let mut learner = Learner::assemble(network, Arc::new(Detect), data.spec(), Some(data));
        *learner.report = report;
        Ok(learner)
    }
}

/// The classes that a file's weights tell apart: as the file says, else those of the published ones.
fn classes_of(start: &DetectorStart, trained: &Trained) -> Vec<String> {
    let published = || start.detector.published_classes().iter().map(|name| (*name).to_owned()).collect();
    trained.class_names().unwrap_or_else(published)
}

/// What became of the weights, in a sentence.
fn told(report: &DetectorReport, trained: &Trained, names: &[String]) -> String {
    let mut text = format!("weights from {}: {} tensors", trained.origin, report.loaded.loaded.len());
    let new: Vec<&str> = names.iter().filter(|name| !report.shared.contains(name)).map(String::as_str).collect();
    if report.shared.is_empty() {
        text += "; what tells the classes apart is new";
    } else if !new.is_empty() {
        text += &format!("; it knows {}, and has to learn {}", report.shared.join(", "), new.join(", "));
    }
    if report.folded {
        text += "; BatchNorm was folded into its convolutions, and has been measured anew on training pictures";
    }
    text
}

/// Gives back BatchNorm's statistics to a network whose convolutions have them folded in: what it says stays as it was, and it can train.
fn unfold(network: &Network, data: &dyn Data) -> Result<()> {
    let mut seen = 0;
    for (round, batch) in data.batches(Part::Train, Order::Epoch(0))?.enumerate() {
        let batch = batch?;
        network.rest(0, &batch.inputs, &Pass::measuring(round + 1))?;
        seen += batch.len();
        if seen >= MEASURED {
            break;
        }
    }
    Ok(())
}
