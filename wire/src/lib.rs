//! The messages of the display channel: what a cell may say to a screen, and how one is framed.
//!
//! A cell's standard output carries two things in one order: plain text, and *frames*. A frame is
//! one line: [`MARK`], the channel's cookie, a space, a [`Message`] as JSON, a newline. The runtime
//! child's relay takes frames out of the text, so that text and pictures keep their true order.
//! The prelude writes frames, the session reads them; neither knows more of the other than this.
//!
//! [`weights`] is the other thing that both must agree on: where named weights lie.
//!
//! # Example
//! ```
//! use candlewick_wire::{Message, Said, frame, parse_frame};
//! let clear = Message::Said(Said::Clear { wait: true });
//! let line = frame("cookie", &clear);
//! assert_eq!(parse_frame("cookie", line.trim_end().as_bytes()), Some(clear));
//! assert_eq!(parse_frame("another", line.trim_end().as_bytes()), None);
//! ```

mod said;
pub mod weights;

pub use said::{Comm, CommAct, Display, MimeBundle, Progress, Said, StreamName};

use serde::{Deserialize, Serialize};

/// Environment variable of the runtime child: the path of the session's socket, `;`, and the cookie.
/// Its absence means that no session listens (a plain `cargo run`, or another kernel).
pub const CHANNEL_VARIABLE: &str = "CANDLEWICK_CHANNEL";

/// The bytes that begin a frame: an ASCII record separator and a name, never found in sane text.
pub const MARK: &str = "\u{1e}candlewick:";

/// One thing that the process of the cells says: to a screen, or of itself to the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// User code panicked.
    Panic {
        /// The panic's message.
        message: String,
        /// File, line (1-based) and column (1-based) where it started.
        location: Option<(String, u32, u32)>,
    },
    /// A `?` at the top level of a cell met an error.
    Failed {
        /// The error as text, as far as it could be told apart from other text.
        text: String,
        /// File, line (1-based) and column (1-based) of the `?`, where they are known.
        #[serde(default)]
        location: Option<(String, u32, u32)>,
    },
    /// The runtime is ready: the addresses of functions of the prelude. They are called in the process that
    /// sent them and nowhere else.
    Hello {
        /// `extern "C" fn()`: flushes the cell's standard output; called now and then, so that text without a
        /// newline shows.
        flush: u64,
        /// `extern "C" fn()`, to be called when a cell has ended: lowers the interrupt's flag.
        ended: u64,
        /// `extern "C" fn(*const u8, usize)`: takes a [`Request::Comm`] or a [`Request::Columns`] as JSON and returns at once.
        comm: u64,
        /// `extern "C" fn(*const u8, usize)`: takes a [`Request::Answer`] as JSON and returns at once.
        answer: u64,
    },
    /// The cell's code begins to run.
    Started {
        /// When, in the clock's ticks since the machine started; 0 where there is no such clock.
        tick: u64,
    },
    /// A line for evcxr, said by the code around a cell: that it panicked, that a `?` met an error.
    Evcxr {
        /// The line, as evcxr knows it.
        line: String,
    },
    /// A running cell asks the user; answered with [`Request::Answer`].
    Ask {
        /// A number to give back.
        number: u64,
        /// What to print before the answer.
        prompt: String,
        /// Whether the answer must not be shown.
        password: bool,
    },
    /// The process is about to end by a signal that its own code caused.
    Crashed {
        /// What the code did.
        crash: Crash,
    },
    /// An interrupted loop left its cell, and these variables that the cell had bound are in the store.
    Left {
        /// Their names.
        names: Vec<String>,
    },
    /// A `return Ok(())` ended the cell: what it has bound is as after [`Message::Left`], and nothing is wrong.
    Returned,
    /// What is known of the session's variables, in answer to a question of the session's own.
    Described {
        /// One a variable.
        variables: Vec<Described>,
    },
    /// An answer to the session's ping: all that was said before it has been sent.
    Pong {
        /// The ping's number.
        number: u64,
    },
    /// Something for a screen.
    #[serde(untagged)]
    Said(Said),
}

impl From<Said> for Message {
    fn from(said: Said) -> Message {
        Message::Said(said)
    }
}

