//! What is wrong with annotations: every fault a value, and one text about all of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FaultKind {
    /// A file or a line of it that is not of its format.
    NotParseable,
    /// A file whose bytes are no UTF-8 text.
    NotUtf8,
    /// Annotations of a picture whose file is not there.
    MissingPicture,
    /// A file of annotations beside which there is no picture.
    NoPictureFor,
    /// A picture file whose head cannot be read.
    UnreadablePicture,
    /// A file name that stands in several folders, without a word on which is meant.
    Ambiguous,
    /// A link to a file that is not there.
    BrokenLink,
    /// A folder or list that a file names and that is not there.
    MissingFolder,
    /// A picture that the annotations list a second time.
    ListedTwice,
    /// Two pictures or two classes with one number.
    DuplicateId,
    /// An object of a class that nothing names.
    UnknownClass,
    /// A class number beyond the list of names.
    ClassOutOfRange,
    /// A coordinate that is missing or no number.
    NotANumber,
    /// A number with a comma where others write a point; it is read as meant.
    DecimalComma,
    /// A box whose right edge is not to the right of its left one, or whose bottom is not below its top.
    NoArea,
    /// A box that lies beside the picture.
    Outside,
    /// A box that reached over the picture's edge by more than a pixel; it is clipped.
    OverEdge,
    /// A box less than one pixel wide or high.
    UnderOnePixel,
    /// Shares of the picture's sides where pixels were promised.
    SharesForPixels,
    /// Pixels where shares of the picture's sides were promised.
    PixelsForShares,
    /// An object that has the class and the box of one before it.
    Duplicate,
    /// A picture of another size than its annotations say.
    SizeDiffers,
    /// Boxes on the stored pixels of a picture that is shown turned; they are turned with it.
    Turned,
    /// A picture's name written otherwise than its file's; it is found all the same.
    NameDiffers,
}

/// Each kind with what it is called when counted and what to do about it.
const WORDS: [(FaultKind, &str, &str); 24] = {
    use FaultKind::*;
    [
        (NotParseable, "not readable", "mend the file or the line by hand, or export it again"),
        (NotUtf8, "no UTF-8 text", "save the file again as UTF-8"),
        (
            MissingPicture,
            "pictures that are not there",
            "copy the picture to where the annotations say, or name the folder that holds it",
        ),
        (NoPictureFor, "annotation files without a picture", "copy the picture beside it, or remove the file"),
        (UnreadablePicture, "pictures that cannot be read", "replace or remove the picture"),
        (Ambiguous, "file names that stand in several folders", "write the folder before the file's name"),
        (BrokenLink, "links to nothing", "link to the file anew, or remove the link"),
        (
            MissingFolder,
            "folders or lists that are not there",
            "put right the path in the file; it counts from the file's own folder",
        ),
        (ListedTwice, "pictures listed twice", "keep one; the objects of both are read"),
        (DuplicateId, "numbers given twice", "give each its own number; the first one counts"),
        (UnknownClass, "objects of no known class", "name the class in the list of classes"),
        (ClassOutOfRange, "class numbers beyond the names", "numbers of classes begin at 0; add the missing names"),
        (NotANumber, "coordinates that are no numbers", "write four numbers"),
        (DecimalComma, "numbers with a decimal comma, read as meant", "write a point: 12.5"),
        (
            NoArea,
            "boxes without area, left out",
            "draw the box again; the right edge lies to the right of the left one, the bottom below the top",
        ),
        (
            Outside,
            "boxes beside the picture, left out",
            "boxes count the pixels of the picture's own file, upright, not of a copy of another size",
        ),
        (
            OverEdge,
            "boxes over the picture's edge, clipped",
            "nothing needs to be done if they were drawn carelessly; many say that the picture has another size",
        ),
        (UnderOnePixel, "boxes under one pixel, left out", "draw the box again"),
        (
            SharesForPixels,
            "shares where pixels were expected, left out",
            "say that the numbers are shares, or multiply by the picture's sides",
        ),
        (
            PixelsForShares,
            "pixels where shares were expected, left out",
            "say that the numbers are pixels, or divide by the picture's sides",
        ),
        (Duplicate, "objects given twice, left out once", "remove one of the two"),
        (
            SizeDiffers,
            "sizes that differ from the picture's",
            "boxes count the pixels of the picture's own file: export the annotations again",
        ),
        (
            Turned,
            "boxes on a turned picture's stored pixels, turned with it",
            "nothing needs to be done; to be sure look at one of them",
        ),
        (
            NameDiffers,
            "names written otherwise than the file's",
            "nothing needs to be done here; other programs may not find the picture",
        ),
    ]
};

