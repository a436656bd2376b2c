//! Tables of texts: how they are read, split and put into batches, and what of bad ones is said.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use super::{TextTable, Tokens};
use crate::Result;
use crate::data::{Data, Order, Part, Target, field};

/// A file with this text, in a folder that lasts as long as it.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn says<T>(found: Result<T>) -> String {
    found.err().expect("an error").to_string()
}

/// Texts of words by their number, of two classes.
fn numbered(count: usize) -> TextTable {
    let text = |id: usize| {
        let words: Vec<String> =
            (0..2 + id % 13).map(|word| format!("word{}", (id * 31 + word * word * 7) % 997)).collect();
        (format!("{} number{id}", words.join(" ")), if id.is_multiple_of(4) { "rare" } else { "usual" })
    };
    TextTable::from_texts(&(0..count).map(text).collect::<Vec<_>>()).unwrap()
}

#[test]
fn columns_are_known_by_name_or_guessed() -> Result<()> {
    let (_folder, path) = file("x.tsv", "sentence\tlabel\na fine film\t1\na dull film\t0\n");
    let data = TextTable::open(&path)?;
    assert_eq!(
        (data.names(), data.text_of(0)?.0, data.columns()),
        (&["0".to_owned(), "1".to_owned()][..], "a fine film", &["sentence".to_owned(), "label".to_owned()][..])
    );
    assert_eq!(data.clone().label_names(&["negative", "positive"])?.names(), ["negative", "positive"]);
    assert!(says(data.label_names(&["one"])).contains("1 name for the 2 classes of column `label`: `0`, `1`"));
    // no names above the columns, and the label first
    let (_folder, path) = file("x.csv", "pos,a fine film it is\nneg,a dull film\npos,good\n");
    let data = TextTable::csv(&path)?;
    assert_eq!((data.text_of(0)?.0, data.names()), ("a fine film it is", &["neg".to_owned(), "pos".to_owned()][..]));
    let lines = "id,who,what they wrote,how it was\n1,ann,a fine film in all,good\n2,bob,a dull film in all,bad\n3,eve,not a dull film,good\n4,dan,not a fine film,bad\n";
    let (_folder, path) = file("x.csv", lines);
    let data = TextTable::csv(&path)?;
    let reading = &data.summary()?.reading;
    assert!(reading[0].contains("text from column `what they wrote`, classes from `how it was`"), "{reading:?}");
    let told = data.text("who").label("how it was")?;
    assert_eq!(told.text_of(2)?.0, "eve");
    assert!(says(told.label("hwo it was")).contains("did you mean `how it was`? the columns are `id`, `who`"));
    Ok(())
}

#[test]
fn pairs_labels_and_numbers_are_told() -> Result<()> {
    let lines = "{\"premise\":\"it rains\",\"hypothesis\":\"it is wet\",\"label\":0,\"tags\":[\"b\",\"a\"],\"score\":\"1,5\"}\n{\"premise\":\"it rains\",\"hypothesis\":\"it is dry\",\"label\":2,\"tags\":[],\"score\":2}\n";
    let (_folder, path) = file("x.jsonl", lines);
    let data = TextTable::open(&path)?.label_names(&["entails", "neutral", "contradicts"])?.batch(2);
    assert_eq!((data.text_of(1)?, data.counts(Part::Train)), (("it rains", Some("it is dry")), vec![1, 0, 1]));
    let batch = data.batches(Part::Train)?.next().unwrap()?;
    assert_eq!(batch.inputs.get(field::TYPES)?.to_vec2::<u32>()?[0], [0, 0, 0, 0, 1, 1, 1, 1]);
    let labelled = data.clone().labels("tags")?;
    assert_eq!(Data::spec(&labelled).target, Target::Classes(vec!["a".into(), "b".into()]));
    let batch = labelled.batches(Part::Train)?.next().unwrap()?;
    assert_eq!(batch.ids, [0, 1]);
    assert_eq!(batch.targets.get(field::LABELS)?.to_vec2::<f32>()?, [[1.0, 1.0], [0.0, 0.0]]);
    let numbered = data.clone().numbers(&["score", "label"])?;
    let batch = numbered.batches(Part::Train)?.next().unwrap()?;
    assert_eq!(batch.targets.get(field::NUMBERS)?.to_vec2::<f32>()?, [[1.5, 0.0], [2.0, 2.0]]);
    assert_eq!(numbered.summary()?.ranges, [(1.5, 2.0), (0.0, 2.0)]);
    assert!(says(data.number("premise")).contains("is both text and what is to be told"));
    Ok(())
}

