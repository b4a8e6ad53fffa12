//! Data in an address (RFC 2397).

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;

/// What was written without padding is read as well, as browsers do.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The data of such an address, or nothing if it is malformed. A fragment is not of the data.
pub(super) fn decoded(url: &str) -> Option<Vec<u8>> {
    let (url, _fragment) = url.split_once('#').unwrap_or((url, ""));
    let (about, data) = url
        .get(..5)
        .filter(|start| start.eq_ignore_ascii_case("data:"))
        .and(url.get(5..))?
        .split_once(',')?;
    let bytes: Vec<u8> = percent_decode_str(data).collect();
    if about.to_ascii_lowercase().ends_with(";base64") {
        BASE64.decode(bytes).ok()
    } else {
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_text_or_base64() {
        for url in [
            "data:,hello",
            "data:text/plain,hello",
            "DATA:text/plain;charset=utf-8,h%65llo",
            "data:text/plain;base64,aGVsbG8=",
            "data:;base64,aGVsbG8",
            "data:;base64,aGVsbG8%3D",
            "data:,hello#part",
            "data:;base64,aGVsbG8=#a,b#c",
        ] {
            assert_eq!(decoded(url).as_deref(), Some(&b"hello"[..]), "{url}");
        }
        assert_eq!(decoded("data:,a%23b").as_deref(), Some(&b"a#b"[..]));
        for url in
            ["data:hello", "data:text/plain#,hello", "data:;base64,a*b", "http://a", "", "datä:,x"]
        {
            assert_eq!(decoded(url), None, "{url}");
        }
    }
}
