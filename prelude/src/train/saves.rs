//! What cells show of a learner, in files: the figure, or its numbers.

use std::path::Path;

use super::attention::{AttentionMap, AttentionMaps};
use super::class_report::ClassReport;
use super::comparison::Comparison;
use super::embedding_map::EmbeddingMap;
use super::finder::RateSearch;
use super::norms::Norms;
use super::rates::SchedulePlot;
use super::similarity::Neighbours;
use super::worst::TopLosses;
use crate::paths;
use crate::plot::Figure;
use crate::show::Table;
use crate::{Error, Result};

/// Writes what is drawn, or with the ending csv its numbers.
pub(super) fn write(path: &Path, figure: Option<Figure>, table: &Table) -> Result<()> {
    match (path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")), figure) {
        (true, _) => table.save(path),
        (false, Some(figure)) => figure.save(path),
        (false, None) => {
            let what = format!("there is no picture to write to `{}`, only a table", path.display());
            Err(Error::new(what).remedy(format!("write it as a table: `{}`", path.with_extension("csv").display())))
        }
    }
}

macro_rules! saves {
    ($($kind:ty, $own:ident: $figure:expr, $table:expr;)*) => {
        $(impl $kind {
            /// Writes it to a file: the figure (svg, png …), or with the ending csv its numbers.
            ///
            /// # Errors
            /// When the file cannot be written, or there is no figure.
            pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
                let $own = self;
                write(&paths::expanded(path.as_ref()), $figure, &$table)
            }
        })*
    };
}

saves! {
    AttentionMap, own: Some(own.figure()), own.table();
    AttentionMaps, own: Some(own.figure()), own.figure().table();
    ClassReport, own: None, own.table();
    Comparison, own: Some(own.figure().clone()), own.table().clone();
    EmbeddingMap, own: Some(own.figure.clone()), own.table();
    Neighbours, own: own.figure.clone(), own.table();
    Norms, own: Some(own.figure()), own.table();
    RateSearch, own: Some(own.figure()), own.figure().table();
    SchedulePlot, own: Some(own.figure()), own.table();
    TopLosses, own: own.figure.clone(), own.table();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_picture_says_how_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let table = Table::new(["a"]);
        let says = write(&folder.path().join("x.svg"), None, &table).unwrap_err().to_string();
        assert!(says.contains("only a table") && says.contains("x.csv`"), "{says}");
        write(&folder.path().join("x.CSV"), None, &table).expect("it is written");
        assert!(folder.path().join("x.CSV").exists());
    }
}