#[test]
fn a_table_without_a_label_lists_its_columns() -> Result<()> {
    let rows: String = (0..30).map(|at| format!("{at},a film of number {at}\n")).collect();
    let (_folder, path) = file("x.csv", format!("id,text\n{rows}"));
    let data = TextTable::csv(&path)?;
    let what = "`x.csv` has no column that looks like a label: its columns are `id`, `text`";
    for told in [
        says(data.clone().split(0.2, 1)),
        says(data.summary()),
        says(data.show_batch(3)),
        says(Data::check(&data)),
        says(data.batches(Part::Train)),
    ] {
        assert!(told.contains(what) && told.contains(".label(\"stars\")?"), "{told}");
    }
    assert_eq!((data.len(), Data::count(&data, Part::Train), data.names().len()), (0, 0, 0));
    Ok(())
}

#[test]
fn one_class_is_enough_to_measure_on() -> Result<()> {
    let (_folder, path) = file("x.csv", "text,label\na,pos\nb,pos \nc,POS\n");
    let table = TextTable::csv(&path)?;
    assert_eq!((table.names(), table.len()), (&["pos".to_owned()][..], 3));
    let told = table.ready()?.words.join("\n");
    assert!(told.contains("all texts are of the class `pos`, from column `label`: enough to measure on"), "{told}");
    let table = TextTable::from_texts(&[("a", "x"), ("b", "x")])?;
    let told = table.ready()?.words.join("\n");
    assert!(table.len() == 2 && told.contains("all texts are of the class `x`"), "{told}");
    assert!(says(TextTable::from_texts(&[] as &[(&str, &str)])).contains("there is no text"));
    Ok(())
}

#[test]
fn encodings_are_told_or_refused_with_those_like_them() -> Result<()> {
    let text = "текст,метка\nочень хороший фильм, но длинный\n".replace(", но", " но");
    let table = format!("text,label\n{},да\nплохой фильм,нет\n", text.lines().nth(1).unwrap());
    let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(&table);
    let (_folder, path) = file("x.csv", &bytes);
    let data = TextTable::csv(&path)?.encoding("windows-1251")?;
    assert_eq!((data.text_of(1)?.0, data.names()), ("плохой фильм", &["да".to_owned(), "нет".to_owned()][..]));
    let told = says(data.encoding("windows-1299"));
    assert!(told.contains("there is no encoding `windows-1299`") && told.contains("`windows-125"), "{told}");
    assert!(says(TextTable::from_texts(&[("a", "x"), ("b", "y")])?.encoding("utf-8")).contains("come from no file"));
    Ok(())
}

#[test]
fn nul_bytes_are_refused_by_their_line() {
    let (_folder, path) = file("x.csv", b"text,label\na,1\nb\0c,0\n");
    assert!(says(TextTable::csv(&path)).contains("line 3 of `x.csv` holds a NUL byte"));
    let (_folder, path) = file("x.jsonl", "{\"text\":\"a\\u0000b\",\"label\":1}\n");
    assert!(says(TextTable::jsonl(&path)).contains("line 1 of `x.jsonl` holds a NUL byte"));
}

#[test]
fn rows_without_a_text_or_a_label_are_left_out_with_a_word() -> Result<()> {
    let (_folder, path) =
        file("x.csv", "text,label\na fine film,Pos\n\"  \",neg\nanother,\na dull film,neg\nb,pos\nc,pos\n");
    let data = TextTable::csv(&path)?;
    assert_eq!((data.len(), data.names()), (4, &["neg".to_owned(), "pos".to_owned()][..]));
    let reading = data.summary()?.reading.join("\n");
    for words in [
        "1 row has no text and is left out: line 3",
        "1 row has no label and is left out: line 4",
        "classes that differ in capitals alone are one: `Pos` and `pos`",
    ] {
        assert!(reading.contains(words), "{reading}");
    }
    Ok(())
}

