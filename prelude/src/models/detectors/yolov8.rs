//! YOLOv8: its stages, its pyramid and its head, with Ultralytics' names.

use candle_core::Tensor;

use super::c2f::C2f;
use super::csp::{Spp, unit};
use super::pyramid::{Joins, Pyramid, STRIDES, beside_larger, export_beside_larger, halves};
use crate::data::{Fields, field};
use crate::layers::{Conv2d, ConvNorm, Layer, Pass, Sequential, dims3};
use crate::models::body::Blocks;
use crate::models::{Head, Shapes};
use crate::onnx::{OnnxFields, OnnxGraph, OnnxValue};
use crate::params::{Init, ParamSet, Scope};
use crate::{Error, Result, ops};

/// The side of the picture by which taps are found, and of the one by which the head's first guess is made; any multiple of 32 does.
const SIDE: usize = 640;
/// How many numbers say where a box stands: 16 for each of its edges.
const PLACE: usize = 64;
/// So many objects a picture are expected before anything is learned.
const EXPECTED: f64 = 5.0;

/// How wide and deep a YOLOv8 is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Build {
    /// How many blocks the shortest row has.
    pub depth: usize,
    /// The channels of the stem and of the four stages.
    pub widths: [usize; 5],
}

/// A 3×3 convolution at every other pixel.
struct FirstConv(ConvNorm);

impl Layer for FirstConv {
    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.0.forward(x, pass)
    }

    fn export(&self, graph: &mut OnnxGraph, x: &OnnxValue) -> Result<OnnxValue> {
        self.0.export(graph, x)
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (_, h, w) = dims3(input, "YOLOv8's stem")?;
        halves("YOLOv8", (h, w))?;
        self.0.output(input)
    }
}

/// The body: `stem`, `stage2` to `stage5`, and `pyramid`.
pub(super) fn body(params: &ParamSet, build: Build) -> Result<Pyramid> {
    let (widths, depth) = (build.widths, build.depth);
    let at = |group: usize, number: usize| params.scope("model", group).child(&number.to_string());
    let mut stages = Sequential::new();
    stages.push("stem", FirstConv(unit(&at(0, 0), 3, widths[0], 3, 2)?));
    for (group, count) in [(1, depth), (2, 2 * depth), (3, 2 * depth), (4, depth)] {
        let (from, to) = (widths[group - 1], widths[group]);
        let mut stage = Sequential::new();
        stage.push("down", unit(&at(group, 2 * group - 1), from, to, 3, 2)?);
        stage.push("blocks", C2f::new(&at(group, 2 * group), (to, to), count, true)?);
        if group == 4 {
            stage.push("wider", Spp::new(&at(group, 9), ["cv1", "cv2"], to)?);
        }
        stages.push(format!("stage{}", group + 1), stage);
    }
    let group = stages.len();
    let mut stages = Blocks::new(stages);
    stages.tap(&STRIDES, SIDE, "yolov8")?;
    Ok(Pyramid { stages, joins: Box::new(PathNet::new(&params.scope("model", group), build)?) })
}

/// A pyramid that is joined from coarse to fine and back: `model.12`, `model.15`, `model.16`, `model.18`, `model.19`, `model.21`. Liu et
/// al. 2018 (PANet).
struct PathNet {
    middle_down: C2f,
    fine: C2f,
    after_fine: ConvNorm,
    middle: C2f,
    after_middle: ConvNorm,
    coarse: C2f,
}

impl PathNet {
    fn new(at: &Scope, build: Build) -> Result<PathNet> {
        let [_, _, c3, c4, c5] = build.widths;
        let joint = |number: &str, from, to| C2f::new(&at.child(number), (from, to), build.depth, false);
        Ok(PathNet {
            middle_down: joint("12", c5 + c4, c4)?,
            fine: joint("15", c4 + c3, c3)?,
            after_fine: unit(&at.child("16"), c3, c3, 3, 2)?,
            middle: joint("18", c3 + c4, c4)?,
            after_middle: unit(&at.child("19"), c4, c4, 3, 2)?,
            coarse: joint("21", c4 + c5, c5)?,
        })
    }
}

impl Joins for PathNet {
    fn forward(&self, maps: &[Tensor], pass: &Pass) -> Result<Vec<Tensor>> {
        let [fine, middle, coarse] = maps else { return Err(Error::new("YOLOv8's pyramid joins three maps")) };
        let middle = self.middle_down.forward(&beside_larger(coarse, middle)?, pass)?;
        let fine = self.fine.forward(&beside_larger(&middle, fine)?, pass)?;
        let down = self.after_fine.forward(&fine, pass)?;
        let middle = self.middle.forward(&ops::concat(&[&down, &middle], 1)?, pass)?;
        let down = self.after_middle.forward(&middle, pass)?;
        let coarse = self.coarse.forward(&ops::concat(&[&down, coarse], 1)?, pass)?;
        Ok(vec![fine, middle, coarse])
    }

    fn export(&self, graph: &mut OnnxGraph, maps: &[OnnxValue]) -> Result<Vec<OnnxValue>> {
        let [fine, middle, coarse] = maps else { return Err(Error::new("YOLOv8's pyramid joins three maps")) };
        let middle = export_beside_larger(graph, coarse, middle)?;
        let middle = self.middle_down.export(graph, &middle)?;
        let fine = export_beside_larger(graph, &middle, fine)?;
        let fine = self.fine.export(graph, &fine)?;
        let down = self.after_fine.export(graph, &fine)?;
        let middle = graph.concat(&[&down, &middle], 1)?;
        let middle = self.middle.export(graph, &middle)?;
        let down = self.after_middle.export(graph, &middle)?;
        let coarse = graph.concat(&[&down, coarse], 1)?;
        let coarse = self.coarse.export(graph, &coarse)?;
        Ok(vec![fine, middle, coarse])
    }

