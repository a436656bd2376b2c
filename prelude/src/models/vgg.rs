//! VGG-11 and VGG-16, with and without BatchNorm, with torchvision's names.

use candle_core::Tensor;

use crate::layers::{Activation, BatchNorm2d, Conv2d, ConvNorm, Dropout, Layer, Linear, MaxPool2d, Pass, Sequential};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{ParamSet, Scope};
use crate::{Result, ops};

/// Channels of the convolutions between one max-pool and the next.
pub(super) const VGG11: [&[usize]; 5] = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];
/// The same of VGG-16.
pub(super) const VGG16: [&[usize]; 5] = [&[64, 64], &[128, 128], &[256; 3], &[512; 3], &[512; 3]];

/// Features of the two matrices before the head.
const WIDTH: usize = 4096;
/// Side that maps are averaged to before them.
const SIDE: usize = 7;

/// A convolution and its ReLU, without BatchNorm.
#[derive(Debug)]
struct PlainConv(Conv2d);

impl Layer for PlainConv {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        Activation::Relu.forward(&self.0.forward(x, pass)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let x = self.0.export(graph, x)?;
        Activation::Relu.export(graph, &x)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.0.output(input)
    }
}

/// A matrix, ReLU and dropout; maps are first averaged to 7×7 and flattened.
#[derive(Debug)]
struct Dense {
    linear: Linear,
    dropout: Dropout,
}

impl Dense {
    fn new(scope: &Scope, from: usize) -> Result<Dense> {
        Ok(Dense { linear: Linear::normal(scope, from, WIDTH, 0.01)?, dropout: Dropout(0.5) })
    }
}

impl Layer for Dense {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let x = match x.rank() {
            4 => ops::flatten(&ops::adaptive_avg_pool2d(x, (SIDE, SIDE))?, 1)?,
            _ => x.clone(),
        };
        let x = Activation::Relu.forward(&self.linear.forward(&x, pass)?, pass)?;
        self.dropout.forward(&x, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let x = match x.dims() {
            [channels, _, _] => {
                let map = graph.adaptive_average(x, (SIDE, SIDE))?;
                graph.reshape(&map, &[channels * SIDE * SIDE])
            }
            _ => x.clone(),
        };
        let x = self.linear.export(graph, &x)?;
        Activation::Relu.export(graph, &x)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        match *input {
            [channels, _, _] => self.linear.output(&[channels * SIDE * SIDE]),
            _ => self.linear.output(input),
        }
    }
}

/// The body: a part a convolution, named by its place in torchvision's `features` (with what follows it up to the next
/// convolution), then `classifier.0` and `classifier.3`, the two matrices before the head. Simonyan and Zisserman 2014.
pub(super) fn vgg(params: &ParamSet, stages: [&[usize]; 5], norm: bool) -> Result<Sequential> {
    let mut body = Sequential::new();
    let (mut from, mut place) = (3, 0);
    for stage in stages {
        for (index, &to) in stage.iter().enumerate() {
            let name = format!("features.{place}");
            let conv = Conv2d::new(&params.scope(&name, body.len()), from, to, 3).padding(1).bias().build()?;
            let mut part = Sequential::new();
            if norm {
                let norm = BatchNorm2d::new(&params.scope(&format!("features.{}", place + 1), body.len()), to)?;
                part.push("conv", ConvNorm::new(conv, norm, Activation::Relu));
            } else {
                part.push("conv", PlainConv(conv));
            }
            place += if norm { 3 } else { 2 };
            if index + 1 == stage.len() {
                part.push("pool", MaxPool2d { kernel: 2, stride: 2, padding: 0 });
                place += 1;
            }
            body.push(name, part);
            from = to;
        }
    }
    for (name, from) in [("classifier.0", from * SIDE * SIDE), ("classifier.3", WIDTH)] {
        body.push(name, Dense::new(&params.scope(name, body.len()), from)?);
    }
    Ok(body)
}