#[test]
fn a_text_of_a_million_characters_is_a_text_as_others() -> Result<()> {
    let long = "a fine film , ".repeat(72_000);
    let data = TextTable::from_texts(&[(long.as_str(), "pos"), ("dull", "neg"), ("fine", "pos"), ("bad", "neg")])?;
    let began = std::time::Instant::now();
    let summary = data.summary()?;
    assert!(summary.cut.0 == 1 && summary.lengths[2] > 200_000 && summary.max_tokens == 128, "{summary:?}");
    assert_eq!(data.batches(Part::Train)?.next().unwrap()?.inputs.get(field::IDS)?.dims(), [4, 128]);
    assert!(data.show_batch(4)?.text(false).contains("more cut off"));
    assert!(began.elapsed().as_secs_f64() < 4.0, "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn a_table_of_a_million_rows_is_read_in_seconds() -> Result<()> {
    let mut text = String::from("text,label\n");
    for row in 0..1_000_000usize {
        text.push_str(if row.is_multiple_of(2) { "a fine film it was,1\n" } else { "a dull film it was,0\n" });
    }
    let (_folder, path) = file("x.csv", &text);
    let began = std::time::Instant::now();
    let data = TextTable::csv(&path)?;
    assert_eq!((data.len(), data.counts(Part::Train)), (1_000_000, vec![500_000, 500_000]));
    assert!(data.bytes() < 3 * text.len(), "{}", data.bytes());
    assert!(began.elapsed().as_secs_f64() < 20.0, "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn a_split_keeps_shares_and_like_texts_together() -> Result<()> {
    let mut texts: Vec<(String, &str)> = Vec::new();
    for id in 0..200u64 {
        let words: Vec<String> = (0..9u64)
            .map(|word| {
                format!("w{}x", (id * 2_654_435_761 + word * 40_503 + 12_345) * 48_271 % 2_147_483_647 % 50_021)
            })
            .collect();
        let text = words.join(" ");
        let class = if id.is_multiple_of(4) { "rare" } else { "usual" };
        if id.is_multiple_of(10) {
            // the same in capitals, and another in one word
            texts.push((text.to_uppercase(), class));
            texts.push((text.replacen(&words[3], "other", 1), class));
        }
        texts.push((text, class));
    }
    texts.push((texts[5].0.clone(), "rare"));
    let data = TextTable::from_texts(&texts)?;
    let summary = data.summary()?;
    assert_eq!((summary.copies, summary.near_copies, summary.contradictions.len()), (21, Some(20), 1), "{summary:?}");
    for seed in 0..5 {
        let split = data.clone().split(0.2, seed)?;
        assert_eq!(split.summary()?.across_parts.1, 0);
        let (train, valid) = (split.counts(Part::Train), split.counts(Part::Valid));
        assert_eq!(train.iter().chain(&valid).sum::<usize>(), data.len());
        let whole = data.counts(Part::Train);
        for class in 0..2 {
            let share = valid[class] as f64 / whole[class] as f64;
            assert!((share - 0.2).abs() < 0.05, "{share}");
        }
        assert_eq!(split.provenance().split_hash, data.clone().split(0.2, seed)?.provenance().split_hash);
    }
    assert_ne!(data.clone().split(0.2, 1)?.ids(Part::Valid), data.clone().split(0.2, 2)?.ids(Part::Valid));
    assert_ne!(
        data.clone().split(0.2, 1)?.provenance().split_hash,
        data.clone().split(0.2, 2)?.provenance().split_hash
    );
    let held = data.hold_out(0.2, 3)?;
    let test = held.ids(Part::Test);
    let folds = held.split(0.2, 1)?.folds(4, 5)?;
    let valid: Vec<usize> = folds.iter().flat_map(|fold| fold.ids(Part::Valid)).collect();
    assert_eq!(
        (valid.len(), valid.iter().collect::<HashSet<_>>().len()),
        (folds[0].len() - test.len(), folds[0].len() - test.len())
    );
    assert!(folds.iter().all(|fold| fold.ids(Part::Test) == test && fold.across(&fold.alike().unwrap()).is_empty()));
    Ok(())
}

#[test]
fn a_table_that_comes_in_parts_keeps_them_and_trains_on_nothing_it_measures() -> Result<()> {
    let (_folder, path) = file(
        "x.csv",
        "text,label,split\na fine film,1,train\nA  FINE film,1,dev\na dull film,0,train\nso dull,0,validation\nmore,1,train\nlast,0,test\n",
    );
    let data = TextTable::csv(&path)?.split(0.5, 1)?;
    let counts = [Part::Train, Part::Valid, Part::Test].map(|part| data.count(part));
    assert_eq!(counts, [2, 2, 1]);
    assert!(
        data.summary()?
            .reading
            .iter()
            .any(|words| words.contains("1 training text is also held for validation or test and left out: line 2"))
    );
    let (_folder, path) = file("x.csv", "text,label,group\na,1,x\nb,0,x\nc,1,y\nd,0,y\ne,1,z\nf,0,z\n");
    let data = TextTable::csv(&path)?.split(0.34, 1)?;
    let sides: BTreeSet<Option<String>> =
        data.ids(Part::Valid).into_iter().map(|id| Data::group_of(&data, id)).collect();
    assert_eq!((data.count(Part::Valid), sides.len()), (2, 1));
    assert!(says(data.grouped("author")).contains("has no column `author`"));
    Ok(())
}

#[test]
fn batches_are_of_about_one_length_and_the_same_again() -> Result<()> {
    let data = numbered(1000).split(0.2, 7)?.batch(16);
    let padding = |batches: crate::data::BatchIter| -> Result<(f64, Vec<usize>, Vec<usize>)> {
        let (mut own, mut all, mut ids, mut widths) = (0, 0, Vec::new(), Vec::new());
        for batch in batches {
            let batch = batch?;
            let mask = batch.inputs.get(field::MASK)?;
            own += mask.sum_all()?.to_scalar::<u32>()? as usize;
            all += mask.elem_count();
            widths.push(mask.dims()[1]);
            assert_eq!(batch.targets.get(field::CLASS)?.dims(), [batch.ids.len()]);
            ids.extend(batch.ids);
        }
        Ok((1.0 - own as f64 / all as f64, ids, widths))
    };
    let (waste, ids, widths) = padding(data.train_batches(0)?)?;
    assert!(waste < 0.05, "{waste}");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), data.count(Part::Train));
    assert!(!widths.is_sorted() && !widths.iter().rev().is_sorted());
    assert_eq!(padding(data.train_batches(0)?)?.1, ids);
    assert_ne!(padding(data.train_batches(1)?)?.1, ids);
    assert_ne!(padding(data.clone().seeded(8).train_batches(0)?)?.1, ids);
    let (_, given, widths) = padding(data.batches(Part::Valid)?)?;
    assert!(widths.iter().rev().is_sorted());
    let mut sorted = given.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, data.ids(Part::Valid));
    // a last one of one text goes with those before it
    assert_eq!(numbered(33).batch(16).train_batches(0)?.count(), 2);
    assert!(says(data.clone().batch(0).train_batches(0)).contains("`batch` is 0; expected 1 or more texts"));
    assert!(says(numbered(20).batches(Part::Valid)).contains("keeps no texts for `valid`"));
    assert_eq!(data.limit(5).counts(Part::Train), [5, 5]);
    Ok(())
}

