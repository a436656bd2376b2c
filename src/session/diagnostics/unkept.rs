//! Variables that no later cell could have: why, and what to write instead.

use super::excerpt::excerpt;
use super::excerpt::mark;
use super::program::offset;
use super::report::{Report, Story};
use super::spans::{self, array};
use super::{BOLD, PLAIN, RED, words};
use crate::session::{CellError, Why, prepare};
use std::collections::HashMap;

/// Iterators whose types hold a closure or a borrow, for the most part.
const ITERATORS: [&str; 30] = [
    "Map",
    "Filter",
    "Zip",
    "Enumerate",
    "Chain",
    "Take",
    "Skip",
    "Rev",
    "Peekable",
    "FlatMap",
    "Flatten",
    "FilterMap",
    "StepBy",
    "Scan",
    "Cycle",
    "FromFn",
    "Successors",
    "TakeWhile",
    "SkipWhile",
    "MapWhile",
    "Inspect",
    "Iter",
    "IterMut",
    "Chars",
    "Lines",
    "Split",
    "Windows",
    "Chunks",
    "Keys",
    "Values",
];

/// What a variable's value is, as far as that decides whether it can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Closure,
    Iterator,
    /// `impl Trait`.
    Hidden,
    Future,
    Reference,
    Private,
    /// A type that could be written down.
    Named,
    Unknown,
}

impl Kind {
    /// What a type is, by its text.
    fn of(text: &str) -> Kind {
        let bare = text.trim();
        let head = bare.split('<').next().unwrap_or_default().rsplit("::").next().unwrap_or_default();
        if ["async block", "async fn body", "future", "Future<"].iter().any(|word| bare.contains(word)) {
            Kind::Future
        } else if bare.contains('<') && ITERATORS.contains(&head) {
            Kind::Iterator
        } else if bare.contains("closure") {
            Kind::Closure
        } else if bare.contains("impl ") || bare.contains("opaque type") {
            Kind::Hidden
        } else if bare.starts_with('&') || bare.contains("'_") {
            Kind::Reference
        } else if bare.is_empty() || bare.contains('_') || bare.contains('…') || bare.contains("...") {
            Kind::Unknown
        } else {
            Kind::Named
        }
    }

    /// What is so about the variable, and what to write.
    fn words(self, name: &str, text: &str, start: &str) -> (String, Vec<String>) {
        let because = "a cell hands its variables to the next one by their types, and";
        match self {
            Kind::Closure => {
                let (parameters, given, body) = closure_parts(start);
                let types = types_of(parameters);
                let body = if body.is_empty() { "…" } else { body };
                let block = if body.starts_with('{') { body.to_owned() } else { format!("{{ {body} }}") };
                (
                    format!(
                        "`{name}` is a closure, which this cell cannot leave to the next: {because} a closure's cannot be written down"
                    ),
                    vec![
                        format!(
                            "if it uses no variables, write a function: `fn {name}({parameters}) -> {given} {block}`, or `let {name}: fn({types}) -> {given} = {start};`"
                        ),
                        match changes(body) {
                            true => format!(
                                "if it does, box it: `let mut {name}: Box<dyn FnMut({types}) -> {given}> = Box::new(move |{parameters}| {body});`"
                            ),
                            false => format!(
                                "if it does, box it: `let {name}: Box<dyn Fn({types}) -> {given}> = Box::new(move |{parameters}| {body});`"
                            ),
                        },
                        "or use it in this cell alone, within `{ … }`".to_owned(),
                    ],
                )
            }
            Kind::Iterator => (
                format!(
                    "`{name}` is an iterator that this cell cannot leave to the next: {because} `{}` cannot be written down",
                    short(text)
                ),
                vec![
                    format!("collect it: `let {name}: Vec<_> = {start}.collect();`"),
                    format!(
                        "or box it, if it borrows nothing (`into_iter()`, not `iter()`): `let {name}: Box<dyn Iterator<Item = …>> = Box::new({start});`"
                    ),
                    "or use it in this cell alone, within `{ … }`".to_owned(),
                ],
            ),
            Kind::Hidden => {
                let bound = text.split("impl ").nth(1).map_or("Trait", |rest| rest.trim_end_matches('`').trim());
                (
                    format!(
                        "the type of `{name}` is hidden (`{}`), so this cell cannot leave it to the next",
                        short(text)
                    ),
                    vec![
                        format!("box it: `let {name}: Box<dyn {bound}> = Box::new({start});`"),
                        "or use it in this cell alone, within `{ … }`".to_owned(),
                    ],
                )
            }
            Kind::Future => (
                format!(
                    "`{name}` is a future that has not run, which this cell cannot leave to the next: {because} a future's cannot be written down"
                ),
                vec![
                    format!("await it: `let {name} = {start}.await;`"),
                    format!("or box it: `let {name}: std::pin::Pin<Box<dyn Future<Output = …>>> = Box::pin({start});`"),
                ],
            ),
            Kind::Reference if text == LENT_BACK => (
                format!(
                    "`{}` changes its owner and gives it back lent: a cell cannot leave that to the next",
                    start.trim_end_matches('?')
                ),
                vec![format!("without `let {name} =`: `{start};`")],
            ),
            Kind::Reference => (
                format!("`{name}` borrows, and what a cell leaves to the next must own what it holds"),
                match lent_variable(start) {
                    Some(owner) => vec![
                        format!("use `{owner}` itself, which is there in every cell"),
                        format!(
                            "or use `{name}` in this cell alone, within `{{ … }}`; a copy, where there can be one, is made by `{owner}.clone()`"
                        ),
                    ],
                    None => vec![
                        owned(name, start),
                        format!("or keep an index or an `Arc`, or use `{name}` in this cell alone, within `{{ … }}`"),
                    ],
                },
            ),
            Kind::Private => (
                format!(
                    "the type of `{name}`, `{}`, is private to its crate, so this cell cannot leave it to the next",
                    short(text)
                ),
                vec![
                    format!("give `{name}` a type that is public, such as a `Box<dyn Trait>`"),
                    "or use it in this cell alone, within `{ … }`".to_owned(),
                ],
            ),
            Kind::Named => (
                format!("the type of `{name}` was not found out"),
                vec![format!("write it: `let {name}: {text} = …;`")],
            ),
            Kind::Unknown => (
                format!("the type of `{name}` was not found out"),
                vec![format!("write it: `let {name}: … = {start};`")],
            ),
        }
    }
}

