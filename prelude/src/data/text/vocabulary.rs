//! Vocabularies: BERT's `vocab.txt` as a tokenizer, and one made of a table's own words.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::{Error, Result};

/// What a vocabulary of BERT's kind has to have.
const NEEDED: [&str; 4] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
/// Own words are at most so many.
const WORDS: usize = 20_000;

/// BERT's tokenizer with this vocabulary, as a `tokenizer.json`: as Hugging Face's `BertTokenizer` makes it.
///
/// # Errors
/// When one of the tokens is missing that it needs.
pub(super) fn bert_json(vocab: &str, lower_case: bool) -> Result<String> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for (number, line) in vocab.trim_start_matches('\u{feff}').lines().enumerate() {
        numbers.insert(line, number);
    }
    if numbers.is_empty() {
        return Err(
            Error::new("the vocabulary is empty").remedy("a `vocab.txt` has a token a line; get the file again")
        );
    }
    let missing: Vec<&str> = NEEDED.iter().copied().filter(|token| !numbers.contains_key(token)).collect();
    if !missing.is_empty() {
        let what = format!("the vocabulary of {} lines has no `{}`", numbers.len(), missing.join("`, `"));
        return Err(Error::new(what).remedy(
            "a `vocab.txt` of BERT's kind has a token a line, these among them; other networks have a `tokenizer.json`",
        ));
    }
    let added: BTreeMap<usize, &str> =
        NEEDED.iter().chain(&["[MASK]"]).filter_map(|token| Some((*numbers.get(token)?, *token))).collect();
    let added: Vec<Value> = added
        .into_iter()
        .map(|(id, content)| {
            json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true })
        })
        .collect();
    let special = |token: &str, of: usize| json!({ "SpecialToken": { "id": token, "type_id": of } });
    let text = |id: &str, of: usize| json!({ "Sequence": { "id": id, "type_id": of } });
    let known = |token: &str| (token.to_owned(), json!({ "id": token, "ids": [numbers[token]], "tokens": [token] }));
    let specials: Map<String, Value> = ["[CLS]", "[SEP]"].map(known).into_iter().collect();
    let single = json!([special("[CLS]", 0), text("A", 0), special("[SEP]", 0)]);
    let pair = json!([special("[CLS]", 0), text("A", 0), special("[SEP]", 0), text("B", 1), special("[SEP]", 1)]);
    let post = json!({ "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials });
    let normalizer = json!({ "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                             "strip_accents": null, "lowercase": lower_case });
    let decoder = json!({ "type": "WordPiece", "prefix": "##", "cleanup": true });
    let model = json!({ "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                        "max_input_chars_per_word": 100, "vocab": numbers });
    Ok(json!({ "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": normalizer,
               "pre_tokenizer": { "type": "BertPreTokenizer" }, "post_processor": post, "decoder": decoder,
               "model": model })
    .to_string())
}

/// A `vocab.txt` of the words that stand in these texts most often, and of the letters of which all others are made.
pub(super) fn of_words<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut letters: BTreeMap<char, usize> = (' '..='~').filter(|c| !c.is_whitespace()).map(|c| (c, 0)).collect();
    for text in texts {
        // as BERT reads them: in small letters, without accents
        let lower: String = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
        for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            if let Some(count) = counts.get_mut(word) {
                *count += 1;
            } else if word.len() <= 40 && counts.len() < 50 * WORDS {
                counts.insert(word.to_owned(), 1);
            }
        }
        lower
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .for_each(|c| *letters.entry(c).or_default() += 1);
    }
    let mut words: Vec<(String, usize)> = counts.into_iter().filter(|(word, _)| word.len() > 1).collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut lines: Vec<String> = NEEDED.iter().map(|token| (*token).to_owned()).collect();
    lines.push("[MASK]".to_owned());
    lines.extend(letters.keys().map(char::to_string));
    lines.extend(letters.keys().filter(|c| !c.is_ascii_punctuation()).map(|c| format!("##{c}")));
    let known: std::collections::HashSet<String> = lines.iter().cloned().collect();
    lines.extend(words.into_iter().map(|(word, _)| word).filter(|word| !known.contains(word)).take(WORDS));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Tokens;

    #[test]
    fn a_tables_own_words_are_whole_and_its_letters_are_known() -> Result<()> {
        let texts = ["Le CAFÉ est bon, très bon 👍🏽", "电影 it's x"];
        let tokens = Tokens::from_vocab(&of_words(texts.into_iter()), true, 64)?;
        let pieces = |text: &str| Ok::<_, Error>(tokens.encode(&[(text, None)])?.remove(0).pieces);
        assert_eq!(pieces(texts[0])?[1..9], ["le", "cafe", "est", "bon", ",", "tres", "bon", "👍"]);
        assert_eq!(pieces("电影 its")?[1..], ["电", "影", "it", "##s", "[SEP]"]);
        Ok(())
    }
}
