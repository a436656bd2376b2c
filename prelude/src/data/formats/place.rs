//! Where the annotations of a folder are read, and where the annotation tool writes them.

use super::settle::folder_of;
use super::{BoxFormat, Listing, Reading, coco, guess};
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of pictures, what is read for them and the one file that is written.
#[derive(Clone, Debug)]
pub(crate) struct BoxPlace {
    /// The folder from which the names of pictures count.
    pub root: PathBuf,
    /// The COCO file that is written.
    pub file: PathBuf,
    /// What is read while that file is not candlewick's; nothing where there are no annotations yet.
    from: Option<(PathBuf, Reading)>,
}

impl BoxPlace {
    /// The place of a folder that may have no annotations yet, or of a file of them. One COCO file is written itself; what is of another
    /// format, or in several files, goes into `annotations.json` beside the pictures.
    ///
    /// # Errors
    /// Where nothing is there, or a folder holds several formats and nothing says which is meant.
    pub fn of(path: &Path, reading: &Reading) -> Result<BoxPlace> {
        guess::present(path)?;
        let own = |root: PathBuf, from| {
            let file = root.join(coco::OWN);
            if file.exists() && !coco::is_ours(&file) && !coco::is_coco(&file) {
                return Err(Error::new(format!(
                    "`{}` is of another format, and is where the boxes go",
                    file.display()
                ))
                .remedy("rename it first"));
            }
            Ok(BoxPlace { file, root, from })
        };
        if path.is_dir() && reading.format.is_none() && guess::is_bare(path)? {
            return own(reading.pictures.clone().unwrap_or_else(|| path.to_path_buf()), None);
        }
        let format = match reading.format {
            Some(format) => format,
            None => guess::guess(path).map_err(|error| match path.is_dir() {
                true => Error::new(error.message())
                    .remedy("open them in one format, such as `Boxes::voc(folder)?.annotate()?`, or name one file"),
                false => error,
            })?,
        };
        let from = Some((path.to_path_buf(), Reading { format: Some(format), ..reading.clone() }));
        if format != BoxFormat::Coco {
            return own(reading.pictures.clone().unwrap_or_else(|| folder_of(path)), from);
        }
        let root = coco::root(path, reading)?;
        match &coco::files(path)?[..] {
            [one] => Ok(BoxPlace { root, file: one.clone(), from }),
            _ => own(root, from),
        }
    }

    /// What the annotations say now: those of the written file, once it is candlewick's.
    ///
    /// # Errors
    /// As [`read`](super::read).
    pub fn read(&self) -> Result<Listing> {
        // Where nothing was before, what is there now is meant.
        if self.is_ours() || (self.from.is_none() && self.file.exists()) {
            return super::read(&self.file, &self.reading());
        }
        match &self.from {
            Some((path, reading)) => super::read(path, reading),
            None => Ok(Listing::default()),
        }
    }

    /// What was read first, and how.
    pub fn source(&self) -> Option<(&Path, &Reading)> {
        self.from.as_ref().map(|(path, reading)| (path.as_path(), reading))
    }

    /// How the written file is read again.
    pub fn reading(&self) -> Reading {
        Reading { format: Some(BoxFormat::Coco), pictures: Some(self.root.clone()), ..Reading::default() }
    }

    /// Whether candlewick wrote the file already.
    pub fn is_ours(&self) -> bool {
        coco::is_ours(&self.file)
    }

    /// Keeps the file as it is now beside itself, as `NAME.json.bak`, `NAME.json.bak2` and so on, whichever is free first; where it is not there, none.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub fn keep(&self) -> Result<Option<PathBuf>> {
        if !self.file.exists() {
            return Ok(None);
        }
        let name = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let failed = |error: std::io::Error| {
            Error::new(format!("`{}` cannot be kept beside itself", self.file.display()))
                .caused_by(error)
                .remedy("check that the folder may be written to and that the disk has room")
        };
        for number in 1..1000 {
            let number = if number == 1 { String::new() } else { number.to_string() };
            let kept = self.file.with_file_name(format!("{name}.bak{number}"));
            if fs::symlink_metadata(&kept).is_ok() {
                if fs::read(&kept).ok() == fs::read(&self.file).ok() {
                    return Ok(Some(kept));
                }
                continue;
            }
            // The writer puts another file in its place: a second name keeps the first one. Not all file systems have such.
            fs::hard_link(&self.file, &kept).or_else(|_| fs::copy(&self.file, &kept).map(drop)).map_err(failed)?;
            return Ok(Some(kept));
        }
        Ok(None)
    }

    /// Removes what a writer left behind that was killed; `annotations.json` may be written while others look on, so only what is an hour old.
    pub fn tidy(&self) {
        let Some((folder, name)) = self.file.parent().zip(self.file.file_name()) else { return };
        let begins = format!(".{}.", name.to_string_lossy());
        let is_old = |path: &Path| {
            let age = fs::metadata(path).and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
            age.is_some_and(|age| age.as_secs() > 3600)
        };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let own = entry.file_name().to_string_lossy().into_owned();
            if own.starts_with(&begins) && own.ends_with(".part") && is_old(&entry.path()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}
