//! Boxes in files: which are read, what is wrong with them, how classes are renamed, and how all is written again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::annotated::Boxes;
use super::formats::{self, BoxForm, BoxFormat, Listing, Placing, Reading};
use super::{ImageFolder, Part, ResizeMethod, Sample};
use crate::boxes::{Annotation, BBox};
use crate::paths;
use crate::show::{self, Table};
use crate::words::does;
use crate::{Error, Result};

/// How files of boxes are read where they leave it open: `BoxReading::new().pictures("scans").centres().shares()`.
///
/// ```no_run
/// use candlewick_prelude::data::{BoxReading, Boxes};
/// let data = Boxes::read("boxes.csv", &BoxReading::new().pictures("scans").sides())?;
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct BoxReading(Reading);

impl BoxReading {
    /// As the files themselves show.
    pub fn new() -> BoxReading {
        BoxReading::default()
    }

    /// The pictures lie in this folder (default: beside the annotations).
    pub fn pictures(mut self, folder: impl Into<PathBuf>) -> BoxReading {
        self.0.pictures = Some(paths::expanded(&folder.into()).into_owned());
        self
    }

    /// The four numbers of a box are left, top, right, bottom.
    pub fn corners(self) -> BoxReading {
        self.form(BoxForm::Corners)
    }

    /// The four numbers of a box are left, top, width, height.
    pub fn sides(self) -> BoxReading {
        self.form(BoxForm::Sides)
    }

    /// The four numbers of a box are the centre, width, height.
    pub fn centres(self) -> BoxReading {
        self.form(BoxForm::Centre)
    }

    /// Numbers are shares of the picture's sides, from 0 to 1.
    pub fn shares(mut self) -> BoxReading {
        self.0.shares = Some(true);
        self
    }

    /// Numbers are pixels.
    pub fn pixels(mut self) -> BoxReading {
        self.0.shares = Some(false);
        self
    }

    fn form(mut self, form: BoxForm) -> BoxReading {
        self.0.form = Some(form);
        self
    }
}

impl Boxes {
    /// The pictures of a listing; where parts are told, they are the split.
    fn listed(root: PathBuf, listing: Listing, source: (PathBuf, Reading)) -> Result<Boxes> {
        let listing = some(&root, listing)?;
        let pictures = ImageFolder::listed(root, samples(&listing))?;
        let pictures = pictures.resize(ResizeMethod::PadEnd).size_of_nobody(320);
        Ok(Boxes { pictures, listing, source: Arc::new(source), sides: Arc::default() })
    }

    /// The same pictures with another listing's objects.
    pub(super) fn relisted(self, listing: Listing) -> Result<Boxes> {
        let listing = some(self.root(), listing)?;
        let pictures = self.pictures.with_boxes(|id| annotations(&listing.pictures[id]));
        Ok(Boxes { pictures, listing, ..self })
    }

    /// Reads pictures with boxes in whatever format a file or a folder is: COCO, Pascal VOC, YOLO, a table,
    /// or the `boxes.json` of an image folder.
    ///
    /// What cannot be used is left out, counted and named in a note; [`faults`](Boxes::faults) has it all.
    ///
    /// # Errors
    /// When the path is not there or of no format, none of its annotations is of a picture, or the user interrupts.
    pub fn open(path: impl AsRef<Path>) -> Result<Boxes> {
        Boxes::of(&paths::expanded(path.as_ref()), &Reading::default())
    }

    /// Reads COCO's JSON: one file with its pictures beside it or in a folder beside it, a folder of one file a part, or Roboflow's export.
    ///
    /// # Errors
    /// As [`open`](Boxes::open).
    pub fn coco(path: impl AsRef<Path>) -> Result<Boxes> {
        Boxes::in_format(&paths::expanded(path.as_ref()), BoxFormat::Coco)
    }

    /// Reads Pascal VOC's XML: beside the pictures, in folders of parts, or in `Annotations` with `JPEGImages` and `ImageSets`.
    ///
    /// # Errors
    /// As [`open`](Boxes::open).
    pub fn voc(path: impl AsRef<Path>) -> Result<Boxes> {
        Boxes::in_format(&paths::expanded(path.as_ref()), BoxFormat::Voc)
    }

