//! Paths as people write them: `~/photos` is within the user's own folder, as in a shell.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The path with a leading `~` replaced by the user's own folder, where that is known. A folder that is really named `~` is `./~`.
pub(crate) fn expanded(path: &Path) -> Cow<'_, Path> {
    within(path, std::env::home_dir())
}

/// The folder in which cells run, for messages.
pub(crate) fn here() -> String {
    std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default()
}

/// What to do where nothing lies at a path.
pub(crate) fn remedy(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.chars().any(char::is_control) {
        return "in a text `\\n` is a line break and `\\t` a tab: write a path of Windows with an `r` before its quotes, \
                `r\"C:\\new\"`, or with `/`"
            .to_owned();
    }
    format!("check the path; cells run in `{}`, or give the path in full", here())
}

/// Where the prelude keeps what it can make again: `CANDLEWICK_HOME/cache`, or `candlewick` in the user's cache folder.
pub(crate) fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CANDLEWICK_HOME")
        .map(|home| home.join("cache"))
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("candlewick")))
        .or_else(|| set("HOME").map(|home| home.join(".cache").join("candlewick")))
}

fn within(path: &Path, home: Option<PathBuf>) -> Cow<'_, Path> {
    match (path.strip_prefix("~"), home.filter(|home| !home.as_os_str().is_empty())) {
        (Ok(rest), Some(home)) => Cow::Owned(home.join(rest)),
        _ => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // as `sh -c 'echo PATH'` with HOME=/home/me
    #[test]
    fn a_tilde_is_the_users_folder_where_a_shell_takes_it_so() {
        for (written, meant) in [
            ("~/photos/a.jpg", "/home/me/photos/a.jpg"),
            ("~", "/home/me"),
            ("~/", "/home/me"),
            ("./~/photos", "./~/photos"),
            ("~backup", "~backup"),
            ("a/~/b", "a/~/b"),
            ("/a", "/a"),
            ("", ""),
        ] {
            assert_eq!(within(Path::new(written), Some("/home/me".into())), Path::new(meant), "{written}");
        }
        for nowhere in [None, Some(PathBuf::new())] {
            assert_eq!(within(Path::new("~/photos"), nowhere), Path::new("~/photos"));
        }
    }
}
