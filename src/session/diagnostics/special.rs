//! Errors of which more is known here than the compiler knows.

use super::excerpt::mark;
use super::habits;
use super::report::{Report, Story};
use super::unkept;
use super::verbs;
use crate::session::prepare;
use crate::session::statement::statement_at;
use serde_json::Value;

/// What people name who write with candle itself, and where it is.
const ELSEWHERE: [(&str, &str); 28] = [
    ("VarMap", "candle_nn::VarMap"),
    ("VarBuilder", "candle_nn::VarBuilder"),
    ("AdamW", "candle_nn::AdamW"),
    ("ParamsAdamW", "candle_nn::ParamsAdamW"),
    ("SGD", "candle_nn::SGD"),
    ("Linear", "candle_nn::Linear"),
    ("Conv2d", "candle_nn::Conv2d"),
    ("Conv2dConfig", "candle_nn::Conv2dConfig"),
    ("LayerNorm", "candle_nn::LayerNorm"),
    ("BatchNorm", "candle_nn::BatchNorm"),
    ("Embedding", "candle_nn::Embedding"),
    ("Dropout", "candle_nn::Dropout"),
    ("Activation", "candle_nn::Activation"),
    ("ModuleT", "candle_nn::ModuleT"),
    ("Sequential", "candle_nn::Sequential"),
    ("linear", "candle_nn::linear"),
    ("conv2d", "candle_nn::conv2d"),
    ("seq", "candle_nn::seq"),
    ("batch_norm", "candle_nn::batch_norm"),
    ("layer_norm", "candle_nn::layer_norm"),
    ("embedding", "candle_nn::embedding"),
    ("loss", "candle_nn::loss"),
    ("ops", "candle_nn::ops"),
    ("Var", "candle_core::Var"),
    ("Shape", "candle_core::Shape"),
    ("Layout", "candle_core::Layout"),
    ("HashMap", "std::collections::HashMap"),
    ("HashSet", "std::collections::HashSet"),
];

/// How the messages of the prelude's own bounds end: what they say needs none of the compiler's words about traits.
const OWN_BOUNDS: [&str; 12] = [
    "is no callback",
    "is nothing to measure on",
    "is no picture and no text",
    "is no learning rate",
    "is no task",
    "is no detector to start from",
    "is no architecture to start from",
    "is no encoder of text",
    "is no data that a learner can train on",
    "a learner owns a copy of its data",
    "finds nothing in pictures",
    "does not know how it looks",
];

/// What is said of arguments with names.
pub const NO_NAMES: &str = "arguments have no names here";

/// What the compiler says of a bound beside its message.
const OF_TRAITS: [&str; 5] = [
    "the trait `",
    "the trait bound `",
    "required for `",
    "required by a bound",
    "the following other types implement",
];

