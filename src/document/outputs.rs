//! Collects what cells say to their screen as nbformat outputs: streams joined, displays updated in place.

use super::terminal::Folded;
use super::{joined, lines};
use crate::screen::{Display, Said, Screen, StreamName};
use crate::session::CellError;
use serde_json::{Map, Value, json};

/// The outputs of the cells of one run.
#[derive(Debug, Default)]
pub struct Outputs {
    cells: Vec<Vec<Output>>,
    count: u64,
    clear_next: bool,
}

#[derive(Debug)]
enum Output {
    Stream(StreamName, Folded),
    Rich { result: Option<u64>, display: Display },
    Error(Value),
}

impl Outputs {
    /// What comes next belongs to a new cell; returns the number by which [`Outputs::of`] finds it.
    pub fn begin(&mut self, count: u64) -> usize {
        self.cells.push(Vec::new());
        self.count = count;
        self.clear_next = false;
        self.cells.len() - 1
    }

    /// The running cell ended early.
    pub fn error(&mut self, error: &CellError) {
        let value = json!({
            "output_type": "error", "ename": error.name, "evalue": error.value,
            "traceback": error.notebook_traceback(),
        });
        self.push(Output::Error(value));
    }

    /// As [`of`](Outputs::of), for the last time: what is long is not copied.
    pub fn take(&mut self, cell: usize) -> Vec<Value> {
        let outputs = self.cells.get_mut(cell).map(std::mem::take).unwrap_or_default();
        outputs.into_iter().filter_map(Output::into_json).collect()
    }

    /// The outputs of one cell as nbformat writes them.
    pub fn of(&self, cell: usize) -> Vec<Value> {
        self.cells.get(cell).map_or_else(Vec::new, |outputs| outputs.iter().filter_map(Output::to_json).collect())
    }

    fn current(&mut self) -> &mut Vec<Output> {
        if self.cells.is_empty() {
            self.cells.push(Vec::new());
        }
        let last = self.cells.len() - 1;
        &mut self.cells[last]
    }

    fn push(&mut self, output: Output) {
        let clear = std::mem::take(&mut self.clear_next);
        let outputs = self.current();
        if clear {
            outputs.clear();
        }
        outputs.push(output);
    }

    /// Replaces the content of every display of this name.
    fn replace(&mut self, new: &Display) {
        let Some(name) = &new.display_id else { return };
        for output in self.cells.iter_mut().flatten() {
            if let Output::Rich { display, .. } = output
                && display.display_id.as_ref() == Some(name)
            {
                display.data.clone_from(&new.data);
                display.metadata.clone_from(&new.metadata);
            }
        }
    }
}

impl Outputs {
    fn stream(&mut self, name: StreamName, text: &str) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.clear_next) {
            self.current().clear();
        }
        let outputs = self.current();
        match outputs.last_mut() {
            Some(Output::Stream(last, folded)) if *last == name => folded.push(text),
            _ => {
                let mut folded = Folded::default();
                folded.push(text);
                outputs.push(Output::Stream(name, folded));
            }
        }
    }
}

impl Screen for Outputs {
    fn number(&self) -> Option<u64> {
        Some(self.count)
    }
    fn say(&mut self, said: Said) {
        match said {
            Said::Stream { name, text } => self.stream(name, &text),
            Said::Display(display) => {
                // As in Jupyter: a name that is displayed again shows the new content in both places.
                self.replace(&display);
                self.push(Output::Rich { result: None, display });
            }
            Said::Update(display) => self.replace(&display),
            Said::Result(display) => {
                let count = self.count;
                self.push(Output::Rich { result: Some(count), display });
            }
            Said::Clear { wait } => {
                self.clear_next = wait;
                if !wait {
                    self.current().clear();
                }
            }
            Said::Progress(_) | Said::Comm(_) | Said::Handled { .. } | Said::Gone => {}
        }
    }
}

impl Output {
    fn to_json(&self) -> Option<Value> {
        match self {
            Output::Stream(name, folded) => stream(*name, &folded.text()),
            Output::Rich { result, display } => Some(rich(*result, display.clone())),
            Output::Error(value) => Some(value.clone()),
        }
    }

    fn into_json(self) -> Option<Value> {
        match self {
            Output::Stream(name, folded) => stream(name, &folded.into_text()),
            Output::Rich { result, display } => Some(rich(result, display)),
            Output::Error(value) => Some(value),
        }
    }
}

