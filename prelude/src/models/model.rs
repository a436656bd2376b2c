//! A body and a head.

use candle_core::{Device, Tensor};

use super::{Arch, Head, Output, Task, head, lookalike};
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
        Ok(Model { arch, removed, params, body, head, channels, classes })
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
        let copy = Model::cut(self.arch, removed, self.task(), self.classes, params.device(), params.seed())?;
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

    /// The value of the first `blocks` blocks as a constant: stored statistics, no graph.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn stem(&self, blocks: usize, images: &Tensor) -> Result<Tensor> {
        ops::pooled(|| Ok(self.body.forward_range(0..blocks, &self.placed(images)?, &Pass::eval())?.detach()))
    }

    /// The answer from the value of the first `blocks` blocks on.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn rest(&self, blocks: usize, x: &Tensor, pass: &Pass) -> Result<Output> {
        ops::pooled(|| self.head.forward(&self.features_from(blocks, x, pass)?, pass))
    }

    /// The body's features from the value of the first `blocks` blocks on.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn features_from(&self, blocks: usize, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        ops::pooled(|| self.body.forward_range(blocks..self.body.len(), &self.placed(x)?, pass))
    }

    /// What goes in, on the parameters' device.
    fn placed(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.to_device(self.params.device())?)
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
        ops::pooled(|| self.body.forward(&self.placed(images)?, pass))
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
    /// (n, 3, h, w) → (n, classes) and perhaps (n, 4)
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn forward(&self, images: &Tensor, pass: &Pass) -> Result<Output> {
        let frozen = if pass.training() { self.frozen_blocks() } else { 0 };
        ops::pooled(|| self.rest(frozen, &self.stem(frozen, images)?, pass))
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
