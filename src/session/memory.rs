//! What a session remembers of its cells, to tell later what became of what they made.

use super::edits::Edited;
use super::prepare::{Held, Part, Prepared};
use super::statement::{Statement, statement_at};
use std::collections::{BTreeSet, HashMap};

/// Macros that people call as statements and that make no items.
const MAKE_NO_ITEMS: [&str; 20] = [
    "print",
    "println",
    "eprint",
    "eprintln",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "dbg",
    "panic",
    "todo",
    "write",
    "writeln",
    "vec",
    "format",
    "unreachable",
    "unimplemented",
    "matches",
    "thread_local",
    "lazy_static",
];

/// Types of the prelude that cannot be cloned.
const NOT_CLONED: [&str; 8] =
    ["Learner", "SimilarityIndex", "Probe", "BestWeights", "NanGuard", "TensorBoard", "Network", "Sequential"];

/// So many cells are remembered.
const MOST_CELLS: usize = 1000;

/// A cell that was run.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Its number, as the user sees it.
    pub number: u64,
    /// As the user wrote it.
    pub code: String,
    /// As evcxr was given it.
    pub edited: Edited,
    /// The parts of that.
    pub parts: Vec<Part>,
}

/// Why a name is not there, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// What became of it.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

/// All that is remembered.
#[derive(Debug, Default)]
pub struct Memory {
    /// The cells that left items behind, and the last one.
    pub cells: Vec<Told>,
    /// What evcxr holds.
    pub held: Held,
    /// Names that are gone.
    fates: HashMap<String, Fate>,
    /// The cell in which each variable was bound last.
    bound: HashMap<String, u64>,
    /// The type that each variable had last.
    kinds: HashMap<String, String>,
    last: u64,
}

/// The names of the session's variables.
pub type Names = BTreeSet<String>;

impl Memory {
    /// The number of the next cell, where the frontend gives none.
    pub fn number(&mut self, given: Option<u64>) -> u64 {
        self.last = given.unwrap_or(self.last + 1);
        self.last
    }

    /// The number of the cell that runs.
    pub fn current(&self) -> u64 {
        self.last
    }

    /// Why there is no such name.
    pub fn fate(&self, name: &str) -> Option<&Fate> {
        self.fates.get(name)
    }

