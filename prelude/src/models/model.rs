//! A body and a head.

use std::ops::Range;

use candle_core::{Device, Tensor};

use super::{Arch, Head, Task, head, lookalike};
use crate::data::{Fields, field};
use crate::layers::{Layer, Pass, Sequential};
use crate::params::{LoadReport, Param, ParamSet, is_under};
use crate::{Error, Result, ops};

/// A network for pictures: a body of named blocks, and a head.
#[derive(Debug)]
pub struct Model {
    arch: Arch,
    removed: usize,
    params: ParamSet,
    body: Sequential,
    /// Blocks whose value is given beside the features, and their strides.
    taps: Vec<(usize, usize)>,
    head: Head,
    channels: usize,
    classes: usize,
}

impl Model {
    /// A network of random weights, drawn from `seed`.
    ///
    /// # Errors
    /// When the device cannot hold it.
    pub fn new(arch: Arch, task: Task, classes: usize, device: &Device, seed: u64) -> Result<Model> {
        Model::cut(arch, 0, task, classes, device, seed)
    }

    /// The same without the body's last `removed` blocks: the head stands on what comes before them.
    ///
    /// # Errors
    /// When no block would be left, and as [`Model::new`].
    pub fn cut(arch: Arch, removed: usize, task: Task, classes: usize, device: &Device, seed: u64) -> Result<Model> {
        Model::build(ParamSet::on(device, seed), arch, removed, task, classes)
    }

    /// A network of the set's random weights; the set is empty before.
    ///
    /// # Errors
    /// When the set's device cannot hold it.
    pub fn of(params: ParamSet, arch: Arch, task: Task, classes: usize) -> Result<Model> {
        Model::build(params, arch, 0, task, classes)
    }

    fn build(params: ParamSet, arch: Arch, removed: usize, task: Task, classes: usize) -> Result<Model> {
        ops::keep_memory();
        let mut body = arch.body(&params)?;
        if removed >= body.len() {
            let (blocks, names) = (body.len(), body.names().collect::<Vec<_>>().join(", "));
            return Err(Error::new(format!("`{arch}` has {blocks} blocks ({names}): {removed} cannot be cut off"))
                .remedy(format!("cut at most {}: at least one has to stay", blocks - 1)));
        }
        body.truncate(body.len() - removed);
        params.remove_from(body.len());
        let side = arch.picture();
        let channels = head::width(&body.output(&[3, side, side])?);
        let head = Head::new(task, &params, body.len(), channels, classes)?;
        Ok(Model { arch, removed, params, body, taps: Vec::new(), head, channels, classes })
    }

    /// The kind of body.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// How many blocks were cut off the body's end.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// A network of its own with the same values and frozen flags.
    ///
    /// # Errors
    /// When the device cannot hold it.
    pub fn copy(&self) -> Result<Model> {
        let (params, removed) = (&self.params, self.removed);
        let mut copy = Model::cut(self.arch, removed, self.task(), self.classes, params.device(), params.seed())?;
        copy.taps.clone_from(&self.taps);
        copy.params.load(&params.snapshot()?, None)?;
        for (own, param) in copy.params.params().iter().zip(params.params()) {
            own.set_frozen(param.frozen());
        }
        Ok(copy)
    }

    /// What the head answers.
    pub fn task(&self) -> Task {
        self.head.task()
    }

    /// The number of classes that the head tells apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of channels of the body's features.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All parameters and buffers.
    pub fn params(&self) -> &ParamSet {
        &self.params
    }

    /// The body's blocks.
    pub fn body(&self) -> &Sequential {
        &self.body
    }

    /// The names of the parts in order: the blocks, then `head`.
    pub fn parts(&self) -> Vec<String> {
        self.body.names().map(str::to_owned).chain(["head".to_owned()]).collect()
    }

    /// How many blocks at the start have no trainable parameter: they can run without a graph.
    pub fn frozen_blocks(&self) -> usize {
        let first = self.params.trainable().iter().map(Param::group).min();
        first.unwrap_or(usize::MAX).min(self.body.len())
    }

    /// The state after the first `blocks` blocks, as constants: stored statistics, no graph.
    ///
    /// # Errors
    /// When there is no picture, or its shape does not fit.
    pub fn stem(&self, blocks: usize, inputs: &Fields) -> Result<Fields> {
        ops::pooled(|| Ok(self.run(0..blocks, inputs, &Pass::eval())?.detach()))
    }