/// Rewords an error that has its reason in what cells are.
pub fn adapt<'a>(error: &Value, report: &mut Report<'a>, story: &Story<'a>) {
    let message = error["message"].as_str().unwrap_or_default();
    let all = error.to_string();
    match report.code.as_deref() {
        // what does not parse, where a path stands without its quotes
        None if let Some(quoted) = habits::path_without_quotes(&story.told.code) => {
            report.advice = vec![("help".to_owned(), quoted)];
        }
        Some("E0425" | "E0412" | "E0422" | "E0433" | "E0405" | "E0423" | "E0432") => gone(message, report, story),
        Some("E0596" | "E0384" | "E0594") => not_mutable(message, report, story),
        Some("E0277") if message.contains("`?`") => question_mark(message, &all, report),
        Some("E0277") if OWN_BOUNDS.iter().any(|end| message.ends_with(end)) => own_bound(message, report, story),
        Some("E0277" | "E0608") if habits::is_list(message) => habits::as_a_list(report),
        Some("E0308") if all.contains("expected `()`, found `Result<") => habits::unfinished(report),
        Some("E0308" | "E0061")
            if ["usize", "f64"].iter().any(|kind| all.contains(&format!("expected `{kind}`, found `&str`"))) =>
        {
            habits::number_in_quotes(report);
        }
        Some("E0277") if message.ends_with(": AsRef<Path>` is not satisfied") => no_path(message, report),
        Some("E0382") if all.contains("takes ownership of the receiver") => given_back(report),
        Some("E0308") if all.contains("models::Arch`") && is_swapped(story).is_some() => {
            report.marks.retain(|(_, mark)| mark.primary);
            report.advice.clear();
            advise_first(report, &is_swapped(story).unwrap_or_default());
        }
        Some("E0277") if all.contains(": AsRef<str>`") && story.told.code.contains("in_memory") => advise_first(
            report,
            "the names of classes are text: `let labels: Vec<String> = numbers.iter().map(|number| number.to_string()).collect();`",
        ),
        Some("E0599") if message.contains("named `new` found") => not_made_so(message, report),
        Some("E0599") if message.contains("for enum `Result<") || message.contains("for enum `std::result::Result<") => {
            unwrapped(report, story);
        }
        Some("E0063") if message.contains("initializer of") && message.contains("Augment`") => {
            report.advice.clear();
            advise_first(
                report,
                "the rest comes from another one: `Augment { rotate: 10.0, ..Augment::default() }`, or `..Augment::standard()`",
            );
        }
        Some("E0610") if let Some(quoted) = habits::path_without_quotes(&story.told.code) => {
            report.advice = vec![("help".to_owned(), quoted)];
        }
        Some("E0308") if all.contains("expected `usize`, found `(") && story.told.code.contains("size(") => {
            report.advice.clear();
            advise_first(report, "pictures are square for a network, so that one side is enough: `.size(224)`");
        }
        Some("E0593") => arguments(story, report),
        Some("E0308" | "E0061") if all.contains("expected `f64`, found integer") && share(report, story) => {
            report.advice.retain(|(_, text)| !text.contains("float literal") && !text.contains(".0`"));
            advise_first(report, "it is a share, from 0 to 1: `.split(0.2, 42)?` keeps a fifth for validation");
        }
        Some("E0308") if all.contains("expected `usize`, found floating-point number") => {
            report.advice.clear();
            advise_first(report, "it is a count, a whole number without a point: `learner.fit(3, 1e-3)?` trains for 3 epochs");
        }
        Some("E0308" | "E0271" | "E0277") if goes_on(&all, story) => {
            report.advice.clear();
            advise_first(report, "a callback says how the fit goes on: let it end with `Ok(Next::Go)`");
        }
        Some("E0061") if story.told.code.contains("Learner::load(") => {
            report.advice.clear();
            advise_first(
                report,
                "`Learner::open(path)?` makes a learner of a file; `learner.load(path)?` puts a file into a learner that there is",
            );
        }
        Some("E0061") if story.told.code.contains(".nearest(") => {
            report.advice.clear();
            advise_first(report, "an index holds no network, so that the learner comes first: `index.nearest(&learner, \"new.jpg\", 9)?`");
        }
        Some("E0308") if message == "mismatched types" && all.contains("found `&Result<") => {
            advise_first(report, "what can fail gives a `Result`: `?` behind it takes the value out, as in `Loss::mean(&(a - b)?.sqr()?)?`");
        }
        Some("E0061") if story.told.code.contains(".evaluate(&") || story.told.code.contains(".validate(&") => {
            report.advice.clear();
            advise_first(report, "`learner.evaluate_on(&others)?` measures on other data, `learner.evaluate()?` on the learner's own validation examples");
        }
        Some("E0061") if story.told.code.contains(".compare(&[") => advise_first(
            report,
            "learners are compared by a function: `compare(&[(\"frozen\", &a), (\"whole\", &b)])?`; `det.compare(picture, &before)?` shows a detector's answers",
        ),
        Some("E0373") if all.contains("force the closure to take ownership") => report.advice.push((
            "note".to_owned(),
            "a `move` closure changes its own copies of numbers: what it is to give back stands in an `Arc<Mutex<…>>` or a `static`"
                .to_owned(),
        )),
        Some("E0267") if !report.marks.iter().any(|(_, mark)| mark.label.contains("enclosing")) => {
            report.message = message
                .replace("inside of a closure", "outside of a loop")
                .replace("inside `async` block", "outside of a loop");
            leaves(report);
        }
        Some("E0069") if all.contains("EvcxrUserCodeError") => {
            report.message = "`return;` says nothing, but a cell ends with a `Result`".to_owned();
            leaves(report);
        }
        _ if message.contains("is not general enough") => {
            report.message = "the arguments of this closure need their types".to_owned();
            report.marks.iter_mut().for_each(|(_, mark)| mark.label.clear());
            report.advice = vec![("help".to_owned(), closure_types(story))];
        }
        Some("E0282") if all.contains("giving this closure parameter an explicit type") => {
            report.marks.iter_mut().for_each(|(_, mark)| mark.label.clear());
            report.advice = vec![("help".to_owned(), closure_types(story))];
        }
        Some("E0308") if all.contains("candle_core::Error` and `candlewick_prelude::Error` have similar names") => {
            report.marks.retain(|(_, mark)| mark.primary);
            let text = "`return Err(Error::new(\"…\"));` makes an error of this kind; `candle_core::bail!` makes candle's, \
                        for functions that give a `candle_core::Result`";
            report.advice = vec![("help".to_owned(), text.to_owned())];
        }
        Some("E0308" | "E0061") if all.contains("`&[&str]`") => report.advice.insert(
            0,
            ("help".to_owned(), "names stand in a list, one too: `&[\"one\"]`, `&[\"one\", \"other\"]`".to_owned()),
        ),
        Some("E0308" | "E0061") if all.contains("`&[(&str, &str)]`") => report.advice.insert(
            0,
            ("help".to_owned(), "pairs of names stand in a list, one too: `&[(\"from\", \"to\")]`".to_owned()),
        ),
        Some("E0308" | "E0061") if all.contains("Rgb<u8>") && all.contains("DynamicImage") => advise_first(
            report,
            "`picture.to_rgb8()` makes one of a `DynamicImage`: `pictures.iter().map(|picture| picture.to_rgb8()).collect()`",
        ),
        Some("E0308" | "E0061" | "E0631") if wanted(&all).is_some() => {
            report.advice.retain(|(_, text)| !text.contains("consider wrapping") && !text.contains("is a reference"));
            advise_first(report, wanted(&all).unwrap_or_default());
        }
        Some("E0592" | "E0119") => report.advice.push((
            "help".to_owned(),
            "what an earlier cell wrote stays where this cell writes it otherwise: run the cell that defines the \
             type again, with this `impl` in it"
                .to_owned(),
        )),
        _ => {}
    }
    verbs::adapt(report);
    if report.marks.is_empty()
        && let Some(name) = packed_variable(error, story)
    {
        unkept::adapt(&name, message, report);
        if let Some(range) = prepare::binding(&story.told.code, &name) {
            report.marks.push((story.told, mark(&story.told.code, range)));
        }
    }
}

