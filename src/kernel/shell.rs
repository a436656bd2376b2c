//! The shell channel: one reader that queues, one thread that answers in order and runs the cells.

use super::background::interrupted;
use super::history::History;
use super::message::{note, raw, receive, refusal};
use super::queue::Queued;
use super::screen::{CellScreen, SilentScreen};
use super::{Kernel, answers, control};
use crate::screen::Screen;
use crate::session::{CellError, Why};
use jupyter_protocol::{
    ErrorOutput, ExecuteInput, ExecuteRequest, ExecutionCount, JupyterMessage, JupyterMessageContent, Status,
};
use jupyter_zmq_client::RouterRecvConnection;
use serde_json::{Map, Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The item that a cell like `?Tensor` asks about.
fn asks_for_help(code: &str) -> Option<&str> {
    let item = code.trim().strip_prefix('?')?.trim();
    (!item.is_empty() && !item.contains('\n')).then_some(item)
}

/// Queues what arrives. Shutdown and interrupt, which old clients send here, do not wait in the queue.
pub(super) async fn read(mut reader: RouterRecvConnection, kernel: Arc<Kernel>) {
    loop {
        match receive(&mut reader).await {
            Ok(request) => match request.content {
                JupyterMessageContent::ShutdownRequest(_) | JupyterMessageContent::InterruptRequest(_) => {
                    control::answer(&kernel, &request, &kernel.shell).await;
                }
                _ if kernel.comms.is_for_cells(&request) => kernel.comm_queue.push(request),
                _ => kernel.queue.push(request),
            },
            Err(error) => note(format_args!("shell: dropped a message: {error}")),
        }
    }
}

/// Answers the queue's requests until it is closed.
pub(super) fn work(kernel: &Kernel, history: History) {
    let mut worker = Worker { kernel, history, count: 0 };
    while let Some(Queued { request, aborted }) = kernel.queue.next() {
        kernel.iopub.publish(Status::busy(), &request);
        // A panic below is a bug of ours or of the compiler's front; it must not end the kernel.
        let reply = catch_unwind(AssertUnwindSafe(|| worker.answer(&request, aborted)));
        match reply {
            Ok(Some(content)) => kernel.shell.reply(content, &request),
            Ok(None) => {}
            Err(_) => {
                note(format_args!("a {} made the kernel panic", request.header.msg_type));
                let reply_type = request.header.msg_type.replace("_request", "_reply");
                let content =
                    json!({"status": "error", "ename": "Panic", "evalue": "the kernel panicked", "traceback": []});
                kernel.shell.reply(raw(&reply_type, content), &request);
            }
        }
        if matches!(request.content, JupyterMessageContent::ExecuteRequest(_)) {
            kernel.comms.after_cell(&request, kernel.engine.as_ref(), &kernel.iopub);
        }
        kernel.asking().cell = None;
        kernel.iopub.publish(Status::idle(), &request);
    }
}

struct Worker<'a> {
    kernel: &'a Kernel,
    history: History,
    /// The number of the last cell that counted.
    count: usize,
}

