//! A network: parameters, a body and a head, and how to make the same again.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::adapter::{Adapters, WaitingHead};
use super::bert::BertLayout;
use super::body::Blocks;
use super::head::pooled;
use super::{Arch, Body, Detector, Head, HeadMaker, Shapes, lookalike};
use crate::data::{Fields, Input, field};
use crate::layers::Pass;
use crate::onnx::{OnnxFields, OnnxGraph, OnnxModel};
use crate::params::{LoadReport, Param, ParamSet, is_under};
use crate::{Error, Result, ops};

/// A network of named parts: a body, which turns what goes in into features, and a head, which says something of them.
///
/// One is made of an [`Arch`] ([`Network::new`]), of layers of one's own ([`Network::whole`]), or of a candle model
/// ([`Network::candle`]).
pub struct Network {
    plan: Making,
    params: ParamSet,
    body: Box<dyn Body>,
    head: Box<dyn Head>,
    parts: Vec<String>,
    /// How many of the parts are the body's.
    body_parts: usize,
    /// What its one answer is called, where its maker gave it no name.
    says: Option<String>,
    pub(super) adapters: Adapters,
    pub(super) waiting_heads: Vec<WaitingHead>,
}

/// How a network is made, and made again.
#[derive(Clone)]
pub(super) enum Making {
    /// A body that is known by name, and a head.
    Arch { arch: Arch, removed: usize, strides: Vec<usize>, head: HeadMaker },
    /// A detector, and a head.
    Detector { detector: Detector, head: HeadMaker },
    /// An encoder of text, and a head.
    Bert { layout: Box<BertLayout>, head: HeadMaker },
    /// A person's own.
    Own(Arc<MakePieces>),
}

pub(super) type MakePieces = dyn Fn(&ParamSet) -> Result<Pieces> + Send + Sync;

/// What a plan makes.
pub(super) struct Pieces {
    pub body: Box<dyn Body>,
    pub head: Box<dyn Head>,
    pub parts: Vec<String>,
}

impl Network {
    /// A network of random weights, drawn from `seed`.
    ///
    /// # Errors
    /// When the device cannot hold it.
    pub fn new(arch: Arch, head: HeadMaker, device: &Device, seed: u64) -> Result<Network> {
        Network::cut(arch, 0, head, device, seed)
    }

    /// The same without the body's last `removed` blocks: the head stands on what comes before them.
    ///
    /// # Errors
    /// When no block would be left, and as [`Network::new`].
    pub fn cut(arch: Arch, removed: usize, head: HeadMaker, device: &Device, seed: u64) -> Result<Network> {
        Network::of(ParamSet::on(device, seed), arch, removed, head)
    }

    /// A network of the set's random weights; the set is empty before.
    ///
    /// # Errors
    /// When no block would be left, and when the set's device cannot hold it.
    pub fn of(params: ParamSet, arch: Arch, removed: usize, head: HeadMaker) -> Result<Network> {
        Network::build(params, Making::Arch { arch, removed, strides: Vec::new(), head })
    }

    /// A detector of random weights for so many classes.
    ///
    /// # Errors
    /// When the set's device cannot hold it.
    pub fn detecting(params: ParamSet, detector: Detector, classes: usize) -> Result<Network> {
        Network::detecting_like(params, detector, classes, &[])
    }

    /// As [`detecting`](Network::detecting), for weights that are to be taken over: where a head's width depends on their classes, it is
    /// theirs.
    ///
    /// # Errors
    /// When the set's device cannot hold it.
    pub fn detecting_like(
        params: ParamSet,
        detector: Detector,
        classes: usize,
        weights: &[(String, Tensor)],
    ) -> Result<Network> {
        Network::build(params, Making::Detector { detector, head: detector.head_like(classes, weights) })
    }

    /// An encoder of text of random weights, of the set's.
    ///
    /// # Errors
    /// When the config says what cannot be built, and when the set's device cannot hold it.
    pub fn bert(params: ParamSet, layout: BertLayout, head: HeadMaker) -> Result<Network> {
        Network::build(params, Making::Bert { layout: Box::new(layout), head })
    }