#[test]
fn texts_are_cut_once_for_each_tokenizer() -> Result<()> {
    let data = numbered(300).max_tokens(6);
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword1\n";
    let tokens = Tokens::from_vocab(vocabulary, true, 64)?;
    let own = data.tokens().vocabulary();
    let learned = data.tokenized(&tokens)?;
    let input = learned.spec().tokens().cloned().unwrap();
    assert_eq!((input.vocabulary(), input.max_tokens(), data.tokens().vocabulary()), (5, 6, own));
    assert_eq!(learned.batches(Part::Train, Order::Given)?.next().unwrap()?.inputs.get(field::IDS)?.dims(), [32, 6]);
    let (one, other) = (data.with_tokens(&tokens)?, data.with_tokens(&tokens)?);
    assert!(std::sync::Arc::ptr_eq(&one.rows()?, &other.rows()?));
    assert!(std::sync::Arc::ptr_eq(&one.rows()?, &one.clone().split(0.2, 1)?.rows()?));
    let summary = one.summary()?;
    assert!(summary.of_network && summary.cut.0 > 100 && summary.max_tokens == 6);
    assert!(!data.summary()?.of_network);
    Ok(())
}

#[test]
fn tokens_are_shown_with_the_texts_own_letters() -> Result<()> {
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nfilm\n##s\ncafe\n,\n";
    let tokens = Tokens::from_vocab(vocabulary, true, 64)?;
    let data = TextTable::from_texts(&[("Films, a Café <b>", "pos"), ("a", "neg")])?.seeded(1).with_tokens(&tokens)?;
    let shown = data.show_batch(2)?;
    let text = shown.text(false);
    assert!(text.contains("pos: [CLS] Film·s , a Café ‹<› ‹b› ‹>› [SEP]"), "{text}");
    let html = shown.html();
    assert!(html.contains("&lt;") && html.contains("Café") && !html.contains("<b>b"), "{html}");
    assert!(shown.text(true).contains("\u{1b}[30;48;5;") && shown.text(true).contains("\u{1b}[2m[CLS]"));
    assert!(says(data.show_batch(0)).contains("the count of `data.show_batch` is 0"));
    let known = data.example(0)?;
    assert_eq!((known.name.as_str(), known.text.as_deref()), ("texts:1", Some("Films, a Café <b>")));
    assert!(says(data.example(2)).contains("there is no text 2: the table has 2"));
    Ok(())
}

