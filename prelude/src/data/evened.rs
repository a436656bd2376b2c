//! Epochs that show each class equally often.

/// As many draws as there are `ids`, each class equally often: of a large class some, those of a small one several times. With each goes how often it
/// was drawn before. Which classes get one more where the count does not divide changes from epoch to epoch.
pub(super) fn evened(ids: &[usize], class: impl Fn(usize) -> usize, epoch: u64) -> Vec<(usize, usize)> {
    let mut own: Vec<Vec<usize>> = Vec::new();
    for id in ids {
        let class = class(*id);
        own.resize(own.len().max(class + 1), Vec::new());
        own[class].push(*id);
    }
    own.retain(|ids| !ids.is_empty());
    let classes = own.len().max(1);
    let start = epoch as usize % classes;
    let draw = |at: usize| {
        let (ids, turn) = (&own[(at + start) % classes], at / classes);
        (ids[turn % ids.len()], turn / ids.len())
    };
    (0..ids.len()).map(draw).collect()
}