/// An argument that the prelude has its own words for: those, and what was meant.
fn own_bound(message: &str, report: &mut Report<'_>, story: &Story<'_>) {
    report.advice.retain(|(_, text)| !OF_TRAITS.iter().any(|start| text.starts_with(start)));
    report.advice.sort_by_key(|(_, text)| !text.starts_with("consider borrowing"));
    for (_, mark) in &mut report.marks {
        if OF_TRAITS.iter().any(|start| mark.label.starts_with(start)) {
            mark.label.clear();
        }
    }
    report.marks.retain(|(_, mark)| mark.primary);
    let starts = ["architecture to start from", "encoder of text", "detector to start from"];
    if starts.iter().any(|end| message.ends_with(end))
        && let Some(remedy) = is_swapped(story)
    {
        advise_first(report, &remedy);
    }
}

/// What to say where a cell makes a learner of the data first.
fn is_swapped(story: &Story<'_>) -> Option<String> {
    let makers = ["vision", "labels", "regression", "text", "detection"];
    let maker = makers.iter().find(|maker| story.told.code.contains(&format!("Learner::{maker}(&")))?;
    Some(format!("the network comes first, then the data: `Learner::{maker}(…, &data)?`"))
}

/// Something else where a path is wanted.
fn no_path(message: &str, report: &mut Report<'_>) {
    let kind = message.split('`').nth(1).and_then(|bound| bound.strip_suffix(": AsRef<Path>")).unwrap_or_default();
    let bare = kind.trim_start_matches('&').split('<').next().unwrap_or_default();
    let name = bare.rsplit("::").next().unwrap_or_default();
    let remedy = match () {
        () if habits::DATA.contains(&name) || name == "SimilarityIndex" => {
            "it is opened already, and used as it is; a path is text, such as `\"photos\"`"
        }
        () if ["Option", "Result"].contains(&name) => {
            "take the path out of it, as by `?`; a path is text, such as `\"photos\"`"
        }
        () => "a path is text, such as `\"photos\"`, or a `PathBuf`",
    };
    let shown = match kind {
        "{integer}" | "{float}" => "a number".to_owned(),
        _ => format!("`{}`", name.trim_end_matches('>')),
    };
    report.message = format!("{shown} is no path");
    report.marks.retain(|(_, mark)| mark.primary);
    report.marks.iter_mut().for_each(|(_, mark)| mark.label.clear());
    report.advice = vec![("help".to_owned(), remedy.to_owned())];
}