/// Hugging Face's pieces of a hundred sentences of its own, where the folder of a real network's tokenizer is named.
#[test]
fn a_real_networks_tokenizer_gives_hugging_faces_tokens() -> Result<()> {
    let Some(folder) = std::env::var_os("CANDLEWICK_MINILM").map(PathBuf::from) else { return Ok(()) };
    let wanted = std::fs::read_to_string(folder.join("tokens_reference.json"));
    let Ok(wanted) = wanted else { return Ok(()) };
    let wanted: Vec<(String, Option<String>, Vec<u32>)> = serde_json::from_str(&wanted).unwrap();
    let vocabulary = std::fs::read_to_string(folder.join("vocab.txt"))?;
    for tokens in [Tokens::open(&folder.join("tokenizer.json"), 64)?, Tokens::from_vocab(&vocabulary, true, 64)?] {
        let texts: Vec<_> = wanted.iter().map(|(first, second, _)| (first.as_str(), second.as_deref())).collect();
        for (own, (first, _, ids)) in tokens.encode(&texts)?.iter().zip(&wanted) {
            assert_eq!(&own.ids, ids, "{first}");
        }
    }
    Ok(())
}

/// As `DataFrame.to_csv` of pandas writes them, with an index that has no name; JSON Lines under another name; what is packed.
#[test]
fn tables_of_other_programs_are_read_or_named() -> Result<()> {
    let rows = "0,a fine film,pos\n1,a dull film,neg\n2,a good meal,pos\n";
    let (_folder, path) = file("pandas.csv", format!(",text,label\n{rows}"));
    let data = TextTable::csv(&path)?;
    assert_eq!(
        (data.len(), data.columns(), data.names()),
        (3, &["column 1", "text", "label"].map(str::to_owned)[..], &["neg", "pos"].map(str::to_owned)[..])
    );
    let (_folder, path) = file("twice.csv", "text,text,label\na,b,pos\nc,d,neg\n");
    assert_eq!(TextTable::csv(&path)?.columns(), ["text", "text (2)", "label"]);
    // a first text without a label is no head
    let (_folder, path) = file("plain.csv", "a fine film,pos\na dull film,neg\n");
    assert_eq!(TextTable::csv(&path)?.len(), 2);
    let (_folder, path) = file(
        "lines.csv",
        "{\"text\": \"a fine film\", \"label\": \"pos\"}\n{\"text\": \"dull\", \"label\": \"neg\"}\n",
    );
    assert_eq!(TextTable::csv(&path)?.names(), ["neg", "pos"]);
    for (name, bytes, wanted) in
        [("x.csv.gz", &[0x1fu8, 0x8b, 8, 0, 0][..], "compressed (gzip)"), ("x.xlsx", b"PK\x03\x04\0", "workbook")]
    {
        let (_folder, path) = file(name, bytes);
        let says = says(TextTable::open(&path));
        assert!(says.contains(wanted) && says.contains("  → "), "{says}");
    }
    Ok(())
}

