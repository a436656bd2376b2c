//! A table of text in memory: all cells one after another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use csv::ReaderBuilder;
use serde_json::Value;

use crate::words::count;
use crate::{Error, Result, interrupt};

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Cells parted by a mark, which is found by looking.
    Marks,
    /// Cells parted by tabs.
    Tabs,
    /// An object of JSON a line, or an array of them.
    Json,
}

/// The rows of a table; each has as many cells as the head.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    /// The names of the columns.
    pub head: Vec<String>,
    /// Whether the table has these names itself.
    pub named: bool,
    text: String,
    ends: Vec<usize>,
    lines: Vec<u32>,
    /// Columns of which a cell at least was a list.
    pub lists: BTreeSet<usize>,
}

/// What pandas, R and spreadsheets write where there is no value. `None` and `NA` are not among them: they may be classes.
const MISSING: [&str; 9] = ["nan", "NaN", "NAN", "<NA>", "#N/A", "N/A", "n/a", "null", "NULL"];

impl Cells {
    /// Columns of these names, and no row.
    pub fn new(head: &[&str]) -> Cells {
        Cells { head: head.iter().map(|name| (*name).to_owned()).collect(), named: true, ..Cells::default() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// A cell.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        let at = row * self.head.len() + column;
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[from..self.ends[at]]
    }

    /// Whether nothing stands in a cell, or what programs write for nothing.
    pub fn is_missing(&self, row: usize, column: usize) -> bool {
        let cell = self.cell(row, column).trim();
        cell.is_empty() || MISSING.contains(&cell)
    }

    /// The number of the line where a row begins, from 1.
    pub fn line(&self, row: usize) -> usize {
        self.lines[row] as usize
    }

    /// One more row.
    pub fn push<'a>(&mut self, line: usize, cells: impl IntoIterator<Item = &'a str>) {
        for cell in cells {
            self.text.push_str(cell);
            self.ends.push(self.text.len());
        }
        self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
    }

    /// The column of this name; capitals and space around it do not matter.
    pub fn column(&self, name: &str) -> Option<usize> {
        let same = |own: &String| own == name;
        let like = |own: &String| own.trim().eq_ignore_ascii_case(name.trim());
        self.head.iter().position(same).or_else(|| self.head.iter().position(like))
    }

    /// The names of the columns in words.
    pub fn names(&self) -> String {
        self.head.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>() + self.lines.capacity() * 4
    }

    /// Reads a table.
    ///
    /// # Errors
    /// When rows have different numbers of cells, a line is no JSON, or there is none.
    pub fn read(text: &str, form: Form, shown: &str) -> Result<(Cells, Vec<String>)> {
        let mut words = Vec::new();
        let begins = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let is_json = form != Form::Json && serde_json::from_str::<serde_json::Map<String, Value>>(begins).is_ok();
        if is_json {
            words.push(format!("`{shown}` holds JSON Lines, and is read so"));
        }
        // Excel says in a line of its own what parts the cells; its line stays, empty, so that lines keep their numbers
        let (text, said) = match begins.trim().trim_matches('"').strip_prefix("sep=").map(str::as_bytes) {
            Some([mark]) => (text.split_once(begins).map_or(text, |(_, rest)| rest), Some(*mark)),
            _ => (text, None),
        };
        let mut cells = match if is_json { Form::Json } else { form } {
            Form::Json => json(text, shown)?,
            Form::Tabs => marked(text, said.unwrap_or(b'\t'), shown, &mut words)?,
            Form::Marks => marked(text, said.unwrap_or_else(|| separator(text)), shown, &mut words)?,
        };
        if cells.len() == 0 {
            return Err(
                Error::new(format!("`{shown}` has no rows")).remedy("expected a line a text: `a fine film,pos`")
            );
        }
        cells.text.shrink_to_fit();
        cells.ends.shrink_to_fit();
        Ok((cells, words))
    }
}

