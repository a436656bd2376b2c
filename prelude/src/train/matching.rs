//! Parameters frozen and thawed by their names.

use super::learner::Learner;
use crate::params::{Param, fits};
use crate::{Error, Result};

impl Learner {
    /// Freezes the parameters whose names fit a pattern, such as `*.bn*`, and leaves the others as they are; gives how many fit.
    ///
    /// # Errors
    /// When no parameter fits; the message has some names.
    pub fn freeze_matching(&mut self, pattern: &str) -> Result<usize> {
        self.set_matching(pattern, true)
    }

    /// Makes the parameters trainable whose names fit a pattern, and leaves the others as they are; gives how many fit.
    ///
    /// # Errors
    /// When no parameter fits; the message has some names.
    pub fn unfreeze_matching(&mut self, pattern: &str) -> Result<usize> {
        self.set_matching(pattern, false)
    }

    fn set_matching(&mut self, pattern: &str, frozen: bool) -> Result<usize> {
        let params = self.network.params().params();
        let fitting: Vec<&Param> = params.iter().filter(|param| fits(pattern, param.name())).collect();
        if fitting.is_empty() {
            let some: Vec<&str> = params.iter().take(4).map(Param::name).collect();
            let bare = pattern.trim_matches('*');
            let holding = params.iter().filter(|param| !bare.is_empty() && param.name().contains(bare)).count();
            let remedy = match holding {
                0 => format!("`*` stands for any letters; the names are {}, …", some.join(", ")),
                count => format!("a pattern is of the whole name: `*{bare}*` fits {count}"),
            };
            return Err(Error::new(format!("no parameter is named like `{pattern}`")).remedy(remedy));
        }
        fitting.iter().for_each(|param| param.set_frozen(frozen));
        Ok(fitting.len())
    }
}
