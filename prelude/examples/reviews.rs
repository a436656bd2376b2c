//! Writes the generator's reviews as a table, and says what is in it.
//!
//! ```sh
//! cargo run --release -p candlewick-prelude --example reviews -- 6000 42 reviews.tsv
//! ```
//!
//! With a count of 0 it says so of a table that is there; a page's path and a `tokenizer.json` behind it show some of its tokens.

use std::time::Instant;

use candlewick_prelude::data::Tokens;
use candlewick_prelude::prelude::*;

fn main() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let count = given.next().map_or(Ok(2000), |text| text.parse())?;
    let seed = given.next().map_or(Ok(42), |text| text.parse())?;
    let path = given.next().unwrap_or_else(|| "reviews.tsv".to_owned());
    let began = Instant::now();
    let data =
        if count == 0 { TextTable::open(&path)? } else { datasets::reviews().count(count).seed(seed).write(&path)? };
    let read = began.elapsed();
    let mut data = data.split(0.1, 42)?;
    let split = began.elapsed() - read;
    if let Some(page) = given.next() {
        if let Some(tokenizer) = given.next() {
            data = data.with_tokens(&Tokens::open(tokenizer.as_ref(), 24)?)?;
        }
        std::fs::write(page, data.show_batch(8)?.html())?;
    }
    println!("{}", data.summary()?.table().text());
    println!("{}", data.show_batch(8)?.text(true));
    println!("read {read:.2?}, split {split:.2?}, summary {:.2?}", began.elapsed() - read - split);
    Ok(())
}