/// What parts the cells: of tabs, commas, semicolons and bars the one by which the first rows have the same number of cells, and most.
fn separator(text: &str) -> u8 {
    let end = text.char_indices().nth(1 << 16).map_or(text.len(), |(at, _)| at);
    let widths = |mark: u8| {
        let mut reader = ReaderBuilder::new();
        reader.has_headers(false).flexible(true).delimiter(mark);
        let records = reader.from_reader(&text.as_bytes()[..end]).into_records();
        let mut widths: Vec<usize> = records.take(200).filter_map(|row| Some(row.ok()?.len())).collect();
        if end < text.len() {
            widths.pop();
        }
        widths
    };
    let score = |mark: &&u8| {
        let widths = widths(**mark);
        let first = widths.first().copied().unwrap_or(0);
        let same = widths.iter().filter(|width| **width == first).count();
        // all rows alike comes first, then how many are
        (first > 1 && same == widths.len(), if first > 1 { same * 1000 / widths.len().max(1) } else { 0 })
    };
    // of equals the first one
    *b"\t,;|".iter().rev().max_by_key(score).unwrap_or(&b',')
}

/// A table whose cells are parted by a mark.
fn marked(text: &str, mark: u8, shown: &str, words: &mut Vec<String>) -> Result<Cells> {
    let quoted = records(text, mark, true, shown);
    // tables with tabs are often written without quotes, and a text begins with one
    if mark == b'\t'
        && text.contains('"')
        && !quoted.as_ref().is_ok_and(Cells::is_plain)
        && let Ok(plain) = records(text, mark, false, shown)
    {
        words.push(format!(
            "quotes in `{shown}` are read as text: taken as marks around cells they do not fit together"
        ));
        return Ok(plain);
    }
    quoted
}

/// The rows, the first one as the head where it names the columns.
fn records(text: &str, mark: u8, quotes: bool, shown: &str) -> Result<Cells> {
    let mut reader = ReaderBuilder::new();
    reader.has_headers(false).flexible(true).delimiter(mark).quoting(quotes);
    let mut reader = reader.from_reader(text.as_bytes());
    let mut cells = Cells::default();
    cells.text.reserve(text.len());
    let mut record = csv::StringRecord::new();
    let (mut at, mut line) = (0, 1);
    let mut width = 0;
    loop {
        if cells.lines.len().is_multiple_of(4096) {
            interrupt::check()?;
        }
        let more = reader
            .read_record(&mut record)
            .map_err(|error| Error::new(format!("`{shown}` cannot be read: {error}")))?;
        if !more {
            break;
        }
        // a record begins behind the one before, ahead of the empty lines between them
        let from = record.position().map_or(at, |position| usize::try_from(position.byte()).unwrap_or(at));
        let rest = &text[from..];
        let begins = from + rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        line += text[at..begins].bytes().filter(|byte| *byte == b'\n').count();
        at = begins;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if width == 0 {
            width = record.len();
        }
        if quotes && record.iter().any(|cell| cell.contains('\n')) {
            let end = usize::try_from(reader.position().byte()).unwrap_or(text.len()).min(text.len());
            if !closes(&text.as_bytes()[begins..end], mark) {
                return Err(open_quote(&record, line, shown));
            }
        }
        if record.len() != width {
            return Err(ragged(&record, (line, width), shown));
        }
        cells.push(line, record.iter());
    }
    cells.head = (1..=width).map(|at| format!("column {at}")).collect();
    Ok(cells.headed())
}

fn ragged(record: &csv::StringRecord, (line, width): (usize, usize), shown: &str) -> Error {
    let own = count(record.len(), "column");
    let begin: String = record.iter().collect::<Vec<_>>().join(" | ").chars().take(60).collect();
    let error = Error::new(format!(
        "line {line} of `{shown}` has {own}, where {width} were expected: {}",
        begin.replace('\n', " ")
    ));
    match record.iter().any(|cell| cell.contains('\n')) {
        true => error.remedy("a quote that opens there does not close in its line: double it (`\"\"`) or take it out"),
        false => {
            error.remedy("put a text in which the mark between columns stands in quotes: `\"slow, but fine\",pos`")
        }
    }
}

