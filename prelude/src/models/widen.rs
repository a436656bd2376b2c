//! A head for more classes, whose old classes are as they were.

use candle_core::Tensor;

use super::Network;
use crate::Result;
use crate::params::is_under;

impl Network {
    /// Takes over a head of fewer classes: what has a row a class keeps the rows of the first `old` of `new` classes, what does not depend on
    /// them is taken over whole. Rows of further classes stay as they are.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn widen_head(&self, before: &[(String, Tensor)], old: usize, new: usize) -> Result<()> {
        let wider = |own: Tensor, name: &str| -> Result<Option<Tensor>> {
            let Some((_, theirs)) = before.iter().find(|(other, _)| other == name) else { return Ok(None) };
            if own.dims() == theirs.dims() {
                return Ok(Some(theirs.clone()));
            }
            let rows = |tensor: &Tensor| tensor.dims().first().copied();
            let alike = own.rank() == theirs.rank() && own.dims().get(1..) == theirs.dims().get(1..);
            if !alike || rows(theirs) != Some(old) || rows(&own) != Some(new) {
                return Ok(None);
            }
            let theirs = theirs.to_dtype(own.dtype())?.to_device(own.device())?;
            Ok(Some(Tensor::cat(&[theirs, own.narrow(0, old, new - old)?], 0)?))
        };
        for param in self.params().params().iter().filter(|param| is_under(param.name(), "head")) {
            if let Some(value) = wider(param.value(), param.name())? {
                param.set(&value)?;
            }
        }
        for buffer in self.params().buffers().iter().filter(|buffer| is_under(buffer.name(), "head")) {
            if let Some(value) = wider(buffer.value(), buffer.name())? {
                buffer.set(&value)?;
            }
        }
        Ok(())
    }
}
