//! Jupyter widgets from Rust: bars, pictures and buttons of ipywidgets, and own ones with their frontend code.
//!
//! A widget is a model that lives on both sides of a comm: [`set`](Widget::set) here changes what is seen there, and
//! what the user does there calls the callbacks here, while a cell runs and between cells. A cell that ends with a
//! widget shows it; showing it twice shows the same model twice. It stays until [`close`](Widget::close): dropping
//! the variable does not remove it from the page, as the page may still show it.
//!
//! Callbacks run on one thread of their own, so they are `Send + 'static`; what they share with cells is an `Arc`
//! (tensors and widgets are that already: their clones are the same tensor or widget).
//!
//! ```no_run
//! use candlewick_prelude::prelude::*;
//! let bar = IntProgress::new(0, 10).description("clicks");
//! let button = Button::new("one more");
//! let counted = bar.clone();
//! button.on_click(move || counted.set_value(counted.value() + 1));
//! bar.display();
//! button.display();
//! ```
//!
//! Where there is no frontend with widgets (a terminal, `candlewick run`) a widget is a line of text or a picture,
//! and its callbacks are never called. A fit's own live display needs no widgets.
//!
//! - `state` is JSON with bytes in it, as the protocol wants it; `widget` is the model; `controls` are those of
//!   ipywidgets 8; `any` is for own frontend code, by [anywidget](https://anywidget.dev).
//!
//! Reference: the Jupyter widgets messaging protocol, version 2.1 (ipywidgets 8).

mod any;
mod controls;
mod state;
mod widget;

pub use any::AnyWidget;
pub use controls::{Button, FloatProgress, FloatSlider, Image, IntProgress, Label, VBox};
pub use state::StatePart;
pub use widget::Widget;
