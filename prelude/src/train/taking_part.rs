//! What takes part in every fit, and what is measured: added, and taken away.

use super::callback::{Callback, keys};
use super::learner::Learner;
use super::metric::Metric;
use crate::show;

impl Learner {
    /// Measures this too, beside the loss and what the task measures: a column of its own in the table of epochs.
    pub fn metric(&mut self, metric: impl Metric + 'static) -> &mut Learner {
        self.metrics.push(Box::new(metric));
        self
    }

    /// Measures only the loss and what the task measures from now on.
    pub fn remove_metrics(&mut self) -> &mut Learner {
        self.metrics.clear();
        self
    }

    /// Has this take part in every fit from now on, behind those that were added before. Where a file was loaded that has
    /// the state of one of its name, it takes it over. One that writes to the file or folder of an earlier one takes its place.
    ///
    /// A function does, too: `learner.add(|when: When, fit: &mut Fit| { …; Ok(Next::Go) })`.
    pub fn add(&mut self, callback: impl Callback + 'static) -> &mut Learner {
        self.add_boxed(Box::new(callback))
    }

    pub(super) fn add_boxed(&mut self, callback: Box<dyn Callback>) -> &mut Learner {
        // a cell that runs again adds what it added before
        let place = callback.writes_to().map(|path| std::path::absolute(&path).unwrap_or(path));
        let same = |own: &dyn Callback| {
            let theirs = own.writes_to().map(|path| std::path::absolute(&path).unwrap_or(path));
            own.name() == callback.name() && theirs == place
        };
        let before = place.as_ref().and_then(|_| self.callbacks.iter().position(|own| same(own.as_ref())));
        let at = before.unwrap_or(self.callbacks.len());
        if let (Some(_), Some(place)) = (before, &place) {
            show::note(&format!(
                "the callback `{}` that was added before writes to `{}` too: the new one takes its place",
                callback.name(),
                place.display()
            ));
            self.callbacks.remove(at);
        }
        self.callbacks.insert(at, callback);
        let key = keys(&self.callbacks).swap_remove(at);
        if let Some(state) = self.states.get(&key)
            && let Err(error) = self.callbacks[at].restore(state)
        {
            show::note(&format!("the callback `{key}` begins anew: {error}"));
        }
        self
    }

    /// Has no callback take part any more but the learner's own.
    pub fn remove_callbacks(&mut self) -> &mut Learner {
        self.callbacks.clear();
        self
    }
}
