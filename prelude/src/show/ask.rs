//! Questions to the user of a running cell.

use std::io::Write;

/// Asks the user and waits for the answer: a field in a notebook, a line in a terminal.
///
/// Use this in cells, not `std::io::stdin()`, over which the kernel sends its own commands. The answer comes without
/// its newline; it is empty where nobody can be asked.
///
/// ```no_run
/// let name = candlewick_prelude::show::ask("Your name? ");
/// ```
pub fn ask(prompt: &str) -> String {
    question(prompt, "EVCXR_INPUT_REQUEST")
}

/// As [`ask`], for answers that must not be shown while they are typed.
pub fn ask_password(prompt: &str) -> String {
    question(prompt, "EVCXR_INPUT_REQUEST_PASSWORD")
}

/// evcxr's convention: a line with the mark, a colon and the prompt; the answer comes as a line of standard input.
fn question(prompt: &str, mark: &str) -> String {
    let mut out = std::io::stdout().lock();
    let line = match std::env::var_os("EVCXR_IS_RUNTIME") {
        // evcxr takes what stands between the first two colons.
        Some(_) => format!("{mark}:{}\n", prompt.replace(':', "\u{a789}").replace('\n', " ")),
        None => prompt.to_owned(),
    };
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    drop(out);
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    answer.trim_end_matches(['\r', '\n']).to_owned()
}