/// Whether each quote of a row that opens a cell closes it: a mark, the line's end or nothing stands behind.
fn closes(row: &[u8], mark: u8) -> bool {
    let (mut at, mut begins) = (0, true);
    while at < row.len() {
        if begins && row[at] == b'"' {
            at += 1;
            loop {
                match (row.get(at), row.get(at + 1)) {
                    (None, _) => return false,
                    (Some(b'"'), Some(b'"')) => at += 2,
                    (Some(b'"'), _) => break,
                    _ => at += 1,
                }
            }
            at += 1;
            if row.get(at).is_some_and(|next| ![mark, b'\r', b'\n'].contains(next)) {
                return false;
            }
        }
        begins = row.get(at) == Some(&mark);
        at += 1;
    }
    true
}

/// The refusal of rows that a quote has made one.
fn open_quote(record: &csv::StringRecord, line: usize, shown: &str) -> Error {
    let cell = record.iter().find(|cell| cell.contains('\n')).unwrap_or_default();
    let (begin, rows) = (cell.lines().next().unwrap_or_default(), cell.matches('\n').count());
    let begin: String = begin.chars().take(40).collect();
    Error::new(format!(
        "a quote in line {line} of `{shown}` is not closed: the {} below {} taken into its text, “{begin}…”",
        count(rows, "line"),
        if rows == 1 { "is" } else { "are" }
    ))
    .remedy("close it, take it out, or, where it is a letter of the text, double it (`\"\"`) in a cell in quotes")
}

/// What columns of texts, truths, parts and groups are called, in lower case.
pub(super) mod known {
    /// Columns of texts, the likeliest first.
    pub const TEXTS: [&str; 16] = [
        "text",
        "sentence",
        "review",
        "content",
        "comment",
        "body",
        "tweet",
        "message",
        "review_text",
        "reviewtext",
        "texts",
        "description",
        "post",
        "document",
        "question",
        "title",
    ];
    /// Columns of classes, the likeliest first.
    pub const LABELS: [&str; 16] = [
        "label",
        "sentiment",
        "class",
        "category",
        "target",
        "stars",
        "rating",
        "polarity",
        "intent",
        "topic",
        "labels",
        "emotion",
        "airline_sentiment",
        "score",
        "tag",
        "gold_label",
    ];
    /// Columns of two texts that belong together.
    pub const PAIRS: [(&str, &str); 7] = [
        ("sentence1", "sentence2"),
        ("premise", "hypothesis"),
        ("question1", "question2"),
        ("text_a", "text_b"),
        ("text1", "text2"),
        ("query", "passage"),
        ("question", "sentence"),
    ];
    /// What else stands in tables.
    pub const OTHERS: [&str; 9] = ["id", "idx", "index", "part", "split", "set", "group", "is_valid", "trap"];
}

