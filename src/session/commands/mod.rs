//! What a cell may ask of the session itself: `:vars`, `:help`, lines for the shell, and what hands used to IPython
//! type. All else is evcxr's.
//!
//! `split` takes a cell apart, `magics` and `timing` carry out lines that begin with a percent sign, `places` knows the
//! folder and the environment in which cells and lines for the shell run, `hints` says of Python what Rust has instead.

mod complete;
mod files;
mod hints;
mod magics;
mod places;
pub(super) mod split;
mod timing;
mod whole;

pub use whole::completeness;

use super::prepare::leading::Leading;
use super::{CellError, Session, Why, help, shell, variables};
use crate::screen::{Display, Question, Said, Screen};
pub use complete::complete;
pub use hints::with_hints;
pub use places::Moved;
use serde_json::Map;
use split::Step;
use std::borrow::Cow;
use std::sync::atomic::Ordering;

/// So many methods of a type are named.
const MOST_MEMBERS: usize = 60;

/// A cell that is not, or not only, for evcxr.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `:vars`
    Variables,
    /// `:help`
    Help,
    /// `help`, unless something of this name was made.
    HelpWord,
    /// `:quit`, which would end the whole program.
    Quit,
    /// `quit` or `exit`, unless something of this name was made.
    QuitWord(&'static str),
    /// `?item`, `item?` and the like; in the second form it may be Rust too.
    Inspect {
        /// The item's path.
        item: &'a str,
        /// Whether the cell is also an expression with Rust's operator `?`.
        operator: bool,
    },
    /// Lines for the shell and magics, perhaps with Rust between them.
    Steps(Vec<Step<'a>>),
}

/// The command that the cell is, if it is one; see [`split::split`] for `negates`.
pub fn of<'a>(code: &'a str, negates: &dyn Fn(&str, bool) -> bool) -> Option<Command<'a>> {
    let lines = Leading::lines(code);
    if let [line] = lines[..]
        && let Some(command) = of_line(line)
    {
        return Some(command);
    }
    let before_code = lines.iter().take_while(|line| line.starts_with([':', '!']) || line.starts_with("//"));
    if before_code.into_iter().any(|line| *line == ":quit") {
        return Some(Command::Quit);
    }
    let steps = split::split(code, negates);
    let is_command = |step: &Step<'_>| !matches!(step, Step::Rust(_));
    steps.iter().any(is_command).then_some(Command::Steps(steps))
}

/// What the only line of a cell asks.
fn of_line(line: &str) -> Option<Command<'_>> {
    match line {
        ":vars" => return Some(Command::Variables),
        ":help" | ":h" => return Some(Command::Help),
        ":quit" | ":q" | ":exit" => return Some(Command::Quit),
        ":doc" => return Some(Command::Inspect { item: "", operator: false }),
        _ => {}
    }
    let word = line.trim_end_matches(';').trim_end();
    match word.strip_suffix("()").unwrap_or(word) {
        "quit" => return Some(Command::QuitWord("quit")),
        "exit" => return Some(Command::QuitWord("exit")),
        "help" => return Some(Command::HelpWord),
        _ => {}
    }
    if let Some(item) = line.strip_prefix("help(").and_then(|rest| rest.strip_suffix(')')) {
        return path(item.trim()).map(|item| Command::Inspect { item, operator: true });
    }
    // evcxr's own `:doc` knows nothing of the prelude.
    if let Some(item) = line.strip_prefix(":doc ") {
        return path(item.trim()).map(|item| Command::Inspect { item, operator: false });
    }
    if let Some(item) = line.strip_prefix('?') {
        let item = item.trim_start_matches('?').trim();
        return path(item.strip_suffix("()").unwrap_or(item)).map(|item| Command::Inspect { item, operator: false });
    }
    let item = line.strip_suffix("??").or_else(|| line.strip_suffix('?'))?;
    path(item).map(|item| Command::Inspect { item, operator: true })
}

/// The text, if it is a name or a path of names, as in `Tensor::randn` and `learner.fit`.
fn path(text: &str) -> Option<&str> {
    let text = text.strip_suffix('!').unwrap_or(text);
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    text.split("::").flat_map(|part| part.split('.')).all(is_name).then_some(text)
}

/// One message about what a command did not do.
fn refused(name: &str, value: impl Into<String>) -> CellError {
    let value = value.into();
    let traceback = vec![format!("\u{1b}[31m{name}\u{1b}[0m: {value}")];
    CellError { why: Why::Error, name: name.to_owned(), value, traceback }
}

/// A display of nothing but text.
fn text(text: impl Into<String>) -> Display {
    Display { data: Map::from_iter([("text/plain".to_owned(), text.into().into())]), ..Display::default() }
}

impl Session {
    /// Runs a cell of any kind, with `running` held.
    pub(super) fn perform(&self, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        match of(code, &|word, alone| self.can_be_negated(word, alone)) {
            Some(command) => self.carry_out(command, code, screen),
            None => self.evaluate(&for_evcxr(code), screen),
        }
    }

