//! Long texts: how much of them is read, and what is kept of them.

use tokenizers::Tokenizer;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

/// So many bytes a token are read first of a long text.
const BYTES: usize = 16;

/// How many bytes of a long text are read first.
pub(super) fn beginning(max_tokens: usize) -> usize {
    max_tokens.saturating_mul(BYTES).max(1024)
}

/// Whether the tokens of a text up to a space between a character that is none and a letter or digit are the first of the whole text's: its
/// words are parted at such a space before they become tokens, and no character changes what is on the other side of it.
pub(super) fn reads_on(tokenizer: &Tokenizer) -> bool {
    let parts = match tokenizer.get_pre_tokenizer() {
        Some(PreTokenizerWrapper::ByteLevel(own)) => own.use_regex,
        Some(
            PreTokenizerWrapper::BertPreTokenizer(_)
            | PreTokenizerWrapper::Whitespace(_)
            | PreTokenizerWrapper::WhitespaceSplit(_),
        ) => true,
        _ => false,
    };
    let keeps = match tokenizer.get_normalizer() {
        None => true,
        Some(
            NormalizerWrapper::BertNormalizer(_)
            | NormalizerWrapper::Lowercase(_)
            | NormalizerWrapper::StripAccents(_)
            | NormalizerWrapper::NFC(_)
            | NormalizerWrapper::NFD(_)
            | NormalizerWrapper::NFKC(_)
            | NormalizerWrapper::NFKD(_),
        ) => true,
        Some(_) => false,
    };
    let plain = |text: &str| {
        let at_end = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !text.contains(' ') && !at_end(text.chars().next())
    };
    parts && keeps && tokenizer.get_added_tokens_decoder().values().all(|token| plain(&token.content))
}

/// Where such a space is, from so many bytes on; the text's end where there is none.
pub(super) fn head(text: &str, bytes: usize) -> usize {
    let all = text.as_bytes();
    if all.len() <= bytes.saturating_mul(2) {
        return all.len();
    }
    let is_place = |at: &usize| {
        let before = all[at - 1];
        all[*at] == b' '
            && all[at + 1].is_ascii_alphanumeric()
            && (before.is_ascii_alphanumeric() || before.is_ascii_punctuation())
    };
    (bytes..all.len() - 1).find(is_place).unwrap_or(all.len())
}

/// How many tokens of each text are kept where there is room for so many, as Hugging Face's `longest_first`.
pub(super) fn longest_first([first, second]: [usize; 2], room: usize) -> [usize; 2] {
    if first + second <= room {
        return [first, second];
    }
    if second == 0 {
        return [room, 0];
    }
    let short = first.min(second);
    let mut keep = [short, if short > room { short } else { short.max(room - short) }];
    if keep[0] + keep[1] > room {
        keep = [room / 2, room / 2 + room % 2];
    }
    if first > second { [keep[1], keep[0]] } else { keep }
}

#[cfg(test)]
mod tests {
    use super::*;

    // tokenizers.utils.truncation.truncate_encodings, strategy longest_first
    #[test]
    fn the_longer_text_is_cut_first() {
        for (lengths, room, expected) in [
            ([5, 0], 3, [3, 0]),
            ([5, 5], 10, [5, 5]),
            ([2, 9], 8, [2, 6]),
            ([9, 2], 8, [6, 2]),
            ([9, 9], 9, [4, 5]),
            ([10, 9], 9, [5, 4]),
            ([20, 30], 8, [4, 4]),
        ] {
            assert_eq!(longest_first(lengths, room), expected, "{lengths:?} {room}");
        }
    }

    #[test]
    fn a_long_text_is_read_up_to_a_space_before_a_word() {
        let text = "one  two , three four";
        assert_eq!((head(text, 3), head(text, 11)), (10, 21));
        assert_eq!((head("a b c", 10), head(&"x".repeat(50), 10)), (5, 50));
    }
}
