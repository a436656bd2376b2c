//! A card laid out: blocks, which are Markdown, HTML and text alike.

use super::content::{CardContent, FitSection};
use super::measured::{BoxRow, MeasuredPart};
use crate::data::Input;
use crate::plot::Figure;
use crate::show::{Table, escape, escape_markdown};
use crate::words::{count, share_of};

/// A figure of a card: what its file is called, and what it shows.
#[derive(Clone)]
pub(super) struct CardFigure {
    pub name: &'static str,
    pub title: &'static str,
    pub figure: Figure,
}

/// What a card is made of.
enum CardBlock {
    Heading(&'static str),
    Text(String),
    List(Vec<String>),
    Table(Table),
}

const UNKNOWN: &str = "unknown";
/// So many groups are listed, the worst first.
const GROUPS: usize = 20;

fn or_unknown(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| UNKNOWN.to_owned())
}

fn share(value: f64) -> String {
    format!("{value:.3}")
}

/// A group of which nothing can be said has no number.
fn number_or_none(value: f64) -> String {
    if value.is_nan() { "–".to_owned() } else { share(value) }
}

/// Two columns: what, and what of it.
fn facts(rows: Vec<(&str, String)>) -> CardBlock {
    let mut table = Table::new(["", ""]).left(0).left(1);
    rows.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .for_each(|(what, value)| table.push([what.to_owned(), value]));
    CardBlock::Table(table)
}

fn blocks(card: &CardContent) -> Vec<CardBlock> {
    let mut blocks = Vec::new();
    let about = card.about.iter().flat_map(|words| words.split("\n\n"));
    blocks.extend(about.map(|words| CardBlock::Text(words.to_owned())));
    let software = &card.software;
    blocks.push(facts(vec![
        (
            "made",
            format!(
                "{} with candlewick {} on candle {}, {}",
                card.date, software.candlewick, software.candle, software.system
            ),
        ),
        ("license", or_unknown(card.license.as_ref())),
    ]));
    blocks.push(CardBlock::Heading("Limits"));
    blocks.push(CardBlock::List(card.limits.clone()));
    data(card, &mut blocks);
    model(card, &mut blocks);
    blocks.push(CardBlock::Heading("Training"));
    if card.fits.is_empty() {
        let words =
            if card.epochs.is_empty() { "nothing was trained" } else { "how it was trained was not written down" };
        blocks.push(CardBlock::Text(words.to_owned()));
    }
    card.fits.iter().enumerate().for_each(|(at, fit)| blocks.push(fit_facts(at + 1, fit, &card.model.task)));
    blocks.push(CardBlock::Text(format!("Reproducible: {}.", card.reproducibility)));
    blocks.push(CardBlock::Heading("Metrics"));
    match &card.metrics {
        Some(measured) => metrics(measured, &mut blocks),
        None => blocks.push(CardBlock::Text("not measured".to_owned())),
    }
    let last = card.test.as_ref().filter(|_| card.metrics.as_ref().is_none_or(|measured| measured.part != "test"));
    if let Some(test) = last {
        blocks.push(CardBlock::Heading("Test"));
        let mut rows = vec![
            ("examples", format!("{} held out", test.examples)),
            ("measured", format!("after {} of training", count(test.epochs, "epoch"))),
            ("loss", format!("{:.4}", test.measures.loss)),
        ];
        rows.extend(test.measures.list.iter().map(|one| (one.name.as_str(), one.unit.words(one.value))));
        blocks.push(facts(rows));
    }
    blocks
}

