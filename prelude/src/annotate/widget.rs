//! The tool in a notebook: an anywidget, answered from the thread of the comms, so also while a cell runs.

use super::desk::Desk;
use super::talk::{self, Reply};
use super::{CSS, MODULE, picture};
use crate::widgets::{AnyWidget, Widget};
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError};

/// The desk's widget; all that show the desk show this one.
pub(super) fn of(desk: &Arc<Desk>) -> Widget {
    let mut held = desk.widget.lock().unwrap_or_else(PoisonError::into_inner);
    match &*held {
        Some(widget) if widget.is_open() => widget.clone(),
        _ => held.insert(opened(desk)).clone(),
    }
}

fn opened(desk: &Arc<Desk>) -> Widget {
    let widget = AnyWidget::new(MODULE).css(CSS).open();
    let out = widget.clone();
    // All views of the model hear all; each knows its own.
    desk.listen(Box::new(move |told, _| {
        told.iter().for_each(|message| out.send(message.clone(), Vec::new()));
        out.is_open()
    }));
    let (desk, out) = (desk.clone(), widget.clone());
    widget.on_message(move |message| {
        for said in talk::hear(&desk, &message.data) {
            let (message, buffers) = with_picture(said, &message.data);
            out.send(message, buffers);
        }
    });
    widget
}

/// An answer with its picture; where that cannot be read, a refusal.
fn with_picture(said: Reply, to: &Map<String, Value>) -> (Value, Vec<Vec<u8>>) {
    let Some(path) = &said.picture else { return (said.message, Vec::new()) };
    match picture::small(path) {
        Ok(bytes) => {
            let mut message = said.message;
            message["mime"] = "image/jpeg".into();
            (message, vec![bytes])
        }
        Err(error) => (Reply::refused(to, error.message()).message, Vec::new()),
    }
}
