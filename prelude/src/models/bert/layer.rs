//! A layer of the encoder: attention, and two matrices with an activation between them.

use candle_core::Tensor;

use super::BertConfig;
use crate::layers::{Activation, Layer, LayerNorm, Linear, Pass};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::Scope;
use crate::{Result, ops};

/// Attention of each text's tokens to one another, then two matrices; each is added to what came in, and normalised. Hugging Face's `BertLayer`.
///
/// Names: `attention.self.query`, `.key`, `.value`, `attention.output.dense`, `attention.output.LayerNorm`, `intermediate.dense`, `output.dense`,
/// `output.LayerNorm`.
pub(super) struct BertLayer {
    query: Linear,
    key: Linear,
    value: Linear,
    mixed: Joined,
    heads: usize,
    attention_dropout: f64,
    between: Linear,
    activation: Activation,
    back: Joined,
}

/// A matrix, whose value is added to what came in and normalised.
struct Joined {
    dense: Linear,
    dropout: f64,
    norm: LayerNorm,
}

impl Joined {
    fn new(scope: &Scope, from: usize, config: &BertConfig) -> Result<Joined> {
        let (width, spread) = (config.hidden_size, config.initializer_range as f32);
        Ok(Joined {
            dense: Linear::normal(&scope.child("dense"), from, width, spread)?,
            dropout: config.hidden_dropout_prob,
            norm: LayerNorm::new(&scope.child("LayerNorm"), width, config.layer_norm_eps)?,
        })
    }

    fn forward(&self, x: &Tensor, came_in: &Tensor, pass: &Pass) -> Result<Tensor> {
        let branch = self.dense.forward(x, pass)?;
        let noisy = pass.noisy() && self.dropout > 0.0;
        let seed = if noisy { pass.draw() } else { 0 };
        self.norm.forward(&ops::add_dropout(came_in, &branch, self.dropout, noisy, seed)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue, came_in: &OnnxValue) -> Result<OnnxValue> {
        let branch = self.dense.export(graph, x)?;
        let sum = graph.add(came_in, &branch);
        self.norm.export(graph, &sum)
    }
}

impl BertLayer {
    pub fn new(scope: &Scope, config: &BertConfig) -> Result<BertLayer> {
        let (width, spread) = (config.hidden_size, config.initializer_range as f32);
        let own = |name: &str| Linear::normal(&scope.child("attention.self").child(name), width, width, spread);
        Ok(BertLayer {
            query: own("query")?,
            key: own("key")?,
            value: own("value")?,
            mixed: Joined::new(&scope.child("attention.output"), width, config)?,
            heads: config.num_attention_heads,
            attention_dropout: config.attention_probs_dropout_prob,
            between: Linear::normal(&scope.child("intermediate.dense"), width, config.intermediate_size, spread)?,
            activation: config.activation()?,
            back: Joined::new(&scope.child("output"), config.intermediate_size, config)?,
        })
    }

    /// Rows of tokens, one text after another, become such rows.
    pub fn forward(&self, x: &Tensor, lengths: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (q, k, v) = (self.query.forward(x, pass)?, self.key.forward(x, pass)?, self.value.forward(x, pass)?);
        let mixed = ops::attention_packed(&q, &k, &v, lengths, self.heads, self.dropout(pass))?;
        self.behind_attention(&mixed, x, pass)
    }

    /// The same of each text's first token alone, which sees the others: a row a text.
    pub fn forward_first(&self, x: &Tensor, lengths: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (mut first, mut start) = (Vec::new(), 0);
        for length in lengths.to_vec1::<u32>()? {
            first.push(start);
            start += length;
        }
        let first = ops::embedding(x, &Tensor::new(first, x.device())?)?;
        let (q, k, v) = (self.query.forward(&first, pass)?, self.key.forward(x, pass)?, self.value.forward(x, pass)?);
        let mixed = ops::attention_first(&q, &k, &v, lengths, self.heads, self.dropout(pass))?;
        self.behind_attention(&mixed, &first, pass)
    }

    fn dropout(&self, pass: &Pass) -> (f64, u64) {
        match pass.noisy() && self.attention_dropout > 0.0 {
            true => (self.attention_dropout, pass.draw()),
            false => (0.0, 0),
        }
    }

    fn behind_attention(&self, mixed: &Tensor, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let x = self.mixed.forward(mixed, x, pass)?;
        let between = self.activation.forward(&self.between.forward(&x, pass)?, pass)?;
        self.back.forward(&between, &x, pass)
    }

    /// The same as ONNX, of texts with padding, whose scores get `padding` (n, 1, 1, tokens) added.
    pub fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue, padding: &OnnxValue) -> Result<OnnxValue> {
        let width = x.dims().last().copied().unwrap_or(0);
        let (heads, depth) = (self.heads, width / self.heads);
        // tokens stay as many as there are
        let by_head = |graph: &mut OnnxGraph, linear: &Linear, order: &[usize]| {
            let rows = linear.export(graph, x)?;
            let parts = graph.reshape(&rows, &[0, heads, depth]);
            graph.transpose(&parts, order)
        };
        let q = by_head(graph, &self.query, &[0, 2, 1, 3])?;
        let k = by_head(graph, &self.key, &[0, 2, 3, 1])?;
        let v = by_head(graph, &self.value, &[0, 2, 1, 3])?;
        let scores = graph.node("MatMul", &[&q, &k], &[], &[heads, 0, 0]);
        let scale = graph.scalar((1.0 / (depth as f64).sqrt()) as f32);
        let scores = graph.mul(&scores, &scale);
        let scores = graph.add(&scores, padding);
        let shares = graph.softmax(&scores, 3);
        let mixed = graph.node("MatMul", &[&shares, &v], &[], &[heads, 0, depth]);
        let mixed = graph.transpose(&mixed, &[0, 2, 1, 3])?;
        let mixed = graph.reshape(&mixed, &[0, width]);
        let x = self.mixed.export(graph, &mixed, x)?;
        let between = self.between.export(graph, &x)?;
        let between = self.activation.export(graph, &between)?;
        self.back.export(graph, &between, &x)
    }
}
