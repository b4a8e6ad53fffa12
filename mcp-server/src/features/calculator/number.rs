//! Numbers as the original wrote them: the texts of its results are those of ECMAScript.

/// A number as `Number::toString` of ECMAScript writes it (ECMA-262, 6.1.6.1.20): the shortest
/// digits that read back the same, with an exponent from 10^21 on and below 10^-6.
pub(in crate::features) fn text(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        // Also for the negative zero.
        "0".to_owned()
    } else if (1e-6..1e21).contains(&size) {
        number.to_string()
    } else {
        let text = format!("{number:e}");
        // A positive exponent has a sign there.
        if size >= 1.0 { text.replace('e', "e+") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_the_original() {
        let cases = [
            (5.0, "5"),
            (-0.0, "0"),
            (2.5, "2.5"),
            (1.0 / 3.0, "0.3333333333333333"),
            (1e308, "1e+308"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1.5e-7, "1.5e-7"),
            (0.000_001, "0.000001"),
            (-1.25e300, "-1.25e+300"),
        ];
        for (number, expected) in cases {
            assert_eq!(text(number), expected);
        }
    }
}
