//! The annotation tool as a value: shown in a notebook, served as a page, asked for its boxes.

use super::desk::{self, Desk};
use super::page::PageServer;
use super::widget;
use crate::data::{BoxPlace, Boxes, Finds, Reading, find_in};
use crate::paths;
use crate::show::{Bundle, Show};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// The annotation tool on a folder of pictures: a cell that ends with it shows it, and what a person draws there is on disk at once.
///
/// One COCO file of the folder is written itself; if another program wrote it, it is kept as `NAME.json.bak` first. Boxes of any other format,
/// or of several files, are read, and all is written to `annotations.json` in the folder, which [`Boxes::open`] prefers from then on. Pictures
/// without boxes are listed too, but enter the file only once something is saved of them. Clones, and other tools on the same
/// folder, show the same.
///
/// ```no_run
/// use candlewick_prelude::prelude::*;
/// let tool = Annotator::open("paintings")?;
/// tool.display(); // draw, and then go on with what was drawn
/// let art = tool.boxes()?.split(0.2, 42)?.size(320);
/// # Ok::<(), candlewick_prelude::Error>(())
/// ```
#[derive(Clone)]
pub struct Annotator {
    pub(super) desk: Arc<Desk>,
}

impl Annotator {
    /// Opens the tool on a folder of pictures that may have no annotations yet, or on a file of annotations in any format that
    /// [`Boxes::open`] reads. Of the pictures only the heads are read.
    ///
    /// # Errors
    /// When the path is not there, it holds no picture that can be shown, its annotations cannot be read or are in several
    /// formats, or the user interrupts.
    pub fn open(path: impl AsRef<Path>) -> Result<Annotator> {
        Annotator::at(&paths::expanded(path.as_ref()), &Reading::default())
    }

    // Not generic, so that a cell does not compile it.
    fn at(path: &Path, reading: &Reading) -> Result<Annotator> {
        let (desk, lines) = Desk::at(BoxPlace::of(path, reading)?)?;
        desk::note(path, &lines);
        Ok(Annotator { desk })
    }

    /// The boxes as they are on disk now, read anew; automatic ones, and pictures on which only such are, are not among them.
    ///
    /// # Errors
    /// When nothing was drawn yet.
    pub fn boxes(&self) -> Result<Boxes> {
        if !self.desk.place.is_ours() {
            // Nothing was saved: what was read is still as it was.
            return match self.desk.place.source() {
                Some((path, reading)) => Boxes::of(path, reading),
                None => Err(Error::new(format!("nothing is drawn in `{}` yet", self.desk.place.root.display()))
                    .remedy("draw some boxes first: a cell that ends with the tool shows it")),
            };
        }
        Boxes::of(&self.desk.place.file, &self.desk.place.reading())
    }

    /// Has a detector propose boxes on all pictures, from this score on (0 to 1), and shows them in the open tool as automatic; how many
    /// there are now. Proposals of an earlier time are replaced, a person's boxes stay, and nothing is proposed where one of that class
    /// stands or such a proposal was rejected. After an interrupt there are those that were found until then.
    ///
    /// # Errors
    /// When the score makes no sense, or the file cannot be written.
    pub fn propose(&self, detector: &impl Finds, score: f64) -> Result<usize> {
        self.proposed(detector, score)
    }

    fn proposed(&self, detector: &dyn Finds, score: f64) -> Result<usize> {
        let files = self.desk.files();
        let paths: Vec<&Path> = files.iter().map(|(_, path)| path.as_path()).collect();
        let mut all = Vec::new();
        match find_in(&paths, detector, score, &mut |at, found| all.push((files[at].0.clone(), found))) {
            Err(error) if !error.is_interrupted() => Err(error),
            _ => self.desk.propose(all),
        }
    }

    /// Serves the tool as a page on this machine, for terminals and frontends without widgets: prints the address, which
    /// nobody else can guess, and goes on until an interrupt. All is saved by then.
    ///
    /// # Errors
    /// When the machine gives no port.
    pub fn serve(&self) -> Result<()> {
        self.serve_at(0)
    }

    /// The same at a port of one's own; 0 is the folder's, or any that is free: after a restart at the same port an open page finds unsaved
    /// changes again.
    ///
    /// # Errors
    /// When the port is in use.
    pub fn serve_at(&self, port: u16) -> Result<()> {
        PageServer::start(&self.desk, port)?.run();
        Ok(())
    }

    /// The COCO file into which the tool writes.
    pub fn file(&self) -> &Path {
        &self.desk.place.file
    }
}

impl Show for Annotator {
    fn bundle(&self) -> Bundle {
        let root = self.desk.place.root.display();
        let text = format!(
            "the annotation tool of `{root}` needs a notebook with widgets\n  → `data.annotate()?.serve()?` opens it in a browser, as `candlewick annotate FOLDER` does"
        );
        widget::of(&self.desk).bundle_with(Bundle::new().text(text))
    }
}

impl Boxes {
    /// Opens the annotation tool on the files that these boxes came from, and adds this data's automatic boxes
    /// ([`auto_annotate`](Boxes::auto_annotate)) to what the files say. What was renamed or left out since is as in the files.
    ///
    /// # Errors
    /// As [`Annotator::open`].
    pub fn annotate(&self) -> Result<Annotator> {
        let (path, reading) = self.source();
        let tool = Annotator::at(path, reading)?;
        tool.desk.add_automatic(self.listing())?;
        Ok(tool)
    }
}

/// Serves a folder as [`Annotator::serve_at`] does; what `candlewick annotate` calls.
///
/// # Errors
/// As [`Annotator::open`] and [`Annotator::serve_at`].
pub fn serve(folder: &str, port: u16) -> Result<()> {
    let tool = Annotator::open(folder)?;
    desk::note(
        Path::new(folder),
        &[format!(
            "{}; boxes go to `{}`, Ctrl-C ends the page",
            crate::words::count(tool.desk.files().len(), "picture"),
            tool.file().display()
        )],
    );
    tool.serve_at(port)
}
