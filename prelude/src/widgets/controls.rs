//! Controls of ipywidgets 8: bars, a label, a picture, a button.

use super::state::{self, StatePart};
use super::widget::Widget;
use crate::show::{self, Bundle, Show};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Display;
use std::ops::{Deref, Range};

/// The controls' module and its version.
const CONTROLS: (&str, &str) = ("@jupyter-widgets/controls", "2.0.0");

/// A control with the parts of the state that all of them have.
fn control<'a>(model: &str, view: &str, own: impl IntoIterator<Item = (&'a str, StatePart)>) -> Widget {
    let (module, version) = CONTROLS;
    let common = [("_dom_classes", json!([])), ("_view_count", Value::Null), ("tabbable", Value::Null)];
    let common = common.into_iter().chain([("tooltip", Value::Null)]).map(|(name, value)| (name, value.into()));
    Widget::open((module, version, model, view), common.chain(own))
}

/// A kind of widget: a name for a [`Widget`] that has been made in a certain way, with all its methods.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone)]
            pub struct $kind(Widget);

            impl Deref for $kind {
                type Target = Widget;
                fn deref(&self) -> &Widget {
                    &self.0
                }
            }
        )*
    };
}

kinds!(
    /// A bar that shows how far something is, in whole steps.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// let bar = IntProgress::new(0, 100).description("reading");
    /// bar.display();
    /// for step in 0..=100 {
    ///     bar.set_value(step);
    /// }
    /// ```
    IntProgress,
    /// A bar that shows how far something is.
    FloatProgress,
    /// A line of text.
    Label,
    /// A picture that can be replaced in place; its bytes travel as they are, not as text.
    Image,
    /// A slider from one number to another.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// let slider = FloatSlider::new(0.0, 1.0, 0.05).description("score");
    /// slider.on_move(|value| show::note(&format!("from {value} on")));
    /// ```
    FloatSlider,
    /// Widgets below each other.
    VBox,
    /// A button.
    ///
    /// ```no_run
    /// # use candlewick_prelude::prelude::*;
    /// let button = Button::new("stop").icon("stop").look("danger");
    /// button.on_click(|| candlewick::interrupt::request());
    /// ```
    Button,
);

/// The ends of a bar: as given where they are two finite numbers in order, else put right with a note.
fn ends<N: PartialOrd + Display + Serialize + Copy>(min: N, max: N, instead: Range<N>) -> (N, N) {
    // JSON, in which frontends hear of it, has no numbers that are not finite
    let (low, high) = match json!(min).is_number() && json!(max).is_number() {
        true if min <= max => return (min, max),
        true => (max, min),
        false => (instead.start, instead.end),
    };
    show::note(&format!(
        "a bar goes from a lower to a higher number, found {min} to {max}: it goes from {low} to {high}"
    ));
    (low, high)
}

/// The two bars differ in the type of their numbers alone.
macro_rules! bars {
    ($($bar:ident, $model:literal, $number:ty, $read:ident);* $(;)?) => {
        $(
            impl $bar {
                /// A bar from `min` to `max`, at `min`; `min` is not above `max`, else a note says what is taken
                /// instead.
                pub fn new(min: $number, max: $number) -> $bar {
                    let (min, max) = ends(min, max, 0 as $number..1 as $number);
                    let own = [
                        ("bar_style", json!("")),
                        ("description", json!("")),
                        ("description_allow_html", json!(false)),
                        ("max", json!(max)),
                        ("min", json!(min)),
                        ("orientation", json!("horizontal")),
                        ("value", json!(min)),
                    ];
                    $bar(control($model, "ProgressView", own.map(|(name, value)| (name, value.into()))))
                }

                /// Puts a word beside it.
                pub fn description(self, text: &str) -> $bar {
                    self.set("description", text);
                    self
                }

                /// Its colour: `success`, `info`, `warning`, `danger`, or nothing.
                pub fn look(self, style: &str) -> $bar {
                    self.set("bar_style", style);
                    self
                }

                /// How far it is.
                pub fn value(&self) -> $number {
                    self.get("value").json().$read().unwrap_or_default()
                }

                /// Moves it, no further than from one end to the other; a value that is no number does not move it.
                pub fn set_value(&self, value: $number) {
                    if value.partial_cmp(&value).is_none() {
                        return show::note(&format!("a bar cannot be moved to {value}: it stays where it is"));
                    }
                    let end = |name| self.get(name).json().$read().unwrap_or(value);
                    self.set("value", value.min(end("max")).max(end("min")));
                }
            }

            impl Show for $bar {
                fn bundle(&self) -> Bundle {
                    let number = |name| self.get(name).json().as_f64().unwrap_or_default();
                    let (min, max, value) = (number("min"), number("max"), number("value"));
                    let share = if max > min { ((value - min) / (max - min)).clamp(0.0, 1.0) } else { 0.0 };
                    let full = (20.0 * share) as usize;
                    let word = self.get("description");
                    let word = word.json().as_str().unwrap_or_default();
                    let text = format!("{word} {}{} {value}/{max}", "█".repeat(full), "░".repeat(20 - full));
                    self.bundle_with(Bundle::new().text(text.trim_start()))
                }
            }
        )*
    };
}