    /// Reads YOLO's text: a `data.yaml`, or a folder of pictures and labels.
    ///
    /// # Errors
    /// As [`open`](Boxes::open).
    pub fn yolo(path: impl AsRef<Path>) -> Result<Boxes> {
        Boxes::in_format(&paths::expanded(path.as_ref()), BoxFormat::Yolo)
    }

    /// Reads a table, a line an object: `file,class,x0,y0,x1,y1`, or columns in any order where the first line names them.
    ///
    /// # Errors
    /// As [`open`](Boxes::open).
    pub fn csv(path: impl AsRef<Path>) -> Result<Boxes> {
        Boxes::in_format(&paths::expanded(path.as_ref()), BoxFormat::Csv)
    }

    /// Reads files of boxes, told how where they leave it open.
    ///
    /// # Errors
    /// As [`open`](Boxes::open).
    pub fn read(path: impl AsRef<Path>, reading: &BoxReading) -> Result<Boxes> {
        Boxes::of(&paths::expanded(path.as_ref()), &reading.0)
    }

    fn in_format(path: &Path, format: BoxFormat) -> Result<Boxes> {
        Boxes::of(path, &Reading { format: Some(format), ..Reading::default() })
    }

    pub(crate) fn of(path: &Path, reading: &Reading) -> Result<Boxes> {
        let mut listing = formats::read(path, reading)?;
        let all = listing.pictures.len();
        // Without a person's word on them they would teach that nothing is there.
        listing.pictures.retain(|picture| !picture.is_waiting());
        if all > listing.pictures.len() {
            let count = all - listing.pictures.len();
            listing.notes.push(does(
                count,
                "picture",
                "with automatic boxes waits for a person and is left out",
                "with automatic boxes wait for a person and are left out",
            ));
        }
        if !listing.faults.is_empty() || !listing.notes.is_empty() || listing.unlisted > 0 {
            show::note(&format!("`{}`: {}", path.display(), listing.summary()));
        }
        let root = if path.is_dir() { path.to_path_buf() } else { path.parent().unwrap_or(path).to_path_buf() };
        Boxes::listed(root, listing, (path.to_path_buf(), reading.clone()))
    }

    /// Gives classes other names; several of one name become one. A note says when a class joins one that is not named here itself.
    ///
    /// # Errors
    /// When there is no class of a name; the message has those that are near.
    pub fn rename(self, names: &[(&str, &str)]) -> Result<Boxes> {
        let joined = formats::joined(names, &self.listing.classes);
        let renamed = self.changed(|listing| listing.rename(names))?;
        if let Some(joined) = joined {
            show::note(&joined);
        }
        Ok(renamed)
    }

    /// Makes several classes one.
    ///
    /// # Errors
    /// As [`rename`](Boxes::rename).
    pub fn merge(self, into: &str, classes: &[&str]) -> Result<Boxes> {
        self.changed(|listing| listing.merge(into, classes))
    }

    /// Leaves the boxes of these classes out; their pictures stay.
    ///
    /// # Errors
    /// As [`rename`](Boxes::rename).
    pub fn drop(self, classes: &[&str]) -> Result<Boxes> {
        self.changed(|listing| listing.drop_classes(classes))
    }

    /// Keeps the boxes of these classes alone; pictures without any stay, as background.
    ///
    /// # Errors
    /// As [`rename`](Boxes::rename).
    pub fn only(self, classes: &[&str]) -> Result<Boxes> {
        self.changed(|listing| listing.only(classes))
    }

    // Not generic over more than the change, so that a cell compiles little.
    fn changed(self, change: impl FnOnce(Listing) -> Result<Listing>) -> Result<Boxes> {
        let listing = change((*self.listing).clone())?;
        if listing.objects() == 0 && self.listing.objects() > 0 {
            let classes = listing.classes.join("`, `");
            return Err(Error::new(format!("none of the boxes ({}) is of `{classes}`", self.listing.objects()))
                .remedy("`data.summary()` shows how many boxes each class has"));
        }
        self.relisted(listing)
    }

