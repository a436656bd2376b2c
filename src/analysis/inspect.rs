//! What is known of the name at a place of a cell, and of the call that the place lies in.

use super::program::CellProgram;
use super::world::World;
use ra_ap_ide::{
    FileId, FilePosition, FileRange, HoverConfig, HoverDocFormat, RaFixtureConfig, SignatureHelp, SubstTyLen,
    TextRange, TextSize,
};
use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxNode, T};

/// A description, for terminals and for pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Plain text.
    pub plain: String,
    /// Markdown.
    pub markdown: String,
}

impl Description {
    fn add(&mut self, plain: &str, markdown: &str) {
        for (text, part, between) in [(&mut self.plain, plain, "\n\n"), (&mut self.markdown, markdown, "\n\n---\n\n")] {
            if !text.is_empty() {
                text.push_str(between);
            }
            text.push_str(part.trim());
        }
    }
}

/// Describes the call that the cursor stands in, and the name that it touches.
pub fn inspect(world: &World, program: &CellProgram, cursor: usize) -> Option<Description> {
    let offset = TextSize::from(u32::try_from(program.position(cursor)?).ok()?);
    let mut description = Description::default();
    let tree = SourceFile::parse(&world.text, Edition::Edition2024).syntax_node();
    let on_name = touches_name(&world.text, offset.into()) && !is_value(&tree, offset);
    if on_name && let Some((plain, markdown)) = hover(world, offset) {
        description.add(&plain, &markdown);
    }
    let position = FilePosition { file_id: world.cell(), offset };
    if let Ok(Some(help)) = world.host.analysis().signature_help(position) {
        let (plain, markdown) = call(&help, !on_name || description.plain.is_empty());
        description.add(&plain, &markdown);
    } else if description.plain.is_empty()
        && let Some(name) = macro_around(&tree, offset)
        && let Some((plain, markdown)) = hover(world, name)
    {
        description.add(&plain, &markdown);
    }
    if description.plain.is_empty() && on_name {
        for (plain, markdown) in by_name(world, name_at(&world.text, offset.into())) {
            description.add(&plain, &markdown);
        }
    }
    (!description.plain.is_empty()).then_some(description)
}

/// Whether the cursor touches a number, a text or a character: of these there is nothing to say.
fn is_value(tree: &SyntaxNode, offset: TextSize) -> bool {
    let mut touched = tree.token_at_offset(offset);
    touched.any(|token| token.parent().is_some_and(|parent| parent.kind() == SyntaxKind::LITERAL))
}

/// The name of the macro whose brackets the cursor stands in.
fn macro_around(tree: &SyntaxNode, offset: TextSize) -> Option<TextSize> {
    let mut token = tree.token_at_offset(offset).left_biased()?;
    while token.kind().is_trivia() {
        token = token.prev_token()?;
    }
    let call = token.parent_ancestors().find_map(ast::MacroCall::cast)?;
    let brackets = call.token_tree()?;
    let inside = brackets.syntax().text_range();
    let name = call.path()?.segment()?.syntax().text_range().start();
    let last = brackets.syntax().last_token()?;
    let is_closed = inside.end() <= offset && matches!(last.kind(), T![')'] | T![']'] | T!['}']);
    (inside.start() < offset && !is_closed).then_some(name)
}

fn touches_name(text: &str, offset: usize) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '!';
    text[..offset].chars().next_back().is_some_and(word) || text[offset..].chars().next().is_some_and(word)
}

/// The name that touches a place.
fn name_at(text: &str, offset: usize) -> &str {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let start = text[..offset].trim_end_matches(word).len();
    let end = offset + text[offset..].find(|c| !word(c)).unwrap_or(text.len() - offset);
    &text[start..end]
}

/// Items that are asked for by their bare name, such as a method without what it is called on: some of them.
fn by_name(world: &World, name: &str) -> Vec<(String, String)> {
    const MOST: usize = 3;
    let analysis = world.host.analysis();
    let mut found = Vec::new();
    if name.is_empty() {
        return found;
    }
    let words = ["fn", "struct", "enum", "trait", "type", "const", "mod"];
    let heads = words.map(|word| format!("pub {word} {name}"));
    for file in world.named_files() {
        let Ok(text) = analysis.file_text(file) else { break };
        for head in &heads {
            for (at, _) in text.match_indices(head.as_str()) {
                let end = at + head.len();
                if text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let Ok(place) = u32::try_from(end - name.len()) else { continue };
                found.extend(
                    hover_in(world, file, TextSize::from(place)).filter(|described| !found.contains(described)),
                );
                if found.len() == MOST {
                    return found;
                }
            }
        }
    }
    found
}

/// What is known of the name that the cursor stands in, or behind.
fn hover(world: &World, offset: TextSize) -> Option<(String, String)> {
    hover_in(world, world.cell(), offset).or_else(|| {
        let before = world.text[..offset.into()].chars().next_back()?;
        hover_in(world, world.cell(), offset - TextSize::of(before))
    })
}