impl Cells {
    /// The same with the first row as the head, where it names the columns.
    fn headed(mut self) -> Cells {
        let width = self.head.len();
        if self.len() < 2 || width == 0 {
            return self;
        }
        let first: Vec<String> = (0..width).map(|at| self.cell(0, at).trim().to_owned()).collect();
        let is_number = |text: &str| text.trim().parse::<f64>().is_ok();
        let fits = first.iter().all(|name| name.chars().count() <= 40 && !is_number(name));
        // an index that nobody named, a column twice
        let odd = first.iter().enumerate().any(|(at, name)| name.is_empty() || first[..at].contains(name));
        let lower: Vec<String> = first.iter().map(|name| name.to_lowercase()).collect();
        let is_known = |name: &String| {
            let name = name.as_str();
            let pair = |(a, b): &(&str, &str)| *a == name || *b == name;
            known::TEXTS.contains(&name)
                || known::LABELS.contains(&name)
                || known::OTHERS.contains(&name)
                || known::PAIRS.iter().any(pair)
        };
        let rows = 1..self.len().min(200);
        // numbers below a word, or a few words again and again that the first row does not have
        let stands_above = |at: usize| {
            let own: Vec<&str> = rows.clone().map(|row| self.cell(row, at)).collect();
            let mut different: BTreeMap<&str, usize> = BTreeMap::new();
            own.iter().for_each(|cell| *different.entry(cell).or_default() += 1);
            own.iter().all(|cell| is_number(cell))
                || (own.len() >= 10 && different.len() * 5 <= own.len() && !different.contains_key(first[at].as_str()))
        };
        if !fits || !(lower.iter().any(is_known) || (!odd && (0..width).any(stands_above))) {
            return self;
        }
        let named = |(at, name): (usize, &String)| match first[..at].iter().filter(|other| *other == name).count() {
            _ if name.is_empty() => format!("column {}", at + 1),
            0 => name.clone(),
            before => format!("{name} ({})", before + 1),
        };
        let first: Vec<String> = first.iter().enumerate().map(named).collect();
        let taken = self.ends[width - 1];
        self.text.drain(..taken);
        self.ends.drain(..width);
        self.ends.iter_mut().for_each(|end| *end -= taken);
        self.lines.remove(0);
        Cells { head: first, named: true, ..self }
    }

    /// Whether no cell holds a line break.
    fn is_plain(&self) -> bool {
        !self.text.contains('\n')
    }
}

/// Objects of JSON, a line each, or an array of them.
fn json(text: &str, shown: &str) -> Result<Cells> {
    let unreadable = |line: usize, why: &str| {
        Error::new(format!("line {line} of `{shown}` is no JSON object: {why}"))
            .remedy("expected an object a line: `{\"text\": \"a fine film\", \"label\": \"pos\"}`")
    };
    let mut rows: Vec<(usize, BTreeMap<usize, String>)> = Vec::new();
    let (mut head, mut places): (Vec<String>, HashMap<String, usize>) = (Vec::new(), HashMap::new());
    let mut lists = BTreeSet::new();
    let mut add = |line: usize, value: Value| -> Result<()> {
        let Value::Object(object) = value else { return Err(unreadable(line, "it is another value")) };
        let mut row = BTreeMap::new();
        for (name, value) in object {
            let next = head.len();
            let at = *places.entry(name).or_insert_with_key(|name| {
                head.push(name.clone());
                next
            });
            if value.is_array() {
                lists.insert(at);
            }
            let written =
                plain(&value).ok_or_else(|| unreadable(line, &format!("`{}` is an object itself", head[at])))?;
            row.insert(at, written);
        }
        rows.push((line, row));
        Ok(())
    };
    if text.trim_start().starts_with('[') {
        let all: Vec<Value> =
            serde_json::from_str(text).map_err(|error| unreadable(error.line(), &error.to_string()))?;
        for (at, value) in all.into_iter().enumerate() {
            add(at + 1, value)?;
        }
    } else {
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if at.is_multiple_of(4096) {
                interrupt::check()?;
            }
            // Python's `json.dumps` writes what JSON does not have
            let without_nan = || serde_json::from_str(&line.replace(": NaN", ": null").replace(":NaN", ":null"));
            let value =
                serde_json::from_str(line).or_else(|error| without_nan().map_err(|_| error)).map_err(|error| {
                    // the line is told already, and it is one
                    let why = error.to_string();
                    let why = why.split(" at line ").next().unwrap_or_default();
                    unreadable(at + 1, &format!("{why}, at letter {}", error.column()))
                })?;
            add(at + 1, value)?;
        }
    }
    let mut cells = Cells { named: true, lists, ..Cells::default() };
    for (line, row) in rows {
        cells.push(line, (0..head.len()).map(|at| row.get(&at).map_or("", String::as_str)));
    }
    cells.head = head;
    if let Some(row) = (0..cells.len()).find(|row| (0..cells.head.len()).any(|at| cells.cell(*row, at).contains('\0')))
    {
        return Err(Error::new(format!("line {} of `{shown}` holds a NUL byte", cells.line(row)))
            .remedy("text has none: take `\\u0000` out of the file"));
    }
    Ok(cells)
}