    /// The variables that cells have bound and that are there.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.bound.keys().filter(|name| !self.fates.contains_key(*name)).map(String::as_str)
    }

    /// The cell that bound this variable.
    pub fn bound_in(&self, name: &str) -> Option<u64> {
        self.bound.get(name).copied()
    }

    /// The variable is of this type.
    pub fn is_of(&mut self, name: &str, kind: &str) {
        if self.kinds.get(name).is_none_or(|known| known != kind) {
            self.kinds.insert(name.to_owned(), kind.to_owned());
        }
    }

    /// The name of a variable's type, without its path.
    fn kind(&self, name: &str) -> &str {
        let kind = self.kinds.get(name).and_then(|kind| kind.split('<').next());
        kind.and_then(|path| path.rsplit("::").next()).map_or("", str::trim)
    }

    /// What keeps a variable where a cell that may fail takes it.
    fn kept_there(&self, name: &str) -> String {
        match NOT_CLONED.contains(&self.kind(name)) {
            true => format!("to bind the new one under another name keeps it: `let other = {name}…;`"),
            false => format!("`{name}.clone()` there keeps it"),
        }
    }

    /// What keeps a variable where it is moved.
    fn kept_by(&self, name: &str, method: bool, line: &str, statement: &Statement) -> String {
        let kind = self.kind(name);
        let again = match self.bound_in(name) {
            Some(cell) => format!("run cell {cell} again, which makes it"),
            None => "run again what makes it".to_owned(),
        };
        if let Some(bound) = statement.bound_again(name).filter(|_| !NOT_CLONED.contains(&kind)) {
            return format!(
                "{again}; that method takes it by value: {bound} keeps what it gives, `{name}.clone()` there keeps the old one too"
            );
        }
        if let Some(other) = statement.bound_as(name).filter(|_| !NOT_CLONED.contains(&kind)) {
            return format!(
                "that method takes it by value, and `{other}` holds what it gives; `{name}.clone()` there keeps the old one too"
            );
        }
        if line.contains(&format!("drop({name})")) {
            return again;
        }
        match (method, NOT_CLONED.contains(&kind)) {
            (true, true) => format!("{again}; that method takes a `{}` by value: bind what it gives", kind),
            (false, true) => format!("lend it there (`&{name}`), and {again}; a `{}` cannot be cloned", kind),
            (true, false) => {
                format!(
                    "that method takes it by value: clone it there (`{name}.clone()`), or bind what the method gives"
                )
            }
            (false, false) => format!("clone it there (`{name}.clone()`), or lend it (`&{name}`)"),
        }
    }

    /// The cell ran, at least in part, and left these variables of those `before`.
    pub fn ran(&mut self, told: &Told, prepared: &Prepared, before: &Names, after: &Names, failed: bool) {
        self.held = prepared.held.clone();
        self.remember(told);
        let number = told.number;
        for name in after {
            // A cell that failed leaves the older value of a name, if any.
            if prepared.binds.contains(name) && !(failed && before.contains(name)) {
                self.bound.insert(name.clone(), number);
            }
            self.fates.remove(name);
        }
        for name in before.difference(after).filter(|name| !prepared.binds.contains(name)) {
            let fate = match mention(&told.code, name) {
                _ if prepared.restarts => Fate {
                    what: format!("`{name}` was lost in cell {number}, which began anew"),
                    remedy: format!("run the cell that makes `{name}` again"),
                },
                Some(Mention { line, text, offset, method }) => Fate {
                    remedy: match moved_into(&text, name).filter(|other| after.contains(*other)) {
                        Some(other) if !NOT_CLONED.contains(&self.kind(name)) => {
                            format!("`{other}` holds it now; `{name}.clone()` there keeps both")
                        }
                        Some(other) => format!(
                            "`{other}` holds it now: go on with that, or give it its name back: `let mut {name} = {other};`"
                        ),
                        None => self.kept_by(name, method, &text, &statement_at(&told.code, offset)),
                    },
                    what: format!("`{name}` was moved in cell {number} (line {line}: `{text}`)"),
                },
                None => Fate {
                    what: format!("`{name}` was lost in cell {number}, which defined its type anew"),
                    remedy: format!("run the cell that makes `{name}` again"),
                },
            };
            self.fates.insert(name.clone(), fate);
        }
        // What a cell that went well has bound and does not leave, it has moved itself.
        for name in prepared.binds.iter().filter(|name| !failed && !after.contains(*name)) {
            if let Some(Mention { line, text, offset, method }) = mention(&told.code, name) {
                let what =
                    format!("`{name}` was moved in cell {number} itself, which bound it (line {line}: `{text}`)");
                let remedy = self.kept_by(name, method, &text, &statement_at(&told.code, offset));
                self.fates.insert(name.clone(), Fate { what, remedy });
            }
        }
        if failed {
            for name in prepared.binds.iter().filter(|name| !after.contains(*name)) {
                let fate = match self.bound_in(name).filter(|_| before.contains(name)) {
                    Some(cell) => Fate {
                        what: format!(
                            "`{name}` of cell {cell} is gone: cell {number} took it to bind it anew, and ended early"
                        ),
                        remedy: format!("run cell {cell} again, then the mended cell; {}", self.kept_there(name)),
                    },
                    None => Fate {
                        what: format!("`{name}` of cell {number} was not kept, since that cell ended early"),
                        remedy: "mend that cell and run it again".to_owned(),
                    },
                };
                self.fates.insert(name.clone(), fate);
            }
        }
        for (called, names) in prepared.calls.iter().filter(|(called, _)| !MAKE_NO_ITEMS.contains(&called.as_str())) {
            for name in names {
                let what = format!("`{name}` was handed to `{called}!` in cell {number}");
                let remedy = format!(
                    "an item that a macro makes is seen by its own cell alone: write the item itself, or use \
                     `{name}` in the cell that calls `{called}!`"
                );
                self.fates.insert(name.clone(), Fate { what, remedy });
            }
        }
    }

    /// The variable's type is another one now.
    pub fn outdated(&mut self, number: u64, name: &str, kind: &str) {
        let what = format!("`{name}` was lost in cell {number}, which defined its type `{kind}` anew");
        let makes_kind =
            |told: &Told| ["struct", "enum", "union"].iter().any(|word| told.code.contains(&format!("{word} {kind}")));
        let remedy = match self.bound_in(name) {
            Some(cell) if self.cells.iter().any(|told| told.number == cell && makes_kind(told)) => {
                format!(
                    "bind it anew: `let {name} = …;` (to run cell {cell} again would bring the older `{kind}` back)"
                )
            }
            Some(cell) => format!("run cell {cell} again, which makes it"),
            None => "run the cell that makes it again".to_owned(),
        };
        self.fates.insert(name.to_owned(), Fate { what, remedy });
    }

    /// The cell did not come to run, so that these variables of its are not there.
    pub fn not_run<'n>(&mut self, number: u64, why: &str, unbound: impl Iterator<Item = &'n String>) {
        for name in unbound {
            let what = format!("`{name}` of cell {number} is not there, since that cell {why}");
            let remedy = "mend that cell and run it again".to_owned();
            self.fates.insert(name.clone(), Fate { what, remedy });
        }
    }

    /// The variable is there after all.
    pub fn forgive(&mut self, name: &str) {
        self.fates.remove(name);
    }

    /// The process is gone, and these variables with it.
    pub fn died(&mut self, number: u64, lost: &[String]) {
        for name in lost {
            let what = format!("`{name}` was lost when the process that runs cells ended in cell {number}");
            let remedy = match self.bound_in(name) {
                Some(cell) => format!("run cell {cell} again, which makes it"),
                None => "run the cell that makes it again".to_owned(),
            };
            self.fates.insert(name.clone(), Fate { what, remedy });
        }
    }

    fn remember(&mut self, told: &Told) {
        if told.parts.iter().any(|part| part.is_item) {
            self.cells.retain(|cell| cell.code != told.code);
            self.cells.push(told.clone());
            // More than anyone looks back to.
            if self.cells.len() > MOST_CELLS {
                self.cells.remove(0);
            }
        }
    }
}

