//! Widgets with frontend code of their own, by anywidget.

use super::state::{self, StatePart};
use super::widget::Widget;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// The version of anywidget's frontend that is asked for.
const VERSION: &str = "~0.11.*";

/// A widget in the making, whose frontend code comes with it: a JavaScript module that exports `render`.
///
/// The frontend needs the Python package `anywidget` installed beside Jupyter; the kernel does not.
///
/// ```no_run
/// use candlewick_prelude::prelude::*;
/// let counter = AnyWidget::new(
///     "function render({ model, el }) {
///          let button = document.createElement('button');
///          let draw = () => { button.textContent = `clicked ${model.get('count')} times`; };
///          button.onclick = () => { model.set('count', model.get('count') + 1); model.save_changes(); };
///          model.on('change:count', draw);
///          draw();
///          el.append(button);
///      }
///      export default { render };",
/// )
/// .css("button { font-size: 2em }")
/// .state("count", 0)
/// .open();
/// counter.on_change("count", |count| show::note(&format!("the count is {}", count.json())));
/// counter.display();
/// ```
///
/// Reference: [anywidget](https://anywidget.dev) 0.11, its front-end module specification.
#[derive(Clone, Debug)]
pub struct AnyWidget {
    esm: String,
    css: String,
    state: Vec<(String, StatePart)>,
}

impl AnyWidget {
    /// A widget of this JavaScript module.
    pub fn new(esm: &str) -> AnyWidget {
        AnyWidget { esm: esm.to_owned(), css: String::new(), state: Vec::new() }
    }

    /// Adds a style sheet.
    pub fn css(mut self, css: &str) -> AnyWidget {
        self.css.push_str(css);
        self
    }

    /// Adds a part of the state, which the module reads with `model.get(name)`.
    pub fn state(mut self, name: &str, value: impl Into<StatePart>) -> AnyWidget {
        self.state.push((name.to_owned(), value.into()));
        self
    }

    /// Adds bytes to the state; the module gets a `DataView`.
    pub fn bytes(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> AnyWidget {
        self.state.push((name.to_owned(), state::bytes(bytes)));
        self
    }

    /// Opens the widget in the frontend.
    pub fn open(self) -> Widget {
        // The frontend keeps one style sheet a name.
        let mut hasher = DefaultHasher::new();
        (&self.esm, &self.css).hash(&mut hasher);
        let own = [
            ("_esm", self.esm.as_str().into()),
            ("_css", self.css.as_str().into()),
            ("_anywidget_id", format!("candlewick.{:x}", hasher.finish()).into()),
        ];
        let state = self.state.iter().map(|(name, part)| (name.as_str(), part.clone()));
        Widget::open(("anywidget", VERSION, "AnyModel", "AnyView"), own.into_iter().chain(state))
    }
}
