//! A table of texts: where it comes from, and what a person says of it.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::cells::{Cells, Form};
use super::columns::{Said, Wanted};
use super::encoding;
use super::examples::Examples;
use super::room;
use super::token_rows::TokenRows;
use super::tokens::Tokens;
use super::twins;
use super::vocabulary;
use crate::data::split::Copies;
use crate::data::{Part, Target};
use crate::sealed::Sealed;
use crate::words::does;
use crate::{Error, Result, limits, paths, show};

/// Until a learner has said how many tokens its network takes.
const MOST_TOKENS: usize = 128;

/// Texts with a class, labels or numbers each, as a table lists them: CSV, TSV or JSON Lines.
///
/// Which column is which is guessed with a word and told by [`text`](TextTable::text) and [`label`](TextTable::label). Texts stay in memory
/// once, however often the table is copied, and are cut into tokens once for each tokenizer.
///
/// ```no_run
/// use candlewick_prelude::prelude::*;
/// let reviews = TextTable::tsv("reviews.tsv")?.label_names(&["negative", "positive"])?.split(0.1, 42)?.batch(16);
/// reviews.show_batch(6)?;
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[must_use = "gives data, which are dropped here; bind it: `let data = …;`"]
pub struct TextTable(pub(super) Sealed<Inner>);

impl Clone for TextTable {
    fn clone(&self) -> TextTable {
        TextTable(Inner::clone(&self.0).into())
    }
}

/// Refuses what is no table of text yet.
fn refuse_packed(bytes: &[u8], shown: &str) -> Result<()> {
    match bytes {
        [0x1f, 0x8b, ..] => Err(Error::new(format!("`{shown}` is compressed (gzip)"))
            .remedy(format!("unpack it first: `!gunzip -k {shown}`"))),
        [b'P', b'K', 3, 4, ..] => {
            Err(Error::new(format!("`{shown}` is a workbook (xlsx) or a zip archive, and no table of text"))
                .remedy("save it as CSV from the program that made it, or unpack it"))
        }
        _ => {
            let begin: Vec<u8> = bytes.trim_ascii_start().iter().take(14).map(u8::to_ascii_lowercase).collect();
            match begin.starts_with(b"<!doctype html") || begin.starts_with(b"<html") {
                true => Err(Error::new(format!("`{shown}` is a page of the web, and no table"))
                    .remedy("fetch the file itself: what a link for downloading gives, on GitHub `Raw`")),
                false => Ok(()),
            }
        }
    }
}

/// A tokenizer, and what it made of all texts.
type KeptRows = (Tokens, Arc<TokenRows>);

/// What a table holds.
#[derive(Clone)]
pub(super) struct Inner {
    /// The file, where it is one.
    path: Option<PathBuf>,
    form: Form,
    /// What to call it.
    pub shown: String,
    cells: Arc<Cells>,
    said: Said,
    /// Its examples, or why there are none.
    state: Result<Arc<Examples>, (String, String)>,
    /// What was said of the file when it was read, a sentence each.
    pub file_words: Vec<String>,
    /// What was said of its columns already.
    told: Arc<Mutex<BTreeSet<String>>>,
    pub parts: Arc<Vec<Part>>,
    pub copies: Arc<OnceLock<Arc<Copies>>>,
    pub near: Arc<OnceLock<Arc<Copies>>>,
    /// A group for each example, and its name.
    pub groups: Option<Arc<(Vec<usize>, Vec<String>)>>,
    /// The column of the groups, where a person has named it.
    pub grouped: Option<String>,
    pub splits: Vec<(Part, String)>,
    pub batch: usize,
    pub seed: u64,
    /// The parts of rows, where a split was made before the columns were told.
    aside: Arc<HashMap<u32, Part>>,
    pub limit: Option<usize>,
    pub balanced: bool,
    max: Option<usize>,
    tokens: Option<Tokens>,
    own: Arc<OnceLock<Tokens>>,
    kept: Arc<Mutex<Vec<KeptRows>>>,
}

impl TextTable {
    /// Reads a table whose cells are parted by commas, semicolons, tabs or bars, whichever it is.
    ///
    /// A first line that names the columns is known as such. Cells with the mark or a line break in them stand in quotes. The encoding is UTF-8, or
    /// marked by the file, or guessed with a word ([`encoding`](TextTable::encoding) tells it).
    ///
    /// # Errors
    /// When the file cannot be read, its rows have different numbers of cells (the line is named), or NUL bytes stand in it.
    pub fn csv(path: impl AsRef<Path>) -> Result<TextTable> {
        TextTable::read(&paths::expanded(path.as_ref()), Form::Marks, None)
    }