    pub(super) fn build(params: ParamSet, plan: Making) -> Result<Network> {
        ops::keep_memory();
        let Pieces { body, head, parts } = match &plan {
            Making::Arch { arch, removed, strides, head } => pieces(&params, *arch, *removed, strides, head)?,
            Making::Detector { detector, head } => detector_pieces(&params, *detector, head)?,
            Making::Bert { layout, head } => bert_pieces(&params, layout, head)?,
            Making::Own(make) => make(&params)?,
        };
        let body_parts = body.parts().len();
        let (adapters, waiting_heads) = (Adapters::default(), Vec::new());
        Ok(Network { plan, params, body, head, parts, body_parts, says: None, adapters, waiting_heads })
    }

    /// The kind of body, where it is one that is known by name.
    pub fn arch(&self) -> Option<Arch> {
        match self.plan {
            Making::Arch { arch, .. } => Some(arch),
            _ => None,
        }
    }

    /// The kind of detector, where it is one.
    pub fn detector(&self) -> Option<Detector> {
        match self.plan {
            Making::Detector { detector, .. } => Some(detector),
            _ => None,
        }
    }

    /// How its encoder of text is built, where it is one.
    pub fn bert_layout(&self) -> Option<&BertLayout> {
        match &self.plan {
            Making::Bert { layout, .. } => Some(layout),
            _ => None,
        }
    }

