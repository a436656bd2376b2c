//! Tables that list pictures: which file, what is true of it, and where the table says so, its part and its group.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::delimited::{self, TextRow};
use super::names::{composed, decomposed};
use super::{Part, Sample};
use crate::words::count;
use crate::{Error, Result, show};

/// How pictures' names end where a table leaves that out.
const ENDINGS: [&str; 5] = ["jpg", "png", "jpeg", "tif", "JPG"];
/// Of so many files one may be missing: the table goes on without it. Where more are, it is likely that all are named wrongly.
const FEW: usize = 10;
/// What the column of files may be called, in lower case.
const FILES: [&str; 10] =
    ["file", "filename", "file_name", "fname", "path", "filepath", "image", "picture", "img", "image_path"];
pub(super) const PARTS: [&str; 5] = ["part", "split", "set", "subset", "is_valid"];
pub(super) const GROUPS: [&str; 3] = ["group", "groups", "group_id"];

/// A table that lists pictures, the columns of parts and groups taken out; the file comes first in each row.
pub(super) struct PictureTable {
    pub root: PathBuf,
    pub shown: String,
    /// The names of the columns, where the first line has them.
    pub head: Option<Vec<String>>,
    /// The lines with their numbers; at least one.
    pub rows: Vec<TextRow>,
    parts: Option<HashMap<String, Part>>,
    groups: Option<HashMap<String, String>>,
    places: HashMap<String, PathBuf>,
}

