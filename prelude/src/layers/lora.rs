//! How adapters are to be: their rank, their scale, what they drop, and where they go.

use serde::{Deserialize, Serialize};

use crate::{Result, limits};

/// Adapters of low rank beside frozen weights (LoRA, Hu et al. 2021): how many directions, how strong, and beside which layers.
///
/// `Lora::rank(8)` is PEFT's default: alpha 8, no dropout. Beside a weight W (out, in), B (out, rank) and A (rank, in) train, and the layer is
/// W + alpha / rank · B · A. A begins at random, B at zero, so that the network begins as it was. A rank of 4 to 16 is usual, alpha the same or
/// twice that, dropout 0 to 0.1, and a rate about ten times that of whole fine-tuning.
///
/// ```
/// use candlewick_prelude::prelude::*;
/// let small = Lora::rank(4);
/// let usual = Lora::rank(8).alpha(16.0).dropout(0.1).targets(&["query", "value"]);
/// let blocks = Lora::rank(8).targets(&["blocks.1*.attn.*", "*.fc1"]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use = "says how adapters are to be: `learner.lora(Lora::rank(8))?` makes them"]
pub struct Lora {
    rank: usize,
    alpha: f64,
    dropout: f64,
    rslora: bool,
    targets: Vec<String>,
}

impl Lora {
    /// Adapters of so many directions, 1 or more; alpha is as large, so that the scale is 1.
    pub fn rank(rank: usize) -> Lora {
        Lora { rank, alpha: rank as f64, dropout: 0.0, rslora: false, targets: Vec::new() }
    }

    /// Another alpha, above 0: what an adapter adds is multiplied by alpha / rank.
    pub fn alpha(mut self, alpha: f64) -> Lora {
        self.alpha = alpha;
        self
    }

    /// Drops this share of what goes into the adapters in training, from 0 to below 1.
    pub fn dropout(mut self, share: f64) -> Lora {
        self.dropout = share;
        self
    }

    /// The layers that get one, by their names: a name's end, as in PEFT (`query`, `attn.qkv`), or a pattern of the whole name in which `*` stands
    /// for any letters (`blocks.1*.attn.qkv`).
    ///
    /// Unless said: of transformers query and value (`qkv` where they are one matrix), of convolutional networks all convolutions but the first
    /// and those whose channels fall into groups, of others all matrices before the head.
    pub fn targets(mut self, patterns: &[&str]) -> Lora {
        self.targets = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        self
    }

    /// Multiplies by alpha / √rank instead of alpha / rank: PEFT's `use_rslora`, for large ranks. Kalajdzievski 2023.
    pub fn rslora(mut self) -> Lora {
        self.rslora = true;
        self
    }

    /// How many directions.
    pub fn directions(&self) -> usize {
        self.rank
    }

    /// The alpha.
    pub fn strength(&self) -> f64 {
        self.alpha
    }

    /// The share that training drops.
    pub fn share_dropped(&self) -> f64 {
        self.dropout
    }

    /// Whether the scale is alpha / √rank.
    pub fn is_rslora(&self) -> bool {
        self.rslora
    }

    /// The patterns of the layers' names; none for the usual layers.
    pub fn patterns(&self) -> &[String] {
        &self.targets
    }

    /// What an adapter's product is multiplied by.
    pub fn scale(&self) -> f64 {
        let rank = self.rank.max(1) as f64;
        self.alpha / if self.rslora { rank.sqrt() } else { rank }
    }

    /// Refuses numbers that make no sense, by name.
    ///
    /// # Errors
    /// The refusal.
    pub fn check(&self) -> Result<()> {
        let remedy = "8 is usual: `Lora::rank(8)`";
        limits::some("the `rank` of LoRA", self.rank, "directions", remedy)?;
        let (alpha, remedy) = (self.alpha, "the rank or twice that is usual: `Lora::rank(8).alpha(16.0)`");
        let fine = alpha.is_finite() && alpha > 0.0;
        limits::allow(fine, "the `alpha` of LoRA", &alpha, "a finite number above 0", remedy)?;
        let (share, remedy) = (self.dropout, "0.1 drops a tenth: `Lora::rank(8).dropout(0.1)`");
        let fine = (0.0..1.0).contains(&share);
        limits::allow(fine, "the `dropout` of LoRA", &share, "a share from 0 to below 1", remedy)
    }

    /// In words: `rank 8, alpha 16, dropout 0.1`.
    pub fn words(&self) -> String {
        let mut words = format!("rank {}, alpha {}", self.rank, self.alpha);
        if self.dropout > 0.0 {
            words += &format!(", dropout {}", self.dropout);
        }
        if self.rslora {
            words += ", scaled by √rank";
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for (wrong, text) in [
            (Lora::rank(0), "the `rank` of LoRA is 0; expected 1 or more directions"),
            (Lora::rank(4).alpha(0.0), "the `alpha` of LoRA is 0; expected a finite number above 0"),
            (Lora::rank(4).alpha(f64::NAN), "the `alpha` of LoRA is NaN"),
            (Lora::rank(4).alpha(-2.0), "the `alpha` of LoRA is -2"),
            (Lora::rank(4).dropout(1.0), "the `dropout` of LoRA is 1; expected a share from 0 to below 1"),
            (Lora::rank(4).dropout(-0.1), "the `dropout` of LoRA is -0.1"),
        ] {
            let says = wrong.check().unwrap_err().to_string();
            assert!(says.contains(text) && says.contains("\n  → "), "{says}");
        }
        assert!(Lora::rank(8).alpha(16.0).dropout(0.1).check().is_ok());
    }

    #[test]
    fn the_scale_is_pefts() {
        assert_eq!(Lora::rank(8).scale(), 1.0);
        assert_eq!(Lora::rank(8).alpha(16.0).scale(), 2.0);
        assert_eq!(Lora::rank(16).alpha(8.0).rslora().scale(), 2.0);
    }
}
