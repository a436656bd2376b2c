//! The errors of cells that were interrupted, and of those whose process is gone: what happened, and what is left.

use super::diagnostics::{BOLD, Kept, PLAIN, RED, words};
use super::{CellError, Why};
use candlewick_wire::Crash;

/// What an interrupt ended.
pub enum Interrupted {
    /// The compiler; nothing ran.
    Compiling,
    /// Code that heard it, and came to its end.
    Running,
    /// Code that left the cell early: by a `?`, by a panic; what became of the variables.
    Left(Kept),
    /// The process, with these variables.
    Killed(Vec<String>),
}

/// The error of a cell that the user interrupted.
pub fn interrupted(how: &Interrupted) -> CellError {
    let value = match how {
        Interrupted::Compiling => "interrupted while it compiled: nothing ran".to_owned(),
        Interrupted::Running => "interrupted; all variables are kept".to_owned(),
        Interrupted::Left(kept) => {
            let names = |names: &[String], one: &str, more: &str| {
                words::list(names).map(|list| format!("{list} {}", if names.len() == 1 { one } else { more }))
            };
            let all = kept.moved.is_empty() && kept.lost.is_empty();
            let whose = if all { "all variables are kept" } else { "the variables of earlier cells are kept" };
            let mut said = format!("interrupted; {whose}");
            if let Some(moved) = names(&kept.moved, "which was moved", "which were moved") {
                said.push_str(&format!(", but for {moved}"));
            }
            if let Some(lost) = names(&kept.lost, "of this cell is not", "of this cell are not") {
                said.push_str(&format!(", {lost}"));
            }
            if let Some(bound) = names(&kept.bound, "is", "are").filter(|_| !all) {
                said.push_str(&format!("; {bound}"));
            }
            if let Some(older) = names(&kept.restored, "is still what it was", "are still what they were") {
                said.push_str(&format!("; {older} before this cell"));
            }
            said
        }
        Interrupted::Killed(lost) => {
            format!("interrupted; the code went on, so its process was ended; {}", lost_text(lost))
        }
    };
    let traceback = vec![format!("{RED}interrupted{PLAIN}: {}", value.trim_start_matches("interrupted; "))];
    CellError { why: Why::Interrupted, name: "Interrupted".to_owned(), value, traceback }
}

/// What is known of the end of the process that runs cells.
pub struct Death<'a> {
    /// evcxr's text, which ends with the process's status.
    pub status: &'a str,
    /// What its code did, where the process could still say so.
    pub crash: Option<Crash>,
    /// The message of a panic that could not unwind.
    pub panicked: Option<&'a str>,
    /// The last that it wrote to standard error.
    pub said: &'a str,
}

/// The error of a cell whose process is gone.
pub fn runtime_died(death: &Death<'_>, lost: &[String]) -> CellError {
    let value = format!("{}; {}", cause(death), lost_text(lost));
    let traceback = vec![
        format!("{RED}runtime died{PLAIN}{BOLD}: {value}{PLAIN}"),
        "The session goes on: the prelude is loaded, functions and types are kept.".to_owned(),
    ];
    CellError { why: Why::RuntimeDied, name: "RuntimeDied".to_owned(), value, traceback }
}

/// What ended the process, in one line.
fn cause(death: &Death<'_>) -> String {
    let status = death.status.trim();
    let status = status.rsplit("Subprocess terminated with status: ").next().unwrap_or(status).trim();
    match death.crash {
        Some(Crash::Overflow) => "the cell overflowed the stack, by a recursion that is too deep or a large array (`vec![0; n]` is on the heap)"
            .to_owned(),
        Some(Crash::Pointer) => "the cell dereferenced an invalid pointer (segmentation fault)".to_owned(),
        Some(Crash::Bus) => "the cell reached for memory with nothing behind it (bus error)".to_owned(),
        Some(Crash::Instruction) => "the cell ran an illegal instruction (SIGILL)".to_owned(),
        Some(Crash::Arithmetic) => "the cell calculated what the processor refuses (SIGFPE)".to_owned(),
        Some(Crash::Breakpoint) => "the cell ran into a breakpoint (SIGTRAP)".to_owned(),
        Some(Crash::Abort) => match (death.panicked, failed_allocation(death.said)) {
            (Some(message), _) => {
                let message = message.lines().next().unwrap_or_default();
                format!("the cell panicked where nothing can unwind: {message} (SIGABRT)")
            }
            (None, Some(bytes)) => format!("the cell asked for {bytes} bytes of memory that are not there (SIGABRT)"),
            (None, None) => "the cell aborted its process (SIGABRT)".to_owned(),
        },
        // With no word of its own, which takes a little stack.
        None if status.starts_with("signal: 11 ") => {
            "the recursion of a thread overflowed its stack (segmentation fault)".to_owned()
        }
        None if status.starts_with("signal: 9 ") => {
            "the process that runs cells was killed (signal: 9); if the memory was full, try a smaller batch or picture \
             size"
                .to_owned()
        }
        None if status.starts_with("exit status: ") => format!("the cell ended its process ({status})"),
        None => format!("the process that runs cells ended ({status})"),
    }
}

