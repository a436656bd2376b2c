//! Files put in place whole, and never over what another program wrote.

use crate::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

/// How much of a file's beginning is read for the writer's mark.
const BEGINNING: u64 = 1024;

/// Refuses to write over files that do not begin with what the writer writes, unless they are to be replaced.
pub(super) fn refuse_foreign<'a>(files: impl IntoIterator<Item = &'a Path>, mark: &str, replace: bool) -> Result<()> {
    for file in files {
        crate::interrupt::check()?;
        if !replace && file.symlink_metadata().is_ok() && !begins(file, mark) {
            return Err(Error::new(format!("`{}` exists and was written by something else", file.display()))
                .remedy("write to another place, or say that it may be replaced"));
        }
    }
    Ok(())
}

/// Whether a mark stands near a file's beginning.
pub(super) fn begins(file: &Path, mark: &str) -> bool {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|file| file.take(BEGINNING).read_to_end(&mut bytes));
    read.is_ok() && String::from_utf8_lossy(&bytes).contains(mark)
}

/// Writes a file beside its place, has the disk keep it, and puts it there.
pub(super) fn put(file: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    place(file, true, fill)
}

/// The same for one file of thousands: it stands there whole, but the disk keeps it in its own time, since waiting for each
/// would take minutes.
pub(super) fn put_one_of_many(file: &Path, text: &str) -> Result<()> {
    place(file, false, |out| Ok(out.write_all(text.as_bytes())?))
}

fn place(file: &Path, kept: bool, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(format!("`{}` cannot be written", file.display()))
            .caused_by(error)
            .remedy("check that the folder may be written to and that the disk has room")
    };
    let name = file
        .file_name()
        .ok_or_else(|| Error::new(format!("`{}` names no file", file.display())).remedy("write a file's name"))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    // Another process may write the same file.
    let beside = folder.join(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let written = || -> Result<()> {
        let mut out = BufWriter::new(File::create(&beside).map_err(failed)?);
        fill(&mut out)?;
        out.flush().map_err(failed)?;
        let out = out.into_inner().map_err(|error| failed(error.into_error()))?;
        if kept {
            out.sync_all().map_err(failed)?;
        }
        drop(out);
        std::fs::rename(&beside, file).map_err(failed)?;
        // That the file has its name lasts only once its folder is kept too.
        if let (true, Ok(folder)) = (kept, File::open(folder)) {
            let _ = folder.sync_all();
        }
        Ok(())
    };
    written().inspect_err(|_| drop(std::fs::remove_file(&beside)))
}
