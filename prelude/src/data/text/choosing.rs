//! Which classes of a table are told: rare ones are left out, or a few are kept.

use std::collections::BTreeSet;

use super::examples::{Examples, Truth};
use super::options::TextTable;
use crate::data::Target;
use crate::data::formats::chosen;
use crate::words::count;
use crate::{Error, Result};

impl TextTable {
    /// Keeps the texts of these classes alone; of several labels a text, these labels alone are told, and all texts stay.
    ///
    /// ```no_run
    /// use candlewick_prelude::prelude::*;
    /// let reviews = TextTable::csv("reviews.csv")?.only(&["good", "bad"])?.split(0.2, 42)?;
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no class of a name (the message has those that are near), none is left, or numbers are told.
    pub fn only(self, classes: &[&str]) -> Result<TextTable> {
        self.keeping("only", classes, true)
    }

    /// Leaves out the texts of these classes, such as those that have too few; of several labels a text, these labels are not told, and all
    /// texts stay.
    ///
    /// # Errors
    /// As [`only`](TextTable::only).
    pub fn drop(self, classes: &[&str]) -> Result<TextTable> {
        self.keeping("drop", classes, false)
    }

    fn keeping(self, verb: &str, classes: &[&str], named: bool) -> Result<TextTable> {
        self.ready()?;
        if let Target::Numbers(names) = self.target() {
            let what = format!("`{verb}` chooses classes, and this table tells {}", count(names.len(), "number"));
            return Err(
                Error::new(what).remedy("choose rows in the table itself, or tell a class: `.label(\"column\")?`")
            );
        }
        let kept = chosen(verb, classes, named, self.names())?;
        Ok(self.keep_classes(kept))
    }
}

impl Examples {
    /// The same with these classes or labels alone, where some are left out.
    pub fn of_kept(mut self, kept: Option<&[String]>) -> Examples {
        let Some(kept) = kept else { return self };
        let place = |name: &String| kept.iter().position(|own| own == name);
        let places: Vec<Option<usize>> = self.target.names().iter().map(place).collect();
        match &self.target {
            Target::Class(_) => {
                let gone = |id: &usize| self.labels(*id).iter().all(|class| places[*class].is_none());
                let gone: BTreeSet<usize> = (0..self.len()).filter(gone).collect();
                self.leave_out(&gone);
                if let Truth::Class(of) = &mut self.truth {
                    of.iter_mut().for_each(|class| *class = places[*class as usize].unwrap_or_default() as u32);
                }
                self.target = Target::Class(kept.to_vec());
            }
            Target::Classes(names) => {
                let width = names.len();
                if let Truth::Rows(values) = &mut self.truth {
                    let own = |row: &[f32]| {
                        places
                            .iter()
                            .zip(row)
                            .filter(|(place, _)| place.is_some())
                            .map(|(_, value)| *value)
                            .collect::<Vec<f32>>()
                    };
                    *values = values.chunks_exact(width.max(1)).flat_map(own).collect();
                }
                self.target = Target::Classes(kept.to_vec());
            }
            _ => {}
        }
        self
    }
}
