//! Notebook documents (nbformat 4): read, brought to 4.5, given outputs, written. Knows no session.
//!
//! A document stays JSON from end to end, so that metadata and fields that candlewick has never heard
//! of come out as they went in.

mod broken;
pub mod outputs;
pub mod terminal;

pub use outputs::Outputs;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A notebook of nbformat 4, as its JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Notebook {
    root: Map<String, Value>,
}

impl Default for Notebook {
    fn default() -> Self {
        Notebook::new()
    }
}

impl Notebook {
    /// An empty notebook for the candlewick kernel.
    pub fn new() -> Notebook {
        let root = json!({ "cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
        let Value::Object(root) = root else { unreachable!("an object was written above") };
        let mut notebook = Notebook { root };
        notebook.upgrade();
        notebook
    }

    /// Reads a notebook from a file.
    ///
    /// # Errors
    /// No such file, a folder, or whatever [`Notebook::parse`] refuses.
    pub fn read(path: &Path) -> anyhow::Result<Notebook> {
        if path.is_dir() {
            bail!("{} is a folder: name a notebook, a file that ends in .ipynb", path.display());
        }
        let bytes = std::fs::read(path).with_context(|| format!("cannot read the notebook {}", path.display()))?;
        Notebook::parse(&bytes).with_context(|| format!("cannot use {}", path.display()))
    }

    /// Takes the JSON of a notebook of nbformat 4, whatever its minor version.
    ///
    /// # Errors
    /// No JSON (the message names line and column), JSON that is no notebook, or nbformat 1 to 3.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Notebook> {
        // A mark of the bytes' order, which some editors put before UTF-8, says nothing.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let parsers = error.to_string();
            let parsers = parsers.split(" at line ").next().unwrap_or_default();
            anyhow::anyhow!("{}", broken::no_json(bytes, line, column, parsers))
        })?;
        let Value::Object(root) = value else { bail!("it is JSON, but no notebook: expected an object with `cells`") };
        let major = root.get("nbformat").and_then(Value::as_u64);
        match major {
            Some(4) => {}
            Some(old @ 1..=3) => bail!(
                "it is written in nbformat {old}, candlewick reads nbformat 4: \
                 convert it with `jupyter nbconvert --to notebook --nbformat 4` or open and save it in JupyterLab"
            ),
            Some(new) => bail!("it is written in nbformat {new}, candlewick reads nbformat 4; a newer candlewick may"),
            None => bail!(
                "it is JSON, but no notebook: it has no number `nbformat`; name a file that JupyterLab or \
                 `candlewick repl` saved"
            ),
        }
        let Some(Value::Array(cells)) = root.get("cells") else {
            bail!("it is JSON, but no notebook: it has no list `cells`")
        };
        for (index, cell) in cells.iter().enumerate() {
            if cell.get("cell_type").and_then(Value::as_str).is_none() {
                bail!(
                    "its cell {} is no cell: it has no `cell_type`, which is `code`, `markdown` or `raw`; remove it",
                    index + 1
                );
            }
            let whole = match cell.get("source") {
                Some(Value::String(_)) => true,
                Some(Value::Array(lines)) => lines.iter().all(Value::is_string),
                _ => false,
            };
            if !whole {
                bail!(
                    "its cell {} has no `source`, which is a text or a list of lines: give it `\"source\": \"\"`, or \
                     remove the cell",
                    index + 1
                );
            }
        }
        Ok(Notebook { root })
    }

    /// Brings the document to nbformat 4.5: every cell has a valid id of its own and the fields that the
    /// format requires; where no kernel is named, candlewick's is.
    pub fn upgrade(&mut self) {
        let minor = self.root.get("nbformat_minor").and_then(Value::as_u64).unwrap_or(0).max(5);
        self.root.insert("nbformat_minor".to_owned(), minor.into());
        let metadata = object(&mut self.root, "metadata");
        metadata.entry("kernelspec").or_insert_with(
            || json!({ "display_name": "Rust (candlewick)", "language": "rust", "name": "candlewick" }),
        );
        metadata.entry("language_info").or_insert_with(|| {
            json!({ "file_extension": ".rs", "mimetype": "text/rust", "name": "rust", "pygments_lexer": "rust",
                    "codemirror_mode": "rust" })
        });
        let mut taken = HashSet::new();
        for cell in self.cells_mut() {
            let Value::Object(cell) = cell else { continue };
            object(cell, "metadata");
            let id = cell.get("id").and_then(Value::as_str).filter(|id| valid_id(id) && !taken.contains(*id));
            let id = id.map_or_else(new_id, str::to_owned);
            cell.insert("id".to_owned(), id.clone().into());
            taken.insert(id);
            if cell.get("cell_type").and_then(Value::as_str) == Some("code") {
                if !cell.get("outputs").is_some_and(Value::is_array) {
                    cell.insert("outputs".to_owned(), json!([]));
                }
                cell.entry("execution_count").or_insert(Value::Null);
            }
        }
    }

    /// The cells, in order.
    pub fn cells(&self) -> &[Value] {
        self.root.get("cells").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The cells, to be changed.
    pub fn cells_mut(&mut self) -> &mut Vec<Value> {
        let cells = self.root.entry("cells").or_insert_with(|| json!([]));
        if !cells.is_array() {
            *cells = json!([]);
        }
        let Value::Array(cells) = cells else { unreachable!("made an array above") };
        cells
    }

    /// The programming language that the notebook says it is written in, if it does.
    pub fn language(&self) -> Option<&str> {
        let metadata = self.root.get("metadata")?;
        let info = metadata.get("language_info").and_then(|info| info.get("name"));
        let spec = metadata.get("kernelspec").and_then(|spec| spec.get("language"));
        info.or(spec).and_then(Value::as_str)
    }

    /// The notebook's title: its `title` in the metadata, or its first heading.
    pub fn title(&self) -> Option<String> {
        let title = self.root.get("metadata").and_then(|metadata| metadata.get("title")).and_then(Value::as_str);
        title.map(str::to_owned).or_else(|| {
            let markdown = self.cells().iter().filter(|cell| kind(cell) == "markdown");
            let headings = markdown.flat_map(|cell| {
                let heading = |line: &str| line.strip_prefix("# ").map(|text| text.trim().to_owned());
                source(cell).lines().filter_map(heading).collect::<Vec<_>>()
            });
            headings.into_iter().next()
        })
    }

    /// Appends a code cell that ran.
    pub fn push_code(&mut self, code: &str, count: u64, outputs: Vec<Value>) {
        self.cells_mut().push(json!({
            "cell_type": "code", "id": new_id(), "metadata": {}, "source": lines(code),
            "execution_count": count, "outputs": outputs,
        }));
    }

    /// The document as Jupyter writes it: keys sorted, one space a level, a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes).expect("JSON values always serialise");
        bytes
    }

    fn write_to(&self, mut to: impl Write) -> std::io::Result<()> {
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut to, formatter);
        serde::Serialize::serialize(&self.root, &mut serializer)?;
        to.write_all(b"\n")
    }

    /// Writes the document: either whole or, on an error, not at all.
    ///
    /// # Errors
    /// A folder that is missing or cannot be written, a full disk.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_whole_by(path, |file| {
            let mut file = std::io::BufWriter::new(file);
            self.write_to(&mut file)?;
            file.flush()
        })
    }
}

