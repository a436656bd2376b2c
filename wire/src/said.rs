//! What a cell says to a screen: one vocabulary for the channel, the session and every frontend.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// MIME type to content; JSON types hold JSON, all others a string (base64 where binary).
pub type MimeBundle = Map<String, Value>;

/// The two text streams of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamName {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StreamName {
    /// The name as Jupyter writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamName::Stdout => "stdout",
            StreamName::Stderr => "stderr",
        }
    }
}

/// How far a long operation is, for screens that draw a bar of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done: `epoch 2 of 3`.
    pub label: String,
    /// Steps done.
    pub done: u64,
    /// Steps in all; 0 when unknown.
    pub total: u64,
}

/// One rich output: content by MIME type, notes on it, and perhaps a name for later updates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Display {
    /// Content by MIME type, as Jupyter writes it: text and SVG as strings, PNG as base64.
    pub data: MimeBundle,
    /// Notes on the content by MIME type (Jupyter's `metadata`).
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The name by which an update finds it.
    #[serde(default)]
    pub display_id: Option<String>,
}

/// One thing that a cell says to a screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said {
    /// Text of a stream; it may lack a newline or hold several lines.
    Stream {
        /// Which stream.
        name: StreamName,
        /// The text.
        text: String,
    },
    /// A new output below those there are.
    Display(Display),
    /// New content for the output of the same `display_id`, which may stand in an earlier cell.
    Update(Display),
    /// The value of the cell's last expression.
    Result(Display),
    /// Remove the cell's outputs so far; with `wait`, as soon as another one comes.
    Clear {
        /// Whether to wait for the next output.
        wait: bool,
    },
    /// How far a long operation is (also `compiling serde (3)` while a dependency compiles).
    Progress(Progress),
    /// A cell opens a comm, speaks over one, or closes it: what widgets are made of.
    Comm(Comm),
    /// What a frontend said over a comm has been dealt with, and all that this printed has been sent.
    Handled {
        /// The number of the [`Request::Comm`](crate::Request::Comm).
        number: u64,
    },
    /// The process that ran the cells is gone, and its comms with it: said by the session's own end of the channel.
    Gone,
}

impl Said {
    /// Text of standard output.
    pub fn out(text: impl Into<String>) -> Said {
        Said::Stream { name: StreamName::Stdout, text: text.into() }
    }

    /// Text of standard error.
    pub fn err(text: impl Into<String>) -> Said {
        Said::Stream { name: StreamName::Stderr, text: text.into() }
    }

    /// How far a long operation is; a `total` of 0 where its length is unknown.
    pub fn progress(label: impl Into<String>, done: u64, total: u64) -> Said {
        Said::Progress(Progress { label: label.into(), done, total })
    }
}

/// Something said over a comm, in either direction: Jupyter's way for widgets to speak with their pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comm {
    /// The comm's name, unique in the world.
    pub id: String,
    /// What is done with it.
    pub act: CommAct,
    /// JSON that the two ends understand.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// Jupyter's `metadata` of the message.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Bytes that go beside the JSON.
    #[serde(default, with = "base64s")]
    pub buffers: Vec<Vec<u8>>,
}

/// What is done with a comm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommAct {
    /// It begins; the name says which kind of end it wants on the other side.
    Open(String),
    /// It goes on.
    Message,
    /// It ends.
    Close,
}

/// Bytes as base64 in JSON.
mod base64s {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(buffers: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(buffers.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| STANDARD.decode(text).map_err(D::Error::custom)).collect()
    }
}