bars!(
    IntProgress, "IntProgressModel", i64, as_i64;
    FloatProgress, "FloatProgressModel", f64, as_f64;
);

impl FloatSlider {
    /// A slider from `min` to `max` in steps, at `min`; ends that make no sense are put right with a note.
    pub fn new(min: f64, max: f64, step: f64) -> FloatSlider {
        let (min, max) = ends(min, max, 0.0..1.0);
        let own = [
            ("behavior", json!("drag-tap")),
            ("continuous_update", json!(true)),
            ("description", json!("")),
            ("description_allow_html", json!(false)),
            ("disabled", json!(false)),
            ("max", json!(max)),
            ("min", json!(min)),
            ("orientation", json!("horizontal")),
            ("readout", json!(true)),
            ("readout_format", json!(".2f")),
            ("step", json!(if step.is_finite() && step > 0.0 { step } else { (max - min) / 100.0 })),
            ("value", json!(min)),
        ];
        FloatSlider(control("FloatSliderModel", "FloatSliderView", own.map(|(name, value)| (name, value.into()))))
    }

    /// Puts a word beside it.
    pub fn description(self, text: &str) -> FloatSlider {
        self.set("description", text);
        self
    }

    /// Where it stands.
    pub fn value(&self) -> f64 {
        self.get("value").json().as_f64().unwrap_or_default()
    }

    /// Moves it, no further than from one end to the other.
    pub fn set_value(&self, value: f64) {
        let end = |name| self.get(name).json().as_f64().unwrap_or(value);
        if value.is_finite() {
            self.set("value", value.min(end("max")).max(end("min")));
        }
    }

    /// Calls `callback` with each number to which a person moves it, on the widgets' thread.
    pub fn on_move(&self, mut callback: impl FnMut(f64) + Send + 'static) {
        self.on_change("value", move |value| {
            if let Some(value) = value.json().as_f64() {
                callback(value);
            }
        });
    }
}

impl Show for FloatSlider {
    fn bundle(&self) -> Bundle {
        let word = self.get("description");
        let text = format!("{} {}", word.json().as_str().unwrap_or_default(), self.value());
        self.bundle_with(Bundle::new().text(text.trim_start()))
    }
}

impl VBox {
    /// These widgets, the first one on top.
    pub fn new(children: &[&Widget]) -> VBox {
        let children: Vec<String> = children.iter().map(|child| format!("IPY_MODEL_{}", child.id())).collect();
        let own = [("box_style", json!("")), ("children", json!(children))];
        VBox(control("VBoxModel", "VBoxView", own.map(|(name, value)| (name, value.into()))))
    }

    /// The box where there are widgets, and `fallback` where there are none.
    pub fn or(&self, fallback: Bundle) -> Bundle {
        self.bundle_with(fallback)
    }
}

impl Show for VBox {
    fn bundle(&self) -> Bundle {
        let count = self.get("children").json().as_array().map_or(0, Vec::len);
        self.bundle_with(Bundle::new().text(format!("{count} widgets below each other")))
    }
}

impl Label {
    /// A line that says `text`.
    pub fn new(text: &str) -> Label {
        let own = [
            ("description", json!("")),
            ("description_allow_html", json!(false)),
            ("placeholder", json!("\u{200b}")),
            ("value", json!(text)),
        ];
        Label(control("LabelModel", "LabelView", own.map(|(name, value)| (name, value.into()))))
    }

    /// What it says.
    pub fn text(&self) -> String {
        self.get("value").json().as_str().unwrap_or_default().to_owned()
    }

    /// Makes it say something else.
    pub fn set_text(&self, text: &str) {
        self.set("value", text);
    }
}

impl Show for Label {
    fn bundle(&self) -> Bundle {
        self.bundle_with(Bundle::new().text(self.text()))
    }
}

impl Image {
    /// The picture in these bytes of a PNG file.
    pub fn png(bytes: impl Into<Vec<u8>>) -> Image {
        Image::new("png", bytes)
    }