    /// All that is wrong with the files, a row a fault: where, what, and the remedy.
    pub fn faults(&self) -> Table {
        let mut table = Table::new(["what", "where", "remedy"]).left(0).left(1).left(2);
        for fault in self.listing.faults.iter().take(1000) {
            table.push([fault.kind.words().to_owned(), fault.to_string(), fault.remedy.to_string()]);
        }
        let count = self.listing.faults.len();
        if count > 1000 { table.note(format!("the first 1000 of {count}")) } else { table }
    }

    /// Pairs of classes that look like one thing spelled twice.
    pub fn alike_names(&self) -> Vec<(String, String)> {
        self.listing.alike_names()
    }

    /// Writes the boxes as COCO's JSON, into one file, put in place whole.
    ///
    /// # Errors
    /// When the file cannot be written, or another program wrote it.
    pub fn write_coco(&self, file: impl AsRef<Path>) -> Result<()> {
        self.parted().write_coco(&paths::expanded(file.as_ref()), false)
    }

    /// Writes the boxes as Pascal VOC's XML, a file a picture.
    ///
    /// # Errors
    /// As [`write_coco`](Boxes::write_coco).
    pub fn write_voc(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.parted().write_voc(&paths::expanded(folder.as_ref()), false)
    }

    /// Writes the boxes as YOLO's text with a `data.yaml`, and links to the pictures beside it, so that other tools can train on it.
    ///
    /// # Errors
    /// As [`write_coco`](Boxes::write_coco).
    pub fn write_yolo(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.parted().write_yolo(&paths::expanded(folder.as_ref()), Placing::Link, false)
    }

    /// Writes the boxes as a table: `file,class,x0,y0,x1,y1`.
    ///
    /// # Errors
    /// As [`write_coco`](Boxes::write_coco).
    pub fn write_csv(&self, file: impl AsRef<Path>) -> Result<()> {
        self.parted().write_csv(&paths::expanded(file.as_ref()), false)
    }

    /// The listing with the parts of the split.
    fn parted(&self) -> Listing {
        let mut listing = (*self.listing).clone();
        let split = self.ids(Part::Valid).len() + self.ids(Part::Test).len() > 0;
        for (id, picture) in listing.pictures.iter_mut().enumerate().filter(|_| split) {
            picture.part = Some(self.sample(id).part);
        }
        listing
    }

    /// What was odd about the annotations, and what was left out, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        self.listing.summary().lines().skip(1).map(str::to_owned).collect()
    }
}

/// A listing's pictures as samples.
fn samples(listing: &Listing) -> Vec<Sample> {
    let sample = |picture: &formats::Listed| Sample {
        path: picture.path.clone(),
        name: picture.name.clone(),
        class: 0,
        part: picture.part.unwrap_or(Part::Train),
        boxes: annotations(picture),
        pixels: None,
    };
    listing.pictures.iter().map(sample).collect()
}

/// A picture's objects.
fn annotations(picture: &formats::Listed) -> Vec<Annotation> {
    let annotation = |object: &formats::Object| {
        let [x0, y0, x1, y1] = object.corners.map(|edge| edge as f32);
        Annotation { crowd: object.crowd, ..Annotation::new(object.class, BBox::new(x0, y0, x1, y1)) }
    };
    // what a network proposed teaches nothing before a person has accepted it
    picture.objects.iter().filter(|object| !object.automatic).map(annotation).collect()
}

/// Refuses a listing without any box.
fn some(root: &Path, listing: Listing) -> Result<Arc<Listing>> {
    if listing.objects() == 0 {
        let what =
            format!("`{}` has {} and no box", root.display(), crate::words::count(listing.pictures.len(), "picture"));
        return Err(Error::new(what).remedy("draw some first, or check the names of the classes"));
    }
    Ok(Arc::new(listing))
}
