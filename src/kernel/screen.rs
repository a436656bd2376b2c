//! The screen of a cell in Jupyter: what the cell says goes to IOPub under the request's header.

use super::Kernel;
use crate::screen::{Display, Progress, Question, Screen, StreamName};
use jupyter_protocol::{ClearOutput, JupyterMessage};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Work shorter than this shows no progress.
const SHORT: Duration = Duration::from_millis(500);
/// The progress line changes at most this often.
const PACE: Duration = Duration::from_millis(100);

/// The outputs of one cell.
pub(super) struct CellScreen<'a> {
    kernel: &'a Kernel,
    request: &'a Arc<JupyterMessage>,
    count: usize,
    allow_stdin: bool,
    work: Option<Work>,
    value: Option<String>,
    /// Whether the cell has outputs besides the progress line.
    said: bool,
}

/// A line that says how far the compiler is.
struct Work {
    began: Instant,
    shown: Option<Instant>,
    label: String,
    id: String,
}

impl<'a> CellScreen<'a> {
    /// The screen of the cell that `request` asks to run as number `count`.
    pub(super) fn new(kernel: &'a Kernel, request: &'a Arc<JupyterMessage>, count: usize, allow_stdin: bool) -> Self {
        CellScreen { kernel, request, count, allow_stdin, work: None, value: None, said: false }
    }

    /// The plain text of the cell's value, if it had one.
    pub(super) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    fn publish(&self, msg_type: &str, display: Display, more: Option<(&str, Value)>) {
        let transient: Map<String, Value> =
            display.display_id.map(|id| ("display_id".to_owned(), Value::String(id))).into_iter().collect();
        let mut content = json!({"data": display.data, "metadata": display.metadata, "transient": transient});
        if let Some((name, value)) = more {
            content[name] = value;
        }
        self.kernel.iopub.publish_raw(msg_type, content, self.request);
    }

    fn line(&self, msg_type: &str, id: &str, text: &str) {
        let data = Map::from_iter([("text/plain".to_owned(), Value::String(text.to_owned()))]);
        self.publish(msg_type, Display { data, metadata: Map::new(), display_id: Some(id.to_owned()) }, None);
    }

    /// Removes the progress line, where there is one; called at the end.
    pub(super) fn end_work(&mut self) {
        match self.work.take() {
            // A saved notebook then holds no trace of it.
            Some(Work { shown: Some(_), .. }) if !self.said => {
                self.kernel.iopub.publish(ClearOutput { wait: false }, self.request);
            }
            Some(Work { shown: Some(_), id, .. }) => self.line("update_display_data", &id, ""),
            _ => {}
        }
    }

    /// Called when the cell itself says something.
    fn says(&mut self) {
        self.end_work();
        self.said = true;
    }
}

impl Screen for CellScreen<'_> {
    fn stream(&mut self, name: StreamName, text: &str) {
        self.says();
        self.kernel.iopub.publish_stream(name, text, self.request);
    }

    fn display(&mut self, display: Display) {
        self.says();
        self.publish("display_data", display, None);
    }

    fn update(&mut self, display: Display) {
        let msg_type = if display.display_id.is_some() { "update_display_data" } else { "display_data" };
        self.publish(msg_type, display, None);
    }

    fn result(&mut self, display: Display) {
        self.says();
        self.value = display.data.get("text/plain").and_then(Value::as_str).map(str::to_owned);
        self.publish("execute_result", display, Some(("execution_count", self.count.into())));
    }

    fn clear(&mut self, wait: bool) {
        self.work = None;
        self.said = false;
        self.kernel.iopub.publish(ClearOutput { wait }, self.request);
    }

    /// Only work of unknown length is shown here (a dependency that compiles): a fit draws its own display.
    fn progress(&mut self, progress: Progress) {
        if progress.total > 0 {
            return;
        }
        let now = Instant::now();
        let work = self.work.get_or_insert_with(|| Work {
            began: now,
            shown: None,
            label: String::new(),
            id: uuid::Uuid::new_v4().to_string(),
        });
        let msg_type = match work.shown {
            None if now.duration_since(work.began) < SHORT => return,
            None => "display_data",
            Some(shown) if now.duration_since(shown) < PACE || work.label == progress.label => return,
            Some(_) => "update_display_data",
        };
        work.shown = Some(now);
        work.label.clone_from(&progress.label);
        let id = work.id.clone();
        self.line(msg_type, &id, &progress.label);
    }

    fn input(&mut self, question: Question) -> Option<String> {
        if !self.allow_stdin {
            return None;
        }
        self.end_work();
        self.kernel.stdin.ask(question, self.request)
    }
}

/// The screen of a silent cell: nothing is shown, nobody is asked; the value is kept.
#[derive(Default)]
pub(super) struct SilentScreen {
    /// The value of the cell's last expression.
    pub(super) result: Option<Display>,
}

impl Screen for SilentScreen {
    fn stream(&mut self, _name: StreamName, _text: &str) {}
    fn display(&mut self, _display: Display) {}
    fn update(&mut self, _display: Display) {}
    fn result(&mut self, display: Display) {
        self.result = Some(display);
    }
    fn clear(&mut self, _wait: bool) {}
}