    /// The same of a table whose cells are parted by tabs.
    ///
    /// # Errors
    /// As [`csv`](TextTable::csv).
    pub fn tsv(path: impl AsRef<Path>) -> Result<TextTable> {
        TextTable::read(&paths::expanded(path.as_ref()), Form::Tabs, None)
    }

    /// Reads JSON Lines: an object a line, whose names are the columns. An array of such objects is read too.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no object (it is named).
    pub fn jsonl(path: impl AsRef<Path>) -> Result<TextTable> {
        TextTable::read(&paths::expanded(path.as_ref()), Form::Json, None)
    }

    /// Reads a table by its name: `.csv`, `.tsv`, `.jsonl`, `.json`; others are taken as `.csv`.
    ///
    /// # Errors
    /// As [`csv`](TextTable::csv) and [`jsonl`](TextTable::jsonl).
    pub fn open(path: impl AsRef<Path>) -> Result<TextTable> {
        let path = &*paths::expanded(path.as_ref());
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let form = match ending.as_str() {
            "tsv" | "tab" => Form::Tabs,
            "jsonl" | "ndjson" | "json" => Form::Json,
            _ => Form::Marks,
        };
        TextTable::read(path, form, None)
    }

    /// Texts with their classes.
    ///
    /// ```
    /// use candlewick_prelude::prelude::*;
    /// let data = TextTable::from_texts(&[("fine film", "pos"), ("dull film", "neg")])?;
    /// assert_eq!(data.names(), ["neg", "pos"]);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is none, or all are of one class.
    pub fn from_texts(texts: &[(impl AsRef<str>, impl AsRef<str>)]) -> Result<TextTable> {
        let mut cells = Cells::new(&["text", "label"]);
        texts.iter().enumerate().for_each(|(at, (text, label))| cells.push(at + 1, [text.as_ref(), label.as_ref()]));
        TextTable::of_cells(cells, "texts")
    }

    /// A table that is no file.
    pub(crate) fn of_rows(head: &[&str], rows: &[Vec<String>], shown: &str) -> Result<TextTable> {
        let mut cells = Cells::new(head);
        rows.iter().enumerate().for_each(|(at, row)| cells.push(at + 1, row.iter().map(String::as_str)));
        TextTable::of_cells(cells, shown)
    }

    fn of_cells(cells: Cells, shown: &str) -> Result<TextTable> {
        if cells.len() == 0 {
            return Err(Error::new("there is no text")
                .remedy("give some: `TextTable::from_texts(&[(\"a fine film\", \"pos\"), …])?`"));
        }
        let table = TextTable::made(cells, None, Form::Marks, shown.to_owned(), Vec::new());
        table.ready()?;
        Ok(table)
    }

    fn read(path: &Path, form: Form, told: Option<&'static encoding_rs::Encoding>) -> Result<TextTable> {
        let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let unreadable = |error: std::io::Error| {
            let here = crate::paths::here();
            let what = Error::new(format!("`{}` cannot be read", path.display()));
            match path.to_str().is_some_and(|path| path.starts_with("http://") || path.starts_with("https://")) {
                true => what
                    .caused_by(error)
                    .remedy(format!("tables are read from files: fetch it first, `!curl -LO {}`", path.display())),
                false if path.is_dir() => {
                    what.remedy("it is a folder: name the table in it, such as `reviews/train.csv`")
                }
                false => what.caused_by(error).remedy(format!("check the path; cells run in `{here}`")),
            }
        };
        room::say(path, &shown)?;
        let bytes = std::fs::read(path).map_err(unreadable)?;
        refuse_packed(&bytes, &shown)?;
        let (text, words) = encoding::decoded(bytes, told, &shown)?;
        let (cells, more) = Cells::read(&text, form, &shown)?;
        drop(text);
        words.iter().chain(&more).for_each(|words| show::note(words));
        let words = words.into_iter().chain(more).collect();
        Ok(TextTable::made(cells, Some(path.to_owned()), form, shown, words))
    }

