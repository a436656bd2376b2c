//! Input history across sessions, in SQLite, as IPython keeps it.
//!
//! A session is a row that begins with its first cell; its lines are numbered like its cells.

use super::message::note;
use crate::home::{private_file, private_folder};
use jupyter_protocol::HistoryRequest;
use rusqlite::{Connection, Row, params};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sessions (
        session INTEGER PRIMARY KEY AUTOINCREMENT,
        start TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE IF NOT EXISTS history (
        session INTEGER NOT NULL REFERENCES sessions,
        line INTEGER NOT NULL,
        source TEXT NOT NULL,
        output TEXT,
        PRIMARY KEY (session, line)
    );
";

/// The history of all sessions, and this one's place in it.
pub struct History {
    database: Connection,
    /// This session's number, once it has a line.
    session: Option<i64>,
}

impl History {
    /// Opens the history in `file`; one that cannot be read is set aside, and where nothing can be
    /// written the history lives in memory.
    pub fn open(file: &Path) -> History {
        History::try_open(file)
            .or_else(|error| {
                note(format_args!("history in {}: {error}; starting a new one", file.display()));
                // A file that is locked or cannot be renamed fails again below.
                let _ = std::fs::rename(file, file.with_extension("unreadable"));
                History::try_open(file)
            })
            .unwrap_or_else(|error| {
                note(format_args!("no history will be kept: {error}"));
                History::in_memory()
            })
    }

    fn try_open(file: &Path) -> rusqlite::Result<History> {
        if let Some(folder) = file.parent() {
            // What goes wrong here goes wrong in the next line too, which says so.
            let _ = private_folder(folder);
        }
        let _ = private_file(file);
        let database = Connection::open(file)?;
        database.busy_timeout(Duration::from_secs(1))?;
        // No wait for the disk at each cell; the file stays sound all the same.
        let _: String = database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        database.execute_batch("PRAGMA synchronous = NORMAL")?;
        database.execute_batch(SCHEMA)?;
        Ok(History { database, session: None })
    }

    /// A history that ends with the process.
    pub fn in_memory() -> History {
        let database = Connection::open_in_memory().expect("SQLite opens a database in memory");
        database.execute_batch(SCHEMA).expect("the schema is sound");
        History { database, session: None }
    }

    /// Adds a cell and the plain text of its value.
    pub(super) fn add(&mut self, line: usize, source: &str, output: Option<&str>) {
        let added = self.current().and_then(|session| {
            let sql = "INSERT OR REPLACE INTO history (session, line, source, output) VALUES (?1, ?2, ?3, ?4)";
            self.database.execute(sql, params![session, line as i64, source, output])
        });
        if let Err(error) = added {
            note(format_args!("a cell was not added to the history: {error}"));
        }
    }

    fn current(&mut self) -> rusqlite::Result<i64> {
        if let Some(session) = self.session {
            return Ok(session);
        }
        self.database.execute("INSERT INTO sessions DEFAULT VALUES", [])?;
        let session = self.database.last_insert_rowid();
        self.session = Some(session);
        Ok(session)
    }

    /// The rows that a request asks for, oldest first: `[session, line, source]`, or `[session, line, [source, output]]`.
    pub(super) fn find(&self, request: &HistoryRequest) -> Vec<Value> {
        self.select(request).unwrap_or_else(|error| {
            note(format_args!("the history cannot be read: {error}"));
            Vec::new()
        })
    }

    fn select(&self, request: &HistoryRequest) -> rusqlite::Result<Vec<Value>> {
        match request {
            HistoryRequest::Tail { n, output, .. } => {
                let sql = "SELECT session, line, source, output FROM history ORDER BY session DESC, line DESC LIMIT ?1";
                let mut rows = self.rows(sql, params![n.max(&0)], *output)?;
                rows.reverse();
                Ok(rows)
            }
            HistoryRequest::Range { session, start, stop, output, .. } => {
                let sql = "SELECT session, line, source, output FROM history
                    WHERE session = ?1 AND line >= ?2 AND line < ?3 ORDER BY line";
                self.rows(sql, params![self.numbered(session.unwrap_or(0).into())?, start, stop], *output)
            }
            HistoryRequest::Search { pattern, unique, output, n, .. } => {
                let sql = match unique {
                    false => {
                        "SELECT session, line, source, output FROM history WHERE source GLOB ?1
                            ORDER BY session DESC, line DESC LIMIT ?2"
                    }
                    // Of equal sources the last one, as IPython does.
                    true => {
                        "SELECT session, line, source, output FROM history AS one WHERE source GLOB ?1 AND NOT EXISTS (
                            SELECT 1 FROM history AS later WHERE later.source = one.source
                            AND (later.session, later.line) > (one.session, one.line))
                            ORDER BY session DESC, line DESC LIMIT ?2"
                    }
                };
                let mut rows = self.rows(sql, params![pattern, n.max(&0)], *output)?;
                rows.reverse();
                Ok(rows)
            }
        }
    }

    /// A request's session as a row's: 0 is this one, negative counts back from it.
    fn numbered(&self, session: i64) -> rusqlite::Result<i64> {
        if session > 0 {
            return Ok(session);
        }
        let last = || {
            self.database.query_row("SELECT COALESCE(MAX(session), 0) FROM sessions", [], |row| row.get::<_, i64>(0))
        };
        let this = match self.session {
            Some(this) => this,
            None => last()? + 1,
        };
        Ok(this + session)
    }

    fn rows(&self, sql: &str, params: impl rusqlite::Params, output: bool) -> rusqlite::Result<Vec<Value>> {
        let entry = |row: &Row<'_>| {
            let (session, line) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
            let source: String = row.get(2)?;
            Ok(match output {
                true => json!([session, line, [source, row.get::<_, Option<String>>(3)?]]),
                false => json!([session, line, source]),
            })
        };
        self.database.prepare_cached(sql)?.query_map(params, entry)?.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(n: i32, output: bool) -> HistoryRequest {
        HistoryRequest::Tail { n, output, raw: true }
    }

    fn range(session: i32, start: i32, stop: i32) -> HistoryRequest {
        HistoryRequest::Range { session: Some(session), start, stop, output: false, raw: true }
    }

    fn search(pattern: &str, unique: bool, n: i32) -> HistoryRequest {
        HistoryRequest::Search { pattern: pattern.to_owned(), unique, output: false, raw: true, n }
    }

    #[test]
    fn sessions_follow_each_other_in_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/history.sqlite");
        let mut first = History::open(&file);
        first.add(1, "let a = 1;", None);
        first.add(2, "a", Some("1"));
        let mut second = History::open(&file);
        // A session without a line is not counted.
        drop(History::open(&file));
        second.add(1, "let b = 2;", None);
        assert_eq!(second.find(&tail(2, true)), [json!([1, 2, ["a", "1"]]), json!([2, 1, ["let b = 2;", null]])]);
        assert_eq!(second.find(&range(0, 0, 9)), [json!([2, 1, "let b = 2;"])]);
        assert_eq!(second.find(&range(-1, 1, 2)), [json!([1, 1, "let a = 1;"])]);
        assert_eq!(second.find(&range(1, 2, i32::MAX)), [json!([1, 2, "a"])]);
        assert_eq!(History::open(&file).find(&range(-2, 2, 9)), [json!([1, 2, "a"])]);
        assert!(second.find(&tail(-1, false)).is_empty());
    }

    #[test]
    fn search_is_by_glob_and_unique_keeps_the_last() {
        let mut history = History::in_memory();
        for (line, source) in ["fit(1)", "plot()", "fit(1)", "fit(2)"].iter().enumerate() {
            history.add(line + 1, source, None);
        }
        assert_eq!(history.find(&search("fit*", false, 2)), [json!([1, 3, "fit(1)"]), json!([1, 4, "fit(2)"])]);
        assert_eq!(history.find(&search("*", true, 9)).len(), 3);
        assert_eq!(history.find(&search("fit(?)", true, 9)), [json!([1, 3, "fit(1)"]), json!([1, 4, "fit(2)"])]);
        assert!(history.find(&search("Fit*", false, 9)).is_empty());
    }

    #[test]
    fn an_unreadable_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.sqlite");
        std::fs::write(&file, "this is no database, and it is long enough to be taken for one. ".repeat(20)).unwrap();
        let mut history = History::open(&file);
        history.add(1, "x", None);
        assert_eq!(History::open(&file).find(&tail(9, false)), [json!([1, 1, "x"])]);
        assert!(folder.path().join("history.unreadable").exists());
    }

    #[test]
    fn where_nothing_can_be_written_it_lives_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let no_folder = folder.path().join("file");
        std::fs::write(&no_folder, "").unwrap();
        let mut history = History::open(&no_folder.join("history.sqlite"));
        history.add(1, "x", None);
        assert_eq!(history.find(&tail(9, false)), [json!([1, 1, "x"])]);
    }

    #[test]
    fn it_is_the_users_alone_to_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history/kernel.sqlite");
        let mut history = History::open(&file);
        history.add(1, "let password = 1;", None);
        for path in std::fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()) {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        assert_eq!(std::fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
