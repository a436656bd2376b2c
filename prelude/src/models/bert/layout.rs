//! What an encoder's body is made of: its sizes, and how a text becomes one row.

use serde::{Deserialize, Serialize};

use super::body::BertBody;
use super::{BertConfig, Pooling};
use crate::Result;
use crate::params::ParamSet;

/// How an encoder is built: its sizes, and how a text's tokens become one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BertLayout {
    /// The sizes.
    pub config: BertConfig,
    /// How a text's tokens become one row.
    pub pooling: Pooling,
    /// Whether the matrix of [`Pooling::Pooler`] is new, so that it is the head's, and stays trainable where the backbone is frozen.
    pub new_pooler: bool,
}

impl BertLayout {
    /// With the weights of its own pooler, where there is one.
    pub fn new(config: BertConfig, pooling: Pooling) -> BertLayout {
        BertLayout { config, pooling, new_pooler: false }
    }

    /// The body, of the set's random weights.
    pub(in crate::models) fn body(&self, params: &ParamSet) -> Result<BertBody> {
        BertBody::new(params, &self.config, self.pooling, self.new_pooler)
    }
}
