//! What the calculator can compute, and why it sometimes cannot. Nothing here takes long: the
//! largest product has 170 factors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest number whose factorial is a double.
pub(super) const LARGEST_FACTORIAL: f64 = 170.0;

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// An operation on one number, and for some on a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Advanced {
    Factorial,
    Power,
    Sqrt,
    Log,
    Sin,
    Cos,
    Tan,
    Combinations,
    Permutations,
}

/// The names of all operations, in the order in which they are told.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    Arithmetic::ALL.map(Arithmetic::name).into_iter().chain(Advanced::ALL.map(Advanced::name))
}

/// Why there is no result. The words of the first six are the original's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undefined {
    #[error("Division by zero is not allowed")]
    DivisionByZero,
    #[error("Factorial requires non-negative integer")]
    NotFactorial,
    #[error("Power operation requires base parameter")]
    NoBase,
    #[error("Square root of negative number")]
    NegativeRoot,
    #[error("Logarithm requires positive number")]
    NotPositive,
    #[error("Logarithm requires a positive base other than 1")]
    Base,
    #[error("Factorial of a number above 170 is too large")]
    LargeFactorial,
    #[error("Combinations and permutations require parameter k")]
    NoChoice,
    #[error("Combinations and permutations require integers with 0 <= k <= value <= 170")]
    Choice,
    #[error("The result is too large for a number")]
    TooLarge,
    #[error("The result is not a real number")]
    NotReal,
}

impl Arithmetic {
    const ALL: [Self; 4] = [Self::Add, Self::Subtract, Self::Multiply, Self::Divide];

    /// As it is written in arguments and results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
        }
    }

    pub(super) fn of(self, a: f64, b: f64) -> Result<f64, Undefined> {
        finite(match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide if b == 0.0 => return Err(Undefined::DivisionByZero),
            Self::Divide => a / b,
        })
    }
}

impl Advanced {
    const ALL: [Self; 9] = [
        Self::Factorial,
        Self::Power,
        Self::Sqrt,
        Self::Log,
        Self::Sin,
        Self::Cos,
        Self::Tan,
        Self::Combinations,
        Self::Permutations,
    ];

    /// As it is written in arguments and results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Factorial => "factorial",
            Self::Power => "power",
            Self::Sqrt => "sqrt",
            Self::Log => "log",
            Self::Sin => "sin",
            Self::Cos => "cos",
            Self::Tan => "tan",
            Self::Combinations => "combinations",
            Self::Permutations => "permutations",
        }
    }

    /// The second number, where there is one: the base or the number of things chosen.
    pub(super) const fn second(self, base: Option<f64>, k: Option<f64>) -> Option<f64> {
        match self {
            Self::Power | Self::Log => base,
            Self::Combinations | Self::Permutations => k,
            Self::Factorial | Self::Sqrt | Self::Sin | Self::Cos | Self::Tan => None,
        }
    }

    pub(super) fn of(self, value: f64, second: Option<f64>) -> Result<f64, Undefined> {
        finite(match self {
            Self::Factorial => factorial(value)?,
            Self::Power => second.ok_or(Undefined::NoBase)?.powf(value),
            Self::Sqrt if value < 0.0 => return Err(Undefined::NegativeRoot),
            Self::Sqrt => value.sqrt(),
            Self::Log => logarithm(value, second)?,
            Self::Sin => value.sin(),
            Self::Cos => value.cos(),
            Self::Tan => value.tan(),
            Self::Combinations => chosen(value, second, true)?,
            Self::Permutations => chosen(value, second, false)?,
        })
    }
}

fn factorial(value: f64) -> Result<f64, Undefined> {
    if value < 0.0 || value.fract() != 0.0 {
        return Err(Undefined::NotFactorial);
    }
    if value > LARGEST_FACTORIAL {
        return Err(Undefined::LargeFactorial);
    }
    Ok(upto(value).product())
}

/// The natural logarithm, or that to a base.
fn logarithm(value: f64, base: Option<f64>) -> Result<f64, Undefined> {
    if value <= 0.0 {
        return Err(Undefined::NotPositive);
    }
    match base {
        None => Ok(value.ln()),
        Some(base) if base > 0.0 && (base - 1.0).abs() > 0.0 => Ok(value.ln() / base.ln()),
        Some(_) => Err(Undefined::Base),
    }
}