/// A variable that a method has taken, whose result nothing binds: the method gives it back, changed.
fn given_back(report: &mut Report<'_>) {
    let taken = report.marks.iter().find_map(|(told, mark)| {
        let name = mark.label.strip_prefix('`')?.split('`').next()?;
        let moved = mark.label.contains("moved due to this method call");
        let at = super::program::offset(&told.code, mark.line, mark.from)?;
        moved.then(|| (statement_at(&told.code, at), name.to_owned()))
    });
    let Some((statement, name)) = taken else { return };
    if let Some(again) = statement.bound_again(&name) {
        report.advice.retain(|(_, text)| !text.contains("clone"));
        let help = format!("{again} keeps what the method gives; `{name}.clone()` there keeps the old one too");
        advise_first(report, &help);
    }
}

/// A variable that holds a `Result` and is used as what is in it.
fn unwrapped(report: &mut Report<'_>, story: &Story<'_>) {
    let Some((_, mark)) = report.marks.iter().find(|(_, mark)| mark.primary) else { return };
    let before =
        super::program::offset(&story.told.code, mark.line, mark.from).and_then(|at| story.told.code.get(..at));
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let Some(owner) = before.and_then(|before| before.trim_end().strip_suffix('.')) else { return };
    let name = &owner[owner.trim_end_matches(word).len()..];
    let is_bound = prepare::binding(&story.told.code, name).is_some() || story.memory.bound_in(name).is_some();
    if name.is_empty() || !is_bound || !report.advice.iter().any(|(_, text)| text.contains("use the `?` operator")) {
        return;
    }
    report.advice = vec![(
        "help".to_owned(),
        format!("`{name}` holds a `Result`: put `?` where it is made, `let mut {name} = …?;`"),
    )];
}

/// Whether a closure that a learner was to call says nothing.
fn goes_on(all: &str, story: &Story<'_>) -> bool {
    story.told.code.contains(".add(|") && all.contains("Next") && (all.contains("`()`") || all.contains("Result<(), "))
}

/// Whether the error stands where a split takes a share.
fn share(report: &Report<'_>, story: &Story<'_>) -> bool {
    let line = report.marks.iter().find(|(_, mark)| mark.primary).map_or(1, |(_, mark)| mark.line);
    let text = story.told.code.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    [".split(", ".hold_out(", ".split_by_group("].iter().any(|verb| text.contains(verb))
}

/// What makes a value of a type of the prelude, for those who give something else.
const WANTED: [(&str, &str); 7] = [
    (
        "Schedule",
        "a schedule is made by its name: `Schedule::cosine()`, `Schedule::step(2, 0.1)`, or of a function, `Schedule::own(|done, step| 1.0 - done)`",
    ),
    ("Optimizer", "an optimiser is made by its name: `Optimizer::adamw()`, `Optimizer::sgd(0.9)`"),
    ("Augment", "`Augment::standard()`, or what you choose: `Augment { rotate: 10.0, ..Augment::default() }`"),
    (
        "Normalize",
        "`Normalize::imagenet()`, `Normalize::none()`, or numbers: `Normalize { mean: [0.5; 3], std: [0.5; 3] }`",
    ),
    ("Detector", "a detector is named so: `Detector::YoloxNano`"),
    ("Greys", "`Greys::Whole`, `Greys::Stretch` or `Greys::Window(0.0, 4095.0)`"),
    ("Part", "`Part::Train`, `Part::Valid` or `Part::Test`"),
];

