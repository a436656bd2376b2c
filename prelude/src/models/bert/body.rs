//! The parts of an encoder, one after another.

use std::ops::Range;

use candle_core::Tensor;

use super::embeddings::BertEmbeddings;
use super::layer::BertLayer;
use super::pooler::Pooler;
use super::{BertConfig, Pooling};
use crate::data::{Fields, field};
use crate::layers::Pass;
use crate::models::{Body, Shapes};
use crate::onnx::{OnnxAttribute, OnnxFields, OnnxGraph, OnnxValue};
use crate::params::ParamSet;
use crate::{Result, ops};

/// From tokens to a row a text.
pub(in crate::models) struct BertBody {
    embeddings: BertEmbeddings,
    layers: Vec<BertLayer>,
    pooling: Pooling,
    pooler: Option<Pooler>,
    new_pooler: bool,
    width: usize,
}

impl BertBody {
    pub fn new(params: &ParamSet, config: &BertConfig, pooling: Pooling, new_pooler: bool) -> Result<BertBody> {
        config.check()?;
        let embeddings = BertEmbeddings::new(&params.scope("embeddings", 0), config)?;
        let layer = |at: usize| BertLayer::new(&params.scope(&layer_name(at), at + 1), config);
        let layers = (0..config.num_hidden_layers).map(layer).collect::<Result<Vec<_>>>()?;
        let pooler = match pooling {
            Pooling::Pooler => Some(Pooler::new(&params.scope("pooler", layers.len() + 1), config)?),
            Pooling::Mean | Pooling::Cls => None,
        };
        Ok(BertBody { embeddings, layers, pooling, pooler, new_pooler, width: config.hidden_size })
    }

    /// The last layer, and a row a text: the mean of its rows, or the first one, which is then all that is worked out.
    fn pooled(&self, layer: &BertLayer, x: &Tensor, lengths: &Tensor, pass: &Pass) -> Result<Tensor> {
        match self.pooling {
            Pooling::Mean => Ok(ops::mean_packed(&layer.forward(x, lengths, pass)?, lengths)?),
            Pooling::Cls | Pooling::Pooler => layer.forward_first(x, lengths, pass),
        }
    }

    /// The same as ONNX, of texts with padding.
    fn export_pooled(&self, graph: &mut OnnxGraph, x: &OnnxValue, mask: &OnnxValue) -> Result<OnnxValue> {
        if self.pooling != Pooling::Mean {
            // the first token of any number
            let first = graph.integer(0);
            return Ok(graph.node("Gather", &[x, &first], &[("axis", OnnxAttribute::Int(1))], &[self.width]));
        }
        // a product of the mask as one row with the rows of a text
        let weights = graph.unsqueeze(mask, &[1]);
        let sum = graph.node("MatMul", &[&weights, x], &[], &[1, self.width]);
        let axes = graph.integers(&[2]);
        let count = graph.node("ReduceSum", &[&weights, &axes], &[("keepdims", OnnxAttribute::Int(1))], &[1, 1]);
        let mean = graph.node("Div", &[&sum, &count], &[], &[1, self.width]);
        Ok(graph.reshape(&mean, &[self.width]))
    }
}

fn layer_name(at: usize) -> String {
    format!("encoder.layer.{at}")
}

impl Body for BertBody {
    fn parts(&self) -> Vec<String> {
        let mut parts = vec!["embeddings".to_owned()];
        parts.extend((0..self.layers.len()).map(layer_name));
        parts.extend(self.pooler.iter().map(|_| "pooler".to_owned()));
        parts
    }

    fn run(&self, parts: Range<usize>, mut state: Fields, pass: &Pass) -> Result<Fields> {
        let last = self.layers.len();
        for part in parts {
            if part == 0 {
                state = self.embeddings.forward(&state, pass)?;
                continue;
            }
            let x = state.get(field::FEATURES)?;
            if part > last {
                if let Some(pooler) = &self.pooler {
                    state.set(field::FEATURES, pooler.forward(x, pass)?);
                }
                continue;
            }
            let (layer, lengths) = (&self.layers[part - 1], state.get(field::LENGTHS)?);
            let x = match part == last {
                true => self.pooled(layer, x, lengths, pass)?,
                false => layer.forward(x, lengths, pass)?,
            };
            if part == last {
                state.remove(field::LENGTHS);
            }
            state.set(field::FEATURES, x);
        }
        Ok(state)
    }

    fn export(&self, graph: &mut OnnxGraph, inputs: OnnxFields) -> Result<OnnxFields> {
        let mask = graph.cast(inputs.get(field::MASK)?, false);
        let mut x = self.embeddings.export(graph, &inputs)?;
        // what is added to the scores of padding: so little that nothing is left of them
        let (one, low) = (graph.scalar(1.0), graph.scalar(-1e9));
        let padding = graph.node("Sub", &[&one, &mask], &[], mask.dims());
        let padding = graph.mul(&padding, &low);
        let padding = graph.unsqueeze(&padding, &[1, 2]);
        for layer in &self.layers {
            x = layer.export(graph, &x, &padding)?;
        }
        let mut row = self.export_pooled(graph, &x, &mask)?;
        if let Some(pooler) = &self.pooler {
            row = pooler.export(graph, &row)?;
        }
        Ok(OnnxFields::of(field::FEATURES, row))
    }

    fn backbone(&self) -> usize {
        self.parts().len() - usize::from(self.pooler.is_some() && self.new_pooler)
    }

    fn shapes(&self, inputs: &Shapes) -> Result<Vec<Shapes>> {
        let tokens = inputs.get(field::IDS)?.first().copied().unwrap_or(0);
        let rows = |_| Shapes::of(field::FEATURES, &[tokens, self.width]);
        let mut shapes: Vec<Shapes> = (0..self.layers.len()).map(rows).collect();
        shapes.push(Shapes::of(field::FEATURES, &[self.width]));
        shapes.extend(self.pooler.iter().map(|_| Shapes::of(field::FEATURES, &[self.width])));
        Ok(shapes)
    }
}
