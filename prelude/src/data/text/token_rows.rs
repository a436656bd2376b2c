//! The tokens of many texts, in little memory.

/// The tokens of many texts, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TokenRows {
    ids: Vec<u32>,
    /// Of each token, 1 where it is of the second text; nothing where all are of the first.
    types: Vec<u32>,
    /// Where each text's tokens end.
    ends: Vec<usize>,
    /// How many tokens of each text were cut off.
    cut: Vec<u32>,
}

impl TokenRows {
    /// One more text: those of its tokens that are kept.
    pub fn push(&mut self, ids: &[u32], types: &[u32], kept: &[usize], cut: usize) {
        if types.iter().any(|of| *of != 0) || !self.types.is_empty() {
            self.types.resize(self.ids.len(), 0);
            self.types.extend(kept.iter().map(|at| types[*at]));
        }
        self.ids.extend(kept.iter().map(|at| ids[*at]));
        self.ends.push(self.ids.len());
        self.cut.push(u32::try_from(cut).unwrap_or(u32::MAX));
    }

    /// All of these, in their order.
    pub fn joined(chunks: Vec<TokenRows>) -> TokenRows {
        let all: usize = chunks.iter().map(|chunk| chunk.ids.len()).sum();
        let typed = chunks.iter().any(|chunk| !chunk.types.is_empty());
        let mut rows = TokenRows { ids: Vec::with_capacity(all), ..TokenRows::default() };
        for chunk in chunks {
            let before = rows.ids.len();
            rows.ids.extend(&chunk.ids);
            if typed {
                rows.types.extend(&chunk.types);
                rows.types.resize(rows.ids.len(), 0);
            }
            rows.ends.extend(chunk.ends.iter().map(|end| before + end));
            rows.cut.extend(&chunk.cut);
        }
        rows
    }

    /// Where a text's tokens are.
    fn range(&self, at: usize) -> std::ops::Range<usize> {
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        from..self.ends[at]
    }

    /// A text's tokens, and of which text each is, where some are of the second.
    pub fn row(&self, at: usize) -> (&[u32], &[u32]) {
        let range = self.range(at);
        (&self.ids[range.clone()], self.types.get(range).unwrap_or_default())
    }

    /// How many tokens a text has.
    pub fn length(&self, at: usize) -> usize {
        self.range(at).len()
    }

    /// How many tokens of a text were cut off.
    pub fn cut(&self, at: usize) -> usize {
        self.cut[at] as usize
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        (self.ids.len() + self.types.len() + self.cut.len()) * 4 + self.ends.len() * size_of::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_again_whichever_thread_made_them() {
        let (mut one, mut two) = (TokenRows::default(), TokenRows::default());
        one.push(&[1, 2, 3], &[0, 0, 0], &[0, 2], 1);
        one.push(&[], &[], &[], 0);
        two.push(&[4, 5], &[0, 0], &[0, 1], 0);
        two.push(&[6, 7], &[0, 1], &[0, 1], 3);
        let all = TokenRows::joined(vec![one, two]);
        assert_eq!(all.row(0), (&[1, 3][..], &[0, 0][..]));
        assert_eq!((all.row(1).0.len(), all.length(2), all.cut(0), all.cut(3)), (0, 2, 1, 3));
        assert_eq!(all.row(3), (&[6, 7][..], &[0, 1][..]));
    }
}
