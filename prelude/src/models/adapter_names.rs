//! An adapter's file under the names of a network: which of its layers and which head are meant.

use candle_core::Tensor;

use super::adapter::AdapterPlan;
use super::adapter_file::{AdapterFile, AdapterToWrite, write_adapter};
use super::{Arch, BertKind, Network};
use crate::params::{NamedTensors, Param, is_under};
use crate::{Error, Result};

/// An adapter of a file, as a network takes it.
#[derive(Debug)]
pub struct FittingAdapter {
    /// Its name here, how it is, and beside which layers.
    pub plan: AdapterPlan,
    /// A's and B's values by their names here.
    pub matrices: NamedTensors,
    /// The head's values by their names here; or in words, why it is not taken.
    pub head: std::result::Result<NamedTensors, String>,
}

impl Network {
    /// An adapter of a file under this network's names. Wrappers' names before the layers' (`bert.`) are left out, published names translated.
    ///
    /// # Errors
    /// When a layer is missing here, or of another shape; and when the name cannot be an adapter's.
    pub fn fit_adapter(&self, name: &str, file: &AdapterFile) -> Result<FittingAdapter> {
        let (slots, arch) = (self.params().slots(), self.arch());
        let first = file.layers.first().map_or("", |(layer, ..)| layer.as_str());
        let starts = std::iter::once(0).chain(first.match_indices('.').map(|(at, _)| at + 1)).map(|end| &first[..end]);
        let own = |start: &str, layer: &str| -> Option<String> {
            let bare = renamed(arch, layer.strip_prefix(start)?);
            slots.iter().any(|slot| slot.name() == bare).then_some(bare)
        };
        let start = starts.clone().find(|start| file.layers.iter().all(|(layer, ..)| own(start, layer).is_some()));
        let Some(start) = start else {
            // the layer is named that is missing under the best of the beginnings
            let found = |start: &&str| file.layers.iter().filter(|(layer, ..)| own(start, layer).is_some()).count();
            let best = starts.max_by_key(found).unwrap_or_default();
            let missing = file.layers.iter().find(|(layer, ..)| own(best, layer).is_none());
            let (layer, a, b) = missing.unwrap_or(&file.layers[0]);
            let here = slots.first().map_or(String::new(), |slot| {
                format!(" (its layers have names such as `{}` {:?})", slot.name(), slot.weight().var().dims())
            });
            let what = format!(
                "{} is another network's: it stands beside `{layer}` ({} to {})",
                file.origin,
                a.dims()[1],
                b.dims()[0]
            );
            return Err(Error::new(format!("{what}, and `{}` has no such layer{here}", self.name()))
                .remedy("load it into a learner of the network that it was trained on"));
        };
        let mut layers = Vec::new();
        let plan = |layers: Vec<String>| AdapterPlan { name: name.to_owned(), lora: file.lora.clone(), layers };
        let names = plan(Vec::new());
        let mut matrices = Vec::new();
        for (layer, a, b) in &file.layers {
            let bare = own(start, layer).unwrap_or_default();
            let Some(slot) = slots.iter().find(|slot| slot.name() == bare) else { continue };
            let (dims, rank) = (slot.weight().var().dims(), file.lora.directions());
            let fits = a.rank() == dims.len()
                && b.rank() == dims.len()
                && a.dims()[1..] == dims[1..]
                && b.dims()[0] == dims[0];
            if !fits || a.dims()[0] != rank || b.dims()[1] != rank {
                let (a, b) = (a.dims(), b.dims());
                let what = format!("{}: beside `{layer}` it has matrices {a:?} and {b:?} of rank {rank}", file.origin);
                return Err(Error::new(format!("{what}; the layer's weight here is {dims:?}"))
                    .remedy("load it into a learner of the network that it was trained on"));
            }
            if slot.groups() > 1 {
                let what = format!("{}: `{layer}` is a convolution of {} groups", file.origin, slot.groups());
                return Err(Error::new(format!("{what}, beside which nothing here takes an adapter"))
                    .remedy("train it without that layer"));
            }
            matrices.extend([(names.down(&bare), a.clone()), (names.up(&bare), b.clone())]);
            layers.push(bare);
        }
        let order = |layer: &String| slots.iter().position(|slot| slot.name() == layer);
        layers.sort_by_key(order);
        let rest = file.rest.iter().map(|(name, value)| {
            let bare = name.strip_prefix(start).unwrap_or(name);
            (renamed_value(arch, bare), value.clone())
        });
        let head = self.head_in(rest.collect());
        Ok(FittingAdapter { plan: plan(layers), matrices, head })
    }

