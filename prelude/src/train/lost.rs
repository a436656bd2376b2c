//! What a fit says where its numbers are lost.

use crate::Error;

/// What is no finite number any more, and what became of the network.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    /// `the loss is NaN at epoch 1, batch 3 (rate 1.0e1)`.
    what: String,
    /// Where it was met first.
    first: Option<String>,
    remedy: String,
    /// What became of the weights, where they are not as they were before the step.
    kept: Option<String>,
}

impl Lost {
    pub fn new(what: String, first: Option<String>, remedy: String) -> Lost {
        Lost { what, first, remedy, kept: None }
    }

    /// Good weights were put back.
    pub fn put_back(&mut self, kept: String) {
        self.kept = Some(kept);
        self.remedy = "try a lower rate, or `learner.clip(1.0)`".to_owned();
    }

    /// A named part of the loss that is no number.
    pub fn part(name: &str, value: f64, (loss, epoch, batch): (f64, usize, usize)) -> Lost {
        let what = format!("the loss is {loss} at epoch {epoch}, batch {batch}: its part `{name}` is {value}");
        let remedy =
            "look at what that part is made of; if it was a number before, try a lower rate, or `learner.clip(1.0)`";
        Lost::new(what, None, remedy.to_owned())
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    /// All of it as the fit's error.
    pub fn error(&self) -> Error {
        let Lost { what, first, remedy, kept } = self;
        let kept = kept.as_deref().unwrap_or("the network is as it was before it");
        // a part of the loss has a colon already
        let joint = if what.contains(": ") { ";" } else { ":" };
        let first = first.as_ref().map(|first| format!("; the first that is no finite number is {first}"));
        Error::new(format!("{what}{joint} the step was not taken, {kept}{}", first.unwrap_or_default())).remedy(remedy)
    }
}