    /// The picture in these bytes of a file; `format` is `png`, `jpeg`, `gif`, `webp` or `svg+xml`.
    pub fn new(format: &str, bytes: impl Into<Vec<u8>>) -> Image {
        let own =
            [("format", format.into()), ("height", "".into()), ("value", state::bytes(bytes)), ("width", "".into())];
        Image(control("ImageModel", "ImageView", own))
    }

    /// How large it is on the page, in CSS pixels, 1 or more; a size of 0 is not taken, and a note says so.
    pub fn size(self, width: u32, height: u32) -> Image {
        if width == 0 || height == 0 {
            show::note(&format!(
                "the `size` of the picture is {width} × {height}; expected 1 or more CSS pixels: it stays as it was"
            ));
            return self;
        }
        self.set_all([("width", width.to_string().into()), ("height", height.to_string().into())]);
        self
    }

    /// Shows another picture of the same format in its place.
    pub fn set_bytes(&self, bytes: impl Into<Vec<u8>>) {
        self.0.set_bytes("value", bytes);
    }
}

impl Show for Image {
    fn bundle(&self) -> Bundle {
        let (format, value) = (self.get("format"), self.get("value"));
        let bytes = value.bytes().unwrap_or_default();
        let text = format!("picture of {} bytes ({})", bytes.len(), format.json().as_str().unwrap_or_default());
        let fallback = Bundle::new().text(text);
        // Frontends without widgets, and saved notebooks, show the picture as it is now.
        self.bundle_with(if format.json() == "png" { fallback.png(bytes) } else { fallback })
    }
}

impl Button {
    /// A button with this word on it.
    pub fn new(description: &str) -> Button {
        let own = [
            ("button_style", json!("")),
            ("description", json!(description)),
            ("disabled", json!(false)),
            ("icon", json!("")),
        ];
        Button(control("ButtonModel", "ButtonView", own.map(|(name, value)| (name, value.into()))))
    }

    /// Its colour: `primary`, `success`, `info`, `warning`, `danger`, or nothing.
    pub fn look(self, style: &str) -> Button {
        self.set("button_style", style);
        self
    }

    /// Puts an icon of Font Awesome on it, by name.
    pub fn icon(self, name: &str) -> Button {
        self.set("icon", name);
        self
    }

    /// Calls `callback` with each click, on the widgets' thread.
    pub fn on_click(&self, mut callback: impl FnMut() + Send + 'static) {
        self.on_message(move |message| {
            if message.data.get("event").is_some_and(|event| event == "click") {
                callback();
            }
        });
    }
}

impl Show for Button {
    fn bundle(&self) -> Bundle {
        let word = self.get("description");
        self.bundle_with(Bundle::new().text(format!("[ {} ]", word.json().as_str().unwrap_or_default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_keeps_between_its_ends_and_is_text_where_there_are_no_widgets() {
        let bar = IntProgress::new(-2, 8).description("reading");
        bar.set_value(99);
        assert_eq!(bar.value(), 8);
        bar.set_value(3);
        assert_eq!(bar.bundle(), Bundle::new().text("reading ██████████░░░░░░░░░░ 3/8"));
        let bar = FloatProgress::new(0.0, 0.5);
        bar.set_value(-1.0);
        assert_eq!(bar.value(), 0.0);
        assert_eq!(bar.bundle().as_text(), Some("░░░░░░░░░░░░░░░░░░░░ 0/0.5"));
    }

    #[test]
    fn ends_that_make_no_sense_are_put_right() {
        let bar = IntProgress::new(8, -2);
        bar.set_value(99);
        assert_eq!(bar.value(), 8);
        for (min, max) in [(f64::NAN, 5.0), (0.0, f64::INFINITY)] {
            let bar = FloatProgress::new(min, max);
            bar.set_value(0.25);
            bar.set_value(f64::NAN);
            assert_eq!(bar.bundle().as_text(), Some("█████░░░░░░░░░░░░░░░ 0.25/1"));
        }
        let image = Image::png([1]).size(10, 20).size(0, 5);
        assert_eq!((image.get("width").json(), image.get("height").json()), (&json!("10"), &json!("20")));
    }

    #[test]
    fn a_picture_is_itself_where_there_are_no_widgets() {
        let image = Image::png([1, 2, 3]).size(10, 20);
        assert_eq!(image.bundle(), Bundle::new().text("picture of 3 bytes (png)").png(&[1, 2, 3]));
        image.set_bytes([0]);
        assert_eq!(image.get("value").bytes(), Some(&[0][..]));
        assert_eq!(image.get("width").json(), "10");
    }
}
