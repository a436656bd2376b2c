//! What a `?` at a cell's top level met, and where.

use crate::show;
use candlewick_wire::Message;
use std::any::TypeId;
use std::error::Error;
use std::fmt::{Display, Write};
use std::panic::Location;

/// Tells the session of an error that ends the cell; called where evcxr makes an error of its own of it.
#[track_caller]
pub fn failed<T: Display>(error: &T) {
    if kind_of::<T>() == TypeId::of::<super::Returned>() {
        show::send(&Message::Returned);
    } else {
        tell(&error, as_error(error), Location::caller());
    }
}

// What is generic here is compiled in the cell; the rest is not.
#[inline(never)]
fn tell(error: &dyn Display, chain: Option<&(dyn Error + 'static)>, place: &Location<'_>) {
    show::failed(&text(error, chain), place);
}

/// The error's text, and those of the errors behind it where they add something.
fn text(error: &dyn Display, chain: Option<&(dyn Error + 'static)>) -> String {
    let mut text = error.to_string();
    // Some errors tell what is behind them when asked for more.
    let long = format!("{error:#}");
    if long.len() > text.len() && long.starts_with(&text) {
        text = long;
    }
    let mut behind = chain.and_then(Error::source);
    while let Some(error) = behind {
        let more = error.to_string();
        if !text.contains(&more) {
            let _ = write!(text, "\n  because: {more}");
        }
        behind = error.source();
    }
    text
}

/// The error behind a box of errors: of other types nothing is known but their text.
fn as_error<T>(error: &T) -> Option<&(dyn Error + 'static)> {
    type Plain = Box<dyn Error>;
    type Shared = Box<dyn Error + Send + Sync>;
    let kind = kind_of::<T>();
    let place: *const T = error;
    // SAFETY: the type is the one that is asked for, which borrows nothing, and lives as long as `error`.
    unsafe {
        if kind == TypeId::of::<Box<dyn Error>>() {
            return Some(&**place.cast::<Plain>());
        }
        if kind == TypeId::of::<Box<dyn Error + Send + Sync>>() {
            return Some(&**place.cast::<Shared>());
        }
        if kind == TypeId::of::<crate::Error>() {
            return Some(&*place.cast::<crate::Error>());
        }
        if kind == TypeId::of::<std::io::Error>() {
            return Some(&*place.cast::<std::io::Error>());
        }
    }
    None
}

/// The number of a type that need not be `'static`; lifetimes make no difference to it.
fn kind_of<T>() -> TypeId {
    trait Kind {
        fn kind(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T> Kind for std::marker::PhantomData<T> {
        fn kind(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let kind: &dyn Kind = &std::marker::PhantomData::<T>;
    // SAFETY: only the lifetime of the object changes, and `kind` uses nothing of it but its type.
    let kind: &(dyn Kind + 'static) = unsafe { std::mem::transmute(kind) };
    kind.kind()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the file is bad")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    struct Short<'a>(&'a str);

    impl Display for Short<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)?;
            if f.alternate() { f.write_str(": and why") } else { Ok(()) }
        }
    }

    fn told<T: Display>(error: &T) -> String {
        text(error, as_error(error))
    }

    #[test]
    fn the_chain_of_an_error_is_told_once() {
        let outer = || Outer("x".parse::<i32>().unwrap_err());
        let expected = "the file is bad\n  because: invalid digit found in string";
        let plain: Box<dyn Error> = Box::new(outer());
        assert_eq!(told(&plain), expected);
        let shared: Box<dyn Error + Send + Sync> = Box::new(outer());
        assert_eq!(told(&shared), expected);
        let own = crate::Error::new("no").caused_by(outer());
        assert_eq!(told(&own), "no: the file is bad\n  because: invalid digit found in string");
        assert_eq!(told(&std::io::Error::other("gone")), "gone");
        let local = String::from("short");
        assert_eq!(told(&Short(&local)), "short: and why");
        assert_eq!(told(&"a text"), "a text");
    }
}
