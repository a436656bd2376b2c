//! A small BERT of the prelude's layers, with Hugging Face's names but for the `bert.` before them.

use candlewick_prelude::Result;
use candlewick_prelude::candle_core::{D, DType, Device, Tensor};
use candlewick_prelude::layers::{Layer, LayerNorm, Linear, Pass};
use candlewick_prelude::models::Network;
use candlewick_prelude::ops;
use candlewick_prelude::params::{Init, Scope};

const WIDTH: usize = 16;
const HEADS: usize = 2;
const BETWEEN: usize = 24;

/// Two texts, of which the second ends in padding.
pub fn ids() -> Result<Tensor> {
    Ok(Tensor::new(&[[2u32, 7, 11, 30, 5, 3], [2, 9, 39, 3, 0, 0]], &Device::Cpu)?)
}

/// A parameter's name in Hugging Face's checkpoints.
pub fn published(name: &str) -> String {
    if name.starts_with("classifier") { name.to_owned() } else { format!("bert.{name}") }
}

struct Block {
    rows: [Linear; 4],
    between: [Linear; 2],
    norms: [LayerNorm; 2],
}

impl Block {
    fn new(at: &Scope) -> Result<Block> {
        let linear = |name: &str, from: usize, to: usize| Linear::new(&at.child(name), from, to);
        let norm = |name: &str| LayerNorm::new(&at.child(name), WIDTH, 1e-12);
        let square = |name: &str| linear(name, WIDTH, WIDTH);
        Ok(Block {
            rows: [
                square("attention.self.query")?,
                square("attention.self.key")?,
                square("attention.self.value")?,
                square("attention.output.dense")?,
            ],
            between: [linear("intermediate.dense", WIDTH, BETWEEN)?, linear("output.dense", BETWEEN, WIDTH)?],
            norms: [norm("attention.output.LayerNorm")?, norm("output.LayerNorm")?],
        })
    }

    fn forward(&self, x: &Tensor, hidden: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (n, tokens, _) = x.dims3()?;
        let heads = |rows: Tensor| -> Result<Tensor> {
            Ok(rows.reshape((n, tokens, HEADS, WIDTH / HEADS))?.transpose(1, 2)?.contiguous()?)
        };
        let [query, key, value, dense] = &self.rows;
        let (q, k, v) =
            (heads(query.forward(x, pass)?)?, heads(key.forward(x, pass)?)?, heads(value.forward(x, pass)?)?);
        let scores = (q.matmul(&k.t()?.contiguous()?)? / ((WIDTH / HEADS) as f64).sqrt())?.broadcast_add(hidden)?;
        let mixed = ops::softmax(&scores, D::Minus1)?.matmul(&v)?.transpose(1, 2)?.reshape((n, tokens, WIDTH))?;
        let x = self.norms[0].forward(&(dense.forward(&mixed, pass)? + x)?, pass)?;
        let between = ops::gelu(&self.between[0].forward(&x, pass)?)?;
        self.norms[1].forward(&(self.between[1].forward(&between, pass)? + &x)?, pass)
    }
}

/// The reference's: 40 words, two layers, three classes; from ids to logits.
pub fn network() -> Result<Network> {
    Network::whole(0, |at| {
        let table = |name: &str, rows: usize| {
            at.child("embeddings").param(&format!("{name}_embeddings.weight"), (rows, WIDTH), Init::Zeros)
        };
        let (words, places, kinds) = (table("word", 40)?, table("position", 16)?, table("token_type", 2)?);
        let norm = LayerNorm::new(&at.child("embeddings.LayerNorm"), WIDTH, 1e-12)?;
        let blocks = [Block::new(&at.child("encoder.layer.0"))?, Block::new(&at.child("encoder.layer.1"))?];
        let pooler = Linear::new(&at.child("pooler.dense"), WIDTH, WIDTH)?;
        let head = Linear::new(&at.child("classifier"), WIDTH, 3)?;
        Ok(move |ids: &Tensor, pass: &Pass| {
            let (n, tokens) = ids.dims2()?;
            let place = Tensor::arange(0u32, tokens as u32, &Device::Cpu)?;
            let x = ops::embedding(&pass.value(&words), ids)?;
            let x = x.broadcast_add(&ops::embedding(&pass.value(&places), &place)?)?;
            let x = x.broadcast_add(&pass.value(&kinds).narrow(0, 0, 1)?)?;
            let hidden = (ids.eq(0u32)?.to_dtype(DType::F32)?.reshape((n, 1, 1, tokens))? * -1e9)?;
            let x = norm.forward(&x, pass)?;
            let x = blocks.iter().try_fold(x, |x, block| block.forward(&x, &hidden, pass))?;
            let first = x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
            head.forward(&pooler.forward(&first, pass)?.tanh()?, pass)
        })
    })
}