    fn made(cells: Cells, path: Option<PathBuf>, form: Form, shown: String, file_words: Vec<String>) -> TextTable {
        let inner = Inner {
            path,
            form,
            shown,
            cells: Arc::new(cells),
            said: Said::default(),
            state: Err((String::new(), String::new())),
            file_words,
            told: Arc::default(),
            parts: Arc::default(),
            copies: Arc::default(),
            near: Arc::default(),
            groups: None,
            grouped: None,
            splits: Vec::new(),
            batch: 32,
            seed: 42,
            limit: None,
            aside: Arc::default(),
            balanced: false,
            max: None,
            tokens: None,
            own: Arc::default(),
            kept: Arc::default(),
        };
        TextTable(inner.into()).looked_through()
    }

    /// The same with its examples found anew, after something was said of the columns.
    fn looked_through(mut self) -> TextTable {
        let inner = &mut *self.0;
        let found = Examples::of(&inner.cells, &inner.said, &inner.shown)
            .map(|examples| examples.of_kept(inner.said.kept.as_deref()))
            .map(twins::without_leaks);
        // a split stays, whatever the columns are called afterwards
        if let (Ok(before), false) = (&inner.state, inner.splits.is_empty()) {
            inner.aside = Arc::new(before.rows.iter().copied().zip(inner.parts.iter().copied()).collect());
        }
        inner.state = found.map(Arc::new).map_err(|error| {
            let whole = error.to_string();
            let remedy = whole.split_once("\n  → ").map_or("", |(_, remedy)| remedy);
            (error.message().to_owned(), remedy.to_owned())
        });
        let given = inner.state.as_ref().ok().and_then(|examples| examples.parts.clone());
        let kept = |row: &u32| inner.aside.get(row).copied().unwrap_or(Part::Train);
        let rows = inner.state.as_ref().map_or(&[][..], |examples| &examples.rows);
        inner.parts = Arc::new(given.unwrap_or_else(|| rows.iter().map(kept).collect()));
        inner.groups = None;
        if let Ok(examples) = &inner.state
            && let Some(at) =
                inner.grouped.as_ref().and_then(|name| inner.cells.column(name)).or(examples.columns.group)
        {
            let groups = examples.groups(at);
            inner.groups = Some(Arc::new(groups));
        }
        (inner.copies, inner.near) = (Arc::default(), Arc::default());
        (inner.own, inner.kept) = (Arc::default(), Arc::default());
        self
    }

