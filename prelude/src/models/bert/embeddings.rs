//! The first part: tokens become rows of numbers, and padding is left out.

use candle_core::{Device, Tensor};

use super::{BertConfig, BertKind};
use crate::data::{Fields, field};
use crate::layers::{Dropout, Layer, LayerNorm, Pass};
use crate::onnx::{OnnxAttribute, OnnxFields, OnnxGraph, OnnxValue};
use crate::params::{Init, Param, Scope};
use crate::{Error, Result, ops};

/// A row a token: what stands for the token, its place and its type, added and normalised. Names: `word_embeddings`, `position_embeddings`,
/// `token_type_embeddings`, `LayerNorm`.
pub(super) struct BertEmbeddings {
    words: Param,
    places: Param,
    types: Option<Param>,
    norm: LayerNorm,
    dropout: Dropout,
    config: BertConfig,
}

/// The tokens of a batch, one after another without padding.
struct PackedTokens {
    ids: Vec<u32>,
    places: Vec<u32>,
    types: Vec<u32>,
    lengths: Vec<u32>,
}

impl BertEmbeddings {
    pub fn new(scope: &Scope, config: &BertConfig) -> Result<BertEmbeddings> {
        let (width, spread) = (config.hidden_size, Init::Normal(config.initializer_range as f32));
        let table = |name: &str, rows: usize| scope.child(name).param("weight", (rows, width), spread);
        Ok(BertEmbeddings {
            words: table("word_embeddings", config.vocab_size)?,
            places: table("position_embeddings", config.max_position_embeddings)?,
            types: match config.type_vocab_size {
                0 => None,
                types => Some(table("token_type_embeddings", types)?),
            },
            norm: LayerNorm::new(&scope.child("LayerNorm"), width, config.layer_norm_eps)?,
            dropout: Dropout(config.hidden_dropout_prob),
            config: config.clone(),
        })
    }

    /// `ids`, `types` and `mask` become `features` and `lengths`.
    pub fn forward(&self, state: &Fields, pass: &Pass) -> Result<Fields> {
        let rows = self.rows(state)?;
        let device = self.words.var().device();
        let look = |table: &Param, at: &[u32]| -> Result<Tensor> {
            Ok(ops::embedding(&pass.value(table), &Tensor::new(at, device)?)?)
        };
        let mut x = ops::add(&look(&self.words, &rows.ids)?, &look(&self.places, &rows.places)?)?;
        if let Some(types) = &self.types {
            x = ops::add(&x, &look(types, &rows.types)?)?;
        }
        let x = self.dropout.forward(&self.norm.forward(&x, pass)?, pass)?;
        let lengths = Tensor::new(rows.lengths, &Device::Cpu)?;
        Ok(Fields::of(field::FEATURES, x).with(field::LENGTHS, lengths))
    }

    /// The same as ONNX, of texts with padding: (n, tokens) of whole numbers become (n, tokens, features).
    pub fn export(&self, graph: &mut OnnxGraph, inputs: &OnnxFields) -> Result<OnnxValue> {
        let ids = inputs.get(field::IDS)?;
        let words = graph.weight(self.words.name(), &self.words.value())?;
        let x = graph.embedding(&words, ids);
        let places = graph.weight(self.places.name(), &self.places.value())?;
        let own = self.export_places(graph, ids);
        let own = graph.embedding(&places, &own);
        let mut x = graph.add(&x, &own);
        if let Some(types) = &self.types {
            let table = graph.weight(types.name(), &types.value())?;
            // RoBERTa has one type
            let kinds = match self.config.type_vocab_size {
                1 => graph.integers(&[0]),
                _ => inputs.get(field::TYPES)?.clone(),
            };
            let own = graph.embedding(&table, &kinds);
            x = graph.add(&x, &own);
        }
        self.norm.export(graph, &x)
    }

