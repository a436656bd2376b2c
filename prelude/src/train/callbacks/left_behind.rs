//! Files that a killed process has left half written are deleted.

use std::path::Path;
use std::time::{Duration, SystemTime};

/// What nobody has written to for so long belongs to no process that still writes it, whatever runs under its number now.
const LONG: Duration = Duration::from_secs(3600);

/// Deletes the files beside their place (`.NAME.PROCESS.part`) of those names that are one's own, whose process no longer runs, or that
/// nobody has written to for an hour.
pub(super) fn sweep(folder: &Path, is_own: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let whole = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part"));
        let Some((file, process)) = whole.and_then(|name| name.rsplit_once('.')) else { continue };
        let is_number = !process.is_empty() && process.bytes().all(|digit| digit.is_ascii_digit());
        let written = entry.metadata().ok().filter(|data| data.is_file()).and_then(|data| data.modified().ok());
        let Some(written) = written.filter(|_| is_number && is_own(file)) else { continue };
        // a system without such a folder does not tell which processes run
        let ended = Path::new("/proc/self").exists() && !Path::new("/proc").join(process).exists();
        let is_old = SystemTime::now().duration_since(written).is_ok_and(|age| age > LONG);
        if ended || is_old {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_process_that_has_ended_left_of_ones_own_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mine, none) = (std::process::id(), u32::MAX);
        let long_ago = SystemTime::now() - 2 * LONG;
        for (name, old, stays) in [
            (format!(".a.csv.{none}.part"), false, false),
            (format!(".a.csv.{mine}.part"), false, true),
            // its number has become another process's
            (format!(".a.csv.{mine}.part"), true, false),
            (format!(".b.csv.{none}.part"), true, true),
            (".a.csv.part".to_owned(), true, true),
            (".a.csv.x1.part".to_owned(), true, true),
            (format!("a.csv.{none}.part"), true, true),
            (format!(".a.csv.{none}.parts"), true, true),
        ] {
            let path = folder.path().join(&name);
            let file = std::fs::File::create(&path).expect("it can be made");
            if old {
                file.set_modified(long_ago).expect("its time can be set");
            }
            sweep(folder.path(), |file| file == "a.csv");
            assert_eq!(path.exists(), stays, "{name}");
            let _ = std::fs::remove_file(path);
        }
        sweep(Path::new("no/such/folder"), |_| true);
    }
}
