//! A name for the type of what never comes, as in `JoinHandle<!>`: stable Rust has none where variables need one.

/// What a function gives.
pub trait Gives {
    /// The type.
    type Value;
}

impl<T> Gives for fn() -> T {
    type Value = T;
}

/// The type `!`.
pub type Never = <fn() -> ! as Gives>::Value;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_type_of_what_never_comes() {
        let _ends: fn() -> Never = || panic!("never");
        let _same: fn(Never) -> u8 = |never| never;
    }
}
