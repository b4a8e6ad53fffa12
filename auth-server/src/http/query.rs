//! Adding parameters to an address without changing what is there.

use url::form_urlencoded::Serializer;

/// `address` with `parameters` at the end of its query. The address itself stays as it is, byte for
/// byte, because clients compare it; the parameters are encoded, because they come from outside.
pub(crate) fn append(address: &str, parameters: &[(&str, &str)]) -> String {
    let separator = match address.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
    [address, separator, &query].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_go_behind_those_that_are_there() {
        let state = ("state", "a&b=c/+ ä");
        let encoded = "state=a%26b%3Dc%2F%2B+%C3%A4";
        assert_eq!(append("https://a/cb", &[state]), format!("https://a/cb?{encoded}"));
        assert_eq!(append("https://a/cb?x=%41", &[state]), format!("https://a/cb?x=%41&{encoded}"));
        assert_eq!(append("https://a/cb?", &[state]), format!("https://a/cb?{encoded}"));
    }
}
