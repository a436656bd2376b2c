//! Numbers on axes.

/// A number as short as an axis wants it.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-4..1e-3).contains(&size) {
        let text = format!("{value:.5}");
        text.trim_end_matches('0').to_owned()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{value:.0e}")
    } else if size >= 1000.0 || (size >= 10.0 && value.fract().abs() < 1e-6) {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let short = [
            (0.0, "0"),
            (0.5, "0.5"),
            (2.0, "2"),
            (12.0, "12"),
            (1500.0, "1500"),
            (0.00001, "1e-5"),
            (0.0004, "0.0004"),
            (0.00025, "0.00025"),
            (0.001, "0.001"),
            (0.125, "0.125"),
        ];
        for (value, text) in short {
            assert_eq!(number(value), text);
        }
    }
}
