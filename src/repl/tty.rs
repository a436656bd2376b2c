//! What the terminal can do: its size, colours and pixels; and its echo, off while a cell runs.

use crate::signals;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// What the REPL may do with its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// The cursor can be moved, so that displays change in place.
    pub live: bool,
    /// Colours are understood and wanted.
    pub colours: bool,
    /// Colours beyond the 256.
    pub truecolor: bool,
    /// Pictures can be sent as pixels.
    pub pixels: bool,
}

impl Abilities {
    /// Asks the environment and, for pixels, the terminal itself.
    pub fn find(no_color: bool) -> Abilities {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let term = variable("TERM");
        let live = std::io::stdout().is_terminal() && !term.is_empty() && term != "dumb";
        let colours = live && !no_color && variable("NO_COLOR").is_empty();
        let truecolor = matches!(variable("COLORTERM").as_str(), "truecolor" | "24bit") || term.ends_with("-direct");
        let pixels = colours && std::io::stdin().is_terminal() && shows_pixels(&term);
        Abilities { live, colours, truecolor, pixels }
    }
}

/// Columns, rows, and the pixels of one character where the terminal says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
    /// Width and height of a character, in pixels.
    pub cell: (usize, usize),
}

impl Default for WindowSize {
    fn default() -> Self {
        WindowSize { columns: 80, rows: 24, cell: (8, 16) }
    }
}

/// The size of standard output's terminal, or 80 × 24.
pub fn size() -> WindowSize {
    // SAFETY: the structure is plain data, which the call fills.
    let window = unsafe {
        let mut window: libc::winsize = std::mem::zeroed();
        (libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut window) == 0).then_some(window)
    };
    let Some(window) = window.filter(|window| window.ws_col > 1 && window.ws_row > 1) else {
        return WindowSize::default();
    };
    let (columns, rows) = (usize::from(window.ws_col), usize::from(window.ws_row));
    let cell = (usize::from(window.ws_xpixel) / columns, usize::from(window.ws_ypixel) / rows);
    WindowSize { columns, rows, cell: if cell.0 == 0 || cell.1 == 0 { WindowSize::default().cell } else { cell } }
}

/// tmux keeps what it does not know from the terminal around it: neither kitty's nor iTerm's pictures pass.
pub fn in_tmux() -> bool {
    std::env::var_os("TMUX").is_some() || std::env::var("TERM").is_ok_and(|term| term.starts_with("screen"))
}

fn shows_pixels(term: &str) -> bool {
    if matches!(term, "linux" | "vt100" | "vt220") {
        return false;
    }
    if !in_tmux() && viuer::is_iterm_supported() {
        return true;
    }
    // The terminal is asked once here, with a limit in time: viuer would wait for an answer for ever.
    let answer = ask("\u{1b}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\u{1b}\\\u{1b}[c", Duration::from_millis(700));
    (!in_tmux() && says_kitty(&answer)) || says_sixel(&answer)
}

fn says_kitty(answer: &str) -> bool {
    answer.contains("_Gi=31;OK")
}

/// Attribute 4 in the primary device attributes (`CSI ? … c`).
fn says_sixel(answer: &str) -> bool {
    let attributes = answer.split("\u{1b}[?").last().and_then(|rest| rest.split_once('c'));
    attributes.is_some_and(|(list, _)| list.split(';').skip(1).any(|attribute| attribute == "4"))
}

