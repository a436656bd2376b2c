//! A parameter's value as Rust writes it, of the type that the notebook's default has.

use crate::session::{Binding, is_expression};

/// What a default says of the values that may take its place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Literal {
    /// A whole number of this type; an `i32` where nothing says which.
    Integer(&'static str),
    /// A number with a fraction of this type; an empty one where nothing says which.
    Float(&'static str),
    Truth,
    Character,
    /// A `String`.
    Text,
    /// A `&'static str`.
    Borrowed,
    Path,
    Optional(Box<Literal>),
    /// Anything else: the value is written in Rust.
    Other,
}

const INTEGERS: [&str; 12] = ["i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize"];
const FLOATS: [&str; 2] = ["f32", "f64"];

/// A value for a name without a default: a number or a truth value as it stands, anything else a `String`, as text is
/// in cells. Numbers past an `i32`, of which Rust makes all others, say what they are.
pub fn without_default(value: &str) -> String {
    if matches!(value, "true" | "false") {
        return value.to_owned();
    }
    let sized = |kind: &'static str| integer(value, kind).map(|digits| (digits, kind));
    if let Some((digits, kind)) = ["i32", "i64", "u64", "i128", "u128"].into_iter().find_map(sized)
        && !value.starts_with('+')
    {
        return if kind == "i32" { digits } else { format!("{digits}{kind}") };
    }
    // `1e3` is a float in Rust too; `.5` and `+1` are none.
    let number = value.parse::<f64>().is_ok_and(f64::is_finite);
    if number && !value.starts_with(['+', '.']) && !value.starts_with("-.") && !value.ends_with('.') {
        return value.to_owned();
    }
    format!("String::from({value:?})")
}

/// A value in place of a default, with the default's type.
///
/// # Errors
/// The value does not fit the type; says why, and what would.
pub fn in_place_of(default: &Binding, value: &str) -> Result<String, String> {
    let kind = kind_of(default);
    // Where the type is written, the value need not say it.
    written(&kind, value, default.kind.is_none()).ok_or_else(|| {
        let shown = if default.value.chars().count() > 40 { "its default" } else { default.value.as_str() };
        format!("`{value}` is no {}, as the default is: {}", words(&kind), expected(&kind, &default.name, shown))
    })
}

fn words(kind: &Literal) -> String {
    match kind {
        Literal::Integer(kind) => format!("whole number ({})", sized(kind)),
        Literal::Float(_) => "number".to_owned(),
        Literal::Truth => "truth value".to_owned(),
        Literal::Character => "single character".to_owned(),
        Literal::Optional(inner) => format!("`None` and no {}", words(inner)),
        Literal::Text | Literal::Borrowed | Literal::Path => "text".to_owned(),
        Literal::Other => "expression in Rust".to_owned(),
    }
}

/// What would fit.
fn expected(kind: &Literal, name: &str, default: &str) -> String {
    match kind {
        Literal::Integer(kind) => {
            let kind = sized(kind);
            let range = match kind {
                "u8" => "0 to 255".to_owned(),
                "i8" => "-128 to 127".to_owned(),
                "i32" => format!(
                    "{} to {}; for others, give the default a larger type, as in `let {name}: u64 = {default};`",
                    i32::MIN,
                    i32::MAX
                ),
                kind if kind.starts_with('u') => "from 0 on, without a fraction".to_owned(),
                _ => "without a fraction".to_owned(),
            };
            format!("a {kind} is {range}")
        }
        Literal::Float(_) => "write it as 0.5, 1e-3, 2, nan or inf".to_owned(),
        Literal::Truth => "write true or false".to_owned(),
        Literal::Optional(_) => "write none, or what would stand within Some(…)".to_owned(),
        _ => format!("write it as the default, `{default}`, is written"),
    }
}

fn sized(kind: &'static str) -> &'static str {
    if kind.is_empty() { "i32" } else { kind }
}

fn kind_of(default: &Binding) -> Literal {
    match &default.kind {
        Some(kind) if kind.trim() != "_" => of_type(kind),
        _ => of_value(&default.value),
    }
}

fn of_type(kind: &str) -> Literal {
    let kind: String = kind.split_whitespace().collect();
    if let Some(kind) = INTEGERS.into_iter().find(|known| *known == kind) {
        return Literal::Integer(kind);
    }
    if let Some(kind) = FLOATS.into_iter().find(|known| *known == kind) {
        return Literal::Float(kind);
    }
    match kind.as_str() {
        "bool" => return Literal::Truth,
        "char" => return Literal::Character,
        "String" | "std::string::String" => return Literal::Text,
        "&str" | "&'staticstr" => return Literal::Borrowed,
        "PathBuf" | "std::path::PathBuf" => return Literal::Path,
        _ => {}
    }
    let inner = ["Option<", "std::option::Option<"].into_iter().find_map(|head| kind.strip_prefix(head));
    match inner.and_then(|inner| inner.strip_suffix('>')) {
        Some(inner) => Literal::Optional(Box::new(of_type(inner))),
        None => Literal::Other,
    }
}

fn of_value(value: &str) -> Literal {
    let value = value.trim();
    if let Some((_, kind)) = value.rsplit_once(" as ") {
        return of_type(kind);
    }
    let plain = value.strip_prefix('-').unwrap_or(value).trim();
    if plain.starts_with(|c: char| c.is_ascii_digit()) {
        return of_number(plain);
    }
    for (kinds, make) in
        [(&INTEGERS[..], Literal::Integer as fn(&'static str) -> Literal), (&FLOATS[..], Literal::Float)]
    {
        if let Some(kind) = kinds.iter().find(|kind| plain.contains(&format!("{kind}::")) && is_constant(plain)) {
            return make(kind);
        }
    }
    match value {
        "true" | "false" => Literal::Truth,
        _ if value.starts_with("b'") => Literal::Integer("u8"),
        _ if value.starts_with('\'') => Literal::Character,
        _ if is_quoted(value) => Literal::Borrowed,
        _ if value.starts_with("String::") || value.starts_with("format!") => Literal::Text,
        _ if value.contains("PathBuf::from(") => Literal::Path,
        _ => {
            let owned = [".to_string()", ".to_owned()", ".into()"].into_iter().find_map(|end| value.strip_suffix(end));
            match value.strip_prefix("Some(").and_then(|inner| inner.strip_suffix(')')) {
                Some(inner) => Literal::Optional(Box::new(of_value(inner))),
                None if owned.is_some_and(is_quoted) => Literal::Text,
                None => Literal::Other,
            }
        }
    }
}

fn of_number(plain: &str) -> Literal {
    let digits = plain.replace('_', "");
    let radix = ["0x", "0b", "0o"].iter().any(|prefix| digits.starts_with(prefix));
    let number =
        |c: char| if radix { c.is_ascii_hexdigit() } else { c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') };
    if let Some(kind) = FLOATS.into_iter().find(|kind| digits.ends_with(kind) && !radix) {
        return Literal::Float(kind);
    }
    if let Some(kind) = INTEGERS.into_iter().find(|kind| digits.strip_suffix(kind).is_some_and(|rest| !rest.is_empty()))
    {
        return Literal::Integer(kind);
    }
    let body = if radix { &digits[2..] } else { digits.as_str() };
    let exponent = |c: char, before: char| matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
    let mut before = ' ';
    let simple = body.chars().all(|c| {
        let fits = number(c) || (!radix && exponent(c, before));
        before = c;
        fits
    });
    match simple {
        false => Literal::Other,
        true if !radix && digits.contains(['.', 'e', 'E']) => Literal::Float(""),
        true => Literal::Integer(""),
    }
}

/// `f64::NAN`, `u64::MAX`: a path that ends in capitals.
fn is_constant(value: &str) -> bool {
    let last = value.rsplit("::").next().unwrap_or_default();
    !last.is_empty() && last.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

fn is_quoted(value: &str) -> bool {
    let raw = value.trim_start_matches('r').trim_matches('#');
    raw.len() >= 2 && raw.starts_with('"') && raw.ends_with('"')
}

/// The value in Rust; a number with its type as `suffix`, if it is to have one.
fn written(kind: &Literal, value: &str, suffix: bool) -> Option<String> {
    let trimmed = value.trim();
    match kind {
        Literal::Integer(kind) => {
            integer(trimmed, sized(kind)).map(|digits| format!("{digits}{}", if suffix { kind } else { "" }))
        }
        Literal::Float(kind) => float(trimmed, kind, suffix),
        Literal::Truth => match trimmed {
            "true" | "True" => Some("true".to_owned()),
            "false" | "False" => Some("false".to_owned()),
            _ => None,
        },
        Literal::Character => {
            let mut characters = value.chars();
            let only = characters.next().filter(|_| characters.next().is_none())?;
            Some(format!("{only:?}"))
        }
        Literal::Text => Some(format!("String::from({value:?})")),
        Literal::Borrowed => Some(format!("{value:?}")),
        Literal::Path => Some(format!("std::path::PathBuf::from({value:?})")),
        Literal::Optional(_) if trimmed.eq_ignore_ascii_case("none") => Some("None".to_owned()),
        Literal::Optional(inner) => {
            let within = trimmed.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(value);
            written(inner, within, suffix).map(|inner| format!("Some({inner})"))
        }
        Literal::Other => is_expression(value).then(|| trimmed.to_owned()),
    }
}

/// The digits of a whole number, if it is one of this type.
fn integer(value: &str, kind: &str) -> Option<String> {
    let value = value.strip_prefix('+').unwrap_or(value);
    let (sign, digits) = value.strip_prefix('-').map_or(("", value), |digits| ("-", digits));
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = digits.replace('_', "");
    let (radix, body) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        _ => (10, digits.as_str()),
    };
    if !body.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let large = u128::from_str_radix(body, radix).ok()?;
    let text = format!("{sign}{large}");
    let fits = match kind {
        "u128" => sign.is_empty() || large == 0,
        "u64" | "usize" => text.parse::<u64>().is_ok(),
        "u32" => text.parse::<u32>().is_ok(),
        "u16" => text.parse::<u16>().is_ok(),
        "u8" => text.parse::<u8>().is_ok(),
        "i8" => text.parse::<i8>().is_ok(),
        "i16" => text.parse::<i16>().is_ok(),
        "i32" => text.parse::<i32>().is_ok(),
        "i64" | "isize" => text.parse::<i64>().is_ok(),
        _ => text.parse::<i128>().is_ok(),
    };
    fits.then(|| if large == 0 { "0".to_owned() } else { text })
}

/// A number with a fraction, or what is no number.
fn float(value: &str, kind: &str, suffix: bool) -> Option<String> {
    let end = if suffix { kind } else { "" };
    let named = if kind.is_empty() { "f64" } else { kind };
    let number: f64 = value.replace('_', "").parse().ok()?;
    if number.is_nan() {
        return Some(format!("{named}::NAN"));
    }
    if number.is_infinite() {
        // `inf` was asked for, or a number is too large.
        let asked = value.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("inf");
        let name = if number > 0.0 { "INFINITY" } else { "NEG_INFINITY" };
        return asked.then(|| format!("{named}::{name}"));
    }
    if kind == "f32" {
        let number = number as f32;
        return number.is_finite().then(|| format!("{number:?}{end}"));
    }
    Some(format!("{number:?}{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default(text: &str) -> Binding {
        let (kind, value) = match text.split_once(" = ") {
            Some((kind, value)) => (Some(kind.to_owned()), value),
            None => (None, text),
        };
        Binding { keyword: "let".into(), name: "x".into(), kind, value: value.to_owned() }
    }

    #[test]
    fn values_have_the_defaults_type() {
        for (given, value, expected) in [
            ("1e-3", "1", "1.0"),
            ("0.1f32", "1", "1.0f32"),
            ("1f32", "2", "2.0f32"),
            ("f32 = 1.0", "1e-4", "0.0001"),
            ("f64 = 0.5", ".5", "0.5"),
            ("-1.5", "-3", "-3.0"),
            ("0.1", "nan", "f64::NAN"),
            ("0.1f32", "-inf", "f32::NEG_INFINITY"),
            ("f64::INFINITY", "3", "3.0f64"),
            ("1.5 as f32", "3", "3.0f32"),
            ("3", "5", "5"),
            ("3usize", "5", "5usize"),
            ("usize = 3", "1_000", "1000"),
            ("42u64", "18446744073709551615", "18446744073709551615u64"),
            ("u64 = 42", "0xff", "255"),
            ("u64::MAX", "7", "7u64"),
            ("i64 = 0", "-9223372036854775808", "-9223372036854775808"),
            ("b'a'", "7", "7u8"),
            ("0xffu8", "12", "12u8"),
            ("true", "False", "false"),
            ("'a'", "é", "'é'"),
            ("\"photos\"", "my \"own\"", "\"my \\\"own\\\"\""),
            ("String::from(\"a\")", "3", "String::from(\"3\")"),
            ("\"a\".to_owned()", "b", "String::from(\"b\")"),
            ("PathBuf = PathBuf::from(\"a\")", "/tmp", "std::path::PathBuf::from(\"/tmp\")"),
            ("Option<usize> = None", "3", "Some(3)"),
            ("Option<f32> = Some(0.1)", "none", "None"),
            ("Some(0.5)", "1", "Some(1.0)"),
            ("vec![1, 2]", "vec![3]", "vec![3]"),
            ("Duration::from_secs(1)", "Duration::from_secs(5)", "Duration::from_secs(5)"),
        ] {
            assert_eq!(in_place_of(&default(given), value).as_deref(), Ok(expected), "{given} ← {value}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for (given, value, reason) in [
            ("3", "abc", "`abc` is no whole number (i32)"),
            ("3", "2.5", "without"),
            ("usize = 3", "-1", "a usize is from 0 on"),
            ("3usize", "1e3", "whole number (usize)"),
            ("42", "5000000000", "let x: u64 = 42;"),
            ("200u8", "256", "0 to 255"),
            ("0.5", "fast", "0.5, 1e-3"),
            ("0.1f32", "1e60", "no number"),
            ("true", "yes", "true or false"),
            ("'a'", "ab", "single character"),
            ("Option<usize> = None", "-2", "write none"),
            ("vec![1]", "1, 2", "`vec![1]`"),
        ] {
            let refused = in_place_of(&default(given), value).unwrap_err();
            let expected = if reason == "without" { "whole number" } else { reason };
            assert!(refused.contains(expected), "{given} ← {value}: {refused}");
        }
    }

    #[test]
    fn values_without_a_default() {
        for (value, expected) in [
            ("3", "3"),
            ("-2", "-2"),
            ("5000000000", "5000000000i64"),
            ("18446744073709551615", "18446744073709551615u64"),
            ("0.5", "0.5"),
            ("1e-3", "1e-3"),
            ("true", "true"),
            (".5", "String::from(\".5\")"),
            ("+1", "String::from(\"+1\")"),
            ("nan", "String::from(\"nan\")"),
            ("", "String::from(\"\")"),
        ] {
            assert_eq!(without_default(value), expected);
        }
    }
}
