//! How a detector takes weights over: all that does not depend on the classes, and of what does, the rows of the classes that both know.

use std::collections::HashMap;

use candle_core::Tensor;

use super::Detector;
use super::csp::EPS;
use crate::models::Network;
use crate::params::LoadReport;
use crate::{Error, Result};

/// What became of a detector's weights.
#[derive(Clone, Debug)]
pub struct DetectorReport {
    /// What was found for each tensor.
    pub loaded: LoadReport,
    /// The classes whose own rows were taken over.
    pub shared: Vec<String>,
    /// Whether BatchNorm was folded into the convolutions, and stands as the identity.
    pub folded: bool,
}

impl Network {
    /// Takes over a detector's weights by name: the body, the head, and of what has a row a class, the rows of classes of one name.
    ///
    /// # Errors
    /// When the weights are of another detector.
    pub fn load_detector(
        &self,
        (tensors, origin): (&[(String, Tensor)], &str),
        theirs: &[String],
        own: &[String],
    ) -> Result<DetectorReport> {
        let Some(detector) = self.detector() else {
            return Err(Error::new("expected a detector, found another network"));
        };
        let pairs: Vec<(usize, usize)> = own
            .iter()
            .enumerate()
            .filter_map(|(to, name)| Some((theirs.iter().position(|other| other == name)?, to)))
            .collect();
        let (file, mut tensors) = (detector.adopt(tensors), Vec::with_capacity(tensors.len()));
        let (folded, mut rowed) = (folded(&file), false);
        for (name, tensor) in &file {
            let here = self.params().get(name).filter(|_| detector.has_class_rows(name));
            let taken = match here {
                Some(param) if tensor.dims().first() == Some(&theirs.len()) && tensor.rank() == param.var().rank() => {
                    rowed = true;
                    with_rows(&param.value(), tensor, &pairs)?
                }
                // the identity, whatever eps the file was folded with
                _ if folded && name.ends_with(".running_var") => tensor.ones_like()?.affine(1.0, -EPS)?,
                _ => tensor.clone(),
            };
            tensors.push((name.clone(), taken));
        }
        let loaded = self.params().load(&tensors, None)?;
        let lacking = loaded.new.iter().filter(|name| !detector.may_lack(name)).count();
        let (found, all) = (loaded.loaded.len(), loaded.loaded.len() + lacking + loaded.wrong_shape.len());
        let misfit = loaded.wrong_shape.iter().find(|wrong| !detector.has_class_rows(&wrong.name));
        if 2 * found < all || misfit.is_some() {
            let mut what = format!("{origin} does not fit `{detector}`: {found} of {all} parameters found");
            if let Some(wrong) = misfit {
                what += &format!(", `{}` is {:?} here and {:?} in the file", wrong.name, wrong.expected, wrong.found);
            } else if let (Some(expected), Some((there, _))) = (loaded.new.first(), file.first()) {
                what += &format!(" (it expects names such as `{expected}`, the file has `{there}`)");
            }
            let remedy = match likely(&file) {
                Some(other) if other != detector.name() => format!("its shapes are those of {other}"),
                _ => "give it a file of the same detector, as its authors published it or as `learner.save` wrote it"
                    .to_owned(),
            };
            return Err(Error::new(what).remedy(remedy));
        }
        let shared = if rowed { pairs.iter().map(|(_, to)| own[*to].clone()).collect() } else { Vec::new() };
        Ok(DetectorReport { loaded, shared, folded })
    }
}

/// A tensor with some rows from another one of the same other dimensions, by pairs (from, to).
fn with_rows(own: &Tensor, theirs: &Tensor, pairs: &[(usize, usize)]) -> Result<Tensor> {
    if own.dims()[1..] != theirs.dims()[1..] {
        return Ok(theirs.clone());
    }
    let theirs = theirs.to_dtype(own.dtype())?.to_device(own.device())?;
    let from: HashMap<usize, usize> = pairs.iter().map(|(from, to)| (*to, *from)).collect();
    let row = |at: usize| match from.get(&at) {
        Some(from) => theirs.narrow(0, *from, 1),
        None => own.narrow(0, at, 1),
    };
    let rows: Vec<Tensor> = (0..own.dims()[0]).map(row).collect::<candle_core::Result<_>>()?;
    // of a single row it would be the parameter's own storage
    Ok(Tensor::cat(&rows, 0)?.copy()?)
}

/// Whether every BatchNorm of a file is the identity but for its bias: its scale 1, its mean 0, its variance 1.
fn folded(file: &[(String, Tensor)]) -> bool {
    let all = |ending: &str, wanted: f32| {
        let mut seen = false;
        let fits = file.iter().filter(|(name, _)| name.ends_with(ending)).all(|(_, tensor)| {
            seen = true;
            let numbers =
                tensor.flatten_all().and_then(|flat| flat.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>());
            numbers.is_ok_and(|numbers| numbers.iter().all(|number| (number - wanted).abs() < 0.01))
        });
        seen && fits
    };
    all(".running_mean", 0.0) && all(".running_var", 1.0) && all(".bn.weight", 1.0)
}

/// The detector whose stem is as wide as a file's.
fn likely(file: &[(String, Tensor)]) -> Option<String> {
    const YOLOX: [(usize, &str); 6] = [(16, "nano"), (24, "tiny"), (32, "s"), (48, "m"), (64, "l"), (80, "x")];
    const YOLOV8: [(usize, &str); 5] = [(16, "n"), (32, "s"), (48, "m"), (64, "l"), (80, "x")];
    let size = |tensors: &[(String, Tensor)], stem: &str, sizes: &[(usize, &'static str)]| {
        let (_, stem) = tensors.iter().find(|(name, _)| name == stem)?;
        let width = stem.dims().first()?;
        sizes.iter().find(|(wide, _)| wide == width).map(|(_, size)| *size)
    };
    if let Some(size) = size(file, "backbone.backbone.stem.conv.conv.weight", &YOLOX) {
        return Some(format!("yolox_{size}"));
    }
    let file = Detector::YoloV8n.adopt(file);
    file.iter().find(|(name, _)| name.starts_with("head.cv3."))?;
    Some(format!("yolov8{}", size(&file, "model.0.conv.weight", &YOLOV8)?))
}