/// What spreadsheets leave in a file, and what goes wrong in one that was written by hand.
#[test]
fn quotes_marks_and_columns_that_go_wrong_are_told() -> Result<()> {
    let (_folder, path) = file("excel.csv", "sep=;\r\ntext;label\r\ngood, really;pos\r\nbad;neg\r\n");
    let data = TextTable::csv(&path)?;
    assert_eq!((data.len(), data.columns()), (2, &["text".to_owned(), "label".to_owned()][..]));
    assert_eq!(Data::example(&data, 0)?.name, "excel.csv:3");
    // a text over two lines is fine
    let (_folder, path) = file("two.csv", "text,label\n\"good\nfilm\",pos\n\"he said \"\"no\"\"\nand left\",neg\n");
    assert_eq!(Data::example(&TextTable::csv(&path)?, 1)?.text.as_deref(), Some("he said \"no\"\nand left"));
    for (name, text, wanted) in [
        ("end.csv", "text,label\n\"bad,neg\ngood,pos\nfine,pos\n", "line 2 of `end.csv`"),
        (
            "later.csv",
            "text,label\nfine,pos\n\"bad film,neg\ngood,pos\n\"dull, really\",neg\nso so,pos\n",
            "a quote in line 3 of `later.csv` is not closed: the 2 lines below are taken into its text, “bad film,neg…”",
        ),
        (
            "part.csv",
            "text,label,part\ngood,pos,train\nbad,neg,valid\nfine,pos,\n",
            "line 4 of `part.csv` says no part in `part`",
        ),
        (
            "bad.jsonl",
            "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \"b\", \"label\" \"y\"}\n",
            "line 2 of `bad.jsonl` is no JSON object: expected `:`, at letter 23",
        ),
    ] {
        let (_folder, path) = file(name, text);
        let Err(says) = TextTable::open(&path).and_then(|data| data.split(0.3, 1)) else { panic!("{name} is read") };
        let says = says.to_string();
        assert!(says.contains(wanted) && says.contains("  → ") && !says.contains("at line 1"), "{name}: {says}");
    }
    let (folder, path) = file("pairs.csv", "text1,text2,label\na,b,yes\nc,d,no\n");
    let says_of = |table: Result<TextTable>| says(table);
    let twice = says_of(TextTable::csv(&path)?.pair("text1", "text1").label("label"));
    assert!(twice.contains("both texts of a pair are of the column `text1`"), "{twice}");
    assert!(says_of(TextTable::open(folder.path())).contains("it is a folder"));
    assert!(says_of(TextTable::csv("https://example.org/a.csv")).contains("`!curl -LO https://example.org/a.csv`"));
    let tags: String = (0..20)
        .map(|at| format!("text {at},{}|{}\n", ["a", "b", "c", "d", "e"][at % 5], ["x", "y", "z", "u"][at % 4]))
        .collect();
    let (_folder, path) = file("tags.csv", format!("text,tags\n{tags}"));
    let says = says(TextTable::csv(&path)?.label("tags"));
    assert!(says.contains("`.labels(\"tags\")?`"), "{says}");
    Ok(())
}

