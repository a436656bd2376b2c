//! The screen of a cell in Jupyter: what the cell says goes to IOPub under the request's header.

use super::Kernel;
use crate::screen::{Display, Progress, Question, Said, Screen, in_words};
use jupyter_protocol::{ClearOutput, JupyterMessage};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Weak};
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
    /// The progress line of earlier work, which is blank now and the last of the cell's outputs.
    blank: Option<String>,
}

/// A line that says how far long work is: the compiler, pictures that are read.
struct Work {
    began: Instant,
    shown: Option<Instant>,
    label: String,
    id: String,
}

/// A display as the protocol writes it.
fn content(display: Display) -> Value {
    let transient: Map<String, Value> =
        display.display_id.map(|id| ("display_id".to_owned(), Value::String(id))).into_iter().collect();
    json!({"data": display.data, "metadata": display.metadata, "transient": transient})
}

/// A display that has a name is updated; without one there is nothing to update, and it is shown.
fn update_type(display: &Display) -> &'static str {
    if display.display_id.is_some() { "update_display_data" } else { "display_data" }
}

impl<'a> CellScreen<'a> {
    /// The screen of the cell that `request` asks to run as number `count`.
    pub(super) fn new(kernel: &'a Kernel, request: &'a Arc<JupyterMessage>, count: usize, allow_stdin: bool) -> Self {
        CellScreen { kernel, request, count, allow_stdin, work: None, value: None, said: false, blank: None }
    }

    /// The plain text of the cell's value, if it had one.
    pub(super) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    fn publish(&self, msg_type: &str, display: Display, more: Option<(&str, Value)>) {
        let mut content = content(display);
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
            Some(Work { shown: Some(_), id, .. }) => {
                self.line("update_display_data", &id, "");
                self.blank = Some(id);
            }
            _ => {}
        }
    }

    /// Called when the cell itself says something.
    fn says(&mut self) {
        self.end_work();
        self.said = true;
        self.blank = None;
    }
}

impl CellScreen<'_> {
    /// A line that changes in place, and is gone when the work is done.
    fn progress(&mut self, progress: &Progress) {
        if progress.total > 0 && progress.done >= progress.total {
            return self.end_work();
        }
        let now = Instant::now();
        let work = self.work.get_or_insert_with(|| Work {
            began: now,
            shown: None,
            label: String::new(),
            id: uuid::Uuid::new_v4().to_string(),
        });
        let label = in_words(progress, 20, "─");
        let msg_type = match work.shown {
            None if now.duration_since(work.began) < SHORT => return,
            None => match self.blank.take() {
                Some(id) => {
                    work.id = id;
                    "update_display_data"
                }
                None => "display_data",
            },
            Some(shown) if now.duration_since(shown) < PACE || work.label == label => return,
            Some(_) => "update_display_data",
        };
        work.shown = Some(now);
        work.label.clone_from(&label);
        let id = work.id.clone();
        self.line(msg_type, &id, &label);
    }
}

impl Screen for CellScreen<'_> {
    fn number(&self) -> Option<u64> {
        Some(self.count as u64)
    }

    fn say(&mut self, said: Said) {
        match said {
            Said::Stream { name, text } => {
                self.says();
                self.kernel.iopub.publish_stream(name, &text, self.request);
            }
            Said::Display(display) => {
                self.says();
                self.publish("display_data", display, None);
            }
            Said::Update(display) => self.publish(update_type(&display), display, None),
            Said::Result(display) => {
                self.says();
                self.value = display.data.get("text/plain").and_then(Value::as_str).map(str::to_owned);
                self.publish("execute_result", display, Some(("execution_count", self.count.into())));
            }
            Said::Clear { wait } => {
                self.work = None;
                self.said = false;
                self.kernel.iopub.publish(ClearOutput { wait }, self.request);
            }
            Said::Progress(progress) => self.progress(&progress),
            Said::Comm(_) | Said::Handled { .. } | Said::Gone => {
                self.kernel.comms.take(said, self.request, self.kernel)
            }
        }
    }

    fn input(&mut self, question: Question) -> Option<String> {
        if !self.allow_stdin {
            return None;
        }
        self.end_work();
        self.kernel.stdin.ask(question, self.request)
    }
}

/// The screen of a silent cell: nothing is shown, nobody is asked; the value is kept, comms work.
pub(super) struct SilentScreen<'a> {
    kernel: &'a Kernel,
    request: &'a JupyterMessage,
    /// The value of the cell's last expression.
    pub(super) result: Option<Display>,
}

impl<'a> SilentScreen<'a> {
    /// The screen of the silent cell that `request` asks for.
    pub(super) fn new(kernel: &'a Kernel, request: &'a JupyterMessage) -> Self {
        SilentScreen { kernel, request, result: None }
    }
}

impl Screen for SilentScreen<'_> {
    fn say(&mut self, said: Said) {
        match said {
            Said::Result(display) => self.result = Some(display),
            said => self.kernel.comms.take(said, self.request, self.kernel),
        }
    }
}

/// The screen while no cell runs: callbacks of comms and threads go on. What they say answers the message that
/// called the callback, or else the last cell.
pub(super) struct BetweenCells(Weak<Kernel>);

impl BetweenCells {
    /// The screen of this kernel.
    pub(super) fn new(kernel: &Arc<Kernel>) -> BetweenCells {
        BetweenCells(Arc::downgrade(kernel))
    }

    /// Calls `say` with the kernel and the message to answer; the kernel may have ended, and nobody asked yet.
    fn each(&self, say: impl FnOnce(&Kernel, &Arc<JupyterMessage>)) {
        let Some(kernel) = self.0.upgrade() else { return };
        let last = kernel.comms.answered().or_else(|| kernel.asking().last.clone());
        if let Some(last) = last {
            say(&kernel, &last);
        }
    }
}

impl Screen for BetweenCells {
    fn say(&mut self, said: Said) {
        self.each(|kernel, last| match said {
            Said::Stream { name, text } => kernel.iopub.publish_stream(name, &text, last),
            Said::Display(display) | Said::Result(display) => {
                kernel.iopub.publish_raw("display_data", content(display), last);
            }
            Said::Update(display) => kernel.iopub.publish_raw(update_type(&display), content(display), last),
            Said::Clear { wait } => kernel.iopub.publish(ClearOutput { wait }, last),
            Said::Progress(_) => {}
            // At the kernel's own end pages keep their widgets, as with other kernels.
            Said::Gone if *kernel.cell.borrow() != super::CellState::None => {}
            Said::Comm(_) | Said::Handled { .. } | Said::Gone => kernel.comms.take(said, last, kernel),
        });
    }
}
