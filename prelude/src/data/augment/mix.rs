//! Puts two pictures of a batch together: MixUp (Zhang et al. 2017) and CutMix (Yun et al. 2019).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::Augment;

/// MixUp's α, as torchvision's training scripts take it.
const ALPHA: f64 = 0.2;

/// Which picture of the batch was put into each, and how much of its own each has left, from one half to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Mix {
    pub with: Vec<usize>,
    pub share: Vec<f32>,
}

impl Mix {
    /// Truths of these rows in their shares.
    pub fn rows(&self, rows: &[&[f32]]) -> Vec<f32> {
        let mixed = rows.iter().zip(&self.with).zip(&self.share).flat_map(|((own, with), share)| {
            own.iter().zip(rows[*with]).map(move |(own, other)| share * own + (1.0 - share) * other)
        });
        mixed.collect()
    }
}

/// Mixes some of a batch's pictures of `3 · side · side` values each, chosen by their keys; `None` where there is nothing to mix.
pub(in super::super) fn mixed(augment: &Augment, values: &mut [f32], side: usize, keys: &[u64]) -> Option<Mix> {
    let count = keys.len();
    if count < 2 || (augment.mixup <= 0.0 && augment.cutmix <= 0.0) {
        return None;
    }
    let plans: Vec<MixPlan> = keys.iter().enumerate().map(|(row, key)| plan(augment, row, count, side, *key)).collect();
    let before = values.to_vec();
    let size = 3 * side * side;
    values.par_chunks_mut(size).zip(&plans).for_each(|(own, plan)| {
        let other = &before[plan.with * size..][..size];
        match plan.kind {
            MixKind::Alone => {}
            MixKind::Through => {
                let share = plan.share;
                own.iter_mut().zip(other).for_each(|(own, other)| *own = share * *own + (1.0 - share) * other);
            }
            MixKind::Pasted([left, top, width, height]) => {
                for row in (0..3).flat_map(|plane| (top..top + height).map(move |y| plane * side + y)) {
                    let at = row * side + left;
                    own[at..at + width].copy_from_slice(&other[at..at + width]);
                }
            }
        }
    });
    Some(Mix {
        with: plans.iter().map(|plan| plan.with).collect(),
        share: plans.iter().map(|plan| plan.share).collect(),
    })
}

struct MixPlan {
    kind: MixKind,
    with: usize,
    share: f32,
}

enum MixKind {
    Alone,
    Through,
    Pasted([usize; 4]),
}

fn plan(augment: &Augment, row: usize, count: usize, side: usize, key: u64) -> MixPlan {
    // another stream than the one that varied the picture
    let mut rng = ChaCha8Rng::seed_from_u64(key ^ 0x6d69_7875_7063_7574);
    let other = rng.random_range(1..count);
    let with = (row + other) % count;
    let kind: f32 = rng.random();
    if kind < augment.mixup {
        let share = beta(&mut rng) as f32;
        return MixPlan { kind: MixKind::Through, with, share: share.max(1.0 - share) };
    }
    if kind >= augment.mixup + augment.cutmix {
        return MixPlan { kind: MixKind::Alone, with: row, share: 1.0 };
    }
    // half of the area at most, so that the class of the picture stays its own
    let part = (0.5 * rng.random::<f32>()).sqrt() * side as f32 / 2.0;
    let mut centre = || rng.random_range(0.0..side as f32);
    let edges = |at: f32| ((at - part).max(0.0) as usize, ((at + part) as usize).min(side));
    let ((left, right), (top, bottom)) = (edges(centre()), edges(centre()));
    let (width, height) = (right - left, bottom - top);
    let share = 1.0 - (width * height) as f32 / (side * side) as f32;
    MixPlan { kind: MixKind::Pasted([left, top, width, height]), with, share }
}

/// A number from 0 to 1 of the distribution Beta(α, α), after Jöhnk 1964.
fn beta(rng: &mut impl Rng) -> f64 {
    loop {
        let (x, y) = (rng.random::<f64>().powf(1.0 / ALPHA), rng.random::<f64>().powf(1.0 / ALPHA));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_distribution() {
        // scipy.stats.beta(0.2, 0.2): mean 0.5, variance 1 / (4 · 1.4) = 0.1786
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<f64> = (0..20_000).map(|_| beta(&mut rng)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let variance = drawn.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 0.5).abs() < 0.01 && (variance - 0.1786).abs() < 0.005, "{mean} {variance}");
    }

    #[test]
    fn what_is_pasted_is_counted_in_the_share() {
        let (side, count) = (20, 40);
        let size = 3 * side * side;
        let plain: Vec<f32> = (0..count * size).map(|at| (at / size) as f32).collect();
        let keys: Vec<u64> = (0..count as u64).collect();
        let with = |mixup: f32, cutmix: f32| {
            let mut values = plain.clone();
            let mix = mixed(&Augment { mixup, cutmix, ..Augment::none() }, &mut values, side, &keys).unwrap();
            (values, mix)
        };
        let (values, mix) = with(0.0, 1.0);
        for row in 0..count {
            let own = values[row * size..][..size].iter().filter(|value| **value == row as f32).count();
            assert!((own as f32 / size as f32 - mix.share[row]).abs() < 1e-6 && mix.share[row] >= 0.5);
            assert!(mix.with[row] != row);
        }
        assert!(mix.share.iter().any(|share| *share < 0.8));
        let (values, mix) = with(1.0, 0.0);
        for row in 0..count {
            let expected = mix.share[row] * row as f32 + (1.0 - mix.share[row]) * mix.with[row] as f32;
            assert!((values[row * size] - expected).abs() < 1e-4);
        }
        let (_, mix) = with(0.3, 0.3);
        let alone = (0..count).filter(|row| mix.with[*row] == *row).count();
        assert!((6..28).contains(&alone), "{alone}");
        assert_eq!(mixed(&Augment::standard(), &mut plain.clone(), side, &keys), None);
        let rows = [vec![1.0, 0.0], vec![0.0, 1.0]];
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let half = Mix { with: vec![1, 1], share: vec![0.75, 1.0] };
        assert_eq!(half.rows(&rows), [0.75, 0.25, 0.0, 1.0]);
    }
}