impl Worker<'_> {
    fn answer(&mut self, request: &Arc<JupyterMessage>, aborted: bool) -> Option<JupyterMessageContent> {
        use JupyterMessageContent as Content;
        let engine = self.kernel.engine.as_ref();
        let iopub = &self.kernel.iopub;
        match &request.content {
            Content::ExecuteRequest(_) if aborted => Some(self.aborted()),
            Content::ExecuteRequest(cell) => Some(self.execute(cell, request)),
            Content::KernelInfoRequest(_) => Some(answers::kernel_info()),
            Content::CompleteRequest(place) => Some(answers::complete(place, engine)),
            Content::InspectRequest(place) => Some(answers::inspect(place, engine)),
            Content::IsCompleteRequest(code) => Some(answers::is_complete(code, engine)),
            Content::DebugRequest(debug) => Some(answers::debug(debug)),
            Content::HistoryRequest(which) => {
                Some(raw("history_reply", json!({"status": "ok", "history": self.history.find(which)})))
            }
            Content::CommInfoRequest(which) => Some(self.kernel.comms.info(which).into()),
            Content::CommOpen(_) | Content::CommMsg(_) | Content::CommClose(_) => {
                self.kernel.comms.pane(request, engine, iopub);
                None
            }
            Content::UnknownMessage(unknown) => refusal(unknown),
            other => {
                note(format_args!("shell: unexpected {}", other.message_type()));
                None
            }
        }
    }

    fn aborted(&self) -> JupyterMessageContent {
        let content = json!({
            "status": "aborted", "execution_count": self.count, "user_expressions": {}, "payload": [],
            "ename": "Aborted", "evalue": "an earlier cell failed", "traceback": [],
        });
        raw("execute_reply", content)
    }

    /// Runs a cell and reports; the reply is built as JSON, since an absent field must not become null.
    fn execute(&mut self, cell: &ExecuteRequest, request: &Arc<JupyterMessage>) -> JupyterMessageContent {
        let count = self.count + 1;
        {
            let mut asking = self.kernel.asking();
            (asking.last, asking.cell) = (Some(request.clone()), Some(request.clone()));
        }
        if cell.store_history && !cell.silent {
            self.count = count;
        }
        let mut payload = json!([]);
        let outcome = if cell.silent {
            self.run(&cell.code, &mut SilentScreen::new(self.kernel, request))
        } else {
            let input = ExecuteInput { code: cell.code.clone(), execution_count: ExecutionCount::new(count) };
            self.kernel.iopub.publish(input, request);
            let mut screen = CellScreen::new(self.kernel, request, count, cell.allow_stdin);
            let outcome = match asks_for_help(&cell.code) {
                Some(item) => answers::page(item, self.kernel.engine.as_ref()).map(|page| payload = json!([page])),
                None => self.run(&cell.code, &mut screen),
            };
            screen.end_work();
            if cell.store_history && !cell.code.trim().is_empty() {
                self.history.add(count, &cell.code, screen.value());
            }
            outcome
        };
        let mut content = json!({"status": "ok", "execution_count": count, "user_expressions": {}, "payload": payload});
        match outcome {
            Ok(()) => content["user_expressions"] = self.expressions(cell, request),
            Err(error) => {
                let traceback = error.notebook_traceback();
                let CellError { name, value, .. } = error;
                content["status"] = "error".into();
                content["ename"] = name.as_str().into();
                content["evalue"] = value.as_str().into();
                content["traceback"] = traceback.clone().into();
                if !cell.silent {
                    self.kernel.iopub.publish(ErrorOutput { ename: name, evalue: value, traceback }, request);
                }
                if cell.stop_on_error {
                    self.kernel.queue.abort_cells();
                }
            }
        }
        raw("execute_reply", content)
    }

    fn run(&self, code: &str, screen: &mut dyn Screen) -> Result<(), CellError> {
        if code.trim().is_empty() {
            return Ok(());
        }
        if !self.kernel.begin_cell() {
            return Err(interrupted("the kernel is shutting down"));
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| self.kernel.engine.execute(code, screen)));
        self.kernel.end_cell();
        match outcome {
            Ok(outcome) => outcome.map(|_| ()),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().map(String::as_str);
                let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
                let value = format!("candlewick itself panicked: {said}");
                let traceback = vec![
                    value.clone(),
                    "Your variables may be lost; restart the kernel if cells go on failing.".to_owned(),
                ];
                Err(CellError { why: Why::Session, name: "InternalError".to_owned(), value, traceback })
            }
        }
    }

    /// Evaluates a request's `user_expressions`, each quietly and on its own.
    fn expressions(&self, cell: &ExecuteRequest, request: &Arc<JupyterMessage>) -> Value {
        let mut results = Map::new();
        for (name, expression) in cell.user_expressions.iter().flatten() {
            let mut screen = SilentScreen::new(self.kernel, request);
            let result = match (self.run(expression, &mut screen), screen.result) {
                (Ok(()), Some(display)) => json!({"status": "ok", "data": display.data, "metadata": display.metadata}),
                (Ok(()), None) => json!({"status": "ok", "data": {}, "metadata": {}}),
                (Err(error), _) => json!({
                    "status": "error", "ename": error.name, "evalue": error.value,
                    "traceback": error.notebook_traceback(),
                }),
            };
            results.insert(name.clone(), result);
        }
        Value::Object(results)
    }
}