impl FaultKind {
    /// What such faults are called when they are counted.
    pub fn words(self) -> &'static str {
        WORDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, words, _)| words)
    }

    /// What to do about one.
    pub fn remedy(self) -> &'static str {
        WORDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(.., remedy)| remedy)
    }

    /// Whether what it is about was read all the same.
    pub fn is_mended(self) -> bool {
        use FaultKind::*;
        matches!(self, OverEdge | DecimalComma | Turned | NameDiffers | SizeDiffers | ListedTwice)
    }
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The file as a whole.
    Whole,
    /// A line, from 1.
    Line(usize),
    /// An element of a list, from 0: `annotations[17]`.
    Element(&'static str, usize),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// What kind of thing.
    pub kind: FaultKind,
    /// The file that it stands in.
    pub file: Arc<Path>,
    /// Where in the file.
    pub spot: Spot,
    /// The picture that it is about.
    pub picture: Option<Box<str>>,
    /// What is wrong, in words.
    pub what: String,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
}

impl Fault {
    /// A fault with the usual remedy of its kind.
    pub fn new(kind: FaultKind, file: &Path, spot: Spot, what: impl Into<String>) -> Fault {
        let remedy = Cow::Borrowed(kind.remedy());
        Fault { kind, file: Arc::from(file), spot, picture: None, what: what.into(), remedy }
    }

    /// The same about this picture.
    pub fn of(mut self, picture: &str) -> Fault {
        self.picture = Some(picture.into());
        self
    }

    /// The same with a remedy of its own.
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Fault {
        self.remedy = remedy.into();
        self
    }

    /// Where it is, in short: `voc/a.xml:12`.
    fn place(&self) -> String {
        let file = self.file.file_name().unwrap_or(self.file.as_os_str()).to_string_lossy();
        match &self.spot {
            Spot::Whole => file.into_owned(),
            Spot::Line(line) => format!("{file}:{line}"),
            Spot::Element(list, at) => format!("{file} {list}[{at}]"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.what)?;
        match &self.picture {
            Some(picture) if !self.what.contains(&**picture) => write!(f, " (`{picture}`)"),
            _ => Ok(()),
        }
    }
}

/// The faults of one kind that are kept as values; more are counted.
const MOST_KEPT: usize = 10_000;

/// All that is wrong with a listing, in order, and how much of each kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultLog {
    kept: Vec<Fault>,
    counts: BTreeMap<FaultKind, usize>,
}

impl FaultLog {
    /// Adds a fault.
    pub fn add(&mut self, fault: Fault) {
        let count = self.counts.entry(fault.kind).or_default();
        *count += 1;
        if *count <= MOST_KEPT {
            self.kept.push(fault);
        }
    }

