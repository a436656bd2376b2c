//! A display that changes in place, a few times a second.

use super::channel::{Listener, send};
use super::{Bundle, display};
use candlewick_wire::Message;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A display that changes in place, at most four times a second.
///
/// Where nothing can be replaced (stock evcxr_jupyter, a plain program) only [`finish`](Live::finish) shows.
#[derive(Debug)]
pub struct Live {
    id: String,
    every: Duration,
    last: Option<Instant>,
}

impl Live {
    /// A display that shows nothing yet.
    pub fn new() -> Live {
        Live { id: new_id(), every: Duration::from_millis(250), last: None }
    }

    /// Updates at most once in `every`.
    pub fn every(mut self, every: Duration) -> Live {
        self.every = every;
        self
    }

    /// Whether an update would be shown now.
    pub fn is_due(&self) -> bool {
        Listener::current().updates() && self.last.is_none_or(|last| last.elapsed() >= self.every)
    }

    /// Shows `make()` in place of what was shown, unless the last update was a moment ago; then `make` is not called.
    pub fn update(&mut self, make: impl FnOnce() -> Bundle) {
        if self.is_due() {
            self.show(&make());
        }
    }

    /// Shows the last state, always. The display can be updated again afterwards.
    pub fn finish(&mut self, bundle: &Bundle) {
        if Listener::current().updates() { self.show(bundle) } else { display(bundle) }
    }

    fn show(&mut self, bundle: &Bundle) {
        send(&self.message(bundle));
        self.last = Some(Instant::now());
    }

    /// A display the first time, an update afterwards.
    fn message(&self, bundle: &Bundle) -> Message {
        let (data, metadata) = (bundle.data().clone(), bundle.metadata().clone());
        match self.last {
            None => Message::Display { data, metadata, display_id: Some(self.id.clone()) },
            Some(_) => Message::Update { data, metadata, display_id: self.id.clone() },
        }
    }
}

impl Default for Live {
    fn default() -> Live {
        Live::new()
    }
}

/// A name that no other display or comm has, in this process or an earlier one of the same notebook.
pub(super) fn new_id() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("candlewick-{:x}-{:x}-{}", std::process::id(), now, NUMBER.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_first_then_updated_under_one_name() {
        let mut live = Live::new();
        let bundle = Bundle::new().text("x");
        let Message::Display { display_id: Some(first), .. } = live.message(&bundle) else { panic!("no display") };
        live.last = Some(Instant::now());
        let Message::Update { display_id, .. } = live.message(&bundle) else { panic!("no update") };
        assert_eq!(first, display_id);
        assert_ne!(Live::new().id, Live::new().id);
    }

    #[test]
    fn without_a_session_nothing_is_made_in_vain() {
        if !Listener::current().updates() {
            Live::new().update(|| panic!("made though nobody can see it"));
        }
    }
}
