//! What is wrong with a JSON text, in words for people and models. Serde names types of Rust and
//! quotes what was sent, however long it is; this says what belongs in its place.

/// Why a text does not have its shape. `must be a whole number` begins a sentence whose subject is
/// the member that does not fit; so does everything that begins with `must`.
#[must_use]
pub fn misfit(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    // So serde_json says of what is no value of an enum.
    if text == "expected value" {
        return "must be one of the values of its schema".to_owned();
    }
    if text.starts_with("data did not match any variant of untagged enum") {
        return "must have one of the shapes of its schema".to_owned();
    }
    let found = text.split_once(' ').map_or(text, |(kind, _)| kind);
    match text.rsplit_once(", expected ") {
        Some((_, wanted)) if text.starts_with("unknown variant ") => format!("must be {wanted}"),
        Some((before, wanted)) if found == "invalid" => {
            format!(
                "must be {}",
                wanted_words(wanted, before.starts_with("invalid value: integer"))
            )
        }
        _ => text.to_owned(),
    }
}

fn wanted_words(wanted: &str, is_whole: bool) -> &str {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            if is_whole {
                "a whole number within the range of its schema"
            } else {
                "a whole number"
            }
        }
        "f32" | "f64" => "a number",
        "a sequence" => "an array",
        "string or map" | "variant identifier" => "one of the values of its schema",
        "a map" => "an object",
        other if is_of_rust(other, &["struct ", "internally tagged", "adjacently tagged"]) => {
            "an object"
        }
        other if is_of_rust(other, &["tuple"]) => "an array",
        other if is_of_rust(other, &["enum "]) => "one of the values of its schema",
        other => other,
    }
}

fn is_of_rust(wanted: &str, names: &[&str]) -> bool {
    names.iter().any(|name| wanted.starts_with(name))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, de::DeserializeOwned};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only what does not fit is looked at")]
    struct Point {
        x: u8,
    }

    #[derive(Debug, Deserialize)]
    enum Colour {
        Red,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Shade {
        Light,
        Middle,
        Dark,
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only what does not fit is looked at")]
    enum Either {
        Point(Point),
        Colour(Colour),
    }

    fn of<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        misfit(&serde_json::from_str::<T>(text).unwrap_err())
    }

    #[test]
    fn what_does_not_fit_is_said_without_names_of_types_and_places_in_the_text() {
        assert_eq!(of::<u64>("2.5"), "must be a whole number");
        assert_eq!(of::<u64>("-2"), "must be a whole number within the range of its schema");
        assert_eq!(of::<f64>("\"2\""), "must be a number");
        assert_eq!(of::<String>("5"), "must be a string");
        assert_eq!(of::<bool>("5"), "must be a boolean");
        assert_eq!(of::<Vec<u8>>("5"), "must be an array");
        assert_eq!(of::<Point>("5"), "must be an object");
        assert_eq!(of::<Colour>("5"), "must be one of the values of its schema");
        assert_eq!(of::<Either>("5"), "must have one of the shapes of its schema");
    }

    #[test]
    fn what_is_missing_is_named_and_so_is_what_belongs_there() {
        assert_eq!(of::<Point>("{}"), "missing field `x`");
        assert_eq!(of::<Colour>("\"Blue\""), "must be `Red`");
        assert_eq!(of::<Shade>("\"Blue\""), "must be one of `light`, `middle`, `dark`");
    }

    #[test]
    fn what_was_sent_is_not_quoted() {
        let long = format!("\"{}, expected f64\"", "x".repeat(1000));
        assert_eq!(of::<u8>(&long), "must be a whole number");
    }
}