    /// Adds several.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.add(fault));
    }

    /// The faults in order, the first 10,000 of each kind.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.kept.iter()
    }

    /// How many there are of a kind.
    #[cfg(test)]
    pub fn count(&self, kind: FaultKind) -> usize {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// How many there are of all kinds.
    pub fn len(&self) -> usize {
        self.counts.values().sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// At most `most` lines: a kind each, with its count and one or two examples; what was not read stands first.
    pub fn lines(&self, most: usize) -> Vec<String> {
        let mut kinds: Vec<(FaultKind, usize)> = self.counts.iter().map(|(kind, count)| (*kind, *count)).collect();
        kinds.sort_by_key(|(kind, count)| (kind.is_mended(), std::cmp::Reverse(*count), *kind));
        let shown = if kinds.len() > most { most.saturating_sub(1) } else { kinds.len() };
        let mut lines: Vec<String> = kinds[..shown].iter().map(|(kind, count)| self.line(*kind, *count)).collect();
        if shown < kinds.len() && most > 0 {
            let (left, kinds) = (kinds[shown..].iter().map(|(_, count)| count).sum::<usize>(), kinds.len() - shown);
            lines.push(format!("{left} more of {kinds} other kinds"));
        }
        lines
    }

    /// One kind with its count, examples and remedy.
    fn line(&self, kind: FaultKind, count: usize) -> String {
        let of_kind = || self.kept.iter().filter(|fault| fault.kind == kind);
        let examples: Vec<String> = of_kind().take(2).map(|fault| shortened(&fault.to_string(), 150)).collect();
        let remedy = of_kind().next().map_or("", |fault| &fault.remedy);
        let more = if count > 2 { ", …" } else { "" };
        let words = if count == 1 { of_one(kind.words()) } else { kind.words().to_owned() };
        format!("{count} {words}: {}{more} → {}", examples.join(", "), shortened(remedy, 200))
    }
}

/// What many are called, of one: `boxes without area` is `box without area`.
fn of_one(words: &str) -> String {
    let ends = [
        " that ", " without", " to ", " listed", " given", " of ", " beyond", " with ", " beside", " over", " under",
        " where", " on ", " written",
    ];
    let end = ends.iter().filter_map(|end| words.find(end)).min().unwrap_or(words.len());
    let (things, rest) = words.split_at(end);
    let one = |word: &str| {
        word.strip_suffix("xes").map_or_else(
            || word.strip_suffix('s').filter(|_| !word.ends_with("ss")).unwrap_or(word).to_owned(),
            |start| format!("{start}x"),
        )
    };
    let things: Vec<String> = things.split(' ').map(one).collect();
    let rest = rest.replace("that are no numbers", "that is no number").replace("that are ", "that is ");
    things.join(" ") + &rest.replace("that stand ", "that stands ").replace("that differ ", "that differs ")
}

/// One line of at most `most` characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let text = text.replace(|c: char| c.is_control(), " ");
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_no_plural() {
        for (kind, expected) in [
            (FaultKind::MissingPicture, "picture that is not there"),
            (FaultKind::NoPictureFor, "annotation file without a picture"),
            (FaultKind::Ambiguous, "file name that stands in several folders"),
            (FaultKind::MissingFolder, "folder or list that is not there"),
            (FaultKind::NoArea, "box without area, left out"),
            (FaultKind::ClassOutOfRange, "class number beyond the names"),
            (FaultKind::NotANumber, "coordinate that is no number"),
            (FaultKind::SizeDiffers, "size that differs from the picture's"),
            (FaultKind::NotUtf8, "no UTF-8 text"),
        ] {
            assert_eq!(of_one(kind.words()), expected);
        }
    }

    #[test]
    fn every_kind_has_words_and_a_remedy() {
        for (at, (kind, words, remedy)) in WORDS.iter().enumerate() {
            assert!(*kind as usize == at && kind.words() == *words && kind.remedy() == *remedy, "{kind:?}");
            assert!(!words.is_empty() && !remedy.is_empty());
        }
        assert_eq!(FaultKind::NameDiffers as usize + 1, WORDS.len());
    }

    #[test]
    fn kinds_are_counted_with_two_examples_each() {
        let mut faults = FaultLog::default();
        for line in 1..=4 {
            let fault =
                Fault::new(FaultKind::NoArea, Path::new("/d/boxes.csv"), Spot::Line(line), "the box holds nothing");
            faults.add(fault.of("a.png"));
        }
        faults.add(Fault::new(FaultKind::Turned, Path::new("b.xml"), Spot::Whole, "turned"));
        let element = Spot::Element("annotations", 17);
        faults.add(Fault::new(FaultKind::UnknownClass, Path::new("c.json"), element, "no class 9").remedy("add it"));
        let lines = faults.lines(11);
        assert!(
            lines[0].starts_with(
                "4 boxes without area, left out: boxes.csv:1: the box holds nothing (`a.png`), boxes.csv:2:"
            )
        );
        assert_eq!(lines[1], "1 object of no known class: c.json annotations[17]: no class 9 → add it");
        assert!(lines[2].starts_with("1 box on a turned"));
        assert_eq!((lines.len(), faults.len(), faults.count(FaultKind::NoArea)), (3, 6, 4));
        assert_eq!(faults.lines(2)[1], "2 more of 2 other kinds");
        for _ in 0..MOST_KEPT + 5 {
            faults.add(Fault::new(FaultKind::Outside, Path::new("b.xml"), Spot::Whole, "beside"));
        }
        assert_eq!((faults.count(FaultKind::Outside), faults.iter().count()), (MOST_KEPT + 5, MOST_KEPT + 6));
    }
}