fn stream(name: StreamName, text: &str) -> Option<Value> {
    let output = || json!({ "output_type": "stream", "name": name.as_str(), "text": lines(text) });
    (!text.is_empty()).then(output)
}

fn rich(result: Option<u64>, display: Display) -> Value {
    let data: Map<_, _> = display.data.into_iter().map(|(mime, content)| on_disk(mime, content)).collect();
    let mut output = json!({ "output_type": "display_data", "data": data, "metadata": display.metadata });
    if let Some(count) = result {
        output["output_type"] = "execute_result".into();
        output["execution_count"] = count.into();
    }
    output
}

/// Jupyter keeps text in lists of lines, and pictures and JSON as they are.
fn on_disk(mime: String, content: Value) -> (String, Value) {
    let is_text = mime.starts_with("text/") || mime == "image/svg+xml" || mime == "application/javascript";
    let content = match content {
        Value::String(text) if is_text => lines(&text),
        Value::Array(_) if is_text => lines(&joined(&content)),
        other => other,
    };
    (mime, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use StreamName::{Stderr, Stdout};

    fn shown(text: &str, id: Option<&str>) -> Display {
        let mut display = Display { display_id: id.map(str::to_owned), ..Display::default() };
        display.data.insert("text/plain".to_owned(), text.into());
        display
    }

    fn texts(outputs: &[Value]) -> Vec<String> {
        let text = |output: &Value| joined(output.get("text").unwrap_or(&output["data"]["text/plain"]));
        outputs.iter().map(text).collect()
    }

    #[test]
    fn streams_are_joined_and_folded_and_keep_their_order() {
        let mut outputs = Outputs::default();
        let cell = outputs.begin(1);
        outputs.stream(Stdout, "one ");
        outputs.stream(Stdout, "line\n10 %\r");
        outputs.stream(Stdout, "20 %");
        outputs.stream(Stderr, "oh");
        outputs.stream(Stdout, "more");
        outputs.stream(Stdout, "");
        let outputs = outputs.of(cell);
        assert_eq!(texts(&outputs), ["one line\n20 %", "oh", "more"]);
        assert_eq!(outputs[0]["text"], json!(["one line\n", "20 %"]));
        assert_eq!(outputs[1]["name"], "stderr");
    }

    #[test]
    fn an_update_finds_its_display_in_an_earlier_cell() {
        let mut outputs = Outputs::default();
        let first = outputs.begin(1);
        outputs.say(Said::Display(shown("old", Some("curve"))));
        outputs.say(Said::Display(shown("another", None)));
        let second = outputs.begin(2);
        outputs.say(Said::Update(shown("new", Some("curve"))));
        outputs.say(Said::Update(shown("nobody's", Some("unknown"))));
        assert_eq!(texts(&outputs.of(first)), ["new", "another"]);
        assert!(outputs.of(second).is_empty());
    }

    #[test]
    fn a_name_displayed_twice_shows_the_same_twice() {
        let mut outputs = Outputs::default();
        let cell = outputs.begin(1);
        outputs.say(Said::Display(shown("first", Some("x"))));
        outputs.say(Said::Display(shown("second", Some("x"))));
        assert_eq!(texts(&outputs.of(cell)), ["second", "second"]);
    }

    #[test]
    fn clear_is_now_or_with_the_next_output() {
        let mut outputs = Outputs::default();
        let cell = outputs.begin(1);
        outputs.stream(Stdout, "gone");
        outputs.say(Said::Clear { wait: false });
        assert!(outputs.of(cell).is_empty());
        outputs.stream(Stdout, "stays until");
        outputs.say(Said::Clear { wait: true });
        assert_eq!(texts(&outputs.of(cell)), ["stays until"]);
        outputs.say(Said::Display(shown("this", None)));
        assert_eq!(texts(&outputs.of(cell)), ["this"]);
    }

    #[test]
    fn a_result_carries_its_number_and_pictures_stay_one_string() {
        let mut outputs = Outputs::default();
        let cell = outputs.begin(7);
        let mut display = shown("a\nb", None);
        display.data.insert("image/png".to_owned(), "aGk=".into());
        outputs.say(Said::Result(display));
        let outputs = outputs.of(cell);
        assert_eq!(outputs[0]["output_type"], "execute_result");
        assert_eq!(outputs[0]["execution_count"], 7);
        assert_eq!(outputs[0]["data"]["text/plain"], json!(["a\n", "b"]));
        assert_eq!(outputs[0]["data"]["image/png"], "aGk=");
    }
}
