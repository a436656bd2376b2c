//! Parameters frozen and thawed by their names.

use super::learner::Learner;
use crate::params::Param;
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

/// Whether a name fits a pattern in which `*` stands for any letters.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}