    /// The places of tokens: counted from the first, or, as RoBERTa does, from the number of padding on, tokens of padding left out.
    fn export_places(&self, graph: &mut OnnxGraph, ids: &OnnxValue) -> OnnxValue {
        if self.config.kind != BertKind::Roberta {
            let part = [("start", OnnxAttribute::Int(1)), ("end", OnnxAttribute::Int(2))];
            let length = graph.node("Shape", &[ids], &part, &[]);
            let length = graph.node("Squeeze", &[&length], &[], &[]);
            let (first, step) = (graph.integer(0), graph.integer(1));
            return graph.node("Range", &[&first, &length, &step], &[], &[0]);
        }
        let pad = graph.integer(self.config.pad_token_id as i64);
        let is_pad = graph.node("Equal", &[ids, &pad], &[], ids.dims());
        let is_token = graph.unary("Not", &is_pad);
        let counted = graph.cast(&is_token, true);
        let axis = graph.integer(1);
        let place = graph.node("CumSum", &[&counted, &axis], &[], ids.dims());
        let place = graph.mul(&place, &counted);
        graph.add(&place, &pad)
    }

    fn rows(&self, state: &Fields) -> Result<PackedTokens> {
        let ids = state.get(field::IDS)?;
        let (_, t) = ids.dims2().map_err(|_| {
            Error::new(format!("the field `ids` is (texts, tokens), found {:?}", ids.dims()))
                .remedy("`Tokens::encode` and `Tokens::fields` make it of texts")
        })?;
        let table = |name: &str| -> Result<Option<Vec<Vec<u32>>>> {
            let Some(field) = state.find(name) else { return Ok(None) };
            if field.dims() != ids.dims() {
                let (own, wanted) = (field.dims(), ids.dims());
                return Err(Error::new(format!("the field `{name}` is {own:?}, and `ids` is {wanted:?}")));
            }
            Ok(Some(field.to_dtype(candle_core::DType::U32)?.to_vec2()?))
        };
        let (mask, types) = (table(field::MASK)?, table(field::TYPES)?);
        let ids = table(field::IDS)?.unwrap_or_default();
        let config = &self.config;
        let mut rows = PackedTokens { ids: Vec::new(), places: Vec::new(), types: Vec::new(), lengths: Vec::new() };
        for (text, ids) in ids.iter().enumerate() {
            let length = match &mask {
                Some(mask) => length(&mask[text])?,
                None => t,
            };
            if length > config.max_tokens() {
                let most = config.max_tokens();
                return Err(Error::new(format!("a text has {length} tokens; this encoder knows {most} places"))
                    .remedy(format!("cut texts at its limit: `.max_tokens({most})`")));
            }
            let ids = &ids[..length];
            if let Some(id) = ids.iter().find(|id| **id as usize >= config.vocab_size) {
                let known = config.vocab_size;
                return Err(Error::new(format!("a text has token number {id}; this encoder knows {known} tokens"))
                    .remedy("take the tokenizer that the encoder came with"));
            }
            rows.ids.extend_from_slice(ids);
            rows.places.extend(self.places_of(ids));
            match &types {
                // RoBERTa has one type, whatever a tokenizer says
                Some(types) if config.type_vocab_size > 1 => rows.types.extend_from_slice(&types[text][..length]),
                _ => rows.types.extend(std::iter::repeat_n(0, length)),
            }
            rows.lengths.push(length as u32);
        }
        if let Some(kind) =
            rows.types.iter().find(|kind| self.types.is_some() && **kind as usize >= config.type_vocab_size)
        {
            let known = config.type_vocab_size;
            return Err(Error::new(format!("a token is of type {kind}; this encoder knows {known} types")));
        }
        Ok(rows)
    }

    fn places_of(&self, ids: &[u32]) -> Vec<u32> {
        if self.config.kind != BertKind::Roberta {
            return (0..ids.len() as u32).collect();
        }
        let (pad, mut place) = (self.config.pad_token_id as u32, self.config.pad_token_id as u32);
        let mut next = |id: &u32| {
            if *id == pad {
                return pad;
            }
            place += 1;
            place
        };
        ids.iter().map(&mut next).collect()
    }
}

/// How many tokens a row of a mask leaves.
fn length(mask: &[u32]) -> Result<usize> {
    let length = mask.iter().take_while(|own| **own != 0).count();
    if mask[length..].iter().any(|own| *own != 0) {
        return Err(Error::new("a row of `mask` has padding before or between tokens")
            .remedy("put it behind the text, as `Tokens::fields` does"));
    }
    Ok(length)
}
