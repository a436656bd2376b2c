//! The builder: nodes one after another, and the constants that they take.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::value::{OnnxAttribute, OnnxValue};
use crate::{Error, Result};

/// A node: what it does, from which values to which.
#[derive(Clone, Debug)]
pub(super) struct OnnxNode {
    pub op: String,
    pub inputs: Vec<String>,
    pub output: String,
    pub attributes: Vec<(String, OnnxAttribute)>,
}

/// A constant: its bytes, little-endian.
#[derive(Clone, Debug)]
pub(super) struct OnnxConstant {
    pub name: String,
    pub dims: Vec<usize>,
    pub whole: bool,
    pub bytes: Vec<u8>,
}

/// A network that is being written as ONNX (operators of version 17), node by node.
///
/// Shapes are those of one example, without the batch, which may be of any size.
#[derive(Debug, Default)]
pub struct OnnxGraph {
    pub(super) nodes: Vec<OnnxNode>,
    pub(super) constants: Vec<OnnxConstant>,
    counts: HashMap<String, usize>,
}

impl OnnxGraph {
    /// A graph without nodes.
    pub fn new() -> OnnxGraph {
        OnnxGraph::default()
    }

    /// What goes into the network under this name, with the shape of one example.
    pub fn input(&mut self, name: &str, dims: &[usize]) -> OnnxValue {
        OnnxValue { name: self.free(name), dims: dims.to_vec(), whole: false }
    }

    /// What goes in as whole numbers, such as those of tokens.
    pub fn whole_input(&mut self, name: &str, dims: &[usize]) -> OnnxValue {
        OnnxValue { whole: true, ..self.input(name, dims) }
    }

    /// Whether a node takes this value.
    pub(crate) fn takes(&self, value: &OnnxValue) -> bool {
        self.nodes.iter().any(|node| node.inputs.contains(&value.name))
    }

    /// A name that is free: this one, or this one with a number.
    fn free(&mut self, name: &str) -> String {
        let count = self.counts.entry(name.to_owned()).or_default();
        *count += 1;
        if *count == 1 { name.to_owned() } else { format!("{name}_{count}") }
    }

    /// A node of this operator, whose one output is of this shape.
    pub fn node(
        &mut self,
        op: &str,
        inputs: &[&OnnxValue],
        attributes: &[(&str, OnnxAttribute)],
        dims: &[usize],
    ) -> OnnxValue {
        let output = self.free(&op.to_lowercase());
        self.nodes.push(OnnxNode {
            op: op.to_owned(),
            inputs: inputs.iter().map(|value| value.name.clone()).collect(),
            output: output.clone(),
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        });
        OnnxValue { name: output, dims: dims.to_vec(), whole: false }
    }

