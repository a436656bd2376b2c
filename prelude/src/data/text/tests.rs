//! Tokens against Hugging Face's.

use std::path::Path;

use serde::Deserialize;

use super::{Tokenized, Tokens};
use crate::Result;

/// What tests/reference/tokens.py wrote.
#[derive(Deserialize)]
struct Reference {
    vocab: String,
    uncased: Vec<Cases>,
    cased: Vec<Cases>,
    bytes_json: String,
    bytes: Vec<Cases>,
}

#[derive(Deserialize)]
struct Cases {
    max: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    texts: Vec<String>,
    ids: Vec<u32>,
    types: Vec<u32>,
    spans: Vec<(usize, usize)>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../tests/fixtures/tokens.json")).unwrap()
}

/// The words above each text's tokens are compared too, by bytes where the reference counts characters.
fn spans_in_chars(tokens: &Tokenized, texts: &[String]) -> Vec<(usize, usize)> {
    let count = |text: &str, bytes: usize| text[..bytes].chars().count();
    let of = |at: usize| if tokens.types[at] == 1 { &texts[1] } else { &texts[0] };
    tokens.spans.iter().enumerate().map(|(at, (from, to))| (count(of(at), *from), count(of(at), *to))).collect()
}

fn same(tokens: &Tokens, wanted: &[Cases], typed: bool) -> Result<()> {
    for Cases { max, cases } in wanted {
        let tokens = tokens.with_max(*max);
        let texts: Vec<(&str, Option<&str>)> =
            cases.iter().map(|case| (case.texts[0].as_str(), case.texts.get(1).map(String::as_str))).collect();
        for (case, own) in cases.iter().zip(tokens.encode(&texts)?) {
            assert_eq!(own.ids, case.ids, "{max} {:?}: {:?}", case.texts, own.pieces);
            assert_eq!(own.types, case.types, "{max} {:?}", case.texts);
            if typed || case.texts.len() == 1 {
                assert_eq!(spans_in_chars(&own, &case.texts), case.spans, "{max} {:?}", case.texts);
            }
        }
        for pair in [false, true] {
            let own: Vec<_> = texts.iter().filter(|text| text.1.is_some() == pair).copied().collect();
            let rows = tokens.rows(own.len(), &|at| own[at])?;
            for (at, one) in tokens.encode(&own)?.iter().enumerate() {
                assert_eq!((rows.row(at).0, rows.cut(at)), (&one.ids[..], one.cut));
            }
        }
    }
    Ok(())
}

#[test]
fn hard_cases_are_cut_as_hugging_face_cuts_them() -> Result<()> {
    let wanted = reference();
    same(&Tokens::from_vocab(&wanted.vocab, true, 512)?, &wanted.uncased, true)?;
    same(&Tokens::from_vocab(&wanted.vocab, false, 512)?, &wanted.cased, true)?;
    same(&Tokens::from_json(&wanted.bytes_json, 512)?, &wanted.bytes, false)
}

#[test]
fn what_is_cut_off_is_counted() -> Result<()> {
    let tokens = Tokens::from_vocab(&reference().vocab, true, 6)?;
    let cut: Vec<usize> = tokens
        .encode(&[("a a a a", None), ("a a a a a", None), ("a a", Some("a a a")), ("", None)])?
        .iter()
        .map(|one| one.cut)
        .collect();
    assert_eq!(cut, [0, 1, 2, 0]);
    let says = tokens.with_max(2).encode(&[("a", None)]).unwrap_err().to_string();
    assert!(says.contains("the most tokens of a text is 2; expected 3 or more"), "{says}");
    Ok(())
}

#[test]
fn a_text_of_a_million_characters_is_read_as_far_as_it_matters() -> Result<()> {
    let wanted = reference();
    for tokens in [Tokens::from_vocab(&wanted.vocab, true, 64)?, Tokens::from_json(&wanted.bytes_json, 64)?] {
        let long = "a fine film , not bad at all . ".repeat(40_000);
        let began = std::time::Instant::now();
        let own = &tokens.encode(&[(&long, None)])?[0];
        assert!(began.elapsed().as_secs_f64() < 0.5, "{:?}", began.elapsed());
        let whole = &tokens.with_max(usize::MAX / 64).encode(&[(&long[..20_000], None)])?[0];
        assert_eq!(own.ids[..63], whole.ids[..63]);
        assert_eq!(own.ids.len(), 64);
        // what is cut off is a guess, and a near one
        let all = whole.ids.len() as f64 * long.len() as f64 / 20_000.0 - 64.0;
        assert!((own.cut as f64 / all - 1.0).abs() < 0.02, "{} {all}", own.cut);
        // one word without an end
        let word = "x".repeat(1_000_000);
        let began = std::time::Instant::now();
        assert!(tokens.encode(&[(&word, None)])?[0].ids.len() <= 64);
        assert!(began.elapsed().as_secs_f64() < 5.0, "{:?}", began.elapsed());
    }
    Ok(())
}

#[test]
fn damaged_tokenizers_are_refused() {
    let says = |found: Result<Tokens>| found.unwrap_err().to_string();
    assert!(says(Tokens::from_json("", 8)).contains("the tokenizer is empty"));
    assert!(says(Tokens::from_json("{\"version\": \"1.0\"", 8)).contains("not a tokenizer"));
    assert!(says(Tokens::from_json("{}", 8)).contains("not a tokenizer"));
    assert!(says(Tokens::from_vocab("", true, 8)).contains("the vocabulary is empty"));
    let says = says(Tokens::from_vocab("[PAD]\n[UNK]\nthe\n", true, 8));
    assert!(says.contains("the vocabulary of 3 lines has no `[CLS]`, `[SEP]`"), "{says}");
    assert!(Tokens::open(Path::new("/nowhere/tokenizer.json"), 8).is_err());
}

#[test]
fn a_batch_is_padded_at_its_end() -> Result<()> {
    let tokens = Tokens::from_vocab(&reference().vocab, true, 16)?;
    let rows = tokens.encode(&[("a fine film", Some("a")), ("a", None)])?;
    let fields = tokens.fields(&rows.iter().collect::<Vec<_>>())?;
    let of = |name: &str| fields.get(name).unwrap().to_vec2::<u32>().unwrap();
    assert_eq!(of("mask"), [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0, 0]]);
    assert_eq!(of("types"), [[0, 0, 0, 0, 0, 1, 1], [0; 7]]);
    assert_eq!(of("ids")[1][3..], [tokens.pad(); 4]);
    let again: Tokens = serde_json::from_str(&serde_json::to_string(&tokens).unwrap()).unwrap();
    assert!(again == tokens && again.vocabulary() == tokens.all().len());
    Ok(())
}
