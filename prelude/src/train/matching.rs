//! Parameters frozen and thawed by their names.

use super::learner::Learner;
use crate::params::{Param, fits};
use crate::words::does;
use crate::{Error, Result, show};

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
    /// Where there are adapters and the pattern fits the active one's matrices too, the base's weights stay frozen; one that fits none of them
    /// (`*norm*`) thaws what it names. A note says which.
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
        let fitting = if frozen { fitting } else { self.not_the_base(fitting) };
        fitting.iter().for_each(|param| param.set_frozen(frozen));
        Ok(fitting.len())
    }
    /// Of what is to be thawed, what no accident thaws: adapters that wait stay frozen, and of the base what a pattern fits beside adapters.
    fn not_the_base<'a>(&self, fitting: Vec<&'a Param>) -> Vec<&'a Param> {
        let adapters = self.network.adapters();
        if adapters.is_empty() {
            return fitting;
        }
        let backbone = self.network.backbone_parts();
        let owner = |param: &Param| adapters.owner(param.name());
        let is_base = |param: &Param| owner(param).is_none() && param.group() < backbone;
        let has_adapter = fitting.iter().any(|param| owner(param) == Some(adapters.active));
        let base = fitting.iter().filter(|param| is_base(param)).count();
        if base > 0 {
            let of = does(base, "parameter", "is", "are");
            show::note(&match has_adapter {
                true => format!(
                    "{of} the base's and stay frozen: the adapter's beside them train; `learner.unfreeze_base()` thaws the base"
                ),
                false => format!("{of} the base's: from now on they train beside the adapter"),
            });
        }
        let keeps = |param: &&Param| match owner(param) {
            Some(owner) => owner == adapters.active,
            None => !(has_adapter && is_base(param)),
        };
        fitting.into_iter().filter(keeps).collect()
    }
}
