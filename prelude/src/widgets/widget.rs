//! The model that every widget is: named parts of a state, the same on both sides of a comm.

use super::state::{self, State, StatePart};
use crate::show::{Bundle, Comm, CommMessage, Show};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError};

/// The protocol's version, told with every widget.
const PROTOCOL: &str = "2.1.0";
/// What a notebook holds of a widget: the name of its model.
const VIEW: &str = "application/vnd.jupyter.widget-view+json";

/// A widget of any kind; a clone is the same widget.
///
/// The kinds of this room are made by their own types; any other that the frontend has is made with
/// [`open`](Widget::open).
///
/// ```no_run
/// use candlewick_prelude::widgets::Widget;
/// let controls = "@jupyter-widgets/controls";
/// let slider = Widget::open((controls, "2.0.0", "IntSliderModel", "IntSliderView"), [("value", 3.into())]);
/// slider.on_change("value", |value| candlewick_prelude::show::note(&format!("now {}", value.json())));
/// ```
#[derive(Clone)]
pub struct Widget(Arc<HeldWidget>);

struct HeldWidget {
    comm: Comm,
    state: Mutex<State>,
    on_change: Mutex<Vec<(String, Heeds<StatePart>)>>,
    on_message: Mutex<Vec<Heeds<CommMessage>>>,
}

type Heeds<T> = Arc<Mutex<dyn FnMut(&T) + Send>>;

/// What is there even after a callback panicked while it held it.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The widgets that are open, for a page that is loaded anew.
fn all() -> MutexGuard<'static, HashMap<String, Widget>> {
    static ALL: OnceLock<Mutex<HashMap<String, Widget>>> = OnceLock::new();
    lock(ALL.get_or_init(Mutex::default))
}

impl Widget {
    /// Opens a widget of the frontend's: the module that has it, that module's version, the names of model and view
    /// there; and the first parts of its state.
    pub fn open<'a>(
        (module, version, model, view): (&str, &str, &str, &str),
        state: impl IntoIterator<Item = (&'a str, StatePart)>,
    ) -> Widget {
        serve_frontends();
        let kind = [
            ("_model_module", module),
            ("_model_module_version", version),
            ("_model_name", model),
            ("_view_module", module),
            ("_view_module_version", version),
            ("_view_name", view),
        ];
        let kind = kind.into_iter().map(|(name, value)| (name, StatePart::from(value)));
        let state: State = kind.chain(state).map(|(name, part)| (name.to_owned(), part)).collect();
        let comm = Comm::open("jupyter.widget", state::message(None, &state).note("version", PROTOCOL));
        let widget = Widget(Arc::new(HeldWidget {
            comm: comm.clone(),
            state: Mutex::new(state),
            on_change: Mutex::default(),
            on_message: Mutex::default(),
        }));
        let heard = widget.clone();
        comm.on_message(move |message| heard.hear(message));
        all().insert(comm.id().to_owned(), widget.clone());
        widget
    }

    /// The name of the model, by which notebooks and other widgets refer to it.
    pub fn id(&self) -> &str {
        self.0.comm.id()
    }

    /// Whether it is still in the frontend: neither side has closed it.
    pub fn is_open(&self) -> bool {
        self.0.comm.is_open()
    }

    /// A part of the state, as it is now; the null of JSON where there is none.
    pub fn get(&self, name: &str) -> StatePart {
        lock(&self.0.state).get(name).cloned().unwrap_or_default()
    }

    /// Changes a part of the state, here and in the frontend.
    pub fn set(&self, name: &str, value: impl Into<StatePart>) {
        self.set_all([(name, value.into())]);
    }

    /// Changes a part of the state to bytes.
    pub fn set_bytes(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.set_all([(name, state::bytes(bytes))]);
    }