/// The bytes of the standard library's last words, where an allocation failed.
fn failed_allocation(said: &str) -> Option<&str> {
    let (_, rest) = said.rsplit_once("memory allocation of ")?;
    let (bytes, _) = rest.split_once(" bytes failed")?;
    bytes.bytes().all(|byte| byte.is_ascii_digit()).then_some(bytes)
}

fn lost_text(names: &[String]) -> String {
    match names {
        [] => "no variables were lost".to_owned(),
        names => format!("these variables are lost: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn died(status: &str, crash: Option<Crash>, panicked: Option<&str>, said: &str) -> String {
        let status = format!("EVCXR_X\nSubprocess terminated with status: {status}");
        let error = runtime_died(&Death { status: &status, crash, panicked, said }, &["net".into(), "data".into()]);
        let (cause, lost) = error.value.rsplit_once("; ").unwrap();
        assert_eq!((lost, error.why), ("these variables are lost: net, data", Why::RuntimeDied));
        assert!(!error.value.contains('\n'), "one line: {error}");
        assert!(error.traceback[0].contains(&error.value));
        cause.to_owned()
    }

    #[test]
    fn each_death_has_its_cause() {
        for (status, crash, panicked, said, expected) in [
            ("signal: 11 (SIGSEGV) (core dumped)", Some(Crash::Overflow), None, "", "overflowed the stack"),
            ("signal: 11 (SIGSEGV)", Some(Crash::Pointer), None, "", "invalid pointer (segmentation fault)"),
            ("signal: 11 (SIGSEGV) (core dumped)", None, None, "", "recursion of a thread overflowed"),
            ("signal: 7 (SIGBUS)", Some(Crash::Bus), None, "", "bus error"),
            ("signal: 4 (SIGILL)", Some(Crash::Instruction), None, "", "illegal instruction"),
            ("signal: 8 (SIGFPE)", Some(Crash::Arithmetic), None, "", "processor refuses"),
            ("signal: 5 (SIGTRAP)", Some(Crash::Breakpoint), None, "", "breakpoint"),
            ("signal: 6 (SIGABRT)", Some(Crash::Abort), None, "last words", "aborted its process (SIGABRT)"),
            (
                "signal: 6 (SIGABRT)",
                Some(Crash::Abort),
                Some("null pointer dereference occurred\nmore"),
                "",
                "null pointer dereference occurred (SIGABRT)",
            ),
            (
                "signal: 6 (SIGABRT)",
                Some(Crash::Abort),
                None,
                "x\nmemory allocation of 4096 bytes failed\n",
                "4096 bytes of memory",
            ),
            ("signal: 9 (SIGKILL)", None, None, "", "signal: 9"),
            ("exit status: 3", None, None, "", "ended its process (exit status: 3)"),
            ("signal: 15 (SIGTERM)", None, None, "", "signal: 15 (SIGTERM)"),
        ] {
            let cause = died(status, crash, panicked, said);
            assert!(cause.contains(expected), "{status}: {cause}");
        }
    }

    #[test]
    fn what_was_lost_is_named() {
        assert!(interrupted(&Interrupted::Running).value.contains("all variables are kept"));
        let left = |kept: Kept| interrupted(&Interrupted::Left(kept)).value;
        assert!(left(Kept::default()).ends_with("all variables are kept"));
        let older = Kept { restored: vec!["z".to_owned()], bound: vec!["a".to_owned()], ..Kept::default() };
        assert!(left(older).ends_with("all variables are kept; `z` is still what it was before this cell"));
        let lost = ["a", "b"].map(str::to_owned).to_vec();
        let kept = Kept { lost, ..Kept::default() };
        assert!(left(kept.clone()).ends_with("are kept, `a` and `b` of this cell are not"));
        let kept = Kept { bound: vec!["c".to_owned()], moved: vec!["d".to_owned()], ..kept };
        assert!(
            left(kept).ends_with("are kept, but for `d` which was moved, `a` and `b` of this cell are not; `c` is")
        );
        assert!(interrupted(&Interrupted::Compiling).value.contains("nothing ran"));
        assert!(interrupted(&Interrupted::Killed(vec!["a".into(), "b".into()])).value.ends_with("lost: a, b"));
        assert!(interrupted(&Interrupted::Killed(Vec::new())).value.ends_with("no variables were lost"));
    }
}