    fn outputs(&self, maps: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
        let [fine, middle, coarse] = maps else { return Err(Error::new("YOLOv8's pyramid joins three maps")) };
        Ok(vec![fine.to_vec(), middle.to_vec(), coarse.to_vec()])
    }
}

/// For each cell of the pyramid's maps how far each edge of a box is, and which class it is of: two branches a map. Names: `head.cv2.0.0`
/// to `head.cv2.0.2` for the first map's box, `head.cv3.0.0` to `head.cv3.0.2` for its class, and so on.
///
/// It says `yolov8`, a row of numbers a cell: 16 for each of the left, top, right and bottom edge, before the softmax, and one a class,
/// before the sigmoid.
pub struct YoloV8Head {
    levels: Vec<Branches>,
}

struct Branches {
    place: [ConvNorm; 2],
    boxes: Conv2d,
    class: [ConvNorm; 2],
    classes: Conv2d,
}

impl YoloV8Head {
    /// A head of random weights over the levels of a pyramid. The branch of the classes is so `wide`; where that is not said, as wide as
    /// the finest map, and where there are more classes, as wide as they are many, up to 100.
    pub(super) fn new(at: &Scope, features: &Shapes, classes: usize, wide: Option<usize>) -> Result<YoloV8Head> {
        let finest = features.get(&field::level(STRIDES[0]))?[0];
        let place = PLACE.max(finest / 4);
        let class = wide.unwrap_or(finest.max(classes.min(100)));
        let branch = |part: &str, level: usize| at.child(part).child(&level.to_string());
        let convs = |at: &Scope, from: usize, to: usize| -> Result<[ConvNorm; 2]> {
            Ok([unit(&at.child("0"), from, to, 3, 1)?, unit(&at.child("1"), to, to, 3, 1)?])
        };
        // which class it is begins as rare and near to even, as in YOLOX's head
        let point = |at: &Scope, from: usize, to: usize, weight: Init, bias: f64| {
            Conv2d::new(&at.child("2"), from, to, 1).init(weight).bias_of(Init::Constant(bias as f32)).build()
        };
        let level = |(level, stride): (usize, &usize)| {
            let channels = features.get(&field::level(*stride))?[0];
            let (at_place, at_class) = (branch("cv2", level), branch("cv3", level));
            let cells = (SIDE / stride) as f64;
            let rare = (EXPECTED / classes.max(1) as f64 / (cells * cells)).ln();
            Ok(Branches {
                place: convs(&at_place, channels, place)?,
                boxes: point(&at_place, place, PLACE, Init::Uniform { fan: place }, 2.0)?,
                class: convs(&at_class, channels, class)?,
                classes: point(&at_class, class, classes, Init::Normal(0.01), rare)?,
            })
        };
        Ok(YoloV8Head { levels: STRIDES.iter().enumerate().map(level).collect::<Result<_>>()? })
    }
}

impl Head for YoloV8Head {
    fn forward(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        let mut rows = Vec::with_capacity(self.levels.len());
        for (level, stride) in self.levels.iter().zip(STRIDES) {
            let x = features.get(&field::level(stride))?;
            let through = |[first, second]: &[ConvNorm; 2]| second.forward(&first.forward(x, pass)?, pass);
            let place = level.boxes.forward(&through(&level.place)?, pass)?;
            let class = level.classes.forward(&through(&level.class)?, pass)?;
            rows.push(ops::flatten(&ops::concat(&[&place, &class], 1)?, 2)?);
        }
        let rows: Vec<&Tensor> = rows.iter().collect();
        Ok(Fields::of(field::YOLOV8, ops::concat(&rows, 2)?))
    }

    fn export(&self, graph: &mut OnnxGraph, features: &OnnxFields) -> Result<OnnxFields> {
        let mut rows = Vec::with_capacity(self.levels.len());
        for (level, stride) in self.levels.iter().zip(STRIDES) {
            let x = features.get(&field::level(stride))?;
            let mut through =
                |convs: &[ConvNorm; 2]| convs.iter().try_fold(x.clone(), |x, conv| conv.export(graph, &x));
            let (place, class) = (through(&level.place)?, through(&level.class)?);
            let (place, class) = (level.boxes.export(graph, &place)?, level.classes.export(graph, &class)?);
            let map = graph.concat(&[&place, &class], 1)?;
            rows.push(graph.reshape(&map, &[map.dims()[0], map.dims()[1] * map.dims()[2]]));
        }
        let all = graph.concat(&rows.iter().collect::<Vec<_>>(), 2)?;
        Ok(OnnxFields::of(field::YOLOV8, all))
    }

    fn shapes(&self, features: &Shapes) -> Result<Shapes> {
        let mut cells = 0;
        for stride in STRIDES {
            let (_, h, w) = dims3(features.get(&field::level(stride))?, "YOLOv8's head")?;
            cells += h * w;
        }
        let classes = self.levels.first().map_or(0, |level| level.classes.channels());
        Ok(Shapes::of(field::YOLOV8, &[PLACE + classes, cells]))
    }
}