    /// The values of the head among those of a file.
    fn head_in(&self, rest: NamedTensors) -> std::result::Result<NamedTensors, String> {
        if rest.is_empty() {
            return Err("the file has no head: the head stays as it is".to_owned());
        }
        let head = self.head_params();
        let buffers = self.params().buffers();
        let mut wanted: Vec<(String, Vec<usize>)> =
            head.iter().map(|param| (param.name().to_owned(), param.var().dims().to_vec())).collect();
        let backbone = self.backbone_parts();
        wanted.extend(
            buffers
                .iter()
                .filter(|buffer| buffer.group() >= backbone)
                .map(|buffer| (buffer.name().to_owned(), buffer.value().dims().to_vec())),
        );
        let find = |name: &str, dims: &[usize]| rest.iter().find(|(own, value)| own == name && value.dims() == dims);
        let found: Option<NamedTensors> = wanted
            .iter()
            .map(|(name, dims)| find(name, dims).map(|(_, value)| (name.clone(), value.clone())))
            .collect();
        if let Some(found) = found {
            return Ok(found);
        }
        // one matrix here and one there, of one shape: it can only be that, whatever it is called
        let matrices: Vec<&(String, Tensor)> = rest.iter().filter(|(_, value)| value.rank() == 2).collect();
        let own: Vec<&Param> = head.iter().filter(|param| param.var().rank() == 2).collect();
        if let ([(theirs, value)], [param]) = (&matrices[..], &own[..])
            && value.dims() == param.var().dims()
            && let (Some(theirs), Some(here)) = (theirs.strip_suffix("weight"), param.name().strip_suffix("weight"))
        {
            let same = |(name, dims): &(String, Vec<usize>)| {
                let theirs = format!("{theirs}{}", name.strip_prefix(here)?);
                find(&theirs, dims).map(|(_, value)| (name.clone(), value.clone()))
            };
            if let Some(found) = wanted.iter().map(same).collect() {
                return Ok(found);
            }
        }
        let shape = |(name, dims): (&str, &[usize])| format!("`{name}` {dims:?}");
        let theirs = rest.first().map(|(name, value)| shape((name, value.dims()))).unwrap_or_default();
        let here = wanted.first().map(|(name, dims)| shape((name, dims))).unwrap_or_default();
        Err(format!("the file's head ({theirs}) is not this network's ({here}): the head stays as it is"))
    }

    /// Writes the adapter that takes part, and the head, as PEFT does, under the published names.
    ///
    /// # Errors
    /// When there is no adapter, or the folder cannot be written to.
    pub fn save_adapter(&self, folder: &std::path::Path, classes: &[String]) -> Result<()> {
        let Some(plan) = self.adapters().active() else { return Err(no_adapter()) };
        let (backbone, values) = (self.backbone_parts(), self.params().snapshot()?);
        let own_head = self.published_head();
        let published = |name: &str| match own_head {
            Some(head) if is_under(name, "head.linear") => name.replacen("head.linear", head, 1),
            _ => format!("{}{name}", self.published_start()),
        };
        let parts: Vec<String> = self.parts()[backbone..].to_vec();
        let (matrices, rest): (NamedTensors, NamedTensors) =
            values.into_iter().partition(|(name, _)| self.adapters().owner(name).is_some());
        let of_head = |name: &str| parts.iter().any(|part| is_under(name, part));
        let head: NamedTensors =
            rest.into_iter().filter(|(name, _)| of_head(name)).map(|(name, value)| (published(&name), value)).collect();
        // `head`, unless its one matrix is what is published under another name
        let only = head.iter().all(|(name, _)| own_head.is_some_and(|own| is_under(name, own)));
        let head_parts = match own_head.filter(|_| only) {
            Some(own) => vec![own.to_owned()],
            None => parts,
        };
        write_adapter(
            folder,
            &AdapterToWrite {
                plan,
                start: self.published_start(),
                matrices: &matrices,
                head: &head,
                head_parts: &head_parts,
                classes,
            },
        )
    }
}

impl Network {
    /// What its head's one matrix is published as.
    fn published_head(&self) -> Option<&'static str> {
        match self.bert_layout().map(|layout| layout.config.kind) {
            // as in `BertForSequenceClassification`
            Some(BertKind::Bert) => Some("classifier"),
            Some(BertKind::DistilBert | BertKind::Roberta) => None,
            None => self.arch().and_then(Arch::published_head),
        }
    }

    /// What stands before its layers' names in the published classifier.
    fn published_start(&self) -> &'static str {
        match self.bert_layout().map(|layout| layout.config.kind) {
            Some(BertKind::Bert) => "bert.",
            Some(BertKind::Roberta) => "roberta.",
            Some(BertKind::DistilBert) | None => "",
        }
    }
}

fn no_adapter() -> Error {
    Error::new("there is no adapter to save")
        .remedy("make one first: `learner.lora(Lora::rank(8))?`; the whole learner is saved by `learner.save(path)?`")
}

/// A layer's name here, of a published one.
fn renamed(arch: Option<Arch>, layer: &str) -> String {
    let whole = renamed_value(arch, &format!("{layer}.weight"));
    whole.strip_suffix(".weight").unwrap_or(layer).to_owned()
}

/// A value's name here, of a published one.
fn renamed_value(arch: Option<Arch>, name: &str) -> String {
    arch.map_or_else(|| name.to_owned(), |arch| arch.renamed(name))
}
