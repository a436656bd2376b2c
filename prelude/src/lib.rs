//! The prelude of candlewick's cells: fine-tuning on candle, step by step.
//!
//! A cell sees everything in [`prelude`]; the rooms below hold the rest. Who may import whom:
//! `train → models, detect, data → layers → ops, params`; `boxes` lies below all that speak of boxes, `plot` takes plain slices
//! and images, `annotate` stands beside `train`, only `show` prints.

pub mod annotate;
pub mod boxes;
pub mod cell;
pub mod data;
pub mod datasets;
pub mod detect;
pub mod error;
pub mod interrupt;
pub mod layers;
mod limits;
pub mod models;
pub mod onnx;
pub mod ops;
pub mod params;
mod paths;
pub mod plot;
mod sealed;
pub mod show;
pub mod train;
pub mod widgets;
mod words;

pub use candle_core;
pub use candle_nn;
pub use error::{Error, Result};
pub use image;
pub use plotters;

/// What a cell has in scope without importing anything.
pub mod prelude {
    pub use crate::annotate::Annotator;
    pub use crate::boxes::{Annotation, BBox, Detection};
    pub use crate::data::{
        Augment, Batch, BatchIter, Boxes, Data, Example, Fields, Greys, ImageFolder, Input, LabelTable, Normalize,
        NumberTable, Order, Part, Spec, Target, TensorData, TextTable,
    };
    pub use crate::error::{Error, Result};
    pub use crate::layers::{
        Activation, BatchNorm2d, Conv2d, Dropout, GlobalAvgPool, Layer, LayerNorm, Linear, Lora, MaxPool2d, Pass,
        Sequential,
    };
    pub use crate::models::{Arch, Bert, Detector, Head, Network, Pooling, Shapes};
    pub use crate::onnx::{OnnxGraph, OnnxValue};
    pub use crate::ops;
    pub use crate::params::{Init, Scope};
    pub use crate::show::{CellValue, Show, display};
    pub use crate::train::compare;
    pub use crate::train::{
        Answer, BestWeights, Better, Callback, Checkpoints, Classify, CsvLog, EarlyStopping, Fit, Labels, Learner,
        Localize, Loss, Metric, NanGuard, Next, NormLog, Optimizer, Prediction, Rate, Regress, Schedule, Seen,
        SimilarityIndex, Task, TensorBoard, Unit, When,
    };
    pub use crate::widgets::{AnyWidget, Button, FloatProgress, FloatSlider, IntProgress, Label, VBox, Widget};
    pub use crate::{datasets, interrupt, plot, show, widgets};
    pub use candle_core::{D, DType, Device, IndexOp, Tensor};
    /// A `VarBuilder` holds one: cells must be able to name its type.
    pub use candle_nn::var_builder::SimpleBackend;
    pub use candle_nn::{self, Module};
    pub use {crate as candlewick, candle_core, image, plotters};
}
