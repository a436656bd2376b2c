//! Changes to a cell's code after which every place of the new text still has one in the old.

use std::ops::Range;

/// Changes that are to be made to one text. They may be named in any order, and must not overlap.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    list: Vec<(Range<usize>, String)>,
}

impl Edits {
    /// Puts `text` in place of the bytes in `range`.
    pub fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.list.push((range, text.into()));
    }

    /// Puts `text` before the byte at `at`; of several at one place, the first named comes first.
    pub fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    /// Makes the changes.
    ///
    /// # Panics
    /// Where two changes overlap, or one lies outside `code`.
    pub fn apply(mut self, code: &str) -> Edited {
        // Stable, so that insertions at one place stay in order.
        self.list.sort_by_key(|(range, _)| (range.start, range.end));
        let mut edited = Edited { text: String::with_capacity(code.len()), copied: Vec::new() };
        let mut from = 0;
        for (range, text) in self.list {
            edited.copy(code, from..range.start);
            edited.text.push_str(&text);
            from = range.end;
        }
        edited.copy(code, from..code.len());
        edited
    }
}

/// A changed text, and where its parts came from.
#[derive(Clone, Debug, Default)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// What was taken over: where it begins now, where it was.
    copied: Vec<(usize, Range<usize>)>,
}

impl Edited {
    fn copy(&mut self, code: &str, range: Range<usize>) {
        if !range.is_empty() || self.copied.is_empty() {
            self.copied.push((self.text.len(), range.clone()));
            self.text.push_str(&code[range]);
        }
    }

    /// The byte of the old text that stands at `offset` of the new one. What was put in lies where the old text before
    /// it ends.
    pub fn original(&self, offset: usize) -> usize {
        let at = self.copied.partition_point(|(new, _)| *new <= offset);
        let Some((new, old)) = at.checked_sub(1).map(|at| &self.copied[at]) else { return 0 };
        (old.start + offset - new).min(old.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_in_the_order_of_their_places() {
        let mut edits = Edits::default();
        edits.insert(7, ";");
        edits.replace(4..5, "größe");
        edits.insert(0, "(");
        edits.insert(7, "!");
        let edited = edits.apply("let a=1");
        assert_eq!(edited.text, "(let größe=1;!");
        assert_eq!(Edits::default().apply("x").text, "x");
    }

    #[test]
    fn every_place_is_found_again() {
        let mut edits = Edits::default();
        edits.insert(0, "(");
        edits.replace(4..5, "bcd");
        let edited = edits.apply("let a = 1;");
        assert_eq!(edited.text, "(let bcd = 1;");
        let places: Vec<usize> = (0..=edited.text.len()).map(|at| edited.original(at)).collect();
        assert_eq!(places, [0, 0, 1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10]);
    }
}