    /// The examples.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn ready(&self) -> Result<&Arc<Examples>> {
        let why = |(message, remedy): &(String, String)| {
            let error = Error::new(message.clone());
            if remedy.is_empty() { error } else { error.remedy(remedy.clone()) }
        };
        let examples = self.0.state.as_ref().map_err(why)?;
        if examples.columns.guessed || !examples.words.is_empty() {
            let mut words = examples.words.clone();
            if examples.columns.guessed && self.0.path.is_some() {
                words.insert(
                    0,
                    format!("{}, as it looks; others are told by `.text(\"…\").label(\"…\")?`", examples.columns.words),
                );
            }
            let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
            words.retain(|words| told.insert(words.clone()));
            drop(told);
            words.iter().for_each(|words| show::note(&format!("`{}`: {words}", self.0.shown)));
        }
        Ok(examples)
    }

    /// The examples, where there are some.
    pub(super) fn found(&self) -> Option<&Arc<Examples>> {
        self.0.state.as_ref().ok()
    }

    /// Tells the encoding of the file: `utf-8`, `windows-1252`, `iso-8859-1`, `utf-16le` and others, by the names that browsers know.
    ///
    /// # Errors
    /// When there is none of this name, or the file is not of it.
    pub fn encoding(self, name: &str) -> Result<TextTable> {
        let encoding = encoding::named(name)?;
        let Some(path) = &self.0.path else {
            return Err(Error::new("these texts come from no file").remedy("an encoding is told of files alone"));
        };
        let read = TextTable::read(path, self.0.form, Some(encoding))?;
        let mut table = self.clone();
        (table.0.cells, table.0.file_words) = (read.0.cells.clone(), read.0.file_words.clone());
        Ok(table.looked_through())
    }

    /// The column of the texts.
    pub fn text(mut self, column: &str) -> TextTable {
        (self.0.said.text, self.0.said.pair) = (Some(column.to_owned()), None);
        self.looked_through()
    }

    /// The columns of two texts that belong together, such as a premise and a hypothesis.
    pub fn pair(mut self, first: &str, second: &str) -> TextTable {
        self.0.said.pair = Some((first.to_owned(), second.to_owned()));
        self.looked_through()
    }

    /// The column of the classes. Numbers are names of classes here, `0` and `1`; [`label_names`](TextTable::label_names) gives them others.
    ///
    /// # Errors
    /// When there is no such column, or all texts are of one class.
    pub fn label(self, column: &str) -> Result<TextTable> {
        self.wanting(Wanted::Class(Some(column.to_owned())))
    }

    /// The column of several labels a text, parted by `;`, `|` or `,`: `slow;funny`. An empty cell has none.
    ///
    /// # Errors
    /// When there is no such column, or no label in it.
    pub fn labels(self, column: &str) -> Result<TextTable> {
        self.wanting(Wanted::Labels(column.to_owned()))
    }

    /// The column of a number to be told.
    ///
    /// # Errors
    /// When there is no such column, or a cell is no number.
    pub fn number(self, column: &str) -> Result<TextTable> {
        self.wanting(Wanted::Numbers(vec![column.to_owned()]))
    }

    /// The columns of numbers to be told.
    ///
    /// # Errors
    /// As [`number`](TextTable::number).
    pub fn numbers(self, columns: &[&str]) -> Result<TextTable> {
        limits::some(
            "the count of `numbers`",
            columns.len(),
            "columns",
            "name them: `.numbers(&[\"acting\", \"plot\"])?`",
        )?;
        self.wanting(Wanted::Numbers(columns.iter().map(|name| (*name).to_owned()).collect()))
    }

    fn wanting(mut self, truth: Wanted) -> Result<TextTable> {
        self.0.said.truth = truth;
        (self.0.said.names, self.0.said.kept) = (None, None);
        let table = self.looked_through();
        table.ready()?;
        Ok(table)
    }

    /// Tells these classes or labels alone.
    pub(super) fn keep_classes(mut self, kept: Vec<String>) -> TextTable {
        self.0.said.kept = Some(kept);
        self.looked_through()
    }

    /// Names for the classes, in their order: of numbers from the smallest on, of words by the alphabet.
    ///
    /// # Errors
    /// When there are more or fewer classes.
    pub fn label_names(mut self, names: &[&str]) -> Result<TextTable> {
        if let Some((_, name)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(
                Error::new(format!("two of the names are `{name}`")).remedy("give each class a name of its own")
            );
        }
        // names are told of all classes: those that were left out come back
        (self.0.said.names, self.0.said.kept) = (Some(names.iter().map(|name| (*name).to_owned()).collect()), None);
        let table = self.looked_through();
        table.ready()?;
        Ok(table)
    }

    /// How many texts go through the network at once, 1 or more (32 unless told).
    pub fn batch(mut self, texts: usize) -> TextTable {
        self.0.batch = texts;
        self
    }

    /// Has each epoch show every class equally often: of large classes other texts in each epoch, those of small ones several times. Validation keeps
    /// its own counts. Epochs stay as long as they were. Of texts of one class each.
    ///
    /// Against imbalance take this or `learner.balanced_weights()?`, not both.
    pub fn balanced(mut self) -> TextTable {
        self.0.balanced = true;
        self
    }

    /// The most tokens of a text; what is longer is cut, and the summary says how much. Unless told, what the network takes.
    pub fn max_tokens(mut self, tokens: usize) -> TextTable {
        self.0.max = Some(tokens);
        self
    }

    /// The seed of the order of texts, and of the learner.
    pub fn seeded(mut self, seed: u64) -> TextTable {
        self.0.seed = seed;
        self
    }

    /// At most so many training texts of each class, chosen by the seed.
    pub fn limit(mut self, per_class: usize) -> TextTable {
        self.0.limit = Some(per_class);
        self
    }

    /// How many texts there are; 0 where the columns are not found.
    pub fn len(&self) -> usize {
        self.found().map_or(0, |examples| examples.len())
    }

    /// How many rows there are, with a text or without.
    pub(super) fn rows_read(&self) -> usize {
        self.0.cells.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes, labels or numbers; nothing where the columns are not found.
    pub fn names(&self) -> &[String] {
        self.found().map_or(&[], |examples| examples.target.names())
    }

    /// The names of the table's columns.
    pub fn columns(&self) -> &[String] {
        &self.0.cells.head
    }

    /// A text, and the second one of a pair.
    ///
    /// # Errors
    /// When there is no text of this number.
    pub fn text_of(&self, id: usize) -> Result<(&str, Option<&str>)> {
        Ok(self.known(id)?.text(id))
    }

    /// What stands in another column beside a text.
    ///
    /// # Errors
    /// When there is no text of this number, or no such column.
    pub fn value(&self, id: usize, column: &str) -> Result<&str> {
        let examples = self.known(id)?;
        let at = self.0.cells.column(column).ok_or_else(|| {
            Error::new(format!("`{}` has no column `{column}`", self.0.shown))
                .remedy(format!("the columns are {}", self.0.cells.names()))
        })?;
        Ok(examples.cell(id, at))
    }

    pub(super) fn known(&self, id: usize) -> Result<&Arc<Examples>> {
        let examples = self.ready()?;
        if id < examples.len() {
            return Ok(examples);
        }
        Err(Error::new(format!("there is no text {id}: the table has {}", examples.len()))
            .remedy(format!("a number from 0 to {}", examples.len().saturating_sub(1))))
    }

    /// What is true, and its names.
    pub(super) fn target(&self) -> Target {
        self.found().map_or_else(|| Target::Class(Vec::new()), |examples| examples.target.clone())
    }

    /// How texts are cut into tokens: as a learner has said, or into the table's own words until then.
    pub fn tokens(&self) -> Tokens {
        let own = || {
            let made = self.0.own.get_or_init(|| {
                let examples = self.found();
                let texts = (0..self.len().min(100_000)).filter_map(|id| Some(examples?.text(id)));
                let parts = texts.flat_map(|(first, second)| [Some(first), second]).flatten();
                let vocab = vocabulary::of_words(parts);
                Tokens::from_vocab(&vocab, true, MOST_TOKENS).expect("the vocabulary has what it needs")
            });
            made.clone()
        };
        let tokens = self.0.tokens.clone().unwrap_or_else(own);
        match self.0.max {
            // a network takes no more than it takes
            Some(max) if self.0.tokens.is_none() || max < tokens.max_tokens() => tokens.with_max(max),
            _ => tokens,
        }
    }

    /// Whether a learner has said how texts are cut.
    pub(super) fn has_tokens(&self) -> bool {
        self.0.tokens.is_some()
    }

    /// The same, cut into these tokens, as a learner does it with its network's: to see them, and how many texts are longer than the limit.
    ///
    /// ```no_run
    /// use candlewick_prelude::{data::Tokens, prelude::*};
    /// let reviews = TextTable::tsv("reviews.tsv")?;
    /// reviews.with_tokens(&Tokens::open("minilm/tokenizer.json".as_ref(), 128)?)?.show_batch(6)?;
    /// # Ok::<(), candlewick::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the limit leaves no room for a token, the tokenizer cannot read a text, or the user interrupts.
    pub fn with_tokens(&self, tokens: &Tokens) -> Result<TextTable> {
        let mut table = self.clone();
        table.0.tokens = Some(tokens.clone());
        let kept = self.0.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (wanted, known) = (table.tokens(), kept.iter().map(|(own, _)| own.clone()).collect::<Vec<_>>());
        drop(kept);
        let rows = table.rows()?;
        let cut = (0..table.len()).filter(|id| rows.cut(*id) > 0).count();
        if cut > 0 && !known.contains(&wanted) {
            let (share, most) = (cut as f64 * 100.0 / table.len() as f64, wanted.max_tokens());
            let many = does(cut, "text", "is", "are");
            show::note(&format!(
                "{many} longer than {most} tokens ({share:.1} %) and cut there; `.max_tokens(…)` of the encoder says how many are read"
            ));
        }
        Ok(table)
    }

    /// All texts as tokens, worked out once.
    ///
    /// # Errors
    /// When there are no examples, or the tokenizer cannot read one.
    pub(super) fn rows(&self) -> Result<Arc<TokenRows>> {
        let examples = self.ready()?;
        let tokens = self.tokens();
        // held while they are cut, so that two who ask at once cut them once
        let mut kept = self.0.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, rows)) = kept.iter().find(|(own, _)| *own == tokens) {
            return Ok(rows.clone());
        }
        let rows = Arc::new(tokens.rows(examples.len(), &|id| examples.text(id))?);
        // the table's own words are not needed again once a learner has said its tokens
        kept.retain(|(own, _)| Some(own) != self.0.own.get());
        if kept.len() > 2 {
            kept.remove(0);
        }
        kept.push((tokens, rows.clone()));
        Ok(rows)
    }

    /// How many bytes the table and its tokens take.
    pub(super) fn bytes(&self) -> usize {
        let kept = self.0.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.0.cells.bytes() + kept.iter().map(|(_, rows)| rows.bytes()).sum::<usize>()
    }

    /// The path of its file.
    pub(super) fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}