/// Where a variable is used so that it may be moved.
struct Mention {
    line: usize,
    text: String,
    /// Where it stands in the cell.
    offset: usize,
    /// Whether a method of it is called there, which then takes it by value.
    method: bool,
}

/// The line in which a variable is used so that it may be moved.
fn mention(code: &str, name: &str) -> Option<Mention> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found: Option<(Mention, bool)> = None;
    let mut starts = code.split_inclusive('\n').scan(0, |at, line| {
        *at += line.len();
        Some(*at - line.len())
    });
    for (number, line) in (1..).zip(code.lines()) {
        let start = starts.next().unwrap_or_default();
        for (at, _) in line.match_indices(name) {
            let (before, after) = (&line[..at], &line[at + name.len()..]);
            if before.ends_with(is_word) || after.starts_with(is_word) || before.trim_start().starts_with("//") {
                continue;
            }
            // where it is bound it is not moved
            if ["let", "mut"].iter().any(|word| before.trim_end().ends_with(word)) {
                continue;
            }
            let lent = before.ends_with('&') || before.trim_end().ends_with("&mut") || after.starts_with('.');
            // The last place that moves, or else the last place.
            if !lent || found.as_ref().is_none_or(|(_, lent)| *lent) {
                let method = after.starts_with('.') && !before.ends_with('&');
                let offset = start + at;
                found = Some((Mention { line: number, text: line.trim().to_owned(), offset, method }, lent));
            }
        }
    }
    found.map(|(mention, _)| mention)
}

