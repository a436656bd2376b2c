//! Networks of one's own: of this crate's layers, or any candle model.

use std::sync::{Arc, Mutex};

use candle_core::{DType, Tensor, Var};
use candle_nn::VarMap;

use super::body::NoBody;
use super::network::{Making, Pieces};
use super::{Head, Network, device};
use crate::data::{Fields, field};
use crate::layers::{Layer, Pass};
use crate::onnx::{OnnxFields, OnnxGraph};
use crate::params::{Param, ParamSet, Scope};
use crate::{Error, Result};

type Forward = dyn Fn(&Tensor, &Pass) -> Result<Tensor> + Send + Sync;
type MakeForward = dyn Fn(&Scope) -> Result<Box<Forward>> + Send + Sync;
type MakeWhole = dyn Fn(&Scope) -> Result<Box<dyn Head>> + Send + Sync;
type CandleForward = dyn Fn(&Tensor, bool) -> candle_core::Result<Tensor> + Send + Sync;

/// Values that a candle model keeps beside what it learns: BatchNorm's.
const STATISTICS: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];

impl Network {
    /// A network of one's own: a function makes its layers in a scope, with first values drawn from `seed`, and gives
    /// another one, from what goes in to what comes out.
    ///
    /// Layers with parameters of the scope learn; so do parameters that are made by hand
    /// (`at.param("scale", (8,), Init::Ones)?`, used as `pass.value(&scale)`). The parts that can be frozen are
    /// told by the parameters' names, in the order they were made.
    ///
    /// ```
    /// use candlewick_prelude::prelude::*;
    /// let net = Network::whole(7, |at| {
    ///     let (a, b) = (Conv2d::new(&at.child("a"), 3, 16, 3).build()?, Linear::new(&at.child("b"), 16, 2)?);
    ///     Ok(move |x: &Tensor, pass: &Pass| {
    ///         let x = ops::relu(&a.forward(x, pass)?)?;
    ///         b.forward(&GlobalAvgPool.forward(&x, pass)?, pass)
    ///     })
    /// })?;
    /// assert_eq!(net.parts(), ["a", "b"]);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// A layer of one's own with a parameter; a `Tensor` that a function merely holds is a constant and never trains:
    ///
    /// ```
    /// use candlewick_prelude::prelude::*;
    /// let net = Network::whole(7, |at| {
    ///     let gain = at.param("gain", 3, Init::Ones)?;
    ///     let last = Linear::new(&at.child("last"), 3, 2)?;
    ///     Ok(move |x: &Tensor, pass: &Pass| {
    ///         let x = GlobalAvgPool.forward(x, pass)?.broadcast_mul(&pass.value(&gain))?;
    ///         last.forward(&x, pass)
    ///     })
    /// })?;
    /// assert_eq!(net.parts(), ["gain", "last"]);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the function, and when it makes no parameter.
    pub fn whole<F, G>(seed: u64, make: F) -> Result<Network>
    where
        F: Fn(&Scope) -> Result<G> + Send + Sync + 'static,
        G: Fn(&Tensor, &Pass) -> Result<Tensor> + Send + Sync + 'static,
    {
        Network::of_forward(seed, Arc::new(move |at: &Scope| Ok(Box::new(make(at)?) as Box<Forward>)))
    }

    /// A network that is one layer, such as a [`Sequential`](crate::layers::Sequential), which a function makes in a scope, with first values
    /// drawn from `seed`. As [`whole`](Network::whole), and where the layer says how (`fn export`), it can be written as ONNX.
    ///
    /// ```
    /// use candlewick_prelude::prelude::*;
    /// let net = Network::layer(7, |at| {
    ///     let mut net = Sequential::new();
    ///     net.push("a", Conv2d::new(&at.child("a"), 3, 16, 3).build()?);
    ///     net.push("relu", Activation::Relu);
    ///     net.push("pool", GlobalAvgPool);
    ///     net.push("b", Linear::new(&at.child("b"), 16, 2)?);
    ///     Ok(net)
    /// })?;
    /// assert_eq!(net.parts(), ["a", "b"]);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the function, and when it makes no parameter.
    pub fn layer<F, L>(seed: u64, make: F) -> Result<Network>
    where
        F: Fn(&Scope) -> Result<L> + Send + Sync + 'static,
        L: Layer + 'static,
    {
        Network::of_head(
            seed,
            Arc::new(move |at: &Scope| Ok(Box::new(WholeLayer(Box::new(make(at)?))) as Box<dyn Head>)),
        )
    }

    fn of_forward(seed: u64, make: Arc<MakeForward>) -> Result<Network> {
        Network::of_head(seed, Arc::new(move |at: &Scope| Ok(Box::new(Whole(make(at)?)) as Box<dyn Head>)))
    }

    fn of_head(seed: u64, make: Arc<MakeWhole>) -> Result<Network> {
        let plan = Making::Own(Arc::new(move |params: &ParamSet| {
            let head = make(&params.scope("", 0))?;
            let parts = group(params);
            if parts.is_empty() {
                return Err(Error::new("the network has no parameter: there is nothing that could learn")
                    .remedy("make its layers in the scope: `Linear::new(&at.child(\"a\"), 16, 2)?`"));
            }
            Ok(Pieces { body: Box::new(NoBody), head, parts })
        }));
        Network::build(ParamSet::on(&device()?, seed), plan)
    }

