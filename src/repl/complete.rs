//! What Tab offers: the REPL's commands, and what the session knows.

use super::command::COMMANDS;
use crate::engine::Engine;
use rustyline::completion::Pair;

/// The place from which a completion replaces the text before the cursor, and the candidates.
pub fn candidates(engine: &dyn Engine, line: &str, cursor: usize) -> (usize, Vec<Pair>) {
    let before = &line[..cursor];
    if before.starts_with(':') && !before.contains(char::is_whitespace) {
        let matching = COMMANDS.iter().filter(|command| command.name.starts_with(before));
        let pair = |name: &str, what: &str| Pair { display: format!("{name}  {what}"), replacement: name.to_owned() };
        return (0, matching.map(|command| pair(command.name, command.what)).collect());
    }
    if before.trim().is_empty() {
        // Tab at a line's start indents.
        return (cursor, vec![Pair { display: String::new(), replacement: "    ".to_owned() }]);
    }
    let found = engine.complete(line, cursor);
    let start = found.start.min(cursor);
    if !line.is_char_boundary(start) {
        return (cursor, Vec::new());
    }
    let pairs = found.candidates.into_iter().map(|c| Pair { display: c.label, replacement: c.text });
    (start, pairs.collect())
}