    fn carry_out(&self, command: Command<'_>, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        match command {
            Command::QuitWord(word) if self.is_made(word) => return self.evaluate(code, screen),
            Command::HelpWord if self.is_made("help") => return self.evaluate(code, screen),
            Command::Variables => screen.say(Said::Result(variables::table(&self.describe()))),
            Command::Help | Command::HelpWord => screen.say(Said::Result(help::display())),
            Command::Quit | Command::QuitWord(_) => {
                let what = "`:quit` ends the terminal REPL; a notebook's kernel is shut down from the menu";
                return Err(refused("Quit", what));
            }
            Command::Inspect { item, operator } => return self.show_item(item, operator, code, screen),
            Command::Steps(steps) => return self.take_steps(&steps, code, screen),
        }
        Ok(())
    }

    /// Says what is known of an item; where `operator` is set, the cell may mean Rust's `?` instead.
    fn show_item(&self, item: &str, operator: bool, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        if item.is_empty() {
            return Err(refused(
                "Documentation",
                "name an item: `:doc Learner`, `:doc Tensor::randn`; `:help` lists more",
            ));
        }
        let first = item.split(['.', ':']).next().unwrap_or(item);
        let kind = self.kind_of(first);
        if operator && first == item {
            let tries = |kind: &String| ["Result", "Option", "Poll", "ControlFlow"].iter().any(|t| kind.contains(t));
            if kind.as_ref().is_some_and(tries) {
                return self.evaluate(code, screen);
            }
        }
        match self.inspect(item, item.len()) {
            Some(known) => {
                let members = self.members(item, kind.is_some());
                let (mut plain, mut markdown) = (known.plain, known.markdown);
                if !members.is_empty() {
                    plain.push_str(&format!("\n\nmethods: {}", members.join(", ")));
                    markdown.push_str(&format!("\n\n---\n\nmethods: `{}`", members.join("`, `")));
                }
                let mut display = text(plain);
                display.data.insert("text/markdown".to_owned(), markdown.into());
                screen.say(Said::Result(display));
                Ok(())
            }
            None if operator && kind.is_some() => self.evaluate(code, screen),
            None => Err(refused("Unknown", format!("nothing is known of `{item}`; `:vars` lists the variables"))),
        }
    }

    /// The functions and methods of a type, or of a variable's type, in the order in which they are offered.
    fn members(&self, item: &str, is_variable: bool) -> Vec<String> {
        let last = item.rsplit([':', '.']).next().unwrap_or(item);
        let separator = match last.chars().next() {
            Some(first) if first.is_uppercase() => "::",
            Some(_) if is_variable && last == item => ".",
            _ => return Vec::new(),
        };
        let code = format!("{item}{separator}");
        let candidates = self.complete(&code, code.len()).candidates.into_iter();
        let calls = candidates.filter(|one| ["function", "method"].contains(&one.kind.as_str()));
        let mut names: Vec<String> =
            calls.map(|one| one.text.split('(').next().unwrap_or_default().to_owned()).collect();
        names.dedup();
        names.truncate(MOST_MEMBERS);
        names
    }

    fn take_steps(&self, steps: &[Step<'_>], code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        let (last, before) = steps.split_last().expect("a command is a step");
        for step in before {
            self.take_step(step, code, &mut Shown(screen))?;
        }
        self.take_step(last, code, screen)
    }

    fn take_step(&self, step: &Step<'_>, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        match *step {
            Step::Rust(ref range) => {
                let part = code_at(code, range.start, &code[range.clone()]);
                self.evaluate(&for_evcxr(&part), screen)
            }
            Step::Shell(line) => self.shell(line, screen),
            Step::Magic { name, argument, at } => self.magic(name, argument, &code_at(code, at, argument), screen),
            Step::Whole { name, argument, body } => {
                self.whole_cell(name, argument, &code_at(code, body, &code[body..]), screen)
            }
        }
    }

    /// Runs a line for the shell where the cells run; `cd` moves them.
    fn shell(&self, line: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        if let Some(target) = line.strip_prefix("cd")
            && (target.is_empty() || target.starts_with(' '))
            && !target.contains(['&', ';', '|', '$', '`', '<', '>', '('])
        {
            return self.enter(target, screen);
        }
        self.run_shell("sh", line, screen)
    }

    /// Lets a shell run a text.
    fn run_shell(&self, program: &str, script: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        self.state.interrupted.store(false, Ordering::SeqCst);
        self.state.cell.fetch_add(1, Ordering::SeqCst);
        self.state.busy.store(true, Ordering::SeqCst);
        let stopped = || self.state.interrupted.load(Ordering::SeqCst);
        let result = shell::run(program, script, &self.place(), screen, &stopped);
        self.state.busy.store(false, Ordering::SeqCst);
        if stopped() {
            // The runtime was asked to stop too, and had nothing to stop.
            self.lower_flag();
        }
        result
    }

    /// The type of a variable, if there is one of this name.
    fn kind_of(&self, name: &str) -> Option<String> {
        let variables = self.ask(|done| super::Job::Variables { done }).unwrap_or_default();
        variables.into_iter().find(|variable| variable.name == name).map(|variable| variable.kind)
    }

    /// Whether `!name` is an expression: there is such a variable and, where it stands alone, it is a truth value or a
    /// whole number.
    fn can_be_negated(&self, name: &str, alone: bool) -> bool {
        let negatable = |kind: String| {
            kind == "bool"
                || (kind.starts_with(['i', 'u']) && kind[1..].parse::<u8>().is_ok())
                || kind.ends_with("size")
        };
        self.kind_of(name).is_some_and(|kind| !alone || negatable(kind))
    }

    /// Whether a cell has made a variable, or a function, of this name.
    fn is_made(&self, name: &str) -> bool {
        let function = format!("fn {name}(");
        self.kind_of(name).is_some() || super::lock(&self.history).iter().any(|code| code.contains(&function))
    }
}

