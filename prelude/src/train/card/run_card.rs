//! The card that a person has in hand: shown, added to, written to files.

use std::path::Path;

use super::caveats;
use super::content::CardContent;
use super::page::{self, CardFigure};
use crate::data::{Part, Target};
use crate::params::write_whole;
use crate::paths;
use crate::show::{self, Bundle, Show};
use crate::train::learner::Learner;
use crate::{Error, Result};

/// What was trained, on what, how, how well, and within which limits: shown in a cell, `.markdown()`, `.json()`, `.save("card.md")?`. After
/// Mitchell et al. 2019, "Model Cards for Model Reporting".
///
/// What is not known is said to be so. No path of this machine stands in it, only names of files and folders.
///
/// ```no_run
/// use candlewick_prelude::prelude::*;
/// # fn cell(mut learner: Learner) -> Result<()> {
/// let card = learner.card()?.about("Cars against trucks, for a lesson.").license("CC-BY 4.0").limit("daylight only");
/// card.save("card.md")?;   // with card-loss.svg and card-confusion.svg beside it
/// card.save("card.json")?; // the same for programs
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RunCard {
    content: CardContent,
    figures: Vec<CardFigure>,
}

impl Learner {
    /// A card of this run: data and how they were split, with a hash of the split; the model and where its weights came from; every fit with its
    /// settings; metrics on the validation examples, as a whole, by class and by group; figures; and the limits that are known, in words.
    ///
    /// It measures on the validation examples, where there are some, and changes nothing.
    ///
    /// # Errors
    /// When the validation examples cannot be read, or the user interrupts.
    pub fn card(&mut self) -> Result<RunCard> {
        self.card_on(Part::Valid)
    }

    /// The same with the metrics of a part's examples: `learner.card_on(Part::Test)?` at the very end, which counts as a look at the test.
    ///
    /// # Errors
    /// As [`card`](Learner::card).
    pub fn card_on(&mut self, part: Part) -> Result<RunCard> {
        let mut content = CardContent::of(self, part)?;
        content.limits = caveats::limits(&content);
        content.reproducibility = caveats::reproducibility(&content, self.network.params().device().is_cpu());
        let mut figures = Vec::new();
        let mut add = |name, title, figure| figures.push(CardFigure { name, title, figure });
        if !self.history.batches.is_empty() {
            add("loss", "Losses", self.plot_losses()?);
        }
        let finite = content.metrics.as_ref().is_some_and(|measured| measured.loss.is_finite());
        if finite && part == Part::Valid {
            match self.spec.target {
                Target::Class(_) => add("confusion", "What is taken for what", self.confusion()?),
                Target::Classes(_) => add("precision-recall", "Precision over recall", self.precision_recall()?),
                Target::Boxes(_)
                    if content.metrics.iter().any(|all| all.boxes.iter().any(|class| class.objects > 0)) =>
                {
                    add("precision-recall", "Precision over recall", self.precision_recall()?);
                }
                _ => {}
            }
        }
        Ok(RunCard { content, figures })
    }
}

impl RunCard {
    /// The same with what the network is for, in a person's words; said again, it is a further paragraph.
    pub fn about(mut self, words: impl Into<String>) -> RunCard {
        let words = words.into();
        self.content.about = Some(match self.content.about.take() {
            Some(before) => format!("{before}\n\n{words}"),
            None => words,
        });
        self
    }

    /// The same with the license of the weights, in place of one that was given before.
    pub fn license(mut self, words: impl Into<String>) -> RunCard {
        self.content.license = Some(words.into());
        self
    }

    /// The same with a further limit, such as what the pictures do not show.
    pub fn limit(mut self, words: impl Into<String>) -> RunCard {
        self.content.limits.push(words.into());
        self
    }

    /// The limits, those of a person last.
    pub fn limits(&self) -> &[String] {
        &self.content.limits
    }

    /// The card as Markdown, without its figures.
    pub fn markdown(&self) -> String {
        page::markdown(&self.content, &self.figures, None)
    }

    /// The card as JSON. `card_version` is 1; it rises where a program that reads it would have to change. What is not known is `null`.
    pub fn json(&self) -> String {
        // numbers that are none are null; there is nothing in it that JSON cannot hold
        serde_json::to_string_pretty(&self.content).unwrap_or_default()
    }

    /// Writes the card: `.md` as Markdown, its figures beside it as SVG under its name (`card-loss.svg`), which it links to; `.json` as JSON. A
    /// file that was there before stays until the new one is whole.
    ///
    /// # Errors
    /// When the ending is another one, or a file cannot be written; the message says which card it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_at(&paths::expanded(path.as_ref()))
    }

    fn save_at(&self, path: &Path) -> Result<()> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        let is_markdown = match ending.as_str() {
            "json" => false,
            "md" | "markdown" => true,
            _ => {
                return Err(Error::new(format!("`{}` has no ending that names a card's format", path.display()))
                    .remedy("end the name with .md or .json"));
            }
        };
        let failed = |why: String| Error::new(format!("the card `{}` cannot be saved: {why}", path.display()));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let (what, remedy) = match folder.exists() {
                true => ("is no folder", "name a folder that is one"),
                false => ("does not exist", "make the folder first: `std::fs::create_dir_all(\"cards\")?`"),
            };
            return Err(failed(format!("the folder `{}` {what}", folder.display())).remedy(remedy));
        }
        let written = match is_markdown {
            true => self.write_markdown(path),
            false => write_whole(path, self.json().as_bytes()).map(|()| "for programs".to_owned()),
        };
        let holds = written.map_err(|error| {
            let what = format!("the card `{}` cannot be saved", path.display());
            Error::new(what).caused_by(error)
        })?;
        show::written(path, &format!("{}, {holds}", page::title(&self.content)));
        Ok(())
    }

    /// Writes the page and its figures; in words what it holds beside the page.
    fn write_markdown(&self, path: &Path) -> Result<String> {
        // `card.md` and `card.MD` are two cards, and each has figures of its own
        let stem = match path.extension() {
            Some(ending) if ending == "md" => path.file_stem(),
            _ => path.file_name(),
        };
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let file = |name: &str| format!("{stem}-{name}.svg");
        for one in &self.figures {
            write_whole(&path.with_file_name(file(one.name)), one.figure.svg().as_bytes())?;
        }
        let link = |name: &str| link(&file(name));
        write_whole(path, page::markdown(&self.content, &self.figures, Some(&link)).as_bytes())?;
        let names: Vec<String> = self.figures.iter().map(|one| file(one.name)).collect();
        Ok(match names.is_empty() {
            true => "without figures".to_owned(),
            false => format!("its figures beside it: {}", names.join(", ")),
        })
    }
}

/// A file's name as the target of a link: what Markdown, HTML or a URL gives a meaning stands as its bytes (RFC 3986).
fn link(name: &str) -> String {
    let mut link = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | '~' => link.push(c),
            c if !c.is_ascii() && c.is_alphanumeric() => link.push(c),
            c => c.to_string().bytes().for_each(|byte| link += &format!("%{byte:02X}")),
        }
    }
    link
}

impl Show for RunCard {
    fn bundle(&self) -> Bundle {
        Bundle::new().text(page::text(&self.content, &self.figures)).html(page::html(&self.content, &self.figures))
    }
}

impl std::fmt::Debug for RunCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&page::text(&self.content, &self.figures))
    }
}
