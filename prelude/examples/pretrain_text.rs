//! Makes `weights/sentences_tiny`: a tiny encoder of text that learns from a larger one which sentences are alike.
//!
//! `cargo run --release --example pretrain_text TEACHER [epochs] [FILE …]` with TEACHER the folder of MiniLM-L6 and FILEs with a sentence a line (what
//! stands behind a tab is left out) beside the generated reviews. Its vocabulary is learned from these sentences; then its mean over the tokens,
//! through one matrix, is to be the teacher's embedding (Reimers and Gurevych 2020). No sentence and no label goes into the file, only weights, as
//! halves. The same arguments give the same weights on the same machine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use candlewick_prelude::candle_core::{DType, Device, Tensor, safetensors};
use candlewick_prelude::data::{
    Batch, BatchIter, Data, Example, Fields, Input, Order, Part, Spec, Target, Tokenized, Tokens,
};
use candlewick_prelude::models::{Bert, BertConfig, Pooling};
use candlewick_prelude::train::Learner;
use candlewick_prelude::{Error, Result, datasets};
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::{AddedToken, TokenizerBuilder};

const WORDS: usize = 6000;
const LONGEST: usize = 64;
const WIDTH: usize = 128;
/// The teacher's rows have length 1: each of their numbers is about 0.05, and the loss wants numbers of about 1.
const SCALE: f64 = 16.0;

/// Sentences with what the teacher makes of each.
#[derive(Clone)]
struct Taught {
    rows: Arc<Vec<Tokenized>>,
    truth: Arc<Vec<Vec<f32>>>,
    tokens: Tokens,
    valid: usize,
    seed: u64,
}

impl Data for Taught {
    fn spec(&self) -> Spec {
        let names = (0..self.truth[0].len()).map(|at| at.to_string()).collect();
        Spec::new(Input::Text(self.tokens.clone()), Target::Numbers(names), self.seed)
    }

    fn count(&self, part: Part) -> usize {
        match part {
            Part::Train => self.rows.len() - self.valid,
            Part::Valid => self.valid,
            Part::Test => 0,
        }
    }

    fn batches(&self, part: Part, order: Order) -> Result<BatchIter> {
        let mut ids: Vec<usize> = match part {
            Part::Train => (self.valid..self.rows.len()).collect(),
            Part::Valid => (0..self.valid).collect(),
            Part::Test => Vec::new(),
        };
        if let Order::Epoch(epoch) = order {
            ids.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed ^ epoch));
        }
        let all = self.clone();
        let chunks: Vec<Vec<usize>> = ids.chunks(64).map(<[usize]>::to_vec).collect();
        Ok(Box::new(chunks.into_iter().map(move |ids| {
            let rows: Vec<&Tokenized> = ids.iter().map(|id| &all.rows[*id]).collect();
            let truth: Vec<f32> = ids.iter().flat_map(|id| all.truth[*id].iter().copied()).collect();
            let truth = Tensor::from_vec(truth, (ids.len(), all.truth[0].len()), &Device::Cpu)?;
            Ok(Batch { inputs: all.tokens.fields(&rows)?, targets: Fields::of("numbers", truth), ids })
        })))
    }

    fn example(&self, id: usize) -> Result<Example> {
        Ok(Example { name: format!("sentence {id}"), ..Example::default() })
    }
}

/// BERT's tokenizer, without case and accents, with a vocabulary of these sentences.
fn vocabulary(sentences: &[String]) -> Result<String> {
    use tokenizers::decoders::wordpiece::WordPiece as Decoder;
    use tokenizers::normalizers::BertNormalizer;
    use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
    use tokenizers::processors::bert::BertProcessing;
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::new(format!("no vocabulary: {error}"));
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let mut trainer = WordPieceTrainer::builder()
        .vocab_size(WORDS)
        .special_tokens(special.iter().map(|word| AddedToken::from(*word, true)).collect())
        .show_progress(false)
        .build();
    let mut tokenizer = TokenizerBuilder::new()
        .with_model(WordPiece::default())
        .with_normalizer(Some(BertNormalizer::default()))
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(BertProcessing::new(("[SEP]".into(), 3), ("[CLS]".into(), 2))))
        .with_decoder(Some(Decoder::default()))
        .build()
        .map_err(failed)?;
    tokenizer.train(&mut trainer, sentences.iter().cloned()).map_err(failed)?;
    tokenizer.to_string(false).map_err(failed)
}