    /// Any candle model: the map that holds its variables, and a function from what goes in to what comes out.
    ///
    /// All of the learner's verbs work on it. The variables stay the model's own: what the learner trains, the model has
    /// learned. The parts that can be frozen are told by the variables' names, in the order they were made.
    ///
    /// Some of candle's fused operations have no gradient (`candle_nn::LayerNorm`, `ops::softmax_last_dim`, `rms_norm`): what
    /// stands before them does not learn. Fits name such variables.
    ///
    /// ```
    /// use candlewick_prelude::prelude::*;
    /// let vars = candle_nn::VarMap::new();
    /// let vb = candle_nn::VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    /// let (c, l) = (candle_nn::conv2d(3, 8, 3, Default::default(), vb.pp("c"))?, candle_nn::linear(8, 2, vb.pp("l"))?);
    /// let net = Network::candle(&vars, move |x| l.forward(&c.forward(x)?.relu()?.mean((2, 3))?))?;
    /// assert_eq!(net.parts(), ["c", "l"]);
    /// # Ok::<(), candlewick_prelude::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the map holds no variable.
    pub fn candle<F>(vars: &VarMap, forward: F) -> Result<Network>
    where
        F: Fn(&Tensor) -> candle_core::Result<Tensor> + Send + Sync + 'static,
    {
        Network::of_candle(vars, Box::new(move |x: &Tensor, _: bool| forward(x)))
    }

    /// As [`candle`](Network::candle), for a model that wants to know whether it is training, as candle's dropout and
    /// BatchNorm do: `Network::candle_t(&vars, move |x, train| model.forward_t(x, train))?`.
    ///
    /// # Errors
    /// When the map holds no variable.
    pub fn candle_t<F>(vars: &VarMap, forward: F) -> Result<Network>
    where
        F: Fn(&Tensor, bool) -> candle_core::Result<Tensor> + Send + Sync + 'static,
    {
        Network::of_candle(vars, Box::new(forward))
    }

    fn of_candle(vars: &VarMap, forward: Box<CandleForward>) -> Result<Network> {
        let mut vars: Vec<(String, Var)> =
            vars.data().lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone().into_iter().collect();
        vars.sort_by_cached_key(|(name, var)| (made(var), name.clone()));
        let Some((_, first)) = vars.first() else {
            return Err(Error::new("the map holds no variable: there is nothing that could learn").remedy(
                "make the model's layers of `VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu)`, and then the network",
            ));
        };
        if let Some((name, var)) = vars.iter().find(|(_, var)| var.dtype() != DType::F32) {
            return Err(Error::new(format!("`{name}` is of {:?}; learners train in f32", var.dtype()))
                .remedy("make the model of `VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu)`"));
        }
        let params = ParamSet::of(first.dtype(), first.device(), 0);
        let model = Arc::new(Candle { vars, forward, running: Mutex::new(()) });
        let own = Mutex::new(true);
        let plan = Making::Own(Arc::new(move |params: &ParamSet| {
            // the first set holds the model's own variables, every other one a copy of their values
            let own = std::mem::take(&mut *own.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
            let mut copies = Vec::new();
            for (name, var) in &model.vars {
                let var = if own { var.clone() } else { Var::from_tensor(&var.as_detached_tensor().copy()?)? };
                let statistic = STATISTICS.iter().any(|end| name.rsplit('.').next() == Some(end));
                copies.push(params.adopt(name, var, statistic)?);
            }
            let values = if own { None } else { Some(copies) };
            let head = Box::new(CandleHead { model: Arc::clone(&model), values });
            Ok(Pieces { body: Box::new(NoBody), head, parts: group(params) })
        }));
        Network::build(params, plan)
    }
}

/// A function of a person's own as a head: it takes whatever goes in.
struct Whole(Box<Forward>);

impl Head for Whole {
    fn forward(&self, inputs: &Fields, pass: &Pass) -> Result<Fields> {
        Ok(Fields::of(field::OUTPUT, (self.0)(first(inputs)?, pass)?))
    }

    fn export(&self, _: &mut OnnxGraph, _: &OnnxFields) -> Result<OnnxFields> {
        Err(of_a_function("this network is a function of tensors"))
    }
}

/// The refusal of what is a function: nobody sees what it does.
fn of_a_function(what: &str) -> Error {
    Error::new(format!("{what}, which does not say how it is written as ONNX")).remedy(
        "make it of layers, `Network::layer(7, |at| …)?`: those of `candlewick` know how, and one of your own says it in `fn export`",
    )
}

/// A layer as a head: it takes whatever goes in.
struct WholeLayer(Box<dyn Layer>);

impl Head for WholeLayer {
    fn forward(&self, inputs: &Fields, pass: &Pass) -> Result<Fields> {
        Ok(Fields::of(field::OUTPUT, self.0.forward(first(inputs)?, pass)?))
    }