/// In how many ways `k` of `n` things can be chosen: in any order, or in every order.
fn chosen(n: f64, k: Option<f64>, any_order: bool) -> Result<f64, Undefined> {
    let k = k.ok_or(Undefined::NoChoice)?;
    let whole = n.fract() == 0.0 && k.fract() == 0.0;
    if !whole || k < 0.0 || k > n || n > LARGEST_FACTORIAL {
        return Err(Undefined::Choice);
    }
    if any_order {
        // Each step divides a product of neighbours, so every result in between is whole.
        let fewer = k.min(n - k);
        Ok(upto(fewer).fold(1.0, |ways, i| ways * (n - fewer + i) / i))
    } else {
        Ok(upto(k).map(|i| n - k + i).product())
    }
}

/// 1, 2, 3 up to a whole number, which is small.
fn upto(last: f64) -> impl Iterator<Item = f64> {
    (1..=u8::MAX).map(f64::from).take_while(move |number| *number <= last)
}

/// A result that is a number. A zero has no sign: in words it has none either.
const fn finite(result: f64) -> Result<f64, Undefined> {
    if result.is_nan() {
        Err(Undefined::NotReal)
    } else if result.is_infinite() {
        Err(Undefined::TooLarge)
    } else {
        Ok(result + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares as the original's listings do, whose numbers are exact.
    fn same(result: Result<f64, Undefined>, expected: f64) {
        let result = result.unwrap();
        assert!((result - expected).abs() <= expected.abs() * 1e-15, "{result} {expected}");
    }

    #[test]
    fn factorials_end_where_doubles_end() {
        same(Advanced::Factorial.of(0.0, None), 1.0);
        same(Advanced::Factorial.of(20.0, None), 2_432_902_008_176_640_000.0);
        assert!(Advanced::Factorial.of(170.0, None).is_ok());
        // C11: the original computed for seconds, and then said `Infinity`.
        for value in [171.0, 2e7, 5e9, 1e300] {
            assert_eq!(Advanced::Factorial.of(value, None), Err(Undefined::LargeFactorial));
        }
        for value in [-1.0, 1.5] {
            assert_eq!(Advanced::Factorial.of(value, None), Err(Undefined::NotFactorial));
        }
    }

    #[test]
    fn a_logarithm_has_a_real_base_or_none() {
        same(Advanced::Log.of(100.0, Some(10.0)), 2.0);
        same(Advanced::Log.of(0.25, Some(0.5)), 2.0);
        for base in [0.0, 1.0, -2.0] {
            assert_eq!(Advanced::Log.of(100.0, Some(base)), Err(Undefined::Base));
        }
        assert_eq!(Advanced::Log.of(0.0, None), Err(Undefined::NotPositive));
    }

    #[test]
    fn a_result_that_is_no_number_is_none() {
        assert_eq!(Arithmetic::Multiply.of(1e308, 10.0), Err(Undefined::TooLarge));
        assert_eq!(Advanced::Power.of(0.5, Some(-8.0)), Err(Undefined::NotReal));
        assert_eq!(Advanced::Power.of(2.0, None), Err(Undefined::NoBase));
    }

    #[test]
    fn a_zero_has_no_sign() {
        for zero in [
            Arithmetic::Multiply.of(0.0, -5.0),
            Arithmetic::Divide.of(0.0, -5.0),
            Advanced::Sin.of(-0.0, None),
        ] {
            assert_eq!(zero.unwrap().to_bits(), 0.0_f64.to_bits());
        }
    }

    #[test]
    fn choices_are_counted() {
        same(Advanced::Combinations.of(5.0, Some(2.0)), 10.0);
        same(Advanced::Combinations.of(52.0, Some(5.0)), 2_598_960.0);
        same(Advanced::Combinations.of(7.0, Some(0.0)), 1.0);
        same(Advanced::Permutations.of(5.0, Some(2.0)), 20.0);
        assert_eq!(Advanced::Permutations.of(170.0, Some(170.0)), factorial(170.0));
        for (n, k) in [(5.0, 6.0), (5.0, -1.0), (5.5, 1.0), (171.0, 2.0)] {
            assert_eq!(Advanced::Combinations.of(n, Some(k)), Err(Undefined::Choice));
        }
        assert_eq!(Advanced::Combinations.of(5.0, None), Err(Undefined::NoChoice));
    }
}