/// A value as a cell; a list becomes one with semicolons.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(values) => Some(values.iter().map(plain).collect::<Option<Vec<_>>>()?.join(";")),
        Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, form: Form) -> (String, Vec<String>) {
        let (cells, _) = Cells::read(text, form, "x").unwrap();
        let row = |row: usize| {
            format!(
                "{}:{}",
                cells.line(row),
                (0..cells.head.len()).map(|at| cells.cell(row, at)).collect::<Vec<_>>().join("|")
            )
        };
        (cells.head.join("|"), (0..cells.len()).map(row).collect())
    }

    #[test]
    fn tables_are_read_as_people_write_them() {
        for (text, form, head, expected) in [
            (
                "text,label\na fine film,1\n\n\"slow, but\nfine\",0\n",
                Form::Marks,
                "text|label",
                vec!["2:a fine film|1", "4:slow, but\nfine|0"],
            ),
            ("sentence\tlabel\none long string\t0\n", Form::Tabs, "sentence|label", vec!["2:one long string|0"]),
            (
                "one long string\t0\na, b; c\t1\n",
                Form::Tabs,
                "column 1|column 2",
                vec!["1:one long string|0", "2:a, b; c|1"],
            ),
            (
                "opinion;points\nfine, really;3\nnot so, alas, bad;1\n",
                Form::Marks,
                "opinion|points",
                vec!["2:fine, really|3", "3:not so, alas, bad|1"],
            ),
            ("a,pos\nb,neg\r\nc,pos\n", Form::Marks, "column 1|column 2", vec!["1:a|pos", "2:b|neg", "3:c|pos"]),
            (
                "\"quoted\" title\t1\n\"open\t0\nx\t1\n",
                Form::Tabs,
                "column 1|column 2",
                vec!["1:\"quoted\" title|1", "2:\"open|0", "3:x|1"],
            ),
            (
                "{\"text\":\"a\",\"label\":1}\n\n{\"text\":\"b\",\"tags\":[\"x\",\"y\"]}\n",
                Form::Json,
                "label|text|tags",
                vec!["1:1|a|", "3:|b|x;y"],
            ),
            ("[{\"text\":\"a\",\"label\":null}]", Form::Json, "label|text", vec!["1:|a"]),
        ] {
            assert_eq!(
                rows(text, form),
                (head.to_owned(), expected.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>()),
                "{text}"
            );
        }
    }

    #[test]
    fn rows_that_do_not_fit_are_named_by_their_line() {
        let says = |text: &str, form: Form| Cells::read(text, form, "x.csv").unwrap_err().to_string();
        let ragged = says("text,label\na,1\n\nslow, but fine,0\n", Form::Marks);
        assert!(ragged.contains("line 4 of `x.csv` has 3 columns, where 2 were expected"), "{ragged}");
        let open = says("text,label\na,1\n\"open,0\nb,1\nc,0\n", Form::Marks);
        assert!(open.contains("line 3") && open.contains("is not closed: the 3 lines below are"), "{open}");
        assert!(says("", Form::Marks).contains("`x.csv` has no rows"));
        assert!(says("{\"a\":1}\n[1]\n", Form::Json).contains("line 2 of `x.csv` is no JSON object"));
        assert!(says("{\"a\":1}\nno\n", Form::Json).contains("line 2 of `x.csv`"));
        assert!(says("{\"a\":{\"b\":1}}\n", Form::Json).contains("`a` is an object itself"));
    }
}