/// The help for the type of the prelude that was expected.
fn wanted(all: &str) -> Option<&'static str> {
    let named = all.split("expected `").skip(1).filter_map(|rest| rest.split_once("`, found")).map(|(kind, _)| kind);
    let mut kinds = named.filter_map(|kind| kind.rsplit("::").next());
    kinds.find_map(|own| WANTED.iter().find(|(kind, _)| *kind == own)).map(|(_, help)| *help)
}

/// What makes those types of the prelude that have no `new`.
const MADE_BY: [(&str, &str); 16] = [
    ("Checkpoints", "Checkpoints::to(\"runs\")"),
    ("CsvLog", "CsvLog::to(\"log.csv\")"),
    ("TensorBoard", "TensorBoard::to(\"runs\")"),
    ("ImageFolder", "ImageFolder::open(\"photos\")?"),
    ("Boxes", "Boxes::open(\"photos\")?"),
    ("LabelTable", "LabelTable::csv(\"labels.csv\")?"),
    ("NumberTable", "NumberTable::csv(\"numbers.csv\", &[])?"),
    ("Annotator", "Annotator::open(\"photos\")?"),
    ("SimilarityIndex", "learner.index(\"photos\")?"),
    ("Schedule", "Schedule::cosine()"),
    ("Optimizer", "Optimizer::adamw()"),
    ("Augment", "Augment::standard()"),
    ("Arch", "Arch::default()"),
    ("Detector", "Detector::YoloxNano"),
    ("Network", "Network::whole(42, |at| …)?"),
    ("Loss", "Loss::of(value)?"),
];

/// A type of the prelude that is not made by `new`.
fn not_made_so(message: &str, report: &mut Report<'_>) {
    let kind = message.split("for struct `").nth(1).or_else(|| message.split("for enum `").nth(1));
    let kind = kind.and_then(|rest| rest.split(['`', '<']).next()).and_then(|kind| kind.rsplit("::").next());
    if let Some((kind, made)) = MADE_BY.iter().find(|(own, _)| Some(*own) == kind) {
        report.advice = vec![("help".to_owned(), format!("a `{kind}` is made so: `{made}`"))];
    }
}

/// A closure of another number of arguments.
fn arguments(story: &Story<'_>, report: &mut Report<'_>) {
    let line = report.marks.iter().find(|(_, mark)| mark.primary).map_or(1, |(_, mark)| mark.line);
    let text = story.told.code.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let help = if text.contains("Schedule::own") {
        "the share of the fit that is done, from 0 to 1, and the steps that are: `Schedule::own(|done, step| 1.0 - done)`; `_` is what is not needed"
    } else if text.contains("Network::whole") {
        "where its layers get their parameters: `Network::whole(42, |at| …)?`"
    } else if text.contains(".add(") {
        "a callback takes both: `learner.add(|when: When, fit: &mut Fit| { …; Ok(Next::Go) })`"
    } else {
        return;
    };
    advise_first(report, help);
}

fn advise_first(report: &mut Report<'_>, help: &str) {
    report.advice.insert(0, ("help".to_owned(), help.to_owned()));
}

/// How the arguments of a closure are written where the compiler cannot know them.
fn closure_types(story: &Story<'_>) -> String {
    let code = &story.told.code;
    let written = if code.contains("Network::") {
        "`|x: &Tensor, pass: &Pass|` for a network"
    } else if code.contains(".add(") {
        "`|when: When, fit: &mut Fit|` for a callback"
    } else {
        "`|x: i32|`, references with their `&`: `|x: &Tensor|`"
    };
    format!("write them: {written}")
}

/// Says how a cell is left.
fn leaves(report: &mut Report<'_>) {
    report.marks.iter_mut().for_each(|(_, mark)| mark.label.clear());
    report.advice = vec![("help".to_owned(), "`return Ok(());` leaves the cell".to_owned())];
}