/// What is known of the name at a place of a file, for terminals and for pages.
fn hover_in(world: &World, file_id: FileId, at: TextSize) -> Option<(String, String)> {
    let text = |format: HoverDocFormat| -> Option<String> {
        let config = HoverConfig {
            links_in_hover: false,
            memory_layout: None,
            documentation: true,
            keywords: false,
            format,
            max_trait_assoc_items_count: Some(20),
            max_fields_count: Some(20),
            max_enum_variants_count: Some(20),
            max_subst_ty_len: SubstTyLen::Unlimited,
            show_drop_glue: false,
            ra_fixture: RaFixtureConfig { disable_ra_fixture: true, ..RaFixtureConfig::default() },
        };
        let range = FileRange { file_id, range: TextRange::empty(at) };
        let text = world.host.analysis().hover(&config, range).ok()??.info.markup.to_string();
        // A variable of an earlier cell is an argument of the cell's function.
        let text = match text.strip_prefix("mut ") {
            Some(variable) => format!("let {variable}"),
            None => text.replace("\nmut ", "\nlet "),
        };
        Some(named_alone(&without_hidden(&text, config.format == HoverDocFormat::PlainText)))
    };
    let (plain, markdown) = (text(HoverDocFormat::PlainText)?, text(HoverDocFormat::Markdown)?);
    Some((with_headings(&plain, &markdown), markdown))
}

/// A description whose type stands under its own name, not in the room of the prelude that one of its `impl`s lies in.
fn named_alone(text: &str) -> String {
    let alone = |line: &str| -> Option<String> {
        let path = line.strip_prefix("candlewick_prelude::")?;
        let (room, name) = path.rsplit_once("::")?;
        let is_room =
            room.split("::").all(|part| !part.is_empty() && part.chars().all(|c| c.is_lowercase() || c == '_'));
        (is_room && name.starts_with(char::is_uppercase)).then(|| name.to_owned())
    };
    let lines = text.lines().enumerate();
    let lines = lines.map(|(at, line)| alone(line).filter(|_| at < 2).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Plain text whose headings, known from the Markdown, stand on lines of their own.
fn with_headings(plain: &str, markdown: &str) -> String {
    let (mut text, mut at, mut in_code) = (plain.to_owned(), 0, false);
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let heading = line.trim_start_matches('#').trim().replace(['*', '`'], "");
        if in_code || !line.starts_with('#') || heading.is_empty() {
            continue;
        }
        // a sentence may begin with the same word
        let is_it = |found: &usize| {
            (*found == 0 || text[..*found].ends_with('\n')) && !text[found + heading.len()..].starts_with(' ')
        };
        let mut places = text[at..].match_indices(&heading).map(|(found, _)| at + found);
        let Some(found) = places.find(is_it) else { continue };
        at = found + heading.len();
        if !text[at..].starts_with('\n') {
            text.insert(at, '\n');
        }
    }
    text
}

/// Documentation without the lines of its examples that rustdoc hides; in plain text no other line begins as they do.
fn without_hidden(text: &str, everywhere: bool) -> String {
    let mut in_code = everywhere;
    let mut lines = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") {
            in_code = everywhere || !in_code;
        }
        if !(in_code && (trimmed.trim_end() == "#" || trimmed.starts_with("# "))) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// The signature of a call, with the argument whose turn it is, and with documentation where there is room.
fn call(help: &SignatureHelp, with_documentation: bool) -> (String, String) {
    let mut code = help.signature.clone();
    let turn = help.active_parameter.and_then(|turn| Some((turn, *help.parameter_ranges().get(turn)?)));
    let mut words = String::new();
    if let Some((turn, range)) = turn {
        let (start, end) = (usize::from(range.start()), usize::from(range.end()));
        let width = |text: &str| text.chars().count();
        code.push_str(&format!(
            "\n{}{}",
            " ".repeat(width(&help.signature[..start])),
            "^".repeat(width(&help.signature[start..end]))
        ));
        words =
            format!("argument {} of {}: `{}`", turn + 1, help.parameter_ranges().len(), &help.signature[start..end]);
    }
    let documentation = match &help.doc {
        Some(text) if with_documentation => without_hidden(text.as_str(), false),
        _ => String::new(),
    };
    let join = |parts: [&str; 3]| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    (
        join([&code, &words.replace('`', ""), &documentation]),
        join([&format!("```rust\n{code}\n```"), &words, &documentation]),
    )
}

#[cfg(test)]
mod tests {
    use super::{named_alone, with_headings, without_hidden};

    #[test]
    fn headings_stand_alone_and_types_under_their_own_name() {
        let markdown = "```rust\n# hidden\n```\nErrors are many.\n\n# Errors\n\nWhen it fails.\n\n## In *short*\nNo.";
        let plain = "Errors are many.\n\nErrorsWhen it fails.\n\nIn shortNo.";
        let expected = "Errors are many.\n\nErrors\nWhen it fails.\n\nIn short\nNo.";
        assert_eq!(with_headings(plain, markdown), expected);
        let text = "candlewick_prelude::train::forgetting::Learner\n\npub fn f()\ncandlewick_prelude::train::Learner";
        assert_eq!(named_alone(text), "Learner\n\npub fn f()\ncandlewick_prelude::train::Learner");
        assert_eq!(named_alone("candlewick_prelude::train\n\nx"), "candlewick_prelude::train\n\nx");
    }

    #[test]
    fn what_rustdoc_hides_is_hidden() {
        let text = "# Errors\nSome.\n```\n# use a::b;\n#[derive(Debug)]\nlet x = f()?;\n#\n  # Ok::<(), Error>(())\n```\n# More";
        let expected = "# Errors\nSome.\n```\n#[derive(Debug)]\nlet x = f()?;\n```\n# More";
        assert_eq!(without_hidden(text, false), expected);
        assert_eq!(without_hidden("Errors\nlet x = 1;\n# Ok(())", true), "Errors\nlet x = 1;");
    }
}