    /// The name of its kind of body, or of its kind of detector; `bert` for any encoder of text, `own` where a person made it.
    pub fn name(&self) -> &'static str {
        match self.plan {
            Making::Arch { arch, .. } => arch.name(),
            Making::Detector { detector, .. } => detector.name(),
            Making::Bert { .. } => "bert",
            Making::Own(_) => "own",
        }
    }

    /// How many blocks were cut off the body's end.
    pub fn removed(&self) -> usize {
        match self.plan {
            Making::Arch { removed, .. } => removed,
            _ => 0,
        }
    }

    /// How many parts stand before the last map of the body, which still knows places: behind them, `features` is that map. Of tokens it
    /// is what goes into the last block, since behind it the head reads the class token alone. `None` where there is none.
    ///
    /// # Errors
    /// When the inputs are too small.
    pub fn parts_before_map(&self, input: &Input) -> Result<Option<usize>> {
        if !matches!(self.plan, Making::Arch { .. }) {
            return Ok(None);
        }
        let shapes = self.body.shapes(&Shapes::of(input.field(), &input.shape()))?;
        let rank = |part: usize| shapes[part].find(field::FEATURES).map_or(0, <[usize]>::len);
        let place = |part: usize| match shapes[part].find(field::FEATURES) {
            Some([_, height, width]) if height * width > 1 => Some(part + 1),
            Some([tokens, _]) if *tokens > 1 && part > 0 && rank(part - 1) == 2 => Some(part),
            _ => None,
        };
        Ok((0..shapes.len()).rev().find_map(place))
    }

    /// A network of its own with the same values and frozen flags.
    ///
    /// # Errors
    /// When the device cannot hold it.
    pub fn copy(&self) -> Result<Network> {
        self.made_by(self.plan.clone())
    }

    /// The same values and frozen flags in a network that this plan makes.
    fn made_by(&self, plan: Making) -> Result<Network> {
        let mut copy = Network::build(self.params.fresh(self.params.seed()), plan)?;
        copy.says.clone_from(&self.says);
        copy.adapt_like(&self.adapters)?;
        copy.set_waiting_heads(self.waiting_heads.clone());
        copy.params.load(&self.unmerged()?, None)?;
        if self.adapters.merged {
            copy.merge_adapter()?;
        }
        for (own, param) in copy.params.params().iter().zip(self.params.params()) {
            own.set_frozen(param.frozen());
        }
        Ok(copy)
    }

    /// A network of the same body, with its weights and its adapters, and a new head of random weights, drawn from `seed`.
    ///
    /// # Errors
    /// When the network was made in one piece, and when the device cannot hold it.
    pub fn with_head(&self, head: HeadMaker, seed: u64) -> Result<Network> {
        let plan = match &self.plan {
            Making::Arch { arch, removed, strides, .. } => {
                Making::Arch { arch: *arch, removed: *removed, strides: strides.clone(), head }
            }
            Making::Detector { detector, .. } => Making::Detector { detector: *detector, head },
            Making::Bert { layout, .. } => Making::Bert { layout: layout.clone(), head },
            Making::Own(_) => {
                let remedy =
                    "make it again with a last layer of another size: `Network::whole(…)` or `Network::candle(…)`";
                return Err(Error::new("this network was made in one piece: it has no head that could be replaced")
                    .remedy(remedy));
            }
        };
        let mut network = Network::build(self.params.fresh(seed), plan)?;
        network.adapt_like(&self.adapters)?;
        network.load_body(&self.unmerged()?, "the old network")?;
        if !self.adapters.is_empty() {
            network.freeze_where(|_| false);
        }
        if self.adapters.merged {
            network.merge_adapter()?;
        }
        Ok(network)
    }

    /// All parameters and buffers.
    pub fn params(&self) -> &ParamSet {
        &self.params
    }

    /// The body.
    pub fn body(&self) -> &dyn Body {
        self.body.as_ref()
    }

    /// The head.
    pub fn head(&self) -> &dyn Head {
        self.head.as_ref()
    }

    /// The names of the parts in order, of which each is a group of parameters: the body's, then `head`. Of a network of one's
    /// own, they are told by the parameters' names: `a` has `a.weight` and `a.bias`, `blocks.2` has `blocks.2.conv.weight`.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// The shapes of one example's value after each part, where that is known without running it.
    ///
    /// # Errors
    /// When the inputs are too small.
    pub fn shapes(&self, input: &Input) -> Result<Vec<Shapes>> {
        let mut shapes = self.body.shapes(&Shapes::of(input.field(), &input.shape()))?;
        if let Some(features) = shapes.last() {
            shapes.push(self.head.shapes(features)?);
        }
        Ok(shapes)
    }

    /// How many parts, from the start on, are the backbone: what `learner.freeze()` freezes.
    pub fn backbone_parts(&self) -> usize {
        // one of one's own is all head: its last part is what a head would be
        if self.body_parts == 0 { self.parts.len().saturating_sub(1) } else { self.body.backbone() }
    }

    /// What its one answer is called, where its maker gave it no name; a task says so.
    pub fn set_says(&mut self, field: &str) {
        self.says = Some(field.to_owned());
    }

    /// How many parts of the body at its start have no trainable parameter: they can run without a graph.
    pub fn frozen_parts(&self) -> usize {
        let first = self.params.trainable().iter().map(Param::group).min();
        first.unwrap_or(usize::MAX).min(self.body_parts)
    }

    /// The state after the first `parts` parts of the body, as constants: stored statistics, no graph.
    ///
    /// # Errors
    /// When a field is missing, or its shape does not fit.
    pub fn stem(&self, parts: usize, inputs: &Fields) -> Result<Fields> {
        Ok(self.run(0..parts, inputs, &Pass::eval())?.detach())
    }

    /// The features from the state after the first `parts` parts of the body on, and the maps that it taps.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn features_from(&self, parts: usize, state: &Fields, pass: &Pass) -> Result<Fields> {
        self.run(parts..self.body_parts, state, pass)
    }

    /// What the head says of features.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn said(&self, features: &Fields, pass: &Pass) -> Result<Fields> {
        let mut said = ops::in_pool(|| self.head.forward(features, pass))?;
        if let Some(name) = &self.says
            && let Some(answer) = said.remove(field::OUTPUT)
        {
            said.set(name, answer);
        }
        Ok(if pass.training() { said } else { said.detach() })
    }

    /// The answer from the state after the first `parts` parts of the body on.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn rest(&self, parts: usize, state: &Fields, pass: &Pass) -> Result<Fields> {
        self.said(&self.features_from(parts, state, pass)?, pass)
    }

    /// The network, in evaluation mode, as ONNX: what goes in is named `image` or `input`, of texts as Hugging Face names it (`input_ids` and its kin), what comes out as the head names it. No softmax and
    /// no sigmoid is put behind the head; [`OnnxModel::bytes`] gives the file.
    ///
    /// # Errors
    /// When a layer cannot be written as ONNX; the message names it.
    pub fn to_onnx(&self, input: &Input) -> Result<OnnxModel> {
        let mut graph = OnnxGraph::new();
        let mut inputs = OnnxFields::default();
        match input {
            // as Hugging Face calls them
            Input::Text(_) => {
                for (own, name) in
                    [(field::IDS, "input_ids"), (field::MASK, "attention_mask"), (field::TYPES, "token_type_ids")]
                {
                    inputs = inputs.with(own, graph.whole_input(name, &[0]));
                }
            }
            _ => inputs = OnnxFields::of(input.field(), graph.input(input.field(), &input.shape())),
        }
        let features = self.body.export(&mut graph, inputs.clone())?;
        let mut outputs = OnnxFields::default();
        for (name, value) in self.head.export(&mut graph, &features)?.iter() {
            let named = self.says.as_deref().filter(|_| name == field::OUTPUT).unwrap_or(name);
            outputs = outputs.with(named, value.clone());
        }
        let asked = inputs.iter().filter(|(_, value)| graph.takes(value) || !matches!(input, Input::Text(_)));
        let inputs = asked.map(|(_, value)| value.clone()).collect();
        Ok(OnnxModel { graph, inputs, outputs, metadata: Vec::new() })
    }

    fn run(&self, parts: Range<usize>, state: &Fields, pass: &Pass) -> Result<Fields> {
        ops::in_pool(|| self.body.run(parts, state.to_device(self.params.device())?, pass))
    }

    /// The same network, whose body also gives its last maps of these strides (pixels of the picture a cell), as the fields
    /// `tap.8` and the like, for a pyramid.
    ///
    /// # Errors
    /// When the body has no map of a stride; the message lists those that it has.
    pub fn tapped(self, strides: &[usize]) -> Result<Network> {
        let Making::Arch { arch, removed, head, .. } = &self.plan else {
            return Err(Error::new("this network was made in one piece: it has no maps that could be tapped")
                .remedy("start from an architecture, such as `Arch::ResNet18`"));
        };
        let (arch, removed) = (*arch, *removed);
        let plan = Making::Arch { arch, removed, strides: strides.to_vec(), head: head.clone() };
        self.made_by(plan)
    }

    /// The body's features of pictures, or of whatever else goes in.
    ///
    /// # Shapes
    /// (n, 3, h, w) → (n, channels, h', w')
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn features(&self, inputs: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.has_body()?;
        Ok(self.features_from(0, &Fields::of(field::IMAGE, inputs.clone()), pass)?.get(field::FEATURES)?.clone())
    }

    /// Refuses a network whose features are its answer.
    fn has_body(&self) -> Result<()> {
        if self.body_parts == 0 {
            return Err(Error::new("this network was made in one piece: it has no features apart from its answer")
                .remedy(
                    "start from an architecture, whose body has features: `Learner::vision(Arch::default(), &data)?`; what this network \
                     says of pictures stands in `learner.predict(\"new.jpg\")?`",
                ));
        }
        Ok(())
    }

    /// A row of features an example: those of the body, of a picture averaged over it. Two examples that are alike have rows that point in
    /// alike directions.
    ///
    /// # Shapes
    /// n examples → (n, channels)
    ///
    /// # Errors
    /// When a field is missing, or its shape does not fit.
    pub fn embed(&self, inputs: &Fields) -> Result<Tensor> {
        self.has_body()?;
        pooled(self.features_from(0, inputs, &Pass::eval())?.get(field::FEATURES)?, &Pass::eval())
    }

    /// The answer for a batch of examples. Parts at the start that are wholly frozen run as in prediction.
    ///
    /// # Shapes
    /// (n, 3, h, w) → what the head says, such as `logits` (n, classes)
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn forward(&self, inputs: &Tensor, pass: &Pass) -> Result<Fields> {
        let frozen = if pass.training() { self.frozen_parts() } else { 0 };
        self.rest(frozen, &self.stem(frozen, &Fields::of(field::IMAGE, inputs.clone()))?, pass)
    }

    /// Takes over a body's weights by name, published names included ([`Arch::adopt`]); heads are left alone.
    ///
    /// # Errors
    /// When the weights are of another architecture, or of another size; the message says what they look like.
    pub fn load_body(&self, tensors: &[(String, Tensor)], origin: &str) -> Result<LoadReport> {
        self.load_where(tensors, origin, |name| !is_under(name, "head"))
    }

    /// Takes over the weights of body and head by name, published names included: a network as its authors trained it.
    ///
    /// # Errors
    /// When the weights are of another architecture; the message says what they look like.
    pub fn load_all(&self, tensors: &[(String, Tensor)], origin: &str) -> Result<LoadReport> {
        self.load_where(tensors, origin, |_| true)
    }

    fn load_where(
        &self,
        tensors: &[(String, Tensor)],
        origin: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<LoadReport> {
        if let Making::Bert { layout, .. } = &self.plan {
            return layout.load(&self.params, tensors, origin, wanted);
        }
        let Some(arch) = self.arch() else { return self.params.load_where(tensors, wanted) };
        let mut adopted = Vec::with_capacity(tensors.len());
        for (name, tensor) in tensors {
            adopted.extend(arch.adopt(name, tensor)?);
        }
        let report = self.params.load_where(&adopted, wanted)?;
        lookalike::check_fit(arch, &report, tensors, origin)?;
        Ok(report)
    }
}