fn data(card: &CardContent, blocks: &mut Vec<CardBlock>) {
    blocks.push(CardBlock::Heading("Data"));
    let own = &card.data;
    let mut rows = Vec::new();
    if let Some(record) = &own.record {
        let from = &record.provenance;
        let [train, valid, test] = record.counts;
        let parted = if from.splits.is_empty() { UNKNOWN.to_owned() } else { from.splits.join("; ") };
        rows.push(("kind", or_unknown(from.kind.as_ref())));
        rows.push(("name", or_unknown(from.name.as_ref())));
        rows.push(("examples", format!("{train} train, {valid} validate, {test} held out for the last test")));
        rows.push(("split", parted));
        rows.push(("split hash", or_unknown(from.split_hash.as_ref())));
        rows.push(("groups", from.groups.map_or(String::new(), |count| format!("{count}, each on one side"))));
        rows.push(("batch", from.batch.map_or(UNKNOWN.to_owned(), |size| size.to_string())));
        rows.push((
            "augmentation",
            if from.augmentation.is_empty() { "none told".to_owned() } else { from.augmentation.join(", ") },
        ));
        rows.push(("notes", from.notes.join("; ")));
    } else {
        rows.push(("data", UNKNOWN.to_owned()));
    }
    rows.push(("input", own.input.words()));
    if let Input::Picture(transform) = own.input {
        let (mean, std) = (transform.normalize.mean, transform.normalize.std);
        rows.push((
            "transform",
            format!(
                "{:?} to {} × {}, mean {mean:?}, deviation {std:?}",
                transform.resize, transform.size, transform.size
            ),
        ));
    }
    if let Input::Text(tokens) = &own.input {
        let longest = tokens.max_tokens();
        rows.push(("tokens", format!("a vocabulary of {}, texts cut at {longest}", tokens.vocabulary())));
    }
    rows.push(("tells", own.target.words()));
    blocks.push(facts(rows));
    if !own.present && own.record.is_some() {
        blocks.push(CardBlock::Text("The learner has no data now; this is what its last fit wrote down.".to_owned()));
    }
    let Some(record) = &own.record else { return };
    let counts = &record.provenance.class_counts;
    if counts.len() == 3 && counts.iter().all(|part| part.len() == record.names.len()) {
        let mut table = Table::new(["class", "train", "valid", "test"]).left(0);
        for (at, name) in record.names.iter().enumerate() {
            table.push([name.clone(), counts[0][at].to_string(), counts[1][at].to_string(), counts[2][at].to_string()]);
        }
        blocks.push(CardBlock::Table(table));
    }
}

fn model(card: &CardContent, blocks: &mut Vec<CardBlock>) {
    blocks.push(CardBlock::Heading("Model"));
    let own = &card.model;
    let name = match own.removed_blocks {
        0 => own.name.clone(),
        count => format!("{} without its last {count} blocks", own.name),
    };
    let weights = match &own.weights {
        None => "random, or not written down".to_owned(),
        Some(weights) => {
            let loaded = weights.loaded.map_or(String::new(), |count| format!(": {count} tensors loaded"));
            let new = weights.new.map_or(String::new(), |count| format!(", {count} began at random"));
            format!("{}{loaded}{new}", weights.origin)
        }
    };
    let task = own.like.as_ref().map_or(own.task.clone(), |like| format!("{}, one's own, like {like}", own.task));
    blocks.push(facts(vec![
        (
            "model",
            if own.name == "own" { format!("{name}: made in a cell, of parts {}", own.parts.join(", ")) } else { name },
        ),
        ("task", task),
        ("weights from", weights),
        ("parameters", format!("{}, {} of them trainable now", own.parameters, own.trainable)),
        ("answers with", if own.averaged { "the moving average of the weights".to_owned() } else { String::new() }),
    ]));
}

