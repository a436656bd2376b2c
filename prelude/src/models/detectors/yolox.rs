//! YOLOX: its stages, its pyramid and its head. Ge et al. 2021, the reference implementation's names.

use candle_core::Tensor;

use super::csp::{Conv3, Csp, Scale, Spp, unit};
use super::pyramid::{Joins, Pyramid, STRIDES, beside_larger, export_beside_larger, halves};
use crate::data::{Fields, field};
use crate::layers::{Conv2d, ConvNorm, Layer, Pass, Sequential, dims3};
use crate::models::body::Blocks;
use crate::models::{Head, Shapes};
use crate::onnx::{OnnxFields, OnnxGraph, OnnxValue};
use crate::params::{Init, ParamSet, Scope};
use crate::{Error, Result, ops};

/// The side of the picture by which taps are found; any multiple of 32 does.
const SIDE: usize = 416;
/// How likely a cell is to show something before anything is learned.
const PRIOR: f32 = 0.01;

/// Space to depth, then a 3×3 convolution: `conv`. The published weights expect blue before red, pictures here have red first.
struct Stem(ConvNorm);

impl Layer for Stem {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.0.forward(&ops::focus(x, true)?, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        let [_, h, w] = x.dims()[..] else { return Err(Error::new("YOLOX's stem takes pictures")) };
        halves("YOLOX", (h, w))?;
        // channels from the last to the first, then of each four pixels the upper left, lower left, upper right and lower right one
        let turned = graph.reorder(x, &[2, 1, 0]);
        let mut quarters = Vec::with_capacity(4);
        for (right, down) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let rows = graph.slice(&turned, 2, down, h, 2)?;
            quarters.push(graph.slice(&rows, 3, right, w, 2)?);
        }
        let small = graph.concat(&quarters.iter().collect::<Vec<_>>(), 1)?;
        self.0.export(graph, &small)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (c, h, w) = dims3(input, "YOLOX's stem")?;
        halves("YOLOX", (h, w))?;
        self.0.output(&[4 * c, h / 2, w / 2])
    }
}

/// The body: `stem`, `dark2` to `dark5`, and `pyramid`.
pub(super) fn body(params: &ParamSet, scale: Scale) -> Result<Pyramid> {
    let w = scale.width;
    let at = |group: usize, name: &str| params.scope("backbone.backbone", group).child(name);
    let mut stages = Sequential::new();
    stages.push("stem", Stem(unit(&at(0, "stem").child("conv"), 12, w, 3, 1)?));
    for (group, (factor, count)) in [(2, 1), (4, 3), (8, 3), (16, 1)].into_iter().enumerate() {
        let (from, to) = (w * factor / 2, w * factor);
        let name = format!("dark{}", group + 2);
        let at = at(group + 1, &name);
        let mut stage = Sequential::new();
        let last = factor == 16;
        stage.push("0", Conv3::new(&at.child("0"), scale, from, to, 2)?);
        if last {
            stage.push("1", Spp::new(&at.child("1"), ["conv1", "conv2"], to)?);
        }
        let number = if last { "2" } else { "1" };
        stage.push(number, Csp::new(&at.child(number), scale, (to, to), count * scale.depth, !last)?);
        stages.push(name, stage);
    }
    let group = stages.len();
    let mut stages = Blocks::new(stages);
    stages.tap(&STRIDES, SIDE, "yolox")?;
    Ok(Pyramid { stages, joins: Box::new(Pafpn::new(&params.scope("backbone", group), scale)?) })
}

/// A pyramid that is joined from coarse to fine and back: `lateral_conv0`, `C3_p4`, `reduce_conv1`, `C3_p3`, `bu_conv2`, `C3_n3`,
/// `bu_conv1`, `C3_n4`. Liu et al. 2018 (PANet), YOLOX's `YOLOPAFPN`.
struct Pafpn {
    lateral: ConvNorm,
    p4: Csp,
    reduce: ConvNorm,
    p3: Csp,
    down3: Conv3,
    n3: Csp,
    down4: Conv3,
    n4: Csp,
}

