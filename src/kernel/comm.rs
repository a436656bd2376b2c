//! Comms: which are open, and the targets that the kernel itself offers.
//!
//! The one target so far is [`VARIABLES`]: a frontend's variable pane opens it and is sent the
//! variables at once, after each cell, and whenever it sends a message.

use super::engine::Engine;
use super::iopub::Iopub;
use super::message::child;
use crate::session::Variable;
use jupyter_protocol::{
    CommClose, CommId, CommInfo, CommInfoReply, CommInfoRequest, CommMsg, CommOpen, JupyterMessage, ReplyStatus,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The target of variable panes: data is `{"variables": [{"name": …, "type": …}, …]}`.
pub(super) const VARIABLES: &str = "candlewick.variables";

/// The comms that are open. Lives on the thread that runs cells.
#[derive(Default)]
pub(super) struct Comms {
    open: HashMap<CommId, String>,
}

impl Comms {
    /// A frontend opens a comm; one of an unknown target is closed at once.
    pub(super) fn open(&mut self, request: &CommOpen, parent: &JupyterMessage, engine: &dyn Engine, iopub: &Iopub) {
        if request.target_name != VARIABLES {
            let reason = format!("no comm target `{}`", request.target_name);
            let data = Map::from_iter([("reason".to_owned(), Value::String(reason))]);
            iopub.publish(CommClose { comm_id: request.comm_id.clone(), data }, parent);
            return;
        }
        self.open.insert(request.comm_id.clone(), request.target_name.clone());
        send_variables(&request.comm_id, &engine.variables(), parent, iopub);
    }

    /// A frontend sends a message; one to a comm that is not open is ignored, as ipykernel does.
    pub(super) fn message(&mut self, request: &CommMsg, parent: &JupyterMessage, engine: &dyn Engine, iopub: &Iopub) {
        if self.open.contains_key(&request.comm_id) {
            send_variables(&request.comm_id, &engine.variables(), parent, iopub);
        }
    }

    /// A frontend closes a comm.
    pub(super) fn close(&mut self, request: &CommClose) {
        self.open.remove(&request.comm_id);
    }

    /// Tells the variable panes after a cell.
    pub(super) fn after_cell(&self, parent: &JupyterMessage, engine: &dyn Engine, iopub: &Iopub) {
        if self.open.is_empty() {
            return;
        }
        let variables = engine.variables();
        for id in self.open.keys() {
            send_variables(id, &variables, parent, iopub);
        }
    }

    /// The open comms, of one target where the request names one.
    pub(super) fn info(&self, request: &CommInfoRequest) -> CommInfoReply {
        let wanted = |target: &&String| request.target_name.as_ref().is_none_or(|name| name == *target);
        let comms = self.open.iter().filter(|(_, target)| wanted(target));
        let comms = comms.map(|(id, target)| (id.clone(), CommInfo { target_name: target.clone() })).collect();
        CommInfoReply { status: ReplyStatus::Ok, comms, error: None }
    }
}

fn send_variables(id: &CommId, variables: &[Variable], parent: &JupyterMessage, iopub: &Iopub) {
    let rows: Vec<Value> =
        variables.iter().map(|variable| json!({"name": variable.name, "type": variable.kind})).collect();
    let data = Map::from_iter([("variables".to_owned(), Value::Array(rows))]);
    iopub.publish_message(child(CommMsg { comm_id: id.clone(), data }.into(), Some(parent)));
}
