//! Why a file is no notebook, and what to do about it.

/// What keeps bytes from being JSON, at `line` and `column` as the parser counts them, in words with a remedy.
pub fn no_json(bytes: &[u8], line: usize, column: usize, parsers: &str) -> String {
    if let Some(why) = no_text(bytes) {
        return why;
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some((number, _)) = (1..).zip(text.lines()).find(|(_, line)| is_conflict(line)) {
        return format!(
            "it holds a merge conflict, which begins at line {number}: choose one side (`git checkout --ours FILE` or \
             `--theirs`)"
        );
    }
    if let Some((number, at, word)) = python_number(&text)
        && (number, at) <= (line, column)
    {
        return format!(
            "it is no JSON: line {number}, column {at}: JSON has no `{word}`, which Python writes into outputs and \
             metadata; put `null` or a text such as `\"{word}\"` in its place, or clear the outputs in JupyterLab"
        );
    }
    let (lines, last) = (text.lines().count(), text.trim_end());
    if parsers.contains("EOF") || (line >= lines && !last.ends_with('}')) {
        return format!(
            "it is no JSON: line {line}, column {column}: it ends in the middle, as a file does that was not wholly \
             written or loaded; fetch it again, or take an older one from `.ipynb_checkpoints`"
        );
    }
    format!("it is no JSON: line {line}, column {column}: {parsers}; open it in an editor there, or fetch it again")
}

/// What bytes are that cannot be a notebook's text.
pub fn no_text(bytes: &[u8]) -> Option<String> {
    let kinds: [(&[u8], &str); 5] = [
        (b"PK\x03\x04", "it is a zip archive: unpack it and name the notebook in it"),
        (b"\x1f\x8b", "it is packed by gzip: unpack it with `gunzip`"),
        (b"\x89PNG", "it is a picture, no notebook"),
        (b"%PDF", "it is a PDF, no notebook"),
        (b"version https://git-lfs", "it only says where the file lies: fetch it with `git lfs pull`"),
    ];
    if let Some((_, what)) = kinds.iter().find(|(head, _)| bytes.starts_with(head)) {
        return Some((*what).to_owned());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Some("it is written in UTF-16: save it as UTF-8, which notebooks are".to_owned());
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => Some("it is empty: no JSON: line 1, a notebook begins with `{`; make one in JupyterLab".to_owned()),
        Some(b'<') if !bytes.starts_with(b"<<<<") => Some(
            "it is a web page, no JSON: of a notebook on a site, save the file itself (on GitHub \"Download raw file\")"
                .to_owned(),
        ),
        _ => {
            let error = std::str::from_utf8(bytes).err()?;
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            Some(format!("it is no UTF-8 from line {line} on: save it as UTF-8, which notebooks are"))
        }
    }
}

fn is_conflict(line: &str) -> bool {
    line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")
}

/// The first number outside of strings that Python writes and JSON does not have: its line, its column, itself.
fn python_number(text: &str) -> Option<(usize, usize, &'static str)> {
    let (mut line, mut column, mut inside, mut escaped) = (1, 0, false, false);
    for (at, c) in text.char_indices() {
        column += 1;
        match c {
            '\n' => (line, column) = (line + 1, 0),
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ if !inside => {
                let found = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| text[at..].starts_with(word));
                if let Some(word) = found {
                    return Some((line, column, word));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_looked_for_outside_of_strings() {
        assert_eq!(python_number("{\"NaN\": 1,\n \"a\": -Infinity}"), Some((2, 7, "-Infinity")));
        assert_eq!(python_number("{\"a\": \"\\\"NaN\", \"b\": [1, NaN]}"), Some((1, 25, "NaN")));
        assert_eq!(python_number("[\"Infinity\"]"), None);
    }
}