    /// Changes several parts at once: the frontend never sees one without the others.
    pub fn set_all<'a>(&self, parts: impl IntoIterator<Item = (&'a str, StatePart)>) {
        let changed: State = parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
        let mut state = lock(&self.0.state);
        // Sent under the lock, so that what was set last is also seen last.
        self.0.comm.send(state::message(Some("update"), &changed));
        state.extend(changed);
    }

    /// Calls `callback` with each new value that the *frontend* gives to a part of the state.
    pub fn on_change(&self, name: &str, callback: impl FnMut(&StatePart) + Send + 'static) {
        lock(&self.0.on_change).push((name.to_owned(), Arc::new(Mutex::new(callback))));
    }

    /// Calls `callback` with each message of the widget's own that the frontend sends beside the state.
    pub fn on_message(&self, callback: impl FnMut(&CommMessage) + Send + 'static) {
        lock(&self.0.on_message).push(Arc::new(Mutex::new(callback)));
    }

    /// Sends the frontend a message of the widget's own.
    pub fn send(&self, content: Value, buffers: Vec<Vec<u8>>) {
        let data = json!({ "method": "custom", "content": content });
        self.0.comm.send(CommMessage { buffers, ..CommMessage::new(data) });
    }

    /// Sets properties of its box in CSS: `widget.layout([("width", "50%")])`.
    pub fn layout<'a>(&self, css: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let css = css.into_iter().map(|(name, value)| (name, StatePart::from(value)));
        let layout = Widget::open(("@jupyter-widgets/base", "2.0.0", "LayoutModel", "LayoutView"), css);
        self.set("layout", format!("IPY_MODEL_{}", layout.id()));
    }

    /// Removes the widget from the frontend, and its callbacks from memory.
    pub fn close(&self) {
        all().remove(self.id());
        self.0.comm.close();
        lock(&self.0.on_change).clear();
        lock(&self.0.on_message).clear();
    }

    /// The forms of the widget, with `fallback` for frontends without widgets.
    pub(crate) fn bundle_with(&self, fallback: Bundle) -> Bundle {
        if !Comm::is_heard() {
            return fallback;
        }
        fallback.form(VIEW, json!({ "version_major": 2, "version_minor": 1, "model_id": self.id() }))
    }

    fn hear(&self, message: &CommMessage) {
        match message.data.get("method").and_then(Value::as_str) {
            Some("update") => {
                let changed = state::unpack(message);
                lock(&self.0.state).extend(changed.clone());
                // Other frontends of the kernel learn of it by an echo.
                self.0.comm.send(state::message(Some("echo_update"), &changed));
                let callbacks = lock(&self.0.on_change).clone();
                for (name, callback) in callbacks {
                    if let Some(part) = changed.get(&name) {
                        lock(&callback)(part);
                    }
                }
            }
            Some("request_state") => {
                let state = lock(&self.0.state);
                self.0.comm.send(state::message(Some("update"), &*state));
            }
            Some("custom") => {
                let content = message.data.get("content").cloned().unwrap_or_default();
                let own = CommMessage { buffers: message.buffers.clone(), ..CommMessage::new(content) };
                let callbacks = lock(&self.0.on_message).clone();
                callbacks.iter().for_each(|callback| lock(callback)(&own));
            }
            _ => {}
        }
    }
}

impl Show for Widget {
    fn bundle(&self) -> Bundle {
        let model = self.get("_model_name");
        self.bundle_with(Bundle::new().text(format!("widget {}", model.json().as_str().unwrap_or("of no name"))))
    }
}

/// Lets frontends ask for all widgets at once, as a page does that is loaded anew.
fn serve_frontends() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        Comm::serve("jupyter.widget.control", |comm, _| {
            let answers = comm.clone();
            comm.on_message(move |message| {
                if message.data.get("method").is_some_and(|method| method == "request_states") {
                    answers.send(all_states());
                }
            });
        });
        // Frontends before ipywidgets 7 ask first which version of their own the kernel expects.
        Comm::serve("jupyter.widget.version", |comm, _| {
            comm.send(CommMessage::new(json!({ "version": "^2.0.0" })));
        });
    });
}

fn all_states() -> CommMessage {
    let (mut states, mut paths, mut buffers) = (Map::new(), Vec::new(), Vec::new());
    for (id, widget) in all().iter() {
        let state = lock(&widget.0.state);
        let packed = state::pack(&*state, &[id.as_str().into(), "state".into()]);
        let kind = |name: &str| state.get(name).map(|part| part.json().clone()).unwrap_or_default();
        let whole = json!({
            "model_name": kind("_model_name"), "model_module": kind("_model_module"),
            "model_module_version": kind("_model_module_version"), "state": packed.state,
        });
        states.insert(id.clone(), whole);
        paths.extend(packed.paths);
        buffers.extend(packed.buffers);
    }
    let data = json!({ "method": "update_states", "states": states, "buffer_paths": paths });
    CommMessage { buffers, ..CommMessage::new(data) }
}