/// The variable that a value lends as it is: `&learner`.
fn lent_variable(start: &str) -> Option<&str> {
    let name = start.trim().strip_prefix('&')?.trim_start();
    let name = name.strip_prefix("mut ").unwrap_or(name).trim();
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
    (is_name && !name.is_empty()).then_some(name)
}

/// How a value that borrows becomes one that owns what it holds.
fn owned(name: &str, start: &str) -> String {
    let ends = start.trim_end_matches(|end: char| "?;".contains(end) || end.is_whitespace());
    if ends.trim_start_matches("move").trim_start().starts_with('|') {
        let (parameters, given, body) = closure_parts(start);
        let types = types_of(parameters);
        let body = if body.is_empty() { "…" } else { body };
        return format!(
            "have it own what it uses: `let mut {name}: Box<dyn FnMut({types}) -> {given}> = Box::new(move |{parameters}| {body});`"
        );
    }
    if let Some((before, _)) = ends.rsplit_once(".collect") {
        let pairs = ["| (", "|(", ".zip(", ".enumerate()"].iter().any(|sign| before.contains(sign));
        return match pairs {
            true => format!(
                "own its keys and values: `let {name}: HashMap<_, _> = {before}.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();`"
            ),
            false => format!("own its parts: `let {name}: Vec<_> = {before}.map(|one| one.to_owned()).collect();`"),
        };
    }
    if let Some(kind) = constructed(ends) {
        let closure = ["(|", ", |", ",|"].into_iter().find_map(|sign| ends.split_once(sign));
        if let (Some((_, behind)), false) = (closure, ends.contains("move |")) {
            let parameters = behind.split('|').next().unwrap_or_default();
            return format!("have its closure own what it uses: `move |{parameters}| …`");
        }
        return format!(
            "have `{kind}` own what it holds: a `String` in place of `&str`, a `Vec` in place of a slice, and no lifetime"
        );
    }
    let last = ends.strip_suffix(')').and_then(|call| call.rsplit_once('.')).map_or("", |(_, call)| call);
    let method = last.split('(').next().unwrap_or_default();
    // These give a reference within an `Option`, of which `to_owned` makes another one.
    let looks_up = [
        "first",
        "last",
        "get",
        "max",
        "min",
        "max_by_key",
        "min_by_key",
        "max_by",
        "min_by",
        "find",
        "nth",
        "next",
        "peek",
    ];
    if looks_up.contains(&method) {
        return format!("own it: `let {name} = {ends}.cloned(){};`", &start[ends.len()..].trim_end_matches([';', ' ']));
    }
    if method.starts_with("split_at") || method.starts_with("split_first") || method.starts_with("split_last") {
        return format!("own its parts, in the same cell: `let {name} = ({name}.0.to_owned(), {name}.1.to_owned());`");
    }
    let guards = [".lock()", ".read()", ".write()", ".borrow()", ".borrow_mut()"];
    if let Some(guard) = guards.iter().find(|guard| start.contains(*guard)) {
        let (before, after) = start.split_once(guard).unwrap_or((start, ""));
        return format!("take what it guards: `let {name} = {before}{guard}{after}.clone();`");
    }
    let iterates = ["iter", "chars", "bytes", "lines", "keys", "values", "windows", "chunks", "split_whitespace"];
    if iterates.contains(&method) || (method.starts_with("split") && !method.ends_with("once")) {
        return format!("collect it: `let {name}: Vec<_> = {ends}.map(|one| one.to_owned()).collect();`");
    }
    let is_chain = !start.contains(|sign: char| "&*+-/%<>|=… ".contains(sign));
    let start = if is_chain { start.to_owned() } else { format!("({start})") };
    format!("own it: `let {name} = {start}.to_owned();`, or own each part of it")
}

