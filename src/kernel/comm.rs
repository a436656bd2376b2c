//! Comms: which are open, whose they are, and what is said over them.
//!
//! Two ends talk with frontends. The kernel itself offers [`VARIABLES`]: a frontend's variable pane opens it and is
//! sent the variables at once, after each cell, and whenever it sends a message; that waits in the queue of cells.
//! All other comms are the cells' (widgets): what frontends say is handed on at once, by a thread of its own, since
//! a button must work while a cell runs.

use super::Kernel;
use super::iopub::Iopub;
use super::message::child;
use crate::engine::Engine;
use crate::screen::{Comm, CommAct, Said};
use crate::session::Variable;
use jupyter_protocol::{
    CommClose, CommId, CommInfo, CommInfoReply, CommInfoRequest, CommMsg, CommOpen, JupyterMessage,
    JupyterMessageContent, ReplyStatus, Status,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The target of variable panes: data is `{"variables": [{"name": …, "type": …, "shape": …, "bytes": …}, …]}`.
pub(super) const VARIABLES: &str = "candlewick.variables";

/// The comms that are open.
#[derive(Default)]
pub(super) struct Comms {
    open: Mutex<HashMap<CommId, String>>,
    /// What has been handed to the cells' side and not been dealt with, by number.
    waiting: Mutex<BTreeMap<u64, Arc<JupyterMessage>>>,
    numbers: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Comms {
    /// Whether a message of a frontend is about a comm of the cells' side; panes are noted as they come.
    pub(super) fn is_for_cells(&self, request: &JupyterMessage) -> bool {
        use JupyterMessageContent as Content;
        let mut open = lock(&self.open);
        let is_pane = |open: &HashMap<CommId, String>, id| open.get(id).is_some_and(|target| target == VARIABLES);
        match &request.content {
            Content::CommOpen(comm) => {
                open.insert(comm.comm_id.clone(), comm.target_name.clone());
                comm.target_name != VARIABLES
            }
            Content::CommMsg(comm) => !is_pane(&open, &comm.comm_id),
            Content::CommClose(comm) => !is_pane(&open, &comm.comm_id),
            _ => false,
        }
    }

    /// Hands what a frontend said to the cells' side. The kernel is busy with it until [`handled`](Comms::handled).
    pub(super) fn hand_over(&self, request: &Arc<JupyterMessage>, kernel: &Kernel) {
        use JupyterMessageContent as Content;
        let (id, act, data) = match &request.content {
            Content::CommOpen(comm) => (&comm.comm_id, CommAct::Open(comm.target_name.clone()), &comm.data),
            Content::CommMsg(comm) => (&comm.comm_id, CommAct::Message, &comm.data),
            Content::CommClose(comm) => (&comm.comm_id, CommAct::Close, &comm.data),
            _ => return,
        };
        kernel.iopub.publish(Status::busy(), request);
        let opens = matches!(act, CommAct::Open(_));
        let known = if act == CommAct::Close { lock(&self.open).remove(id) } else { lock(&self.open).get(id).cloned() };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        kernel.asking().last = Some(request.clone());
        lock(&self.waiting).insert(number, request.clone());
        let comm = Comm {
            id: id.0.clone(),
            act,
            data: data.clone(),
            metadata: request.metadata.as_object().cloned().unwrap_or_default(),
            buffers: request.buffers.iter().map(|bytes| bytes.to_vec()).collect(),
        };
        // A message to a comm that is not open is ignored, as ipykernel does.
        if known.is_some() && kernel.engine.comm(number, comm) {
            return;
        }
        if opens && let Some(target) = lock(&self.open).remove(id) {
            let data = Map::from_iter([("reason".to_owned(), format!("no comm target `{target}`").into())]);
            kernel.iopub.publish(CommClose { comm_id: id.clone(), data }, request);
        }
        self.handled(number, kernel);
    }

    /// What the cells' side says of comms, in answer to `parent`.
    pub(super) fn take(&self, said: Said, parent: &JupyterMessage, kernel: &Kernel) {
        match said {
            Said::Comm(comm) => self.say(comm, parent, &kernel.iopub),
            Said::Handled { number } => self.handled(number, kernel),
            Said::Gone => self.gone(parent, kernel),
            _ => {}
        }
    }

    /// The cells' side has dealt with what was handed over under this number.
    fn handled(&self, number: u64, kernel: &Kernel) {
        let request = lock(&self.waiting).remove(&number);
        if let Some(request) = request {
            kernel.iopub.publish(Status::idle(), &request);
            kernel.still_busy();
        }
    }

    /// The message whose callback runs, if one does: they are called one after the other.
    pub(super) fn answered(&self) -> Option<Arc<JupyterMessage>> {
        lock(&self.waiting).values().next().cloned()
    }

    /// The cells' side says something, in answer to `parent`.
    fn say(&self, comm: Comm, parent: &JupyterMessage, iopub: &Iopub) {
        let Comm { id, act, data, metadata, buffers } = comm;
        let comm_id = CommId(id);
        let content: JupyterMessageContent = match act {
            CommAct::Open(target_name) => {
                lock(&self.open).insert(comm_id.clone(), target_name.clone());
                CommOpen { comm_id, target_name, data, target_module: None }.into()
            }
            CommAct::Message => CommMsg { comm_id, data }.into(),
            CommAct::Close => {
                lock(&self.open).remove(&comm_id);
                CommClose { comm_id, data }.into()
            }
        };
        let mut message = child(content, Some(parent));
        message.metadata = Value::Object(metadata);
        message.buffers = buffers.into_iter().map(Into::into).collect();
        iopub.publish_message(message);
    }

    /// The process of the cells is gone: its comms are closed, and nothing is waited for.
    fn gone(&self, parent: &JupyterMessage, kernel: &Kernel) {
        let mut closed = Vec::new();
        lock(&self.open).retain(|id, target| {
            target == VARIABLES || {
                closed.push(id.clone());
                false
            }
        });
        for comm_id in closed {
            kernel.iopub.publish(CommClose { comm_id, data: Map::new() }, parent);
        }
        let numbers: Vec<u64> = lock(&self.waiting).keys().copied().collect();
        numbers.into_iter().for_each(|number| self.handled(number, kernel));
    }

    /// A variable pane speaks, in the queue of cells.
    pub(super) fn pane(&self, request: &JupyterMessage, engine: &dyn Engine, iopub: &Iopub) {
        use JupyterMessageContent as Content;
        match &request.content {
            Content::CommClose(comm) => drop(lock(&self.open).remove(&comm.comm_id)),
            Content::CommOpen(CommOpen { comm_id, .. }) | Content::CommMsg(CommMsg { comm_id, .. }) => {
                send_variables(comm_id, &engine.variables(), request, iopub);
            }
            _ => {}
        }
    }

    /// Tells the variable panes after a cell.
    pub(super) fn after_cell(&self, parent: &JupyterMessage, engine: &dyn Engine, iopub: &Iopub) {
        let open = lock(&self.open);
        let panes: Vec<CommId> =
            open.iter().filter(|(_, target)| *target == VARIABLES).map(|(id, _)| id.clone()).collect();
        drop(open);
        if panes.is_empty() {
            return;
        }
        let variables = engine.variables();
        for id in panes {
            send_variables(&id, &variables, parent, iopub);
        }
    }

    /// The open comms, of one target where the request names one.
    pub(super) fn info(&self, request: &CommInfoRequest) -> CommInfoReply {
        let wanted = |target: &&String| request.target_name.as_ref().is_none_or(|name| name == *target);
        let open = lock(&self.open);
        let comms = open.iter().filter(|(_, target)| wanted(target));
        let comms = comms.map(|(id, target)| (id.clone(), CommInfo { target_name: target.clone() })).collect();
        CommInfoReply { status: ReplyStatus::Ok, comms, error: None }
    }
}

fn send_variables(id: &CommId, variables: &[Variable], parent: &JupyterMessage, iopub: &Iopub) {
    let row = |variable: &Variable| {
        let Variable { name, kind, shape, bytes } = variable;
        json!({"name": name, "type": kind, "shape": shape, "bytes": bytes})
    };
    let rows: Vec<Value> = variables.iter().map(row).collect();
    let data = Map::from_iter([("variables".to_owned(), Value::Array(rows))]);
    iopub.publish_message(child(CommMsg { comm_id: id.clone(), data }.into(), Some(parent)));
}