fn detector_pieces(params: &ParamSet, detector: Detector, head: &HeadMaker) -> Result<Pieces> {
    let body = detector.body(params)?;
    let mut parts = body.parts();
    let side = detector.picture();
    let features = body.shapes(&Shapes::of(field::IMAGE, &[3, side, side]))?.pop().unwrap_or_default();
    let head = head.make(&params.scope("head", parts.len()), &features)?;
    parts.push("head".to_owned());
    Ok(Pieces { body, head, parts })
}

fn bert_pieces(params: &ParamSet, layout: &BertLayout, head: &HeadMaker) -> Result<Pieces> {
    let body = layout.body(params)?;
    let mut parts = body.parts();
    let features = body.shapes(&Shapes::of(field::IDS, &[layout.config.max_tokens()]))?.pop().unwrap_or_default();
    let head = head.make(&params.scope("head", parts.len()), &features)?;
    parts.push("head".to_owned());
    Ok(Pieces { body: Box::new(body), head, parts })
}

/// The body of an architecture, cut and tapped.
fn tapped(params: &ParamSet, arch: Arch, removed: usize, strides: &[usize]) -> Result<Blocks> {
    let mut layers = arch.body(params)?;
    if removed >= layers.len() {
        let (blocks, names) = (layers.len(), layers.names().collect::<Vec<_>>().join(", "));
        return Err(Error::new(format!("`{arch}` has {blocks} blocks ({names}): {removed} cannot be cut off"))
            .remedy(format!("cut at most {}: at least one has to stay", blocks - 1)));
    }
    layers.truncate(layers.len() - removed);
    params.remove_from(layers.len());
    let mut body = Blocks::new(layers);
    body.tap(strides, arch.picture(), arch.name())?;
    Ok(body)
}

fn pieces(params: &ParamSet, arch: Arch, removed: usize, strides: &[usize], head: &HeadMaker) -> Result<Pieces> {
    let body = tapped(params, arch, removed, strides)?;
    let mut parts = body.parts();
    let side = arch.picture();
    let features = body.shapes(&Shapes::of(field::IMAGE, &[3, side, side]))?.pop().unwrap_or_default();
    let head = head.make(&params.scope("head", parts.len()), &features)?;
    parts.push("head".to_owned());
    Ok(Pieces { body: Box::new(body), head, parts })
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Network: {}, {} parameters in {}", self.name(), self.params.count(), self.parts.join(", "))
    }
}