/// The type of which a value is made by its fields: `View { text: &s }`, `View(&s)`, `shapes::View::new(&s)`.
fn constructed(start: &str) -> Option<&str> {
    let path = &start[..start.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))?];
    let borrows = start[path.len()..].trim_start().starts_with(['{', '(']) && start.contains('&');
    let kind = path.rsplit("::").find(|part| part.starts_with(char::is_uppercase))?;
    (borrows && !["Some", "Ok", "Err", "Box", "Rc", "Arc", "Vec"].contains(&kind)).then_some(kind)
}

/// Whether a closure's body changes what stands around it.
fn changes(body: &str) -> bool {
    let calls =
        [".push", ".insert(", ".extend(", ".remove(", ".pop(", ".clear(", ".next(", ".append(", ".sort", "&mut "];
    let assigns = |(at, _): (usize, &str)| {
        let (before, after) = (body[..at].chars().last(), body[at + 1..].chars().next());
        !matches!(after, Some('=' | '>')) && !matches!(before, Some('=' | '!' | '<' | '>'))
    };
    let bound =
        |at: usize| body[..at].rsplit([';', '{']).next().is_some_and(|part| part.trim_start().starts_with("let "));
    calls.iter().any(|call| body.contains(call))
        || body.match_indices('=').any(|(at, sign)| assigns((at, sign)) && !bound(at))
}

/// A long type without its middle.
fn short(text: &str) -> String {
    let text = words::plain(text);
    let text = text
        .split("{closure")
        .next()
        .map_or(text.clone(), |head| if head.len() < text.len() { format!("{head}…") } else { text.clone() });
    if text.chars().count() > 60 { text.chars().take(60).chain(['…']).collect() } else { text }
}

/// The types of a closure's parameters, `_` where one is not written.
fn types_of(parameters: &str) -> String {
    let types = parameters.split(',').map(|one| one.split_once(':').map_or("_", |(_, kind)| kind.trim()));
    if parameters.trim().is_empty() { String::new() } else { types.collect::<Vec<_>>().join(", ") }
}

/// The parameters, the type that is given where it is written, and the body of `|x: i32| -> i32 { x + 1 }`.
fn closure_parts(start: &str) -> (&str, &str, &str) {
    let text = start.trim().trim_start_matches("move").trim_start();
    let parts = text.strip_prefix('|').and_then(|rest| rest.split_once('|'));
    let Some((parameters, body)) = parts.map(|(parameters, body)| (parameters.trim(), body.trim())) else {
        return ("…", "…", "");
    };
    match body.strip_prefix("->").and_then(|rest| Some(rest.split_at(rest.find('{')?))) {
        Some((given, block)) => (parameters, given.trim(), block),
        None => (parameters, "…", body),
    }
}

/// The type of what a method gives back of its own value.
const LENT_BACK: &str = "&mut Self";

