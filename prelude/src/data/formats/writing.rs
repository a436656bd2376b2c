//! Files put in place whole, and never over what another program wrote.

use super::listing::Listed;
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

/// Refuses a file's name without one of the endings by which it would be read again.
pub(super) fn need_ending(file: &Path, endings: &[&str], verb: &str) -> Result<()> {
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if endings.contains(&ending.as_str()) {
        return Ok(());
    }
    let named = if file.is_dir() { file.join("boxes") } else { file.to_path_buf() };
    let remedy = format!("`{verb}({:?})?`", named.with_extension(endings[0]).display().to_string());
    Err(Error::new(format!("`{}` does not end in .{}", file.display(), endings.join(" or ."))).remedy(remedy))
}

/// How a file in a folder names a picture: as the listing does where the picture lies below, else by the way that leads to it.
pub(super) fn named_from(folder: &Path, picture: &Listed) -> String {
    way_out(folder, picture).unwrap_or_else(|| picture.name.clone())
}

/// The way from a folder to a picture that does not lie below it; `None` where it does, or is to be sought around the folder.
pub(super) fn way_out(folder: &Path, picture: &Listed) -> Option<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // It may be made only now: the folder that is there counts.
    let there = folder.ancestors().find(|above| above.is_dir() || above.as_os_str().is_empty())?;
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let whole = there.canonicalize().ok()?.join(folder.strip_prefix(there).unwrap_or(Path::new("")));
    let path = picture.path.canonicalize().ok()?;
    let is_apart = whole.file_name().is_some_and(|name| name.eq_ignore_ascii_case("annotations"));
    let searched = if is_apart { whole.parent()? } else { &whole };
    // A copy of the same name there is meant, too.
    if path.starts_with(searched) || searched.join(&picture.name).is_file() {
        return None;
    }
    let (from, to): (Vec<_>, Vec<_>) = (whole.components().collect(), path.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return Some(path.to_string_lossy().into_owned());
    }
    let up = from[shared..].iter().map(|_| "..".to_owned());
    let down = to[shared..].iter().map(|step| step.as_os_str().to_string_lossy().into_owned());
    Some(up.chain(down).collect::<Vec<_>>().join("/"))
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