/// The variable that a line moves another one into as it is: `let other = name;`.
fn moved_into<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (left, right) = line.trim().strip_prefix("let ")?.split_once('=')?;
    let left = left.trim().trim_start_matches("mut ");
    let other = left.split(':').next()?.trim();
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    (right.trim().trim_end_matches(';').trim() == name && is_name(other)).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::super::prepare::prepare;
    use super::*;

    fn names(names: &[&str]) -> Names {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn run(memory: &mut Memory, code: &str, before: &[&str], after: &[&str], failed: bool) {
        let prepared = prepare(code, &memory.held, &[]).unwrap();
        let number = memory.number(None);
        let told = Told { number, code: code.into(), edited: prepared.edited.clone(), parts: prepared.parts.clone() };
        memory.ran(&told, &prepared, &names(before), &names(after), failed);
    }

    #[test]
    fn the_place_that_moves_is_found() {
        let found = mention("let mut data = open()?;\ndata.size(32);", "data").unwrap();
        assert_eq!((found.line, found.offset, found.method), (2, 24, true));
        assert!(mention("let mut data = open()?;", "data").is_none());
    }

    #[test]
    fn a_moved_variable_is_told_with_the_line_that_moved_it() {
        let mut memory = Memory::default();
        run(&mut memory, "let t = vec![1];", &[], &["t"], false);
        assert_eq!(memory.bound_in("t"), Some(1));
        run(
            &mut memory,
            "// t\nlet n = t.len() + &t[0] + tt;\nlet u = t;\nprintln!(\"{}\", &t);",
            &["t"],
            &["n", "u"],
            false,
        );
        let fate = memory.fate("t").unwrap();
        assert_eq!(fate.what, "`t` was moved in cell 2 (line 3: `let u = t;`)");
        assert_eq!(fate.remedy, "`u` holds it now; `t.clone()` there keeps both");
        run(&mut memory, "let t = 1;", &["n", "u"], &["n", "t", "u"], false);
        assert_eq!(memory.fate("t"), None);
    }

    #[test]
    fn what_cannot_be_cloned_is_not_told_to_be() {
        let mut memory = Memory::default();
        run(&mut memory, "let learner = f();\nlet data = g();", &[], &["data", "learner"], false);
        memory.is_of("learner", "candlewick_prelude::train::Learner");
        memory.is_of("data", "candlewick_prelude::data::ImageFolder");
        run(&mut memory, "let a = h(learner);\nlet b = h(data);", &["data", "learner"], &["a", "b"], false);
        let remedy = &memory.fate("learner").unwrap().remedy;
        assert!(remedy.starts_with("lend it there (`&learner`), and run cell 1 again") && !remedy.contains("clone()"));
        assert!(memory.fate("data").unwrap().remedy.contains("`data.clone()`"));
        run(&mut memory, "let learner = f();", &["a", "b"], &["a", "b", "learner"], false);
        run(&mut memory, "let mut kept: Learner = learner ;", &["learner"], &["kept"], false);
        assert!(memory.fate("learner").unwrap().remedy.starts_with("`kept` holds it now"));
        run(&mut memory, "let learner = learner.with()?;", &["a", "learner"], &["a"], true);
        let remedy = &memory.fate("learner").unwrap().remedy;
        assert!(!remedy.contains("clone()") && remedy.contains("cell"), "{remedy}");
    }

    #[test]
    fn what_a_cell_bound_and_moved_itself_is_told_of_it() {
        let mut memory = Memory::default();
        run(&mut memory, "let net = f()?;\nlet l = g(net)?;", &[], &[], true);
        assert!(memory.fate("net").unwrap().what.contains("was not kept"));
        run(&mut memory, "let net = f()?;\nlet l = g(net, &net2)?;", &[], &["l"], false);
        let told = "`net` was moved in cell 2 itself, which bound it (line 2: `let l = g(net, &net2)?;`)";
        assert_eq!(memory.fate("net").unwrap().what, told);
    }

    #[test]
    fn what_a_failed_cell_used_up_is_told_with_the_cell_that_made_it() {
        let mut memory = Memory::default();
        run(&mut memory, "let data = open()?;", &[], &["data"], false);
        run(&mut memory, "let data = data.split(2.0)?;", &["data"], &[], true);
        let fate = memory.fate("data").unwrap();
        assert_eq!(fate.what, "`data` of cell 1 is gone: cell 2 took it to bind it anew, and ended early");
        assert!(fate.remedy.starts_with("run cell 1 again, then the mended cell"), "{}", fate.remedy);
    }

    #[test]
    fn what_a_cell_was_to_bind_that_did_not_compile_is_told() {
        let mut memory = Memory::default();
        memory.not_run(1, "did not compile", ["data".to_owned()].iter());
        let fate = memory.fate("data").unwrap();
        assert_eq!(fate.what, "`data` of cell 1 is not there, since that cell did not compile");
        run(&mut memory, "let data = open()?;", &[], &["data"], false);
        assert_eq!(memory.fate("data"), None);
    }

    #[test]
    fn what_a_restart_took_is_told() {
        let mut memory = Memory::default();
        run(&mut memory, "let t = 1;", &[], &["t"], false);
        run(&mut memory, ":restart\nlet u = t_;", &["t"], &["u"], false);
        assert_eq!(memory.fate("t").unwrap().what, "`t` was lost in cell 2, which began anew");
    }

    #[test]
    fn what_an_error_or_an_end_took_is_told() {
        let mut memory = Memory::default();
        run(&mut memory, "let a = 1;", &[], &["a"], false);
        run(&mut memory, "let (data, net) = f()?;\na += 1;", &["a"], &["a"], true);
        assert!(memory.fate("data").unwrap().what.contains("cell 2 was not kept"));
        assert!(memory.fate("net").is_some() && memory.fate("a").is_none());
        memory.died(3, &["a".to_owned()]);
        assert!(memory.fate("a").unwrap().remedy.contains("cell 1"));
    }

    #[test]
    fn the_cells_that_hold_items_are_remembered_once() {
        let mut memory = Memory::default();
        for code in ["fn f() {}", "let x = 1;", "fn f() {}", "struct A;"] {
            run(&mut memory, code, &[], &[], false);
        }
        assert_eq!(memory.cells.iter().map(|cell| cell.number).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(memory.number(Some(9)), 9);
        assert_eq!(memory.number(None), 10);
    }

    #[test]
    fn the_name_of_an_item_that_a_macro_made_is_known() {
        let mut memory = Memory::default();
        run(&mut memory, "make!(Foo);\nprintln!(\"{}\", x);", &[], &[], false);
        assert!(memory.fate("Foo").unwrap().remedy.contains("`make!`"));
        assert_eq!(memory.fate("x"), None);
    }
}