impl Pafpn {
    fn new(at: &Scope, scale: Scale) -> Result<Pafpn> {
        let [c3, c4, c5] = [4, 8, 16].map(|factor| factor * scale.width);
        let csp = |name: &str, from, to| Csp::new(&at.child(name), scale, (from, to), scale.depth, false);
        Ok(Pafpn {
            lateral: unit(&at.child("lateral_conv0"), c5, c4, 1, 1)?,
            p4: csp("C3_p4", 2 * c4, c4)?,
            reduce: unit(&at.child("reduce_conv1"), c4, c3, 1, 1)?,
            p3: csp("C3_p3", 2 * c3, c3)?,
            down3: Conv3::new(&at.child("bu_conv2"), scale, c3, c3, 2)?,
            n3: csp("C3_n3", 2 * c3, c4)?,
            down4: Conv3::new(&at.child("bu_conv1"), scale, c4, c4, 2)?,
            n4: csp("C3_n4", 2 * c4, c5)?,
        })
    }
}

impl Joins for Pafpn {
    fn forward(&self, maps: &[Tensor], pass: &Pass) -> Result<Vec<Tensor>> {
        let [fine, middle, coarse] = maps else { return Err(Error::new("YOLOX's pyramid joins three maps")) };
        let coarse = self.lateral.forward(coarse, pass)?;
        let middle = self.p4.forward(&beside_larger(&coarse, middle)?, pass)?;
        let middle = self.reduce.forward(&middle, pass)?;
        let fine = self.p3.forward(&beside_larger(&middle, fine)?, pass)?;
        let down = self.down3.forward(&fine, pass)?;
        let middle = self.n3.forward(&ops::concat(&[&down, &middle], 1)?, pass)?;
        let down = self.down4.forward(&middle, pass)?;
        let coarse = self.n4.forward(&ops::concat(&[&down, &coarse], 1)?, pass)?;
        Ok(vec![fine, middle, coarse])
    }

    fn export(&self, graph: &mut OnnxGraph, maps: &[OnnxValue]) -> Result<Vec<OnnxValue>> {
        let [fine, middle, coarse] = maps else { return Err(Error::new("YOLOX's pyramid joins three maps")) };
        let coarse = self.lateral.export(graph, coarse)?;
        let middle = export_beside_larger(graph, &coarse, middle)?;
        let middle = self.p4.export(graph, &middle)?;
        let middle = self.reduce.export(graph, &middle)?;
        let fine = export_beside_larger(graph, &middle, fine)?;
        let fine = self.p3.export(graph, &fine)?;
        let down = self.down3.export(graph, &fine)?;
        let middle = graph.concat(&[&down, &middle], 1)?;
        let middle = self.n3.export(graph, &middle)?;
        let down = self.down4.export(graph, &middle)?;
        let coarse = graph.concat(&[&down, &coarse], 1)?;
        let coarse = self.n4.export(graph, &coarse)?;
        Ok(vec![fine, middle, coarse])
    }

    fn outputs(&self, maps: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
        let [fine, middle, coarse] = maps else { return Err(Error::new("YOLOX's pyramid joins three maps")) };
        Ok(vec![fine.to_vec(), middle.to_vec(), coarse.to_vec()])
    }
}

/// For each cell of the pyramid's maps where a box stands, whether anything is there, and of which class: three branches a map. Names:
/// `head.stems.0`, `head.cls_convs.0.0`, `head.reg_convs.0.0`, `head.cls_preds.0`, `head.reg_preds.0`, `head.obj_preds.0` and so on.
///
/// It says `yolox`, a row of numbers a cell: four for the box, whether anything is there, and one a class, before any sigmoid.
pub struct YoloxHead {
    levels: Vec<Level>,
}

struct Level {
    stem: ConvNorm,
    class: Vec<Conv3>,
    place: Vec<Conv3>,
    classes: Conv2d,
    boxes: Conv2d,
    objects: Conv2d,
}

