//! A display that changes in place, a few times a second.

use super::channel::{Listener, say};
use super::{Bundle, display};
use candlewick_wire::Said;
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

    /// Whether updates are shown at all; where not, [`finish`](Live::finish) alone shows.
    pub fn updates(&self) -> bool {
        Listener::current().updates()
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
        say(self.said(bundle));
        self.last = Some(Instant::now());
    }

    /// A display the first time, an update afterwards.
    fn said(&self, bundle: &Bundle) -> Said {
        let display = bundle.as_display(Some(self.id.clone()));
        if self.last.is_none() { Said::Display(display) } else { Said::Update(display) }
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
        let Said::Display(first) = live.said(&bundle) else { panic!("no display") };
        live.last = Some(Instant::now());
        let Said::Update(second) = live.said(&bundle) else { panic!("no update") };
        assert!(first.display_id.is_some() && first.display_id == second.display_id);
        assert_ne!(Live::new().id, Live::new().id);
    }

    #[test]
    fn without_a_session_nothing_is_made_in_vain() {
        if !Listener::current().updates() {
            Live::new().update(|| panic!("made though nobody can see it"));
        }
    }
}