/// Errors about what is lent or moved.
const BORROWS: [&str; 12] =
    ["E0373", "E0382", "E0499", "E0501", "E0502", "E0503", "E0505", "E0506", "E0521", "E0597", "E0713", "E0716"];

/// Whether an error is there because the cell's variables are kept: it is about a borrow that would have to last for ever, or
/// about what is done with a variable behind the cell's end.
pub fn is_of_keeping(error: &serde_json::Value, story: &Story<'_>) -> bool {
    let is_users = |span: &serde_json::Value| spans::mark(span, "", story).is_some();
    let behind = || array(&error["spans"]).any(|span| span["is_primary"] == true && !is_users(span));
    is_lent_back(error)
        || error["code"]["code"].as_str().is_some_and(|code| BORROWS.contains(&code))
            && (error.to_string().contains("`'static`") || behind())
}

/// Whether an error is one of those that a verb gets which gives its own value back lent, as `let same = learner.freeze();`.
fn is_lent_back(error: &serde_json::Value) -> bool {
    error["message"] == "lifetime may not live long enough" && error.to_string().contains("'static")
}

/// The error of a cell whose only faults are borrows that would have to last for ever: a `let` of its own keeps them.
pub fn borrowed(errors: &[serde_json::Value], story: &Story<'_>) -> Option<CellError> {
    if errors.iter().any(is_lent_back)
        && let Some(name) = lent_back(&story.told.code)
    {
        let text = format!("Couldn't automatically determine type of variable `{name}`");
        return refused(&text, &story.told.code, &HashMap::from([(name, LENT_BACK.to_owned())]));
    }
    let lasts = |error: &serde_json::Value| error.to_string().contains("for `'static`");
    if !errors.iter().any(lasts) {
        return None;
    }
    // Where it is lent comes before what is then done with the owner.
    let is_lent = |error: &&serde_json::Value| {
        matches!(error["code"]["code"].as_str(), Some("E0373" | "E0521" | "E0597" | "E0716"))
    };
    for error in errors.iter().filter(is_lent).chain(errors) {
        for span in array(&error["spans"]).filter(|span| span["is_primary"] == true) {
            if let Some((told, mark)) = spans::mark(span, "", story)
                && told.number == story.told.number
                && let Some(at) = offset(&told.code, mark.line, mark.from)
            {
                let mut names = prepare::bound_around(&told.code, at);
                let Some(name) = names.pop() else { continue };
                if !names.is_empty() {
                    names.push(name);
                    return Some(several(&names, &told.code));
                }
                let text = format!("Couldn't automatically determine type of variable `{name}`");
                return refused(&text, &told.code, &HashMap::from([(name, "&".to_owned())]));
            }
        }
    }
    None
}

/// The one variable that a cell binds to what a method gives, `let same = learner.freeze();`.
fn lent_back(code: &str) -> Option<String> {
    let mut found = code.split(';').filter_map(|statement| {
        let (name, value) = statement.trim().strip_prefix("let ")?.split_once('=')?;
        let name = name.trim().trim_start_matches("mut ").trim();
        is_method(value.trim()).then(|| name.to_owned())
    });
    found.next().filter(|_| found.next().is_none())
}

/// Whether a value is what a variable's method gives: `learner.freeze()`.
fn is_method(value: &str) -> bool {
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
    let parts = value.split_once('.').and_then(|(owner, rest)| Some((owner, rest.split_once('(')?.0)));
    parts.is_some_and(|(owner, verb)| {
        is_name(owner) && is_name(verb) && !owner.starts_with(|sign: char| sign.is_numeric())
    })
}

/// The error of a `let` that binds these variables, of which one borrows.
fn several(names: &[String], code: &str) -> CellError {
    let list = names.join(", ");
    let value = format!("one of `{list}` borrows, and what a cell leaves to the next must own what it holds");
    let marks: Vec<_> = names.iter().filter_map(|name| prepare::binding(code, name)).collect();
    let mut traceback = vec![format!("{RED}error{PLAIN}{BOLD}: {value}{PLAIN}")];
    if !marks.is_empty() {
        traceback.extend(excerpt(code, &marks.into_iter().map(|range| mark(code, range)).collect::<Vec<_>>()));
    }
    let owned: Vec<String> = names.iter().map(|name| format!("{name}.to_owned()")).collect();
    for remedy in [
        format!("own them, in the same cell: `let ({list}) = ({});`", owned.join(", ")),
        format!("or use `{list}` in this cell alone, within `{{ … }}`"),
    ] {
        traceback.push(format!("{BOLD}help{PLAIN}: {remedy}"));
    }
    CellError { why: Why::Compile, name: "CompileError".to_owned(), value, traceback }
}