    /// A constant of f32, such as a weight, under its name; a tensor of a GPU is copied. The same weight twice stands in the file once.
    ///
    /// # Errors
    /// When it cannot be read, or holds values that are no numbers.
    pub fn weight(&mut self, name: &str, tensor: &Tensor) -> Result<OnnxValue> {
        let values = tensor.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::new(format!("`{name}` holds values that are no numbers: the network has diverged"))
                .remedy("load an older checkpoint, or make the network anew"));
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dims = tensor.dims().to_vec();
        if let Some(same) = self.constants.iter().find(|own| own.name == name && own.dims == dims && own.bytes == bytes)
        {
            return Ok(OnnxValue { name: same.name.clone(), dims, whole: false });
        }
        Ok(self.constant(name, dims, false, bytes))
    }

    fn constant(&mut self, name: &str, dims: Vec<usize>, whole: bool, bytes: Vec<u8>) -> OnnxValue {
        let name = self.free(name);
        self.constants.push(OnnxConstant { name: name.clone(), dims: dims.clone(), whole, bytes });
        OnnxValue { name, dims, whole }
    }

    /// A constant number.
    pub fn scalar(&mut self, value: f32) -> OnnxValue {
        self.constant("scalar", Vec::new(), false, value.to_le_bytes().to_vec())
    }

    /// Constant whole numbers in a row, such as a shape or axes.
    pub fn integers(&mut self, values: &[i64]) -> OnnxValue {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant("integers", vec![values.len()], true, bytes)
    }

    /// A constant whole number without dimensions, which `Gather` takes to drop an axis.
    pub fn integer(&mut self, value: i64) -> OnnxValue {
        self.constant("integer", Vec::new(), true, value.to_le_bytes().to_vec())
    }

    /// An operator of one value that keeps its shape: `graph.unary("Relu", &x)`.
    pub fn unary(&mut self, op: &str, x: &OnnxValue) -> OnnxValue {
        self.node(op, &[x], &[], &x.dims)
    }

    /// The sum; what is smaller is repeated as numpy does, and the first one gives the shape.
    pub fn add(&mut self, a: &OnnxValue, b: &OnnxValue) -> OnnxValue {
        self.node("Add", &[a, b], &[], &a.dims)
    }

    /// The product; what is smaller is repeated as numpy does, and the first one gives the shape.
    pub fn mul(&mut self, a: &OnnxValue, b: &OnnxValue) -> OnnxValue {
        self.node("Mul", &[a, b], &[], &a.dims)
    }

    /// Values side by side along an axis, which counts from 1: 0 is the batch.
    ///
    /// # Errors
    /// When there is none, or no such axis.
    pub fn concat(&mut self, values: &[&OnnxValue], axis: usize) -> Result<OnnxValue> {
        let Some(first) = values.first().filter(|first| (1..=first.dims.len()).contains(&axis)) else {
            return Err(Error::new(format!("nothing to put side by side along axis {axis}")));
        };
        let mut dims = first.dims.clone();
        dims[axis - 1] = values.iter().map(|value| value.dims.get(axis - 1).copied().unwrap_or(0)).sum();
        Ok(self.node("Concat", values, &[("axis", OnnxAttribute::Int(axis as i64))], &dims))
    }

    /// Another shape of each example, of as many numbers; 0 keeps the length that stands at the same place.
    pub fn reshape(&mut self, x: &OnnxValue, dims: &[usize]) -> OnnxValue {
        // 0 keeps the batch as it is
        let shape: Vec<i64> = std::iter::once(0).chain(dims.iter().map(|dim| *dim as i64)).collect();
        let shape = self.integers(&shape);
        self.node("Reshape", &[x, &shape], &[], dims)
    }

    /// Axes in another order, the batch among them: `[0, 2, 1]` turns each example's two axes.
    ///
    /// # Errors
    /// When these are no axes of the value, or the batch does not stay first.
    pub fn transpose(&mut self, x: &OnnxValue, axes: &[usize]) -> Result<OnnxValue> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if axes.first() != Some(&0) || !sorted.iter().copied().eq(0..=x.dims.len()) {
            return Err(Error::new(format!("{axes:?} are no axes of a batch of {:?}", x.dims)));
        }
        let dims: Vec<usize> = axes[1..].iter().map(|axis| x.dims[axis - 1]).collect();
        let order = axes.iter().map(|axis| *axis as i64).collect();
        Ok(self.node("Transpose", &[x], &[("perm", OnnxAttribute::Ints(order))], &dims))
    }

    /// The numbers from `start` on, so many, along an axis, which counts from 1; every `step`-th of them.
    ///
    /// # Errors
    /// When there is no such axis, or it is shorter.
    pub fn slice(&mut self, x: &OnnxValue, axis: usize, start: usize, end: usize, step: usize) -> Result<OnnxValue> {
        let length = axis.checked_sub(1).and_then(|axis| x.dims.get(axis)).copied().unwrap_or(0);
        if start >= end || end > length || step == 0 {
            return Err(Error::new(format!("{start} to {end} by {step} are no part of axis {axis} of {:?}", x.dims)));
        }
        let mut dims = x.dims.clone();
        dims[axis - 1] = (end - start).div_ceil(step);
        let numbers = [start, end, axis, step].map(|number| self.integers(&[number as i64]));
        let [start, end, axis, step] = numbers.each_ref();
        Ok(self.node("Slice", &[x, start, end, axis, step], &[], &dims))
    }

    /// One place along an axis, which counts from 1; the axis goes.
    ///
    /// # Errors
    /// When there is no such place.
    pub fn take(&mut self, x: &OnnxValue, axis: usize, index: usize) -> Result<OnnxValue> {
        let length = axis.checked_sub(1).and_then(|axis| x.dims.get(axis)).copied().unwrap_or(0);
        if index >= length {
            return Err(Error::new(format!("there is no place {index} along axis {axis} of {:?}", x.dims)));
        }
        let mut dims = x.dims.clone();
        dims.remove(axis - 1);
        let index = self.integer(index as i64);
        Ok(self.node("Gather", &[x, &index], &[("axis", OnnxAttribute::Int(axis as i64))], &dims))
    }

    /// The rows of a table (rows, width) at these numbers: PyTorch's `Embedding`.
    pub fn embedding(&mut self, table: &OnnxValue, ids: &OnnxValue) -> OnnxValue {
        let width = table.dims.last().copied().unwrap_or(0);
        self.node("Gather", &[table, ids], &[("axis", OnnxAttribute::Int(0))], &[&ids.dims[..], &[width]].concat())
    }

    /// Whole numbers as f32, or f32 as whole numbers.
    pub fn cast(&mut self, x: &OnnxValue, whole: bool) -> OnnxValue {
        // the numbers of ONNX's types
        let kind = if whole { 7 } else { 1 };
        OnnxValue { whole, ..self.node("Cast", &[x], &[("to", OnnxAttribute::Int(kind))], &x.dims) }
    }

    /// New axes of length one at these places, which count from 1.
    pub fn unsqueeze(&mut self, x: &OnnxValue, axes: &[i64]) -> OnnxValue {
        let mut dims = x.dims.clone();
        for axis in axes {
            dims.insert((*axis as usize).clamp(1, dims.len() + 1) - 1, 1);
        }
        let axes = self.integers(axes);
        self.node("Unsqueeze", &[x, &axes], &[], &dims)
    }

    /// Channels in the order of these numbers.
    pub fn reorder(&mut self, x: &OnnxValue, channels: &[i64]) -> OnnxValue {
        let index = self.integers(channels);
        let mut dims = x.dims.clone();
        dims.iter_mut().take(1).for_each(|dim| *dim = channels.len());
        self.node("Gather", &[x, &index], &[("axis", OnnxAttribute::Int(1))], &dims)
    }

    /// Shares that sum to one along an axis, which counts from 1.
    pub fn softmax(&mut self, x: &OnnxValue, axis: usize) -> OnnxValue {
        self.node("Softmax", &[x], &[("axis", OnnxAttribute::Int(axis as i64))], &x.dims)
    }

    /// A product with a weight (out, in), and a bias (out): PyTorch's `Linear`.
    ///
    /// # Errors
    /// When the widths do not fit.
    pub fn linear(&mut self, x: &OnnxValue, weight: &OnnxValue, bias: &OnnxValue) -> Result<OnnxValue> {
        let (Some((last, rest)), &[out, width]) = (x.dims.split_last(), &weight.dims[..]) else {
            return Err(Error::new(format!("a product of {:?} with a weight {:?}", x.dims, weight.dims)));
        };
        if *last != width {
            return Err(Error::new(format!("`{}` expects {width} numbers, found {:?}", weight.name, x.dims)));
        }
        let dims = [rest, &[out]].concat();
        if rest.is_empty() {
            return Ok(self.node("Gemm", &[x, weight, bias], &[("transB", OnnxAttribute::Int(1))], &dims));
        }
        let order = OnnxAttribute::Ints(vec![1, 0]);
        let turned = self.node("Transpose", &[weight], &[("perm", order)], &[width, out]);
        let product = self.node("MatMul", &[x, &turned], &[], &dims);
        Ok(self.add(&product, bias))
    }

    /// Each example's map in windows of nearly equal size, so many, their means: PyTorch's `adaptive_avg_pool2d`.
    ///
    /// # Errors
    /// When it is no map.
    pub fn adaptive_average(&mut self, x: &OnnxValue, (oh, ow): (usize, usize)) -> Result<OnnxValue> {
        let [c, h, w] = x.dims[..] else {
            return Err(Error::new(format!("an average pool expects (channels, height, width), found {:?}", x.dims)));
        };
        if (oh, ow) == (1, 1) {
            return Ok(self.node("GlobalAveragePool", &[x], &[], &[c, 1, 1]));
        }
        if (oh, ow) == (h, w) {
            return Ok(x.clone());
        }
        // ONNX has no such pool: it is a product from the left and one from the right
        let shares = |size: usize, out: usize| {
            let mut rows = vec![0f32; out * size];
            for i in 0..out {
                let (from, to) = (i * size / out, ((i + 1) * size).div_ceil(out));
                rows[i * size + from..i * size + to].fill(1.0 / (to - from) as f32);
            }
            Tensor::from_vec(rows, (out, size), &Device::Cpu)
        };
        let down = self.weight("windows", &shares(h, oh)?)?;
        let right = self.weight("windows", &shares(w, ow)?.t()?.contiguous()?)?;
        let tall = self.node("MatMul", &[&down, x], &[], &[c, oh, w]);
        Ok(self.node("MatMul", &[&tall, &right], &[], &[c, oh, ow]))
    }

    /// Each cell repeated so often down and to the right that the map gets this size.
    ///
    /// # Errors
    /// When the sides are no multiples.
    pub fn upsample_nearest(&mut self, x: &OnnxValue, (oh, ow): (usize, usize)) -> Result<OnnxValue> {
        let [c, h, w] = x.dims[..] else {
            return Err(Error::new(format!("an upsampling expects (channels, height, width), found {:?}", x.dims)));
        };
        if h * w == 0 || !oh.is_multiple_of(h) || !ow.is_multiple_of(w) {
            return Err(Error::new(format!("{h} × {w} cells do not repeat to {oh} × {ow}"))
                .remedy("take pictures whose sides are multiples of 32"));
        }
        let scales = Tensor::new(&[1f32, 1.0, (oh / h) as f32, (ow / w) as f32], &Device::Cpu)?;
        let scales = self.weight("scales", &scales)?;
        let none = OnnxValue { name: String::new(), dims: Vec::new(), whole: false };
        let text = |word: &str| OnnxAttribute::Text(word.to_owned());
        let how = [
            ("mode", text("nearest")),
            ("nearest_mode", text("floor")),
            ("coordinate_transformation_mode", text("asymmetric")),
        ];
        Ok(self.node("Resize", &[x, &none, &scales], &how, &[c, oh, ow]))
    }
}
