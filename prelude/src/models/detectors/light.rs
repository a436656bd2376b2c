//! A light detector on any body that is known by name: its maps of strides 8, 16 and 32 are brought to one width, and joined from coarse to fine and
//! back by cheap convolutions. The head is YOLOX's. Lin et al. 2017 (FPN), Liu et al. 2018 (PANet).

use candle_core::Tensor;

use super::csp::{Conv3, Scale, unit};
use super::pyramid::{Joins, Pyramid, STRIDES};
use crate::data::field;
use crate::layers::{ConvNorm, Layer, Pass};
use crate::models::Arch;
use crate::models::Shapes;
use crate::models::body::{Blocks, Body};
use crate::onnx::{OnnxGraph, OnnxValue};
use crate::params::{ParamSet, Scope};
use crate::{Error, Result, ops};

/// The pyramid's width is four times this one's, and its convolutions are depthwise.
pub(super) const SCALE: Scale = Scale { depth: 1, width: 24, depthwise: true };
/// The side of the picture by which taps are found.
const SIDE: usize = 224;

/// How many of a body's last parts are left out: those that only a classifier wants.
fn spare(arch: Arch) -> usize {
    match arch {
        Arch::EfficientNetLite0 | Arch::EfficientNetB0 | Arch::MobileNetV2 => 1,
        _ => 0,
    }
}

/// The body: the architecture's parts, and `pyramid`.
pub(super) fn body(params: &ParamSet, arch: Arch) -> Result<Pyramid> {
    let mut layers = arch.body(params)?;
    layers.truncate(layers.len() - spare(arch));
    params.remove_from(layers.len());
    let group = layers.len();
    let mut stages = Blocks::new(layers);
    stages.tap(&STRIDES, SIDE, arch.name()).map_err(|_| {
        Error::new(format!("`{}` has no maps of strides 8, 16 and 32, which a detector looks at", arch.name())).remedy(
            "these have: `Detector::light(Arch::EfficientNetLite0)`, `EfficientNetB0`, `MobileNetV2`, `ResNet18`, `ResNet34`, `ResNet50`",
        )
    })?;
    let shapes = stages.shapes(&Shapes::of(field::IMAGE, &[3, SIDE, SIDE]))?.pop().unwrap_or_default();
    let widths = STRIDES.iter().map(|stride| Ok(shapes.get(&field::tap(*stride))?[0]));
    let widths = widths.collect::<Result<Vec<usize>>>()?;
    Ok(Pyramid { stages, joins: Box::new(LightPyramid::new(&params.scope("pyramid", group), &widths)?) })
}

/// Maps of one width, joined from coarse to fine and back: `lateral.0` to `lateral.2`, `up.0`, `up.1`, `down.0`, `down.1`, `out.0`, `out.1`.
struct LightPyramid {
    lateral: Vec<ConvNorm>,
    up: Vec<Conv3>,
    down: Vec<Conv3>,
    out: Vec<Conv3>,
}

impl LightPyramid {
    fn new(at: &Scope, widths: &[usize]) -> Result<LightPyramid> {
        let inner = 4 * SCALE.width;
        let of = |part: &str, number: usize| at.child(part).child(&number.to_string());
        let lateral =
            widths.iter().enumerate().map(|(number, width)| unit(&of("lateral", number), *width, inner, 1, 1));
        let row = |part: &str, stride: usize| -> Result<Vec<Conv3>> {
            (0..2).map(|number| Conv3::new(&of(part, number), SCALE, inner, inner, stride)).collect()
        };
        Ok(LightPyramid {
            lateral: lateral.collect::<Result<_>>()?,
            up: row("up", 1)?,
            down: row("down", 2)?,
            out: row("out", 1)?,
        })
    }
}

/// A map at the sides of another one, added to it.
fn onto(small: &Tensor, large: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = large.dims4()?;
    Ok(ops::add(&ops::upsample_nearest2d(small, (h, w))?, large)?)
}

/// The same as ONNX.
fn export_onto(graph: &mut OnnxGraph, small: &OnnxValue, large: &OnnxValue) -> Result<OnnxValue> {
    let raised = graph.upsample_nearest(small, (large.dims()[1], large.dims()[2]))?;
    Ok(graph.add(&raised, large))
}

impl Joins for LightPyramid {
    fn forward(&self, maps: &[Tensor], pass: &Pass) -> Result<Vec<Tensor>> {
        let lateral = self.lateral.iter().zip(maps).map(|(conv, map)| conv.forward(map, pass));
        let [fine, middle, coarse] = &lateral.collect::<Result<Vec<_>>>()?[..] else {
            return Err(Error::new("the light pyramid joins three maps"));
        };
        let middle = self.up[0].forward(&onto(coarse, middle)?, pass)?;
        let fine = self.up[1].forward(&onto(&middle, fine)?, pass)?;
        let down = self.down[0].forward(&fine, pass)?;
        let middle = self.out[0].forward(&ops::add(&down, &middle)?, pass)?;
        let down = self.down[1].forward(&middle, pass)?;
        let coarse = self.out[1].forward(&ops::add(&down, coarse)?, pass)?;
        Ok(vec![fine, middle, coarse])
    }

    fn export(&self, graph: &mut OnnxGraph, maps: &[OnnxValue]) -> Result<Vec<OnnxValue>> {
        let lateral = self.lateral.iter().zip(maps).map(|(conv, map)| conv.export(graph, map));
        let [fine, middle, coarse] = &lateral.collect::<Result<Vec<_>>>()?[..] else {
            return Err(Error::new("the light pyramid joins three maps"));
        };
        let middle = export_onto(graph, coarse, middle)?;
        let middle = self.up[0].export(graph, &middle)?;
        let fine = export_onto(graph, &middle, fine)?;
        let fine = self.up[1].export(graph, &fine)?;
        let down = self.down[0].export(graph, &fine)?;
        let middle = graph.add(&down, &middle);
        let middle = self.out[0].export(graph, &middle)?;
        let down = self.down[1].export(graph, &middle)?;
        let coarse = graph.add(&down, coarse);
        let coarse = self.out[1].export(graph, &coarse)?;
        Ok(vec![fine, middle, coarse])
    }

    fn outputs(&self, maps: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
        let each = self.lateral.iter().zip(maps).map(|(conv, map)| conv.output(map));
        each.collect()
    }
}