/// The first word in backticks.
fn named(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

/// A name that an earlier cell had.
fn gone<'a>(message: &str, report: &mut Report<'a>, story: &Story<'a>) {
    let Some(name) = named(message) else { return };
    let in_quotes = match report.code.as_deref() {
        Some("E0425") => {
            habits::without_quotes(name, report, story).or_else(|| habits::list_without_quotes(name, &story.told.code))
        }
        _ => None,
    };
    // no variable has an ending
    if let Some(quoted) = in_quotes.as_ref().filter(|quoted| quoted.contains(&format!("{name}."))) {
        report.advice.insert(0, ("help".to_owned(), quoted.clone()));
        return;
    }
    if let Some(fate) = story.memory.fate(name) {
        report.message.clone_from(&fate.what);
        report.advice = vec![("help".to_owned(), fate.remedy.clone())];
        report.marks.retain(|(_, mark)| mark.primary);
        for (_, mark) in &mut report.marks {
            mark.label = "it is not there".to_owned();
        }
        return;
    }
    if let Some((_, path)) = ELSEWHERE.iter().find(|(known, _)| *known == name)
        && !report.advice.iter().any(|(_, text)| text.contains(&format!("use {path}")))
    {
        report.advice.insert(0, ("help".to_owned(), format!("`use {path};` brings it into scope")));
    }
    if let Some(plain) = without_names(&story.told.code, name) {
        let called = match named_line(&story.told.code, name).and_then(habits::in_order) {
            Some(whole) => format!("`{whole}`"),
            None => format!("`{plain}`{}", habits::usual_call(&plain)),
        };
        report.message = format!("{NO_NAMES}: `{name}=`");
        report.marks.iter_mut().for_each(|(_, mark)| mark.label.clear());
        report.advice = vec![(
            "help".to_owned(),
            format!(
                "they stand in their order: {called}; what is left at its usual has a verb of its own (Tab lists them)"
            ),
        )];
    } else if let Some((line, text)) = assigned(&story.told.code, name) {
        report.advice = vec![("help".to_owned(), format!("line {line} is to bind it: `let {text}`"))];
    } else if report.code.as_deref() == Some("E0425")
        && let Some(meant) = alike(name, story.memory.variables())
        && !report.advice.iter().any(|(_, text)| text.contains(meant))
    {
        report.advice.insert(0, ("help".to_owned(), format!("did you mean `{meant}`?")));
    } else if let Some(quoted) = in_quotes
        && !report.advice.iter().any(|(_, text)| text.contains("similar name"))
    {
        report.advice.insert(0, ("help".to_owned(), quoted));
    }
    // What is not public is no use to a cell.
    report.advice.retain(|(_, text)| !text.contains("is not publicly re-exported") && !text.contains("private"));
}

/// The line that names an argument as Python does, `fit(epochs=3)`, without the names.
fn without_names(code: &str, name: &str) -> Option<String> {
    /// Where a name of an argument and its `=` end, if one stands there.
    fn named(text: &str) -> Option<(&str, usize)> {
        let name: &str = text.split(|c: char| c != '_' && !c.is_alphanumeric()).next()?;
        let rest = &text[name.len()..];
        let behind = rest.trim_start().strip_prefix('=')?;
        let is_name = name.starts_with(|c: char| c == '_' || c.is_alphabetic());
        (is_name && !behind.starts_with(['=', '>'])).then(|| (name, text.len() - behind.trim_start().len()))
    }
    code.lines().find_map(|line| {
        let (mut plain, mut at, mut found) = (String::new(), 0, false);
        while at < line.len() {
            let before = line[..at].trim_end();
            match named(&line[at..]) {
                Some((own, end)) if before.ends_with(['(', ',']) => {
                    found |= own == name;
                    at += end;
                }
                _ => {
                    let next = line[at..].chars().next()?;
                    plain.push(next);
                    at += next.len_utf8();
                }
            }
        }
        found.then(|| plain.trim().to_owned())
    })
}

/// The line in which this name has a `=` behind it.
fn named_line<'c>(code: &'c str, name: &str) -> Option<&'c str> {
    code.lines().map(str::trim).find(|line| {
        let mut rest = line.split(name).skip(1).map(str::trim_start);
        rest.any(|rest| rest.starts_with('=') && !rest.starts_with("=="))
    })
}