/// Writes a question and reads the terminal's answer up to the end of its device attributes.
fn ask(question: &str, limit: Duration) -> String {
    let Some(_raw) = Mode::change(|mode| mode.c_lflag &= !(libc::ICANON | libc::ECHO)) else {
        return String::new();
    };
    let mut out = std::io::stdout();
    if out.write_all(question.as_bytes()).and_then(|()| out.flush()).is_err() {
        return String::new();
    }
    let start = Instant::now();
    let mut answer = Vec::new();
    loop {
        let left = limit.saturating_sub(start.elapsed()).as_millis() as libc::c_int;
        let mut stdin = libc::pollfd { fd: libc::STDIN_FILENO, events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure that lives through the call.
        if left == 0 || unsafe { libc::poll(&mut stdin, 1, left) } <= 0 {
            break;
        }
        let mut buffer = [0u8; 256];
        // SAFETY: the buffer is as long as said.
        let count = unsafe { libc::read(libc::STDIN_FILENO, buffer.as_mut_ptr().cast(), buffer.len()) };
        let Ok(count @ 1..) = usize::try_from(count) else { break };
        answer.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&answer);
        if text.rsplit("\u{1b}[?").next().is_some_and(|rest| rest.len() < text.len() && rest.contains('c')) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A change of the terminal's line discipline, undone when dropped.
pub struct Mode {
    before: libc::termios,
}

impl Mode {
    /// Changes the mode of standard input's terminal; `None` where it is none.
    pub fn change(change: impl FnOnce(&mut libc::termios)) -> Option<Mode> {
        // SAFETY: the structure is plain data, filled by the first call before the second reads it.
        unsafe {
            let mut mode: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(libc::STDIN_FILENO, &mut mode) != 0 {
                return None;
            }
            let before = mode;
            change(&mut mode);
            (libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &mode) == 0).then_some(Mode { before })
        }
    }

    /// Keys are neither echoed nor changed: what is typed while a cell runs does not disturb what it draws, and comes
    /// to the next prompt as if it were typed there. Ctrl-C still is a signal.
    pub fn quiet() -> Option<Mode> {
        Mode::change(|mode| {
            mode.c_lflag &= !(libc::ECHO | libc::ICANON);
            mode.c_iflag &= !libc::ICRNL;
            mode.c_lflag |= libc::ISIG;
            mode.c_cc[libc::VMIN] = 1;
            mode.c_cc[libc::VTIME] = 0;
        })
    }

    /// Lines are edited by the terminal: as a program expects it that is started at one. Without `echo`, keys are not
    /// shown.
    pub fn lines(echo: bool) -> Option<Mode> {
        Mode::change(|mode| {
            mode.c_lflag |= libc::ICANON | libc::ISIG;
            mode.c_iflag |= libc::ICRNL;
            mode.c_lflag = if echo { mode.c_lflag | libc::ECHO } else { mode.c_lflag & !libc::ECHO };
            mode.c_cc[libc::VEOF] = 4;
        })
    }
}

/// Reads one line of the terminal and nothing of the next; `None` at the end of the input, and at a Ctrl-C. It may have been
/// typed before, when Enter was no line feed yet.
pub fn read_line() -> Option<String> {
    let mut line = Vec::new();
    let before = signals::seen();
    loop {
        let mut waits = libc::pollfd { fd: libc::STDIN_FILENO, events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, as said.
        let came = unsafe { libc::poll(&mut waits, 1, 100) };
        if signals::seen() > before {
            return None;
        }
        if came == 0 {
            continue;
        }
        let mut byte = [0u8];
        // SAFETY: one byte, as said.
        match unsafe { libc::read(libc::STDIN_FILENO, byte.as_mut_ptr().cast(), 1) } {
            1 if matches!(byte[0], b'\n' | b'\r') => break,
            1 => line.push(byte[0]),
            -1 if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ if line.is_empty() => return None,
            _ => break,
        }
    }
    Some(String::from_utf8_lossy(&line).into_owned())
}

impl Drop for Mode {
    fn drop(&mut self) {
        // SAFETY: `before` is what the system gave.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &self.before) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Answers as the terminals give them: xterm with and without sixel, kitty, Konsole, tmux 3.4.
    #[test]
    fn pixels_are_told_from_the_terminals_answer() {
        for (answer, kitty, sixel) in [
            ("\u{1b}[?64;1;2;4;6;9;15;18;21;22c", false, true),
            ("\u{1b}[?64;1;2;6;9;15;18;21;22c", false, false),
            ("\u{1b}_Gi=31;OK\u{1b}\\\u{1b}[?62;c", true, false),
            ("\u{1b}_Gi=31;OK\u{1b}\\\u{1b}[?62;1;4c", true, true),
            ("\u{1b}[?1;2;4c", false, true),
            ("\u{1b}[?1;2c", false, false),
            ("\u{1b}[?4c", false, false),
            ("", false, false),
        ] {
            assert_eq!((says_kitty(answer), says_sixel(answer)), (kitty, sixel), "{answer:?}");
        }
    }
}
