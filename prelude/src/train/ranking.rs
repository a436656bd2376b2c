//! How well scores rank and how honest they are: curves and areas over plain numbers.

/// A score, and whether what it speaks of is so.
pub(super) type Scored = (f32, bool);

/// A curve, and the area below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RankCurve {
    pub points: Vec<(f64, f64)>,
    pub area: f64,
}

/// How many are so and how many not, from each score on, the highest first; equal scores are one step.
fn steps(scored: &[Scored]) -> Vec<(usize, usize)> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut steps, mut right, mut wrong) = (Vec::new(), 0, 0);
    for (at, (score, so)) in sorted.iter().enumerate() {
        if *so {
            right += 1
        } else {
            wrong += 1
        }
        if sorted.get(at + 1).is_none_or(|next| next.0 != *score) {
            steps.push((right, wrong));
        }
    }
    steps
}

/// The receiver operating characteristic: the share of what is so that is found, over the share of what is not so that is taken
/// for it. None where all or nothing is so.
pub(super) fn roc(scored: &[Scored]) -> Option<RankCurve> {
    let all = scored.iter().filter(|(_, so)| *so).count();
    let others = scored.len() - all;
    if all == 0 || others == 0 {
        return None;
    }
    let mut points = vec![(0.0, 0.0)];
    points.extend(
        steps(scored).into_iter().map(|(right, wrong)| (wrong as f64 / others as f64, right as f64 / all as f64)),
    );
    let area = points.windows(2).map(|two| (two[1].0 - two[0].0) * (two[0].1 + two[1].1) / 2.0).sum();
    Some(RankCurve { points, area })
}

/// Precision over recall; the area is the average precision, in steps and without interpolation. None where nothing is so.
pub(super) fn precision_recall(scored: &[Scored]) -> Option<RankCurve> {
    let all = scored.iter().filter(|(_, so)| *so).count();
    if all == 0 {
        return None;
    }
    let (mut points, mut area, mut before) = (vec![(0.0, 1.0)], 0.0, 0.0);
    for (right, wrong) in steps(scored) {
        let (recall, precision) = (right as f64 / all as f64, right as f64 / (right + wrong) as f64);
        area += (recall - before) * precision;
        before = recall;
        points.push((recall, precision));
    }
    Some(RankCurve { points, area })
}

/// The answers of one range of scores: how sure they are in the mean, how many are right, how many they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ScoreBin {
    pub confidence: f64,
    pub accuracy: f64,
    pub count: usize,
}

/// The answers in so many ranges of equal width, the empty ones left out.
pub(super) fn reliability(scored: &[Scored], bins: usize) -> Vec<ScoreBin> {
    let mut sums = vec![(0.0, 0usize, 0usize); bins];
    for (score, right) in scored {
        // a score on an edge belongs to the range below it
        let bin = ((f64::from(*score) * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        let (confidence, so, count) = &mut sums[bin];
        *confidence += f64::from(*score);
        *so += usize::from(*right);
        *count += 1;
    }
    let each = sums.into_iter().filter(|(_, _, count)| *count > 0);
    each.map(|(confidence, so, count)| ScoreBin {
        confidence: confidence / count as f64,
        accuracy: so as f64 / count as f64,
        count,
    })
    .collect()
}

/// The expected calibration error: the mean gap between how sure answers are and how many are right. Guo et al. 2017.
pub(super) fn calibration_error(bins: &[ScoreBin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.count).sum();
    let gaps = bins.iter().map(|bin| (bin.confidence - bin.accuracy).abs() * bin.count as f64);
    gaps.sum::<f64>() / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn number(value: &Value) -> f64 {
        value.as_f64().expect("a number")
    }

    #[test]
    fn areas_and_bins_are_scikit_learns() {
        let file: Value = serde_json::from_str(include_str!("../../tests/fixtures/reports.json")).expect("JSON");
        let rows = |name: &str| file[name].as_array().expect("a list").clone();
        let (shares, truth) = (rows("shares"), rows("truth"));
        for class in 0..3 {
            let scored: Vec<Scored> = shares
                .iter()
                .zip(&truth)
                .map(|(row, truth)| (number(&row[class]) as f32, truth.as_u64() == Some(class as u64)))
                .collect();
            let found = roc(&scored).expect("some are so").area;
            assert!((found - number(&file["auc"][class])).abs() < 1e-9, "{class}: {found}");
            let found = precision_recall(&scored).expect("some are so").area;
            assert!((found - number(&file["ap"][class])).abs() < 1e-9, "{class}: {found}");
        }
        let sure: Vec<Scored> = shares
            .iter()
            .zip(&truth)
            .map(|(row, truth)| {
                let row: Vec<f64> = row.as_array().expect("a row").iter().map(number).collect();
                let class = (0..4).max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("four");
                (row[class] as f32, truth.as_u64() == Some(class as u64))
            })
            .collect();
        let bins = reliability(&sure, 10);
        assert_eq!(bins.len(), rows("bins").len());
        for (bin, expected) in bins.iter().zip(rows("bins")) {
            assert!((bin.confidence - number(&expected[0])).abs() < 1e-6, "{bin:?} {expected}");
            assert!((bin.accuracy - number(&expected[1])).abs() < 1e-9, "{bin:?} {expected}");
            assert_eq!(expected[2].as_u64(), Some(bin.count as u64));
        }
        assert!((calibration_error(&bins) - number(&file["ece"])).abs() < 1e-6);
    }

    #[test]
    fn where_all_or_nothing_is_so_there_is_no_curve() {
        assert_eq!((roc(&[(0.5, true)]), roc(&[(0.5, false)]), roc(&[])), (None, None, None));
        assert_eq!(precision_recall(&[(0.5, false)]), None);
        assert_eq!(precision_recall(&[(0.5, true)]).map(|curve| curve.area), Some(1.0));
        assert!(reliability(&[], 10).is_empty() && calibration_error(&[]) == 0.0);
        assert_eq!(reliability(&[(0.0, false), (1.0, true)], 10).len(), 2);
    }
}