/// The error of a cell that evcxr refused, in its words `text`, because of one of its variables. `types` are the
/// compiler's words for the types of the cell's variables.
pub fn refused(text: &str, code: &str, types: &HashMap<String, String>) -> Option<CellError> {
    let known = |words: &str| text.contains(words);
    let name = text.split('`').nth(1)?;
    let kind_text =
        types.get(name).cloned().or_else(|| text.split("type `").nth(1)?.split('`').next().map(str::to_owned));
    let kind_text = kind_text.unwrap_or_default();
    let kind = if known("is a closure") {
        Kind::Closure
    } else if known("but that's private") {
        Kind::Private
    } else if known("Couldn't automatically determine type") || known("cannot be persisted") {
        Kind::of(&kind_text)
    } else {
        return None;
    };
    let start = prepare::initial(code, name).unwrap_or_else(|| "…".to_owned());
    let start = if start.contains('\n') || start.chars().count() > 60 { "…".to_owned() } else { start };
    let (value, remedies) = kind.words(name, &kind_text, &start);
    let mut traceback = vec![format!("{RED}error{PLAIN}{BOLD}: {value}{PLAIN}")];
    if let Some(range) = prepare::binding(code, name) {
        traceback.extend(excerpt(code, &[mark(code, range)]));
    }
    traceback.extend(remedies.iter().map(|remedy| format!("{BOLD}help{PLAIN}: {remedy}")));
    Some(CellError { why: Why::Compile, name: "CompileError".to_owned(), value, traceback })
}

/// Rewords an error of the code that keeps a variable.
pub fn adapt(name: &str, message: &str, report: &mut Report<'_>) {
    let code = report.code.as_deref().unwrap_or_default();
    let borrows = ["E0597", "E0505", "E0716", "E0373", "E0521", "E0515", "E0502", "E0506", "E0499"].contains(&code);
    let kind = match code {
        _ if borrows || message.contains("does not live long enough") || message.contains("lifetime") => {
            Kind::Reference
        }
        "E0603" => Kind::Private,
        _ => Kind::Unknown,
    };
    let kind_text = message.split('`').nth(1).unwrap_or_default();
    let (value, remedies) = kind.words(name, kind_text, "…");
    if kind != Kind::Unknown {
        report.message = value;
        report.advice.clear();
    }
    report.advice.extend(remedies.into_iter().map(|remedy| ("help".to_owned(), remedy)));
}

#[cfg(test)]
mod tests {
    use super::super::bare;
    use super::*;

    fn told(text: &str, code: &str, kind: &str) -> String {
        let types = HashMap::from([("it".to_owned(), kind.to_owned())]);
        bare(&refused(text, code, &types).unwrap().traceback)
    }

    #[test]
    fn what_changes_its_owner_needs_no_name() {
        for (code, name) in [
            ("let l2 = learner.freeze();", "l2"),
            ("let mut k = learner.keep_old_classes(&data)?;", "k"),
            ("println!(); let l2 = learner.ema(0.9)?;", "l2"),
        ] {
            assert_eq!(lent_back(code).as_deref(), Some(name));
        }
        assert_eq!(lent_back("let a = x.b(); let c = y.d();"), None);
        assert_eq!(lent_back("let a = &x;"), None);
        let says =
            told("Couldn't automatically determine type of variable `it`.", "let it = learner.ema(0.9)?;", LENT_BACK);
        assert!(says.contains("`learner.ema(0.9)` changes its owner"), "{says}");
        assert!(says.contains("without `let it =`: `learner.ema(0.9)?;`"), "{says}");
    }