/// The sentences of the files, and for each some of its beginnings, ends and middles.
fn read(files: &[String], draw: &mut ChaCha8Rng) -> Result<Vec<String>> {
    let mut sentences = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| Error::new(format!("`{file}`")).caused_by(error))?;
        for line in text.lines() {
            let sentence = line.split('\t').next().unwrap_or_default().to_owned();
            let words: Vec<&str> = sentence.split(' ').collect();
            for _ in 0..8 {
                let places: Vec<usize> = (0..=words.len()).collect();
                let mut ends: Vec<usize> = places.choose_multiple(draw, 2).copied().collect();
                ends.sort_unstable();
                if ends.len() == 2 && ends[1] - ends[0] >= 3 {
                    sentences.push(words[ends[0]..ends[1]].join(" "));
                }
            }
            sentences.push(sentence);
        }
    }
    Ok(sentences)
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [teacher, rest @ ..] = args.as_slice() else {
        return Err(Error::new("usage: pretrain_text TEACHER [epochs] [FILE …]"));
    };
    let epochs = rest.first().and_then(|epochs| epochs.parse().ok()).unwrap_or(12);
    let files = rest.get(1..).unwrap_or_default();
    let begun = Instant::now();
    let mut draw = ChaCha8Rng::seed_from_u64(2021);
    let mut sentences = read(files, &mut draw)?;
    let own = datasets::reviews().count(16_000).seed(90_001).table()?;
    for id in 0..own.len() {
        sentences.push(own.text_of(id)?.0.to_owned());
    }
    sentences.shuffle(&mut draw);
    sentences.dedup();
    let json = vocabulary(&sentences)?;
    let tokens = Tokens::from_json(&json, LONGEST)?;
    println!(
        "{} sentences, {} tokens after {:.0} s",
        sentences.len(),
        tokens.vocabulary(),
        begun.elapsed().as_secs_f64()
    );
    let teacher = Learner::encoder(Bert::open(teacher)?.max_tokens(LONGEST))?;
    let taught = teacher.embed_all(&sentences)?;
    let taught = taught.broadcast_div(&taught.sqr()?.sum_keepdim(1)?.sqrt()?)?.affine(SCALE, 0.0)?;
    println!("taught after {:.0} s", begun.elapsed().as_secs_f64());
    let pairs: Vec<(&str, Option<&str>)> = sentences.iter().map(|text| (text.as_str(), None)).collect();
    let data = Taught {
        rows: Arc::new(tokens.encode(&pairs)?),
        truth: Arc::new(taught.to_vec2()?),
        valid: 1000,
        seed: 1,
        tokens: tokens.clone(),
    };
    let config = BertConfig {
        max_position_embeddings: 128,
        intermediate_size: 3 * WIDTH,
        ..BertConfig::new(tokens.vocabulary(), WIDTH, 3, 4)
    };
    let student = Bert::of(config, tokens, None)?.pooling(Pooling::Mean).dropout(0.0);
    let mut learner = Learner::text(&student, &data)?;
    learner.fit_one_cycle(epochs, 2e-3)?;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/sentences_tiny");
    learner.save_encoder(folder)?;
    let path = format!("{folder}/model.safetensors");
    let mut halves = HashMap::new();
    for (name, tensor) in safetensors::load(&path, &Device::Cpu)? {
        halves.insert(name, tensor.to_dtype(DType::F16)?);
    }
    safetensors::save(&halves, &path)?;
    // what the crate knows by itself
    for file in ["modules.json", "sentence_bert_config.json", "tokenizer_config.json", "1_Pooling/config.json"] {
        std::fs::remove_file(format!("{folder}/{file}")).map_err(|error| Error::new(file).caused_by(error))?;
    }
    std::fs::remove_dir(format!("{folder}/1_Pooling")).map_err(|error| Error::new("1_Pooling").caused_by(error))?;
    let size = std::fs::metadata(&path).map_or(0.0, |file| file.len() as f64 / 1e6);
    println!("{}{size:.2} MB, {:.0} s in all", learner.history().table().text(), begun.elapsed().as_secs_f64());
    Ok(())
}
