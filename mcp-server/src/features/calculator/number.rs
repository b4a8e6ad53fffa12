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

/// The nearest number with so many decimals, as `Number.prototype.toFixed` of ECMAScript finds it
/// (ECMA-262, 21.1.3.3): it looks at the exact value, and a half goes away from zero.
pub(super) fn rounded(number: f64, decimals: u8) -> f64 {
    let places = usize::from(decimals);
    let text = half(number, decimals).unwrap_or_else(|| format!("{number:.places$}"));
    let rounded: f64 = text.parse().unwrap_or(number);
    // What is rounded to nothing has no sign.
    rounded + 0.0
}

/// Where a number that lies in the middle between two goes; nothing for another, about whose nearest
/// there is no question.
fn half(number: f64, decimals: u8) -> Option<String> {
    // A multiple of 2^-n has n decimals at most, and no other number ends with a 5 there.
    let is_short = (number * 2_f64.powi(i32::from(decimals) + 1)).fract() == 0.0;
    let exact = format!("{number:.*}", usize::from(decimals) + 1);
    if !is_short || !exact.ends_with('5') {
        return None;
    }
    let digits: String = exact.chars().filter(char::is_ascii_digit).collect();
    // What has a fraction at all is below 2^52: there is room for its digits.
    let away = digits.parse::<u128>().ok()? / 10 + 1;
    let sign = if number < 0.0 { "-" } else { "" };
    Some(format!("{sign}{away}e-{decimals}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_in_the_original() {
        // What Node.js says of `Number(number.toFixed(decimals))`.
        let cases = [
            (2.5, 0, 3.0),
            (3.5, 0, 4.0),
            (-2.5, 0, -3.0),
            (0.5, 0, 1.0),
            (0.125, 2, 0.13),
            (-0.125, 2, -0.13),
            (0.0625, 3, 0.063),
            (1.005, 2, 1.0),
            (8.345, 2, 8.35),
            (1.45, 1, 1.4),
            (25.0, 1, 25.0),
            (2_251_799_813_685_247.5, 0, 2_251_799_813_685_248.0),
            (1e300, 15, 1e300),
            (5e-324, 15, 0.0),
            // Node.js says -0 here, and writes 0.
            (-0.001, 2, 0.0),
        ];
        for (number, decimals, expected) in cases {
            let here = rounded(number, decimals);
            assert_eq!(here.to_bits(), f64::to_bits(expected), "{number} with {decimals}: {here}");
        }
    }

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