/// The line that gives this name a value as Python does, and its number.
fn assigned<'c>(code: &'c str, name: &str) -> Option<(usize, &'c str)> {
    let assigns = |line: &str| {
        let rest = line.strip_prefix(name).map(str::trim_start);
        rest.and_then(|rest| rest.strip_prefix('=')).is_some_and(|rest| !rest.starts_with(['=', '>']))
    };
    let mut lines = (1..).zip(code.lines().map(str::trim));
    lines.find(|(_, line)| assigns(line))
}

/// The variable whose name is most like this one.
fn alike<'v>(name: &str, variables: impl Iterator<Item = &'v str>) -> Option<&'v str> {
    let most = if name.len() < 5 { 1 } else { 2 };
    let distances = variables.map(|other| (strsim::damerau_levenshtein(name, other), other));
    distances.filter(|(distance, _)| (1..=most).contains(distance)).min().map(|(_, other)| other)
}

fn not_mutable<'a>(message: &str, report: &mut Report<'a>, story: &Story<'a>) {
    let Some(name) = named(message).map(|name| name.trim_start_matches('*').to_owned()) else { return };
    let bound_here = prepare::binding(&story.told.code, &name).is_some();
    if let (false, Some(cell)) = (bound_here, story.memory.bound_in(&name)) {
        let text = format!("`{name}` was bound in cell {cell} without `mut`: write `let mut {name} = {name};` first");
        report.advice = vec![("help".to_owned(), text)];
    }
}

fn question_mark(message: &str, all: &str, report: &mut Report<'_>) {
    if message.contains("only be applied to values that implement") {
        let kind = all.split("cannot be applied to type `").nth(1).and_then(|rest| rest.split('`').next());
        let plain = |kind: &str| super::words::plain(kind.trim_start_matches("&mut ").trim_start_matches('&'));
        let short = |kind: String| match kind.contains('<') {
            true => kind,
            false => kind.rsplit("::").next().unwrap_or_default().to_owned(),
        };
        let kind = kind.map_or_else(|| "this".to_owned(), |kind| format!("a `{}`", short(plain(kind))));
        report.message = format!("{kind} is no `Result`: there is no error that `?` could tell");
        report.marks.iter_mut().for_each(|(_, mark)| mark.label.clear());
        report.advice = vec![("help".to_owned(), "leave the `?` out".to_owned())];
        return;
    }
    if message.contains("not `Option`s") {
        report.message = "`?` in a cell takes a `Result`, not an `Option`".to_owned();
        report.advice =
            vec![("help".to_owned(), "say what is missing: `.ok_or(\"there is no such thing\")?`".to_owned())];
    } else if message.contains("not `Result`s") || !all.contains("EvcxrUserCodeError") {
        return;
    } else {
        let kind = all.split("is not implemented for `").nth(1).and_then(|rest| rest.split('`').next());
        let kind = kind.filter(|kind| !kind.contains("Evcxr")).map(super::words::plain);
        report.message = match kind {
            Some(kind) => format!("`?` cannot tell the error, since `{kind}` has no text: it is no `Display`"),
            None => "`?` cannot tell the error, since it has no text: its type is no `Display`".to_owned(),
        };
        let remedy =
            "implement `std::fmt::Display` for it, or make text of it: `.map_err(|error| format!(\"{error:?}\"))?`";
        report.advice = vec![("help".to_owned(), remedy.to_owned())];
    }
    for (_, mark) in &mut report.marks {
        if mark.label.contains("closure") || mark.label.contains("Display") || mark.label.contains("ok_or") {
            mark.label.clear();
        }
    }
}

/// The variable that the program's line is about, where evcxr stores it.
fn packed_variable(error: &Value, story: &Story<'_>) -> Option<String> {
    error["spans"].as_array()?.iter().find_map(|span| {
        let line = story.program.line(usize::try_from(span["line_start"].as_u64()?).ok()?).trim();
        let name = line
            .split_once("stringify!(")
            .or_else(|| line.split_once("evcxr_variable_store("))
            .and_then(|(_, rest)| rest.split_once(')'))?
            .0;
        Some(name.to_owned())
    })
}