    /// The answer from the state after the first `blocks` blocks on.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn rest(&self, blocks: usize, state: &Fields, pass: &Pass) -> Result<Fields> {
        ops::pooled(|| self.head.forward(&self.features_from(blocks, state, pass)?, pass))
    }

    /// The body's features, and the maps that it taps, from the state after the first `blocks` blocks on.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn features_from(&self, blocks: usize, state: &Fields, pass: &Pass) -> Result<Fields> {
        ops::pooled(|| self.run(blocks..self.body.len(), state, pass))
    }

    /// Runs some of the body's blocks: the field `features`, or before any block `image`, becomes `features`, and those of
    /// the blocks that are tapped leave their value as `tap.8` and the like beside it.
    fn run(&self, blocks: Range<usize>, state: &Fields, pass: &Pass) -> Result<Fields> {
        let mut state = state.to_device(self.params.device())?;
        let mut x = match state.remove(field::FEATURES) {
            Some(features) => features,
            None => state.get(field::IMAGE)?.clone(),
        };
        state.remove(field::IMAGE);
        for block in blocks {
            x = self.body.forward_range(block..block + 1, &x, pass)?;
            for (_, stride) in self.taps.iter().filter(|(tapped, _)| *tapped == block) {
                state.set(&field::tap(*stride), x.clone());
            }
        }
        Ok(state.with(field::FEATURES, x))
    }

    /// The same network, whose body also gives its last maps of these strides (pixels of the picture a cell), as the fields
    /// `tap.8` and the like, for a pyramid.
    ///
    /// # Errors
    /// When the body has no map of a stride; the message lists those that it has.
    pub fn tapped(mut self, strides: &[usize]) -> Result<Model> {
        let side = self.arch.picture();
        let outputs = self.body.outputs(&[3, side, side])?;
        let stride = |output: &[usize]| match *output {
            [_, height, _] if height > 0 && side.is_multiple_of(height) => Some(side / height),
            _ => None,
        };
        self.taps.clear();
        for wanted in strides {
            let Some(block) = outputs.iter().rposition(|output| stride(output) == Some(*wanted)) else {
                let mut there: Vec<usize> = outputs.iter().filter_map(|output| stride(output)).collect();
                there.dedup();
                let there: Vec<String> = there.iter().map(usize::to_string).collect();
                let what = format!("`{}` has no map of stride {wanted}", self.arch);
                return Err(Error::new(what).remedy(match there.is_empty() {
                    true => "it has no maps: choose a convolutional body, such as `Arch::ResNet18`".to_owned(),
                    false => format!("its strides are {}", there.join(", ")),
                }));
            };
            self.taps.push((block, *wanted));
        }
        Ok(self)
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The body's features.
    ///
    /// # Shapes
    /// (n, 3, h, w) → (n, channels, h', w')
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn features(&self, images: &Tensor, pass: &Pass) -> Result<Tensor> {
        ops::pooled(|| self.body.forward(&images.to_device(self.params.device())?, pass))
    }

    /// A row of features a picture: those of the body, averaged over the picture. Two pictures that show alike things
    /// have rows that point in alike directions.
    ///
    /// # Shapes
    /// (n, 3, h, w) → (n, channels)
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn embed(&self, images: &Tensor) -> Result<Tensor> {
        head::pooled(&self.features(images, &Pass::eval())?, &Pass::eval())
    }

    /// The answer for a batch of pictures. Blocks at the start that are wholly frozen run as in prediction.
    ///
    /// # Shapes
    /// (n, 3, h, w) → `logits` (n, classes) and perhaps `box` (n, 4); or `numbers` (n, numbers)
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn forward(&self, images: &Tensor, pass: &Pass) -> Result<Fields> {
        let frozen = if pass.training() { self.frozen_blocks() } else { 0 };
        let inputs = Fields::of(field::IMAGE, images.clone());
        ops::pooled(|| self.rest(frozen, &self.stem(frozen, &inputs)?, pass))
    }

    /// Puts a new head of random weights in place of the old one.
    ///
    /// # Errors
    /// When the device cannot hold it.
    pub fn replace_head(&mut self, task: Task, classes: usize) -> Result<()> {
        self.params.remove_under("head");
        self.head = Head::new(task, &self.params, self.body.len(), self.channels, classes)?;
        self.classes = classes;
        Ok(())
    }

    /// Takes over a body's weights by name, published names included ([`Arch::adopt`]); heads are left alone.
    ///
    /// # Errors
    /// When the weights are of another architecture; the message says what they look like.
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
        let mut adopted = Vec::with_capacity(tensors.len());
        for (name, tensor) in tensors {
            adopted.extend(self.arch.adopt(name, tensor)?);
        }
        let report = self.params.load_where(&adopted, wanted)?;
        lookalike::check_fit(self.arch, &report, tensors, origin)?;
        Ok(report)
    }
}