impl PictureTable {
    /// Reads a table, and looks for its pictures beside it, or all in one of the folders beside it.
    ///
    /// # Errors
    /// When it cannot be read, holds no line, or names files that are not there.
    pub fn open(path: &Path) -> Result<PictureTable> {
        let shown = path.display().to_string();
        let unreadable = |error: &dyn std::fmt::Display| {
            Error::new(format!("`{shown}` cannot be read: {error}")).remedy(format!(
                "check the path, and that it is text in UTF-8 (a spreadsheet saves `CSV UTF-8`); cells run in `{}`",
                crate::paths::here()
            ))
        };
        if path.is_dir() {
            return Err(Error::new(format!("`{shown}` is a folder, where a table was expected"))
                .remedy("a folder of pictures is opened by `ImageFolder::open(\"photos\")?`"));
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            unreadable(&format!("it is no UTF-8 text (line {})", line + 1))
        })?;
        let mut rows = delimited::rows(&text).map_err(|why| unreadable(&why))?;
        rows.iter_mut().flat_map(|(_, row)| row).for_each(|cell| *cell = composed(cell));
        let folder = path.parent().unwrap_or(path);
        let is_head = |row: &TextRow| {
            let file = |cell: &String| !cell.is_empty() && place(folder, cell).is_some();
            Path::new(&row.1[0]).extension().is_none() && !row.1.iter().any(file)
        };
        let head = if rows.first().is_some_and(is_head) { Some(rows.remove(0).1) } else { None };
        if rows.is_empty() {
            return Err(Error::new(format!("`{shown}` lists no picture"))
                .remedy("expected a line a picture: its file and what it shows, `boat.jpg,sea`"));
        }
        let width = head.as_ref().map_or(rows[0].1.len(), Vec::len);
        if let Some((line, row)) = rows.iter().find(|(_, row)| row.len() != width || width < 2) {
            let what = format!("line {line} of `{shown}` is `{}`", row.join(","));
            let what = match width {
                0 | 1 => format!("{what}: one column, where a file and what it shows are two"),
                _ => format!("{what}: {}, where {width} columns were expected", count(row.len(), "column")),
            };
            let other = ['|', ':', ' '].into_iter().find(|mark| width < 2 && row[0].contains(*mark));
            let remedy = match (other, width) {
                (Some(' '), _) => {
                    "part the columns by a comma, a semicolon or a tab, not by spaces: `boat.jpg,sea`".to_owned()
                }
                (Some(mark), _) => {
                    format!("part the columns by a comma, a semicolon or a tab, not by `{mark}`: `boat.jpg,sea`")
                }
                (None, 0 | 1) => {
                    "name behind each file what it shows, or what is to be told of it: `boat.jpg,sea`".to_owned()
                }
                _ => "a cell in which the mark between columns stands is put in quotes: `\"a, b.jpg\",sea`".to_owned(),
            };
            return Err(Error::new(what).remedy(remedy));
        }
        let root = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let mut table = PictureTable { root, shown, head, rows, parts: None, groups: None, places: HashMap::new() };
        table.file_first();
        table.take_parts()?;
        table.take_groups()?;
        table.find_files()?;
        Ok(table)
    }

    /// The column of one of these names.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        let head = self.head.as_ref()?;
        names.iter().find_map(|name| head.iter().position(|own| own.eq_ignore_ascii_case(name)))
    }

    /// Puts the column that is called so in front.
    fn file_first(&mut self) {
        // the one that is called so, else the first that names a file that is there
        let there = |at: &usize| self.rows.iter().take(5).any(|(_, row)| place(&self.root, &row[*at]).is_some());
        let named = self.column(&FILES).or_else(|| (0..self.rows[0].1.len()).find(there));
        if let Some(at) = named.filter(|at| *at > 0) {
            let rows = self.rows.iter_mut().map(|(_, row)| row);
            rows.chain(&mut self.head).for_each(|row| row[..=at].rotate_right(1));
        }
    }

    /// Takes a column out: its cells, with the files they belong to and their lines.
    fn take(&mut self, at: usize) -> Vec<(usize, String, String)> {
        self.head.iter_mut().for_each(|head| drop(head.remove(at)));
        let rows = self.rows.iter_mut();
        rows.map(|(line, row)| (*line, row[0].clone(), row.remove(at))).collect()
    }

    fn take_parts(&mut self) -> Result<()> {
        let named = self.column(&PARTS);
        // without names the last of three columns that holds nothing else
        let width = self.rows[0].1.len();
        let last = self.rows.iter().all(|(_, row)| row.last().is_some_and(|cell| part_of(cell, false).is_some()));
        let Some(at) = named.or((self.head.is_none() && width > 2 && last).then(|| width - 1)) else { return Ok(()) };
        let by_flag = self.head.as_ref().is_some_and(|head| head[at].eq_ignore_ascii_case("is_valid"));
        let mut parts = HashMap::new();
        for (line, file, cell) in self.take(at) {
            let Some(part) = part_of(&cell, by_flag) else {
                return Err(Error::new(format!("line {line} of `{}` has the part `{cell}`", self.shown))
                    .remedy("write `train`, `valid` or `test`"));
            };
            if let Some(other) = parts.insert(file.clone(), part).filter(|other| *other != part) {
                let what = format!(
                    "`{}` has `{file}` both for {} and, in line {line}, for {}",
                    self.shown,
                    other.as_str(),
                    part.as_str()
                );
                return Err(Error::new(what).remedy("a picture has one part"));
            }
        }
        self.parts = Some(parts);
        Ok(())
    }

    fn take_groups(&mut self) -> Result<()> {
        let Some(at) = self.column(&GROUPS) else { return Ok(()) };
        self.groups = Some(self.take(at).into_iter().map(|(_, file, cell)| (file, cell)).collect());
        Ok(())
    }

    /// Finds the files beside the table; where one is not there, all of them in one of the folders beside it.
    fn find_files(&mut self) -> Result<()> {
        let files: Vec<&str> = self.rows.iter().map(|(_, row)| row[0].as_str()).collect();
        let found = |folder: &Path| -> HashMap<String, PathBuf> {
            let place = |file: &&str| Some(((*file).to_owned(), place(folder, file)?));
            files.iter().filter_map(place).collect()
        };
        let mut places = found(&self.root);
        let all = files.iter().collect::<std::collections::HashSet<_>>().len();
        if places.len() < all {
            let folder = if self.root.as_os_str().is_empty() { Path::new(".") } else { &self.root };
            let beside = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            let mut beside: Vec<PathBuf> = beside.filter(|path| path.is_dir()).collect();
            beside.sort();
            // or in the folder that cells run in
            let here = PathBuf::new();
            let folders = beside.iter().take(100).chain([&here]);
            if let Some(whole) = folders.map(|folder| found(folder)).find(|found| found.len() == all) {
                places = whole;
            }
        }
        if places.len() < all {
            let mut missing: Vec<String> = Vec::new();
            for (line, row) in self.rows.iter().filter(|(_, row)| !places.contains_key(&row[0])) {
                if !missing.iter().any(|one| one.starts_with(&format!("`{}` ", row[0]))) {
                    missing.push(match row[0].as_str() {
                        "" => format!("an empty name (line {line})"),
                        name => format!("`{name}` (line {line})"),
                    });
                }
            }
            let more = if missing.len() > 3 { format!(" and {} more", missing.len() - 3) } else { String::new() };
            let first = missing.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let what =
                format!("`{}` lists {} of {all} files that are not there: {first}{more}", self.shown, missing.len());
            if missing.len() * FEW > all {
                return Err(Error::new(what)
                    .remedy("files are named from the folder of the table on; correct or remove these lines"));
            }
            show::note(&format!("{what}; their lines are left out"));
            self.rows.retain(|(_, row)| places.contains_key(&row[0]));
        }
        self.places = places;
        Ok(())
    }

    /// A listed file as a sample of a class.
    pub fn sample(&self, file: &str, class: usize) -> Sample {
        let part = self.parts.as_ref().and_then(|parts| parts.get(file)).copied();
        Sample {
            path: self.places.get(file).cloned().unwrap_or_else(|| self.root.join(file)),
            name: file.to_owned(),
            class,
            part: part.unwrap_or(Part::Train),
            boxes: Vec::new(),
            pixels: None,
        }
    }

    /// The group of each of these samples, where the table has such a column.
    pub fn groups_of(&self, samples: &[Sample]) -> Option<Vec<String>> {
        let groups = self.groups.as_ref()?;
        Some(samples.iter().map(|sample| groups.get(&sample.name).cloned().unwrap_or_default()).collect())
    }
}

/// Where a file lies in a folder; the disk may hold the name in another form than the one in which it is compared, and a list of
/// Windows parts folders by `\`.
fn place(folder: &Path, file: &str) -> Option<PathBuf> {
    let forms = [file.to_owned(), decomposed(file), file.replace('\\', "/")];
    let found = forms.into_iter().map(|form| folder.join(form)).find(|path| path.is_file());
    let bare = Path::new(file).extension().is_none() && !file.is_empty();
    // a name without an ending is one of a picture's
    let ended = |ending: &&str| Some(folder.join(format!("{file}.{ending}"))).filter(|path| path.is_file());
    found.or_else(|| ENDINGS.iter().filter(|_| bare).find_map(ended))
}

pub(super) fn part_of(cell: &str, by_flag: bool) -> Option<Part> {
    match (cell.to_lowercase().as_str(), by_flag) {
        ("true" | "1", true) => Some(Part::Valid),
        ("false" | "0", true) => Some(Part::Train),
        ("train" | "training", false) => Some(Part::Train),
        ("valid" | "val" | "validation" | "dev", false) => Some(Part::Valid),
        ("test" | "testing", false) => Some(Part::Test),
        _ => None,
    }
}
