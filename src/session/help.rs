//! What `:help` says, the same in every face: what the prelude adds, and the commands.

use crate::screen::Display;
use serde_json::Map;
use std::fmt::Write;

/// A group of lines that one might type, each with what it does.
type Topic = (&'static str, &'static [(&'static str, &'static str)]);

const TOPICS: &[Topic] = &[
    (
        "Data",
        &[
            ("let data = ImageFolder::open(\"photos\")?.split(0.2, 42)?.size(64).batch(32);", "a folder a class"),
            ("let data = datasets::vehicles().write()?.split(0.2, 42)?.size(32);", "pictures that need no download"),
            ("data.summary()?", "classes, counts, sizes, leaks between the splits"),
            ("data.show_batch(9)?", "pictures as the network will see them"),
        ],
    ),
    (
        "Train",
        &[
            ("let mut learner = Learner::vision(Arch::default(), &data)?;", "a trained body, a new head"),
            ("learner.freeze(); learner.unfreeze_from(\"blocks.5\")?;", "what learns and what stays"),
            ("learner.fit(3, 1e-3)?;", "with a live curve; an interrupt keeps what it has learned"),
            ("interrupt::check()?;", "in a loop of your own: where it stops when you interrupt"),
            ("while !interrupt::requested() { … }", "a loop that an interrupt ends, with what it has"),
            ("learner.fit_one_cycle(4, 1e-5..1e-3)?;", "low rates for early layers, high ones for the head"),
            ("learner.save(\"photos.safetensors\")?", "weights, frozen flags, optimiser, classes, history"),
        ],
    ),
    (
        "Look",
        &[
            ("learner.summary()?", "a row a block: shapes, parameters, trainable or frozen"),
            ("learner.plot_losses()?", "the curve of all fits"),
            ("learner.confusion()?", "which class is taken for which"),
            ("learner.top_losses(9)?", "the pictures that it gets most wrong"),
            ("learner.predict(\"new.jpg\")?", "a class and how sure it is"),
        ],
    ),
    (
        "Show",
        &[
            ("display(&value);", "several outputs in one cell"),
            ("show::ask(\"Your name? \")", "a question to the user"),
            ("let mut live = show::Live::new();", "an output that changes in place"),
            ("let bar = IntProgress::new(0, 100); bar.set_value(7);", "widgets: bars, labels, pictures, buttons"),
            ("let button = Button::new(\"go\"); button.on_click(|| …);", "Rust that runs when it is clicked"),
            ("AnyWidget::new(\"export default { render }\").state(\"n\", 0).open()", "own JavaScript, by anywidget"),
        ],
    ),
    (
        "Commands",
        &[
            (":vars", "the variables: type, shape, size"),
            (":doc Tensor::randn", "the documentation of an item (also ?Tensor::randn, Tensor::randn?)"),
            (":type data", "the type of a variable"),
            (":dep rand = \"0.9\"", "adds a crate; :show_deps lists them"),
            (":opt 2", "the optimisation level of cells (0, 1, 2)"),
            (":explain", "the compiler's explanation of the last error"),
            (":clear", "forgets all variables and items"),
            ("!ls", "a line for the shell; %%bash above many"),
            ("%time learner.fit(1, 1e-3)?;", "how long code takes; %%time above a whole cell"),
            ("%timeit tensor.sum_all()?", "the same, again and again"),
            ("%cd photos", "the folder of cells and of lines for the shell; %pwd says which"),
            ("%env NAME=VALUE", "their environment; %env NAME shows it"),
            ("%run script.rs", "a file as if it were the cell; %history shows the cells so far"),
        ],
    ),
];

/// The help as text.
pub fn help_text() -> String {
    let mut text = String::new();
    for (title, lines) in TOPICS {
        let _ = writeln!(text, "{title}");
        for (code, what) in *lines {
            let _ = writeln!(text, "  {code}\n      {what}");
        }
    }
    text
}

/// The help as text and as HTML.
pub(super) fn display() -> Display {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut html = String::from("<table>");
    for (title, lines) in TOPICS {
        let _ = write!(html, "<tr><th colspan=\"2\" style=\"text-align:left\">{title}</th></tr>");
        for (code, what) in *lines {
            let (code, what) = (escape(code), escape(what));
            let _ = write!(
                html,
                "<tr><td style=\"text-align:left\"><code>{code}</code></td><td style=\"text-align:left\">{what}</td></tr>"
            );
        }
    }
    html += "</table>";
    let data = Map::from_iter([("text/plain".to_owned(), help_text().into()), ("text/html".to_owned(), html.into())]);
    Display { data, ..Display::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Completeness;
    use crate::session::completeness;

    #[test]
    fn what_help_shows_can_be_typed() {
        for (code, _) in TOPICS.iter().flat_map(|(_, lines)| *lines) {
            let whole = code.replace('…', "()");
            assert_eq!(completeness(&whole), Completeness::Complete, "{code}");
        }
        let html = display().data["text/html"].as_str().unwrap().to_owned();
        assert!(html.contains("<code>:vars</code>") && html.contains("&amp;value"));
    }
}
