//! The encoder that ships with this crate; `examples/pretrain_text.rs` makes its files.

/// Its config, its tokenizer and its weights, as halves.
pub(super) const FILES: [&[u8]; 3] = [
    include_bytes!("../../../weights/sentences_tiny/config.json"),
    include_bytes!("../../../weights/sentences_tiny/tokenizer.json"),
    include_bytes!("../../../weights/sentences_tiny/model.safetensors"),
];

/// The most tokens of a text that it has seen.
pub(super) const LONGEST: usize = 64;