/// Rust as evcxr is to see it: a negation at its beginning, which evcxr would give to a shell, is moved by one column.
fn for_evcxr(code: &str) -> Cow<'_, str> {
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let trimmed = line.trim();
        if line.starts_with('!') {
            return format!("{} {}", &code[..at], &code[at..]).into();
        }
        if !(trimmed.is_empty() || line.starts_with("//") || trimmed.starts_with(':')) {
            break;
        }
        at += line.len();
    }
    code.into()
}

/// A part of a cell on the lines on which it stands there, so that errors name the right ones.
fn code_at(code: &str, at: usize, part: &str) -> String {
    let before = &code[..at];
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    format!("{}{}{part}", "\n".repeat(before.matches('\n').count()), " ".repeat(column))
}

/// The screen of a part that others follow: a cell has one result, at its end.
struct Shown<'a>(&'a mut dyn Screen);

impl Screen for Shown<'_> {
    fn say(&mut self, said: Said) {
        self.0.say(match said {
            Said::Result(display) => Said::Display(display),
            said => said,
        });
    }
    fn input(&mut self, question: Question) -> Option<String> {
        self.0.input(question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(code: &str) -> Option<Command<'_>> {
        of(code, &|_, _| false)
    }

    #[test]
    fn whole_cells_are_commands_and_code_is_not() {
        for (code, expected) in [
            (":vars\n", Some(Command::Variables)),
            ("  :help", Some(Command::Help)),
            ("help", Some(Command::HelpWord)),
            ("help()", Some(Command::HelpWord)),
            ("!ls -l\n\n! pwd", Some(Command::Steps(vec![Step::Shell("ls -l"), Step::Shell("pwd")]))),
            ("// leave\n:dep rand\n:quit", Some(Command::Quit)),
            (":q", Some(Command::Quit)),
            ("quit", Some(Command::QuitWord("quit"))),
            ("exit();", Some(Command::QuitWord("exit"))),
            ("let s = \"\n:quit\n\";", None),
            ("quit(1)", None),
            (":dep rand = \"0.9\"", None),
            ("", None),
        ] {
            assert_eq!(command(code), expected, "{code}");
        }
        let steps = vec![Step::Shell("ls"), Step::Rust(4..14)];
        assert_eq!(command("!ls\nlet x = 1;"), Some(Command::Steps(steps)));
    }

    #[test]
    fn questions_about_items_are_told_from_the_operator() {
        let asked = |code| match command(code) {
            Some(Command::Inspect { item, operator }) => Some((item, operator)),
            _ => None,
        };
        for (code, expected) in [
            ("?Tensor::randn", Some(("Tensor::randn", false))),
            ("?? Vec", Some(("Vec", false))),
            ("?println!", Some(("println", false))),
            ("learner.fit?", Some(("learner.fit", true))),
            ("Tensor??", Some(("Tensor", true))),
            ("größe?", Some(("größe", true))),
            ("help(Tensor)", Some(("Tensor", true))),
            ("?data.summary()", Some(("data.summary", false))),
            ("data.summary()?", None),
            ("f(x)?", None),
            ("read(1)?.len()?", None),
            ("x?;", None),
            ("let y = x?", None),
            ("?", None),
        ] {
            assert_eq!(asked(code), expected, "{code}");
        }
    }

    #[test]
    fn evcxr_takes_no_negation_for_a_line_of_the_shell() {
        for (code, expected) in [
            ("!done", " !done"),
            ("\n// why\n!done && true", "\n// why\n !done && true"),
            (":dep rand\n!done", ":dep rand\n !done"),
            ("let a = b\n!= c;", "let a = b\n!= c;"),
            ("", ""),
        ] {
            assert_eq!(for_evcxr(code), expected);
        }
    }

    #[test]
    fn a_part_stays_on_its_line() {
        let code = "let a = 1;\n%time é + b";
        let at = code.find('é').unwrap();
        assert_eq!(code_at(code, at, &code[at..]), "\n      é + b");
        assert_eq!(code_at(code, 0, code), code);
    }
}