    fn export(&self, graph: &mut OnnxGraph, inputs: &OnnxFields) -> Result<OnnxFields> {
        Ok(OnnxFields::of(field::OUTPUT, self.0.export(graph, inputs.first()?)?))
    }
}

/// A candle model.
struct Candle {
    vars: Vec<(String, Var)>,
    forward: Box<CandleForward>,
    /// Held while it runs: a copy puts its own values into the model's variables meanwhile.
    running: Mutex<()>,
}

impl Candle {
    fn run(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        Ok((self.forward)(x, pass.training())?)
    }
}

/// A candle model as a head; with values of its own where it is a copy.
struct CandleHead {
    model: Arc<Candle>,
    values: Option<Vec<Param>>,
}

impl Head for CandleHead {
    fn forward(&self, inputs: &Fields, pass: &Pass) -> Result<Fields> {
        let x = first(inputs)?;
        let running = self.model.running.lock();
        let Some(values) = &self.values else { return Ok(Fields::of(field::OUTPUT, self.model.run(x, pass)?)) };
        let lent = Lent::of(&self.model.vars, values)?;
        let said = self.model.run(x, pass).map(|said| said.detach());
        drop((lent, running));
        Ok(Fields::of(field::OUTPUT, said?))
    }

    fn export(&self, _: &mut OnnxGraph, _: &OnnxFields) -> Result<OnnxFields> {
        Err(of_a_function("this network is a candle model"))
    }
}

/// Other values in a model's variables; its own are put back in whatever way the model's function ends.
struct Lent<'a> {
    vars: &'a [(String, Var)],
    own: Vec<Tensor>,
}

impl<'a> Lent<'a> {
    fn of(vars: &'a [(String, Var)], values: &[Param]) -> Result<Lent<'a>> {
        let own = vars.iter().map(|(_, var)| var.as_detached_tensor().copy()).collect::<candle_core::Result<_>>()?;
        let lent = Lent { vars, own };
        vars.iter().zip(values).try_for_each(|((_, var), value)| var.set(&value.value()))?;
        Ok(lent)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        for ((_, var), own) in self.vars.iter().zip(&self.own) {
            // of one shape, on one device: it fails only with the device
            let _ = var.set(own);
        }
    }
}

/// The one thing that goes in.
fn first(inputs: &Fields) -> Result<&Tensor> {
    inputs.iter().next().map(|(_, value)| value).ok_or_else(|| Error::new("nothing goes into the network"))
}

/// When a variable was made, among all tensors: they are counted.
fn made(var: &Var) -> u64 {
    let id = format!("{:?}", var.as_tensor().id());
    id.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(u64::MAX)
}

/// Puts parameters that belong together into groups, in the order they were made; gives the groups' names.
fn group(params: &ParamSet) -> Vec<String> {
    let params = params.params();
    let common = common(&params.iter().map(Param::name).collect::<Vec<_>>());
    let mut parts: Vec<String> = Vec::new();
    for param in params {
        let part = part(param.name(), common);
        let at = parts.iter().position(|own| *own == part).unwrap_or_else(|| {
            parts.push(part);
            parts.len() - 1
        });
        param.set_group(at);
    }
    parts
}

/// How many of the names' parts all have in common.
fn common(names: &[&str]) -> usize {
    let split = |name: &str| name.split('.').map(str::to_owned).collect::<Vec<_>>();
    let Some(first) = names.first().map(|name| split(name)) else { return 0 };
    let shared = |name: &&str| split(name).iter().zip(&first).take_while(|(a, b)| a == b).count();
    let shared = names.iter().map(shared).min().unwrap_or(0);
    // where all is in one layer, that layer is the part
    shared.min(first.len().saturating_sub(2))
}

/// The part that a parameter belongs to: what its name begins with, and the number of its block where there is one.
fn part(name: &str, common: usize) -> String {
    let words: Vec<&str> = name.split('.').collect();
    let layers = &words[..words.len() - 1];
    let number = layers.iter().skip(common).position(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let length = common + number.unwrap_or(0) + 1;
    words[..length.min(layers.len().max(1))].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_names() {
        let parts = |names: &[&str]| -> Vec<String> {
            let common = common(names);
            names.iter().map(|name| part(name, common)).collect()
        };
        assert_eq!(parts(&["a.weight", "a.bias", "b.weight"]), ["a", "a", "b"]);
        assert_eq!(parts(&["net.0.weight", "net.2.weight"]), ["net.0", "net.2"]);
        assert_eq!(
            parts(&["bert.embeddings.word.weight", "bert.encoder.layer.0.q.weight", "bert.encoder.layer.1.q.weight"]),
            ["bert.embeddings", "bert.encoder.layer.0", "bert.encoder.layer.1"]
        );
        assert_eq!(parts(&["only.weight", "only.bias"]), ["only", "only"]);
        assert_eq!(parts(&["weight", "bias"]), ["weight", "bias"]);
        assert_eq!(parts(&["l.weight"]), ["l"]);
    }
}