/// What code did that ends its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crash {
    /// Its recursion used up the stack.
    Overflow,
    /// It used a pointer to memory that is not its own.
    Pointer,
    /// It reached for memory that has nothing behind it: a mapped file that became shorter.
    Bus,
    /// It ran bytes that are no instruction.
    Instruction,
    /// It calculated what the processor refuses.
    Arithmetic,
    /// It ran a breakpoint.
    Breakpoint,
    /// It called `abort`.
    Abort,
}

/// What is known of a variable beside its name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The variable.
    pub name: String,
    /// How long it is along each side, and what it holds: `32×3×64×64 F32`; empty where it has no sides.
    pub shape: String,
    /// Its bytes in memory, as far as its own type knows of them.
    pub bytes: u64,
}

/// What a session says to the runtime child, a JSON line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Answer with [`Message::Pong`].
    Ping {
        /// A number to give back.
        number: u64,
    },
    /// Go on as a process that was started elsewhere: a session that was warm before it was needed.
    Move {
        /// The working directory.
        directory: String,
        /// Environment variables that are to be set, or removed.
        environment: Vec<(String, Option<String>)>,
    },
    /// A frontend said something over a comm; answer with [`Said::Handled`].
    Comm {
        /// A number to give back.
        number: u64,
        /// What was said.
        comm: Comm,
    },
    /// The user's answer to a [`Message::Ask`].
    Answer {
        /// The question's number.
        number: u64,
        /// The answer, without a newline; empty where nobody could be asked.
        text: String,
    },
    /// How many characters a line of the terminal has in which text is drawn; 0 where it is none.
    Columns {
        /// Characters.
        columns: usize,
    },
}

/// The frame that carries `message`, newline included.
pub fn frame(cookie: &str, message: &Message) -> String {
    let json = serde_json::to_string(message).expect("a message always serialises");
    format!("{MARK}{cookie} {json}\n")
}

/// The message in one line (without its newline), or `None` where the line is no frame of this channel.
pub fn parse_frame(cookie: &str, line: &[u8]) -> Option<Message> {
    let rest = line.strip_prefix(MARK.as_bytes())?;
    let json = rest.strip_prefix(cookie.as_bytes())?.strip_prefix(b" ")?;
    serde_json::from_slice(json).ok()
}

/// Splits the value of [`CHANNEL_VARIABLE`] into the socket's path and the cookie.
pub fn parse_channel(value: &str) -> Option<(&str, &str)> {
    value.rsplit_once(';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value};

    #[test]
    fn a_frame_is_one_line_whatever_the_text() {
        let text = "a\nb\u{1e}candlewick:x {}\r\n\"\\".to_owned();
        let message = Message::from(Said::err(text));
        let line = frame("k", &message);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(parse_frame("k", line.trim_end_matches('\n').as_bytes()), Some(message));
    }

    #[test]
    fn the_bytes_of_a_comm_survive_both_ways() {
        let buffers = vec![(0..=255).collect(), vec![], vec![0, 10, 13, 0]];
        let data = Map::from_iter([("method".to_owned(), Value::from("update"))]);
        let comm = Comm { id: "c".to_owned(), act: CommAct::Open("t".to_owned()), data, metadata: Map::new(), buffers };
        let said = Message::from(Said::Comm(comm.clone()));
        assert_eq!(parse_frame("k", frame("k", &said).trim_end_matches('\n').as_bytes()), Some(said));
        let heard = Request::Comm { number: 7, comm };
        let line = serde_json::to_string(&heard).unwrap();
        assert!(!line.contains('\n') && !line.contains('\0'));
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), heard);
    }

    #[test]
    fn bytes_that_are_no_frame_are_no_frame() {
        for line in [&b""[..], b"\x1ecandlewick:", b"\x1ecandlewick:k {", b"\x1ecandlewick:k {}", b"\xff\xfe"] {
            assert_eq!(parse_frame("k", line), None);
        }
    }

    #[test]
    fn a_channel_is_a_path_and_a_cookie() {
        assert_eq!(parse_channel("/tmp/a;b/s;cafe"), Some(("/tmp/a;b/s", "cafe")));
        assert_eq!(parse_channel("nothing"), None);
    }
}
