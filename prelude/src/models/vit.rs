//! Vision Transformers, with timm's names.

use candle_core::Tensor;

use crate::layers::{Attention, Conv2d, DropPath, Layer, LayerNorm, Pass, Perceptron, Sequential};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{Init, Param, ParamSet, Scope};
use crate::{Error, Result, ops};

/// Side of a patch in pixels, and patches along the side of the pictures that weights are trained on.
const PATCH: usize = 16;
pub(super) const GRID: usize = 14;
const DEPTH: usize = 12;
/// Features a head.
const HEAD: usize = 64;
/// Share of the branches that the last block leaves out in training; earlier ones leave out less. Touvron et al. 2020.
const DROP_PATH: f64 = 0.1;
const EPS: f64 = 1e-6;

/// Patches as tokens, the class token before them, their places added. Names: `patch_embed.proj`, `cls_token`,
/// `pos_embed`. For pictures of another size the places are interpolated (bicubic with antialiasing, as timm).
#[derive(Debug)]
struct Patches {
    proj: Conv2d,
    class: Param,
    places: Param,
}

impl Patches {
    fn new(scope: &Scope, width: usize) -> Result<Patches> {
        let spread = Init::Normal(0.02);
        Ok(Patches {
            class: scope.param("cls_token", (1, 1, width), Init::Normal(1e-6))?,
            places: scope.param("pos_embed", (1, 1 + GRID * GRID, width), spread)?,
            proj: Conv2d::new(&scope.child("patch_embed.proj"), 3, width, PATCH)
                .stride(PATCH)
                .bias()
                .init(spread)
                .build()?,
        })
    }
}

impl Layer for Patches {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let map = self.proj.forward(x, pass)?;
        let (_, _, h, w) = map.dims4()?;
        let mut places = pass.value(&self.places);
        if (h, w) != (GRID, GRID) {
            places = ops::fit_places(&places, (GRID, GRID), (h, w))?;
        }
        Ok(ops::tokens(&map, &pass.value(&self.class), &places)?)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let map = self.proj.export(graph, x)?;
        let [width, h, w] = map.dims()[..] else { return Err(Error::new("patches are cut from pictures")) };
        let rows = graph.reshape(&map, &[width, h * w]);
        let tokens = graph.transpose(&rows, &[0, 2, 1])?;
        let mut places = self.places.value();
        if (h, w) != (GRID, GRID) {
            places = ops::fit_places(&places, (GRID, GRID), (h, w))?;
        }
        // a token of zeros comes first, and the class token is added with its place: no batch has to be known
        let class = (self.class.value() + places.narrow(1, 0, 1)?)?;
        let added = Tensor::cat(&[&class, &places.narrow(1, 1, h * w)?], 1)?;
        let added = graph.weight("cls_token_and_pos_embed", &added)?;
        let one = graph.integers(&[0, 1, 0, 0, 0, 0]);
        let dims = [1 + h * w, width];
        let padded = graph.node("Pad", &[&tokens, &one], &[], &dims);
        Ok(graph.add(&padded, &added))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let map = self.proj.output(input)?;
        Ok(vec![1 + map[1] * map[2], map[0]])
    }
}

/// Attention and a perceptron, each after a LayerNorm and added to what came in. timm's `Block`.
///
/// Names: `norm1`, `attn`, `norm2`, `mlp`.
#[derive(Debug)]
struct EncoderBlock {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    perceptron: Perceptron,
    drop: DropPath,
}

impl EncoderBlock {
    fn new(scope: &Scope, width: usize, drop: f64) -> Result<EncoderBlock> {
        Ok(EncoderBlock {
            norm1: LayerNorm::new(&scope.child("norm1"), width, EPS)?,
            attention: Attention::new(&scope.child("attn"), width, width / HEAD)?,
            norm2: LayerNorm::new(&scope.child("norm2"), width, EPS)?,
            perceptron: Perceptron::new(&scope.child("mlp"), width, 4 * width)?,
            drop: DropPath(drop),
        })
    }
}

impl Layer for EncoderBlock {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let branch = self.attention.forward(&self.norm1.forward(x, pass)?, pass)?;
        let x = ops::add(x, &self.drop.forward(&branch, pass)?)?;
        let branch = self.perceptron.forward(&self.norm2.forward(&x, pass)?, pass)?;
        Ok(ops::add(&x, &self.drop.forward(&branch, pass)?)?)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let branch = self.norm1.export(graph, x)?;
        let branch = self.attention.export(graph, &branch)?;
        let x = graph.add(x, &branch);
        let branch = self.norm2.export(graph, &x)?;
        let branch = self.perceptron.export(graph, &branch)?;
        Ok(graph.add(&x, &branch))
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.attention.output(input)
    }
}

/// The class token, normalised: what the head sees of a picture.
#[derive(Debug)]
struct ClassToken(LayerNorm);

impl Layer for ClassToken {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.0.forward(&ops::token(x, 0)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let token = graph.take(x, 1, 0)?;
        self.0.export(graph, &token)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        match *input {
            [_, features] => Ok(vec![features]),
            _ => Err(Error::new(format!("a class token is one of (tokens, features), found {input:?}"))),
        }
    }
}

/// The body: `patch_embed` (with `cls_token` and `pos_embed`), `blocks.0` to `blocks.11`, `norm`.
/// Dosovitskiy et al. 2020; Tiny and Small are of Touvron et al. 2020.
pub(super) fn vit(params: &ParamSet, width: usize) -> Result<Sequential> {
    let mut body = Sequential::new();
    body.push("patch_embed", Patches::new(&params.scope("", 0), width)?);
    for index in 0..DEPTH {
        let name = format!("blocks.{index}");
        let drop = DROP_PATH * index as f64 / (DEPTH - 1) as f64;
        let block = EncoderBlock::new(&params.scope(&name, body.len()), width, drop)?;
        body.push(name, block);
    }
    body.push("norm", ClassToken(LayerNorm::new(&params.scope("norm", body.len()), width, EPS)?));
    Ok(body)
}
