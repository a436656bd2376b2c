//! Secrets of a page: random, and compared without a word on how much of them was right.

use crate::{Error, Result};
use rand::TryRngCore;
use rand::rngs::OsRng;
use std::hint::black_box;

/// 128 random bits of the system's, as hexadecimal digits.
///
/// # Errors
/// Where the system has none.
pub(super) fn random() -> Result<String> {
    let mut bytes = [0u8; 16];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Error::new("the system gives no random numbers").caused_by(error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether two secrets are one; takes as long for all of one length.
pub(super) fn is_same(said: &str, secret: &str) -> bool {
    let differ = said.bytes().zip(secret.bytes()).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
    said.len() == secret.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_different_and_compared_whole() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert!(one.len() == 32 && one != other);
        assert!(is_same(&one, &one.clone()) && !is_same(&one, &other));
        assert!(!is_same(&one[..31], &one) && !is_same("", &one) && !is_same(&format!("{one}0"), &one));
    }
}