/// What a fit was; its `task` where it is not the learner's by now.
fn fit_facts(number: usize, fit: &FitSection, task: &str) -> CardBlock {
    let record = &fit.record;
    let loss = |loss: Option<f64>| loss.map_or("–".to_owned(), |loss| format!("{loss:.4}"));
    let mut rates: Vec<(String, String)> = Vec::new();
    for (part, rate) in record.rates.iter().filter(|(part, _)| !record.frozen.contains(part)) {
        rates.push((part.clone(), format!("{rate:.1e}")));
    }
    let each = rates.iter().map(|(part, rate)| format!("{part} {rate}")).collect::<Vec<_>>().join(", ");
    let one = rates.iter().all(|(_, rate)| Some(rate) == rates.first().map(|(_, rate)| rate));
    let decay = if record.decay_all { "for all" } else { "not for biases and norms" };
    let mut callbacks = record.callbacks.clone();
    callbacks.extend((record.unnamed_callbacks > 0).then(|| format!("{} without a name", record.unnamed_callbacks)));
    facts(vec![
        ("fit", format!("{number}: {}", record.verb)),
        ("epochs", format!("{} of {}, {} steps in {:.1} s", fit.epochs_done, record.epochs, fit.steps, fit.seconds)),
        ("rate", if one { record.rate.clone() } else { format!("{}: {each}", record.rate) }),
        ("schedule", record.schedule.clone()),
        ("optimiser", format!("{}; decay {decay}", rule_words(&record.optimizer))),
        ("task", if record.task == task { String::new() } else { record.task.clone() }),
        ("trained", record.trained.clone()),
        ("frozen", record.frozen.join(", ")),
        (
            "batch",
            record.data.as_ref().and_then(|data| data.provenance.batch).map_or(String::new(), |size| size.to_string()),
        ),
        ("seed", record.seed.to_string()),
        ("options", record.options.join("; ")),
        ("callbacks", callbacks.join(", ")),
        ("resumed", record.resumed.join("; ")),
        (
            "other data",
            record.data.as_ref().filter(|_| fit.other_split).map_or(String::new(), |data| {
                format!("{} train, split {}", data.counts[0], or_unknown(data.provenance.split_hash.as_ref()))
            }),
        ),
        ("last losses", format!("training {}, validation {}", loss(fit.train_loss), loss(fit.valid_loss))),
    ])
}

/// A rule with its numbers: `AdamW: beta1 0.9, beta2 0.999, eps 0.00000001, weight_decay 0.01`.
fn rule_words(rule: &crate::train::optim::Rule) -> String {
    let value = serde_json::to_value(rule).unwrap_or_default();
    let numbers = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "name");
    let each: Vec<String> = numbers.map(|(name, value)| format!("{name} {value}")).collect();
    format!("{}: {}", rule.name(), each.join(", "))
}

fn metrics(measured: &MeasuredPart, blocks: &mut Vec<CardBlock>) {
    let part = if measured.part == "valid" { "validation" } else { measured.part.as_str() };
    let mut whole =
        vec![("examples", format!("{} of {part}", measured.examples)), ("loss", format!("{:.4}", measured.loss))];
    whole.extend(measured.measures.iter().map(|one| (one.name.as_str(), one.unit.words(one.value))));
    blocks.push(facts(whole));
    if !measured.classes.is_empty() {
        let mut table = Table::new(["class", "precision", "recall", "F1", "examples"]).left(0);
        for row in &measured.classes {
            table.push([
                row.name.clone(),
                share_of(row.precision, row.called),
                share_of(row.recall, row.support),
                share_of(row.f1, row.called + row.support),
                row.support.to_string(),
            ]);
        }
        blocks.push(CardBlock::Table(table));
    }
    if !measured.boxes.is_empty() {
        let cell = |value: Option<f64>| value.map_or("–".to_owned(), share);
        let mut table = Table::new(["class", "objects", "AP", "AP50", "AP75", "AR100"]).left(0);
        for BoxRow { name, objects, ap, ap_50, ap_75, ar_100 } in
            measured.boxes.iter().chain(&measured.average_precision)
        {
            table.push([name.clone(), objects.to_string(), cell(*ap), cell(*ap_50), cell(*ap_75), cell(*ar_100)]);
        }
        blocks.push(CardBlock::Table(table));
    }
    if !measured.numbers.is_empty() {
        let mut table =
            Table::new(["number", "mean error", "root mean square", "median", "largest", "examples"]).left(0);
        for row in &measured.numbers {
            let errors = [row.mean_error, row.root_mean_square_error, row.median_error, row.largest_error];
            let errors = errors.map(|error| format!("{error:.4}"));
            table.push([&[row.name.clone()][..], &errors, &[row.support.to_string()]].concat());
        }
        blocks.push(CardBlock::Table(table));
    }
    if let Some(what) = &measured.group_measure {
        let mut groups: Vec<_> = measured.groups.iter().collect();
        let higher = !["mean error", "loss"].contains(&what.as_str());
        groups.sort_by(|a, b| if higher { a.value.total_cmp(&b.value) } else { b.value.total_cmp(&a.value) });
        let mut table = Table::new(["group", "examples", what]).left(0);
        groups.iter().take(GROUPS).for_each(|group| {
            table.push([group.name.clone(), group.examples.to_string(), number_or_none(group.value)])
        });
        if groups.len() > GROUPS {
            table = table.note(format!("the worst {GROUPS} of {} groups; the JSON has all", groups.len()));
        }
        blocks.push(CardBlock::Table(table));
    }
}