/// The cell's type: `code`, `markdown`, `raw`.
pub fn kind(cell: &Value) -> &str {
    cell.get("cell_type").and_then(Value::as_str).unwrap_or("")
}

/// The cell's text.
pub fn source(cell: &Value) -> String {
    cell.get("source").map(joined).unwrap_or_default()
}

/// Whether the cell carries this tag.
pub fn has_tag(cell: &Value, tag: &str) -> bool {
    let tags = cell.get("metadata").and_then(|metadata| metadata.get("tags")).and_then(Value::as_array);
    tags.is_some_and(|tags| tags.iter().any(|t| t == tag))
}

/// nbformat's multi-line text (a string, or a list of lines) as one string.
pub fn joined(text: &Value) -> String {
    match text {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// A text as nbformat writes it: a list of lines, each with its newline.
pub fn lines(text: &str) -> Value {
    text.split_inclusive('\n').collect()
}

/// Writes a file so that a reader sees the old content or the new, never a part.
///
/// # Errors
/// A folder that is missing or cannot be written, a full disk.
pub fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_whole_by(path, |file| file.write_all(bytes))
}

fn write_whole_by(path: &Path, write: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>) -> anyhow::Result<()> {
    let say = || format!("cannot write {}", path.display());
    // A link stays a link: what it names is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut file = temporary_beside(&target).with_context(say)?;
    write(file.as_file_mut()).with_context(say)?;
    file.as_file().sync_all().with_context(say)?;
    if let Ok(old) = std::fs::metadata(&target) {
        std::fs::set_permissions(file.path(), old.permissions()).with_context(say)?;
    }
    file.persist(&target).with_context(say)?;
    Ok(())
}

/// Whether `path` could be written, without writing it.
///
/// # Errors
/// The same that [`write_whole`] would meet: the folder is missing or cannot be written, or `path` is a folder.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        bail!("cannot write {}: it is a folder, name a file in it", path.display());
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        bail!("cannot write {}: the folder {} does not exist, make it first", path.display(), folder.display());
    }
    temporary_beside(path).with_context(|| format!("cannot write into the folder {}", folder.display()))?;
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn temporary_beside(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".candlewick-");
    #[cfg(unix)]
    {
        // The process's mask applies, as for any new file; a temporary file would be private.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(path))
}

fn object<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(key).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    let Value::Object(map) = value else { unreachable!("made an object above") };
    map
}

fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..8].to_owned()
}

/// nbformat 4.5: 1 to 64 letters, digits, `-` and `_`.
fn valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