#[test]
fn balanced_epochs_show_each_class_equally_often() -> Result<()> {
    let data = numbered(80).split(0.25, 3)?.batch(8);
    let target = |data: &TextTable, epoch: u64| -> Result<(Vec<usize>, Vec<usize>)> {
        let (mut counts, mut ids) = (vec![0; 2], Vec::new());
        for batch in Data::batches(data, Part::Train, Order::Epoch(epoch))? {
            let batch = batch?;
            batch.targets.get(field::CLASS)?.to_vec1::<u32>()?.iter().for_each(|class| counts[*class as usize] += 1);
            ids.extend(batch.ids);
        }
        Ok((counts, ids))
    };
    let (plain, _) = target(&data, 1)?;
    let even = data.balanced();
    let (counts, first) = target(&even, 1)?;
    assert!(plain[0] * 2 < plain[1] && counts[0].abs_diff(counts[1]) <= 1, "{plain:?} {counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), plain.iter().sum::<usize>());
    assert_eq!(target(&even, 1)?.1, first);
    assert_ne!(target(&even, 2)?.1, first);
    assert!(even.summary()?.table().text().contains("training shows each equally often"));
    let (_folder, path) = file("tags.csv", "text,tags\na,x;y\nb,x\nc,y\nd,x\n");
    assert!(says(Data::check(&TextTable::csv(&path)?.labels("tags")?.balanced())).contains("balanced_weights"));
    Ok(())
}

/// Nobody's split goes without a word, and lists of labels are read as Python writes them.
#[test]
fn splits_are_kept_or_refused_and_labels_are_joined() -> Result<()> {
    let rows: String =
        (0..30).map(|at| format!("{{at}} text number {at},{},a{}\n", ["x", "y"][at % 2], at / 3)).collect();
    let (_folder, path) = file("split.csv", format!("text,label,author\n{rows}"));
    let open = || TextTable::open(&path);
    // whatever the columns are called afterwards
    let parts = |data: &TextTable| [Part::Train, Part::Valid, Part::Test].map(|part| data.ids(part));
    for (before, after) in [
        (open()?.split(0.2, 1)?, open()?.split(0.2, 1)?.text("text").label("label")?),
        (open()?.hold_out(0.2, 1)?, open()?.hold_out(0.2, 1)?.label("author")?.label("label")?),
    ] {
        assert_eq!(parts(&before), parts(&after));
        assert!(before.ids(Part::Train).len() < 30);
    }
    let half = open()?.split(0.2, 1)?.label("label")?.split(0.5, 1)?.ids(Part::Valid).len();
    assert!((14..=17).contains(&half), "{half}");
    let late = says(open()?.split(0.2, 1)?.grouped("author"));
    assert!(late.contains("was parted already") && late.contains("`.grouped(\"author\")?.split(0.2, 42)?`"), "{late}");
    assert_eq!(open()?.grouped("author")?.split(0.2, 1)?.len(), 30);
    // groups are groups still, whatever the columns are called afterwards
    let grouped = open()?.grouped("author")?.text("text").label("label")?.split(0.3, 1)?;
    let authors = |part: Part| -> HashSet<String> {
        grouped.ids(part).into_iter().filter_map(|id| Data::group_of(&grouped, id)).collect()
    };
    assert!(!authors(Part::Valid).is_empty() && authors(Part::Train).is_disjoint(&authors(Part::Valid)));
    let late = open()?.grouped("author")?.split(0.3, 1)?.label("author")?.summary()?;
    assert!(late.table().text().contains("no text to learn from: `a"), "{}", late.table().text());
    assert!(late.imbalance < 4.0 && late.groups == Some(10), "{late:?}");

    let (_folder, path) =
        file("tags.csv", "text,tags\na,\"['urgent', 'family']\"\nb,\"Urgent,online\"\nc,[]\nd,\"[\"\"urgent\"\"]\"\n");
    assert_eq!(TextTable::open(&path)?.text("text").labels("tags")?.names(), ["family", "online", "urgent"]);
    let (_folder, path) = file("head.csv", "text,label\n");
    assert!(says(TextTable::open(&path)?.split(0.2, 1)).contains("has one row alone, `text, label`"));
    Ok(())
}

#[test]
fn what_stands_for_nothing_is_nothing() -> Result<()> {
    let lines = "text,label,score\na fine film,pos,3\nNaN,neg,2\na dull film,neg,\"1.234,5\"\nNone,pos,1\nso so,nan,2\nwell,None,N/A\nhm,None,1 000\n";
    let (_folder, path) = file("x.csv", lines);
    let data = TextTable::open(&path)?;
    assert_eq!((data.len(), data.names()), (4, &["neg".to_owned(), "None".to_owned(), "pos".to_owned()][..]));
    let reading = data.summary()?.reading.join("\n");
    assert!(reading.contains("2 rows have no text and are left out: line 3 … (`NaN`, `None` is none)"), "{reading}");
    assert!(reading.contains("1 row has no label and is left out: line 6 (`nan` is none)"), "{reading}");
    let data = data.number("score")?;
    let scores = |id: usize| data.value(id, "score").map(str::to_owned);
    assert_eq!((data.len(), scores(1)?, scores(3)?), (4, "1.234,5".to_owned(), "1 000".to_owned()));
    assert!(data.summary()?.table().text().contains("1234.5"), "{}", data.summary()?.table().text());
    Ok(())
}

#[test]
fn columns_that_mean_something_else_are_told() -> Result<()> {
    let rows = |cell: &dyn Fn(usize) -> String| {
        let lines: Vec<String> = (0..60).map(|i| format!("text number {i},{}", cell(i))).collect();
        format!("text,tags\n{}\n", lines.join("\n"))
    };
    let said = |text: String| -> Result<String> {
        let (_folder, path) = file("x.csv", text);
        Ok(TextTable::open(&path)?.label("tags")?.summary()?.reading.join("\n"))
    };
    let lists = said(rows(&|i| format!("\"['a', '{}']\"", ["b", "c"][i % 2])))?;
    assert!(lists.contains("`tags` looks like lists") && lists.contains("`.labels(\"tags\")?`"), "{lists}");
    let (_folder, path) = file(
        "x.jsonl",
        (0..12)
            .map(|i| {
                format!("{{\"text\": \"a text {i}\", \"tags\": [\"a\", \"{}\"], \"n\": NaN}}\n", ["b", "c"][i % 2])
            })
            .collect::<String>(),
    );
    let lists = TextTable::open(&path)?.label("tags")?.summary()?.reading.join("\n");
    assert!(lists.contains("`.labels(\"tags\")?`"), "{lists}");
    let odd = said(rows(&|i| ["None", "-", "fine"][i % 3].to_owned()))?;
    assert!(odd.contains("`-`, `None` counts as a class") || odd.contains("`None`, `-` counts as a class"), "{odd}");
    let numbers = said(rows(&|i| (i % 12).to_string()))?;
    assert!(numbers.contains("12 different numbers") && numbers.contains("`.number(\"tags\")?`"), "{numbers}");
    let stars = said(rows(&|i| (i % 5).to_string()))?;
    assert!(!stars.contains("different numbers"), "{stars}");
    let (_folder, path) = file("x.csv", rows(&|i| format!("tag {i}")));
    let guessed = says(TextTable::open(&path)?.text("text").summary());
    assert!(
        guessed.contains("no column that looks like a label") || guessed.contains("taken for the classes"),
        "{guessed}"
    );
    Ok(())
}

#[test]
fn files_that_are_no_tables_are_told_apart() -> Result<()> {
    let (_folder, path) = file("reviews.csv", "\n<!DOCTYPE html>\n<html><body>404</body></html>\n");
    let page = says(TextTable::open(&path));
    assert!(page.contains("`reviews.csv` is a page of the web") && page.contains("`Raw`"), "{page}");
    let (_folder, path) = file("reviews.tsv", "text,label\na fine film,pos\na dull film,neg\n");
    let table = TextTable::open(&path)?;
    let one = says(table.summary());
    assert!(one.contains("has one column alone, `text,label`") && one.contains("`TextTable::csv`"), "{one}");
    // and what is shown of it says so, not that it is empty
    let shown = format!("{table:?}");
    assert!(shown.contains("3 rows") && shown.contains("has one column alone"), "{shown}");
    Ok(())
}

#[test]
fn classes_are_left_out_or_chosen() -> Result<()> {
    let rows = [
        ("one good day", "good"),
        ("a bad day", "bad"),
        ("nothing much", "odd"),
        ("fine weather", "good"),
        ("rain again", "bad"),
    ];
    let data = TextTable::from_texts(&rows)?;
    let rest = data.clone().drop(&["odd"])?;
    assert_eq!((rest.len(), rest.names()), (4, &["bad".to_owned(), "good".to_owned()][..]));
    assert_eq!(rest.text_of(1)?.0, "a bad day");
    assert_eq!(rest.counts(Part::Train), [2, 2]);
    let chosen = data.clone().only(&["odd", "good"])?;
    assert_eq!((chosen.names().join(" "), chosen.counts(Part::Train)), ("good odd".to_owned(), vec![2, 1]));
    let said = says(data.clone().only(&["goood"]));
    assert!(said.contains("no class `goood`") && said.contains("did you mean `good`"), "{said}");
    for (wrong, verb) in [(data.clone().only(&[]), "only"), (data.clone().drop(&["good", "bad", "odd"]), "drop")] {
        let said = says(wrong);
        assert!(said.contains(&format!("`{verb}` would leave none of 3 classes")), "{said}");
    }
    assert_eq!(data.clone().only(&["good"])?.len(), 2);
    // a split stays, and labels are columns of their own
    let split =
        TextTable::from_texts(&[("a a", "x"), ("b b", "x"), ("c c", "y"), ("d d", "y"), ("e e", "z"), ("f f", "z")])?
            .split(0.5, 1)?;
    let apart: Vec<String> = split
        .ids(Part::Valid)
        .into_iter()
        .map(|id| split.text_of(id).map(|text| text.0.to_owned()))
        .collect::<Result<_>>()?;
    let fewer = split.drop(&["z"])?;
    let kept: Vec<String> = fewer
        .ids(Part::Valid)
        .into_iter()
        .map(|id| fewer.text_of(id).map(|text| text.0.to_owned()))
        .collect::<Result<_>>()?;
    let tagged = file("tags.csv", "text,tags\none,a;b\ntwo,b\nthree,c\nfour,a;c\n");
    let tagged = TextTable::csv(&tagged.1)?.text("text").labels("tags")?.drop(&["b"])?;
    assert_eq!((tagged.len(), tagged.names().join(" ")), (4, "a c".to_owned()));
    assert_eq!(tagged.counts(Part::Train), [2, 2]);
    assert_eq!(kept, apart.iter().filter(|text| !["e e", "f f"].contains(&text.as_str())).cloned().collect::<Vec<_>>());
    Ok(())
}
