//! One run through a network: training or predicting, its random numbers, its pending statistics.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Tensor;

use crate::Result;
use crate::params::{Buffer, Param, name_seed};

/// One run through a network.
///
/// In training, trainable parameters enter the graph, dropout drops and BatchNorm uses the batch's statistics.
/// New running statistics wait here until [`commit`](Pass::commit), so that a step whose loss is not a
/// number leaves the network as it was.
#[derive(Debug)]
pub struct Pass {
    training: bool,
    noisy: bool,
    seed: u64,
    draws: AtomicU64,
    pending: Mutex<Vec<(Buffer, Tensor)>>,
}

impl Pass {
    /// Predicting: stored statistics, nothing dropped, no graph.
    pub fn eval() -> Pass {
        Pass { training: false, noisy: false, seed: 0, draws: AtomicU64::new(0), pending: Mutex::default() }
    }

    /// Training, with a seed for dropout: the same seed drops the same values.
    pub fn train(seed: u64) -> Pass {
        Pass { training: true, noisy: true, seed, ..Pass::eval() }
    }

    /// Training without dropout and drop-path, to compare with another implementation.
    pub fn train_without_noise() -> Pass {
        Pass { noisy: false, ..Pass::train(0) }
    }

    /// Whether the network is training.
    pub fn training(&self) -> bool {
        self.training
    }

    /// Whether dropout and drop-path drop.
    pub fn noisy(&self) -> bool {
        self.noisy
    }

    /// A parameter's value in this run: a graph variable when training and not frozen, else a constant.
    pub fn value(&self, param: &Param) -> Tensor {
        if self.training { param.in_graph() } else { param.value() }
    }

    /// The next seed for a random layer.
    pub fn draw(&self) -> u64 {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        name_seed(self.seed, &draw.to_string())
    }

    /// Notes a buffer's new value for [`commit`](Pass::commit).
    pub fn later(&self, buffer: &Buffer, value: Tensor) {
        self.pending().push((buffer.clone(), value));
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Vec<(Buffer, Tensor)>> {
        self.pending.lock().expect("no panic while noting")
    }

    /// Stores what was noted: called once the step is taken.
    ///
    /// # Errors
    /// When a value's shape is not its buffer's.
    pub fn commit(&self) -> Result<()> {
        for (buffer, value) in self.pending().drain(..) {
            buffer.set(&value)?;
        }
        Ok(())
    }
}
