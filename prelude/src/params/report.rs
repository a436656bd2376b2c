//! The report of a partial loading: what was loaded, new, ignored, of another shape.

use std::fmt;

use crate::show::{Bundle, Show, Table};

/// A parameter whose shape is another one in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct WrongShape {
    /// The parameter's name.
    pub name: String,
    /// The model's shape.
    pub expected: Vec<usize>,
    /// The file's shape.
    pub found: Vec<usize>,
}

/// What a partial loading did with each name. A cell that ends with it shows a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadReport {
    /// Taken over.
    pub loaded: Vec<String>,
    /// In the model but not in the file: they keep their first values.
    pub new: Vec<String>,
    /// In the file but not in the model.
    pub ignored: Vec<String>,
    /// In both, with another shape: they keep their first values.
    pub wrong_shape: Vec<WrongShape>,
}

/// How many names a line lists before it counts.
const SOME: usize = 6;

impl LoadReport {
    pub(super) fn add_wrong_shape(&mut self, name: &str, expected: &[usize], found: &[usize]) {
        self.wrong_shape.push(WrongShape { name: name.into(), expected: expected.into(), found: found.into() });
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let plain = self.loaded.iter().chain(&self.new).map(String::as_str);
        plain.chain(self.wrong_shape.iter().map(|wrong| wrong.name.as_str()))
    }

    /// Whether every name of the model was found with its shape.
    pub fn complete(&self) -> bool {
        self.new.is_empty() && self.wrong_shape.is_empty()
    }

    /// What was done, with how many names, and which: the rows that have any.
    fn rows(&self) -> Vec<(&'static str, usize, String)> {
        let list = |names: &[String]| {
            let some = names.iter().take(SOME).map(String::as_str).collect::<Vec<_>>().join(", ");
            if names.len() > SOME { format!("{some}, … ({} in all)", names.len()) } else { some }
        };
        let wrong: Vec<String> = (self.wrong_shape.iter())
            .map(|wrong| format!("{} is {:?} here, {:?} in the file", wrong.name, wrong.expected, wrong.found))
            .collect();
        let rows = [
            ("new", self.new.len(), list(&self.new)),
            ("ignored", self.ignored.len(), list(&self.ignored)),
            ("wrong shape", wrong.len(), list(&wrong)),
        ];
        rows.into_iter().filter(|(_, count, _)| *count > 0).collect()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loaded {}", self.loaded.len())?;
        self.rows().iter().try_for_each(|(what, _, names)| write!(f, "\n{what}: {names}"))
    }
}

impl Show for LoadReport {
    fn bundle(&self) -> Bundle {
        let mut table = Table::new(["weights", "count", "names"]).left(0).left(2);
        table.push(["loaded", &self.loaded.len().to_string(), ""]);
        for (what, count, names) in self.rows() {
            table.push([what, &count.to_string(), &names]);
        }
        table.bundle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_happened_to_each_name() {
        let names = |count: usize| (0..count).map(|i| format!("layer.{i}")).collect::<Vec<_>>();
        let mut report = LoadReport { loaded: names(30), ..LoadReport::default() };
        assert_eq!(report.to_string(), "loaded 30");
        report.ignored = names(8);
        report.new = vec!["head.bias".into()];
        report.add_wrong_shape("head.weight", &[2, 128], &[1000, 128]);
        let says = "loaded 30\nnew: head.bias\nignored: layer.0, layer.1, layer.2, layer.3, layer.4, layer.5, … (8 in all)\n\
                    wrong shape: head.weight is [2, 128] here, [1000, 128] in the file";
        assert_eq!(report.to_string(), says);
        assert!(!report.complete());
        let text = report.bundle().as_text().unwrap_or_default().to_owned();
        assert!(
            text.starts_with("weights      count  names\nloaded          30\nnew              1  head.bias\n"),
            "{text}"
        );
    }
}