/// The card as Markdown; `link` gives the file of a figure, where it has one.
pub(super) fn markdown(card: &CardContent, figures: &[CardFigure], link: Option<&dyn Fn(&str) -> String>) -> String {
    let mut text = format!("# {}\n", escape_markdown(&title(card)));
    for block in blocks(card) {
        text += &match block {
            CardBlock::Heading(words) => format!("\n## {words}\n"),
            CardBlock::Text(words) => format!("\n{}\n", escape_markdown(&words)),
            CardBlock::List(items) => {
                "\n".to_owned() + &items.iter().map(|item| format!("- {}\n", escape_markdown(item))).collect::<String>()
            }
            CardBlock::Table(table) => format!("\n{}", table.markdown()),
        };
    }
    if let Some(link) = link.filter(|_| !figures.is_empty()) {
        text += "\n## Figures\n";
        for one in figures {
            text += &format!("\n![{}]({})\n", one.title, link(one.name));
        }
    }
    text
}

/// The card as HTML, its figures in it.
pub(super) fn html(card: &CardContent, figures: &[CardFigure]) -> String {
    let mut html = format!("<div class=\"candlewick-card\"><h2>{}</h2>", escape(&title(card)));
    for block in blocks(card) {
        html += &match block {
            CardBlock::Heading(words) => format!("<h3>{words}</h3>"),
            CardBlock::Text(words) => format!("<p>{}</p>", escape(&words)),
            CardBlock::List(items) => {
                format!(
                    "<ul>{}</ul>",
                    items.iter().map(|item| format!("<li>{}</li>", escape(item))).collect::<String>()
                )
            }
            CardBlock::Table(table) => format!("<div style=\"margin:8px 0\">{}</div>", table.html()),
        };
    }
    figures.iter().for_each(|one| html += &format!("<h3>{}</h3>{}", one.title, one.figure.html()));
    html + "</div>"
}

/// The card as text, for terminals.
pub(super) fn text(card: &CardContent, figures: &[CardFigure]) -> String {
    let mut text = format!("{}\n", title(card));
    for block in blocks(card) {
        text += &match block {
            CardBlock::Heading(words) => format!("\n{}\n", words.to_uppercase()),
            CardBlock::Text(words) => format!("{words}\n"),
            CardBlock::List(items) => items.iter().map(|item| format!("- {item}\n")).collect(),
            CardBlock::Table(table) => {
                format!("\n{}", table.text().trim_start_matches([' ', '\n']))
            }
        };
    }
    figures.iter().for_each(|one| text += &format!("\n{}\n{}\n", one.title.to_uppercase(), one.figure.text()));
    text
}

/// What it is a card of.
pub(super) fn title(card: &CardContent) -> String {
    let name = card.data.record.as_ref().and_then(|record| record.provenance.name.clone());
    let on = name.map_or(String::new(), |name| format!(" on {name}"));
    format!("Run card: {} for {}{on}", card.model.name, card.model.task)
}