impl YoloxHead {
    /// A head of random weights over the levels of a pyramid.
    pub(super) fn new(at: &Scope, scale: Scale, features: &Shapes, classes: usize) -> Result<YoloxHead> {
        let inner = 4 * scale.width;
        let of = |part: &str, level: usize| at.child(part).child(&level.to_string());
        let branch = |part: &str, level: usize| -> Result<Vec<Conv3>> {
            let at = |number: usize| of(part, level).child(&number.to_string());
            (0..2).map(|number| Conv3::new(&at(number), scale, inner, inner, 1)).collect()
        };
        // What is there and of which class begins as rare and near to even (Lin et al. 2017), so that a class that is new beside trained
        // features is not seen everywhere.
        let point = |part: &str, level: usize, to: usize, rare: bool| -> Result<Conv2d> {
            let (weight, bias) = match rare {
                true => (Init::Normal(0.01), Init::Constant(-((1.0 - PRIOR) / PRIOR).ln())),
                false => (Init::Uniform { fan: inner }, Init::Uniform { fan: inner }),
            };
            Conv2d::new(&of(part, level), inner, to, 1).init(weight).bias_of(bias).build()
        };
        let level = |(level, stride): (usize, &usize)| {
            let channels = features.get(&field::level(*stride))?[0];
            Ok(Level {
                stem: unit(&of("stems", level), channels, inner, 1, 1)?,
                class: branch("cls_convs", level)?,
                place: branch("reg_convs", level)?,
                classes: point("cls_preds", level, classes, true)?,
                boxes: point("reg_preds", level, 4, false)?,
                objects: point("obj_preds", level, 1, true)?,
            })
        };
        Ok(YoloxHead { levels: STRIDES.iter().enumerate().map(level).collect::<Result<_>>()? })
    }
}

impl Head for YoloxHead {
    fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        let mut rows = Vec::with_capacity(self.levels.len());
        for (level, stride) in self.levels.iter().zip(STRIDES) {
            let x = level.stem.forward(features.get(&field::level(stride))?, pass)?;
            let through = |branch: &[Conv3]| branch.iter().try_fold(x.clone(), |x, conv| conv.forward(&x, pass));
            let (class, place) = (through(&level.class)?, through(&level.place)?);
            let parts = [
                level.boxes.forward(&place, pass)?,
                level.objects.forward(&place, pass)?,
                level.classes.forward(&class, pass)?,
            ];
            rows.push(ops::flatten(&ops::concat(&parts.each_ref(), 1)?, 2)?);
        }
        let rows: Vec<&Tensor> = rows.iter().collect();
        Ok(Fields::of(field::YOLOX, ops::concat(&rows, 2)?))
    }

    fn export(&self, graph: &mut OnnxGraph, features: &OnnxFields) -> Result<OnnxFields> {
        let mut rows = Vec::with_capacity(self.levels.len());
        for (level, stride) in self.levels.iter().zip(STRIDES) {
            let x = level.stem.export(graph, features.get(&field::level(stride))?)?;
            let mut through = |branch: &[Conv3]| branch.iter().try_fold(x.clone(), |x, conv| conv.export(graph, &x));
            let (class, place) = (through(&level.class)?, through(&level.place)?);
            let parts = [
                level.boxes.export(graph, &place)?,
                level.objects.export(graph, &place)?,
                level.classes.export(graph, &class)?,
            ];
            let map = graph.concat(&parts.each_ref(), 1)?;
            rows.push(graph.reshape(&map, &[map.dims()[0], map.dims()[1] * map.dims()[2]]));
        }
        let all = graph.concat(&rows.iter().collect::<Vec<_>>(), 2)?;
        Ok(OnnxFields::of(field::YOLOX, all))
    }

    fn shapes(&self, features: &Shapes) -> Result<Shapes> {
        let mut cells = 0;
        for stride in STRIDES {
            let (_, h, w) = dims3(features.get(&field::level(stride))?, "YOLOX's head")?;
            cells += h * w;
        }
        let classes = self.levels.first().map_or(0, |level| level.classes.channels());
        Ok(Shapes::of(field::YOLOX, &[5 + classes, cells]))
    }
}
