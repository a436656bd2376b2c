//! Fine-tunes an encoder for sentiment; benches/text.py sets it beside benches/text_hf.py.
//!
//! `cargo run --release --example text_finetune TABLE ENCODER whole|lora|frozen EPOCHS RATE SEED`; TABLE is a CSV file with the columns part, text
//! and label, ENCODER a folder as Hugging Face writes it. Prints the validation accuracy, the validation loss, the seconds of fitting, the processor's
//! seconds and the most memory in MB.

mod measured;

use candlewick_prelude::data::TextTable;
use candlewick_prelude::layers::Lora;
use candlewick_prelude::models::{Bert, Pooling};
use candlewick_prelude::train::Learner;
use candlewick_prelude::{Error, Result};
use measured::{memory, processor};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [table, encoder, what, epochs, rate, seed] = args.as_slice() else {
        return Err(Error::new("usage: text_finetune TABLE ENCODER whole|lora|frozen EPOCHS RATE SEED"));
    };
    let number = |text: &str| text.parse::<f64>().map_err(|_| Error::new(format!("`{text}` is no number")));
    let data = TextTable::open(table)?.text("text").label("label")?.batch(16).seeded(number(seed)? as u64);
    // as the other side: its classifier stands on the pooler, its plain loop on the mean
    let pooling = if what == "frozen" { Pooling::Mean } else { Pooling::Pooler };
    let encoder = Bert::open(encoder)?.max_tokens(128).pooling(pooling);
    let mut learner = Learner::text(&encoder, &data)?;
    learner.quiet();
    match what.as_str() {
        "frozen" => {
            learner.freeze();
        }
        "lora" => {
            learner.lora(Lora::rank(8).alpha(16.0).dropout(0.1))?;
        }
        _ => {}
    }
    let before = processor();
    let report = learner.fit(number(epochs)? as usize, number(rate)?)?;
    let valid = report.valid.ok_or_else(|| Error::new("the table has no part valid"))?;
    let accuracy = valid.get("accuracy")?;
    println!("{accuracy:.4}\t{:.4}\t{:.2}\t{:.2}\t{:.0}", valid.loss, report.seconds, processor() - before, memory());
    Ok(())
}