    #[test]
    fn each_kind_of_value_has_its_remedy() {
        let unknown = "Couldn't automatically determine type of variable `it`.\nPlease give it an explicit type.";
        let iterator = told(
            unknown,
            "let v = 1;\nlet it = v.iter().map(|x| x + 1);",
            "Map<Iter<'_, i32>, {closure@src/lib.rs:3:4}>",
        );
        assert!(iterator.contains("is an iterator") && iterator.contains("`Map<Iter<'_, i32>, …`"), "{iterator}");
        assert!(iterator.contains("`let it: Vec<_> = v.iter().map(|x| x + 1).collect();`"), "{iterator}");
        assert!(iterator.contains("2 | let it = v.iter().map(|x| x + 1);\n  |     ^^\n"), "{iterator}");
        let given = told(
            "The variable `it` is a closure, which cannot be persisted.",
            "let it = |s: &str| -> Result<i32> { Ok(s.parse::<i32>()? + 1) };",
            "",
        );
        assert!(given.contains("`fn it(s: &str) -> Result<i32> { Ok(s.parse::<i32>()? + 1) }`"), "{given}");
        let closure =
            told("The variable `it` is a closure, which cannot be persisted.", "let it = |x: i32| x + 1;", "");
        assert!(
            closure.contains("`fn it(x: i32) -> … { x + 1 }`")
                && closure.contains("`let it: fn(i32) -> … = |x: i32| x + 1;`"),
            "{closure}"
        );
        assert!(closure.contains("Box<dyn Fn(i32) -> …>"), "{closure}");
        let hidden = told(unknown, "let it = make();", "impl Iterator<Item = i32>");
        assert!(hidden.contains("`let it: Box<dyn Iterator<Item = i32>> = Box::new(make());`"), "{hidden}");
        let future = told(unknown, "let it = async { 1 };", "{async block@src/lib.rs:3:4}");
        assert!(future.contains("`let it = async { 1 }.await;`"), "{future}");
        let filter = "std::iter::Filter<std::ops::Range<i32>, impl FnMut(&i32) -> bool>";
        assert!(told(unknown, "let it = f();", filter).contains("is an iterator"));
        assert!(told(unknown, "let it = f();", "Option<i32>").contains("`let it: Option<i32> = …;`"));
        assert!(told(unknown, "let it = f();", "").contains("`let it: … = f();`"));
        for (start, expected) in [
            ("s.trim()", "`let it = s.trim().to_owned();`"),
            ("&v[0]", "`let it = (&v[0]).to_owned();`"),
            ("s.split(' ').collect()", "`let it: Vec<_> = s.split(' ').map(|one| one.to_owned()).collect();`"),
            ("v.iter()", "`let it: Vec<_> = v.iter().map(|one| one.to_owned()).collect();`"),
        ] {
            let said = told(unknown, &format!("let it = {start};"), "&str");
            assert!(said.contains(expected), "{said}");
        }
        assert!(refused("No such command", "let it = 1;", &HashMap::new()).is_none());
    }

    #[test]
    fn what_borrows_is_owned_by_what_owns_it() {
        for (start, remedy) in [
            ("v.first()", "let it = v.first().cloned();"),
            ("v.iter().max().unwrap()", "let it = v.iter().max().unwrap().to_owned();"),
            ("map.get(\"a\")", "let it = map.get(\"a\").cloned();"),
            ("v.get(2)?", "let it = v.get(2).cloned()?;"),
            ("v.split_at(2)", "let it = (it.0.to_owned(), it.1.to_owned());"),
            ("&v[1..3]", "let it = (&v[1..3]).to_owned();"),
            ("text.trim()", "let it = text.trim().to_owned();"),
            ("m.lock().unwrap()", "let it = m.lock().unwrap().clone();"),
            ("View { text: &s }", "have `View` own what it holds"),
            ("shapes::View::new(&s, 3)", "have `View` own what it holds"),
            ("Network::candle(&vars, |x| l.forward(x))?", "have its closure own what it uses: `move |x| …`"),
            ("Network::candle(&vars, move |x| l.forward(x))?", "have `Network` own what it holds"),
            ("words.iter().map(|w| (*w, w.len())).collect()", "(key.to_owned(), value.to_owned())).collect();"),
            ("words.iter().filter(|w| w.len() > 2).collect()", "|one| one.to_owned()).collect();"),
        ] {
            let says = owned("it", start);
            assert!(says.contains(remedy), "{start}: {says}");
        }
    }

    #[test]
    fn a_closure_that_changes_something_is_mutable() {
        for body in ["{ n += 1; n }", "v.push(x)", "{ last = x; }", "{ let y = x; n -= y; }", "map.insert(x, 1)"] {
            assert!(changes(body), "{body}");
        }
        for body in ["x + 1", "x == 3", "{ let y = x + 1; y * 2 }", "x >= 2 && x <= 5", "v.iter().map(|w| w != x)"] {
            assert!(!changes(body), "{body}");
        }
    }
}
