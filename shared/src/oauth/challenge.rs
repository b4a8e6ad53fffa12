//! The `WWW-Authenticate` challenge of a protected resource (RFC 6750 section 3, RFC 9728
//! section 5.1), in both directions.

use std::{fmt, str::FromStr};

/// A Bearer challenge. Without `error` it says only that a token is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BearerChallenge {
    /// `invalid_token`, `insufficient_scope` or `invalid_request`.
    pub error: Option<String>,
    /// For developers.
    pub error_description: Option<String>,
    /// The scopes that the request needs, between spaces.
    pub scope: Option<String>,
    /// Where the resource's metadata is.
    pub resource_metadata: Option<String>,
}

/// The header is not one Bearer challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Bearer challenge with parameters between commas")]
pub struct MalformedChallenge;

impl fmt::Display for BearerChallenge {
    /// On one line, every value quoted. What cannot be in a header is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")?;
        let parameters = [
            ("error", &self.error),
            ("error_description", &self.error_description),
            ("resource_metadata", &self.resource_metadata),
            ("scope", &self.scope),
        ];
        let there =
            parameters.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (index, (name, value)) in there.enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            write!(f, "{separator}{name}=\"")?;
            for character in value.chars().filter(|c| matches!(c, ' '..='~')) {
                if matches!(character, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{character}")?;
            }
            f.write_str("\"")?;
        }
        Ok(())
    }
}

impl FromStr for BearerChallenge {
    type Err = MalformedChallenge;

    /// Reads one challenge; unknown parameters are ignored, a parameter given twice is not.
    fn from_str(header: &str) -> Result<Self, MalformedChallenge> {
        let (scheme, mut rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(MalformedChallenge);
        }
        let mut challenge = Self::default();
        while !rest.trim_start_matches([' ', ',']).is_empty() {
            rest = rest.trim_start_matches([' ', ',']);
            let (name, after) = rest.split_once('=').ok_or(MalformedChallenge)?;
            let (value, left) = value(after)?;
            rest = left;
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "error" => &mut challenge.error,
                "error_description" => &mut challenge.error_description,
                "scope" => &mut challenge.scope,
                "resource_metadata" => &mut challenge.resource_metadata,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(MalformedChallenge);
            }
        }
        Ok(challenge)
    }
}

/// A token or a quoted string, and what follows it (RFC 9110 section 5.6).
fn value(text: &str) -> Result<(String, &str), MalformedChallenge> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &quoted[index + 1..])),
            '\\' => value.push(characters.next().ok_or(MalformedChallenge)?.1),
            _ => value.push(character),
        }
    }
    Err(MalformedChallenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> BearerChallenge {
        BearerChallenge {
            error: Some("invalid_token".into()),
            error_description: Some(r#"a "quoted", \ word"#.into()),
            scope: Some("a b".into()),
            resource_metadata: Some("https://x.example/y?a=b".into()),
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        assert_eq!(challenge().to_string().parse(), Ok(challenge()));
        assert_eq!("Bearer".parse(), Ok(BearerChallenge::default()));
        assert_eq!(BearerChallenge::default().to_string(), "Bearer");
    }

    #[test]
    fn a_value_cannot_begin_another_header() {
        let evil = BearerChallenge { error: Some("a\r\nSet-Cookie: b".into()), ..challenge() };
        assert!(!evil.to_string().contains(['\r', '\n']));
    }

    #[test]
    fn tokens_unknown_parameters_and_odd_spacing_are_read() {
        let read: BearerChallenge =
            "bearer realm=x,  error=invalid_token , foo=\"b\"".parse().unwrap();
        assert_eq!(read.error.as_deref(), Some("invalid_token"));
    }

    #[test]
    fn what_is_no_bearer_challenge_is_refused() {
        let wrong =
            ["Basic realm=\"x\"", "Bearer error", "Bearer error=\"x", "Bearer error=a, error=b"];
        for header in wrong {
            assert_eq!(header.parse::<BearerChallenge>(), Err(MalformedChallenge), "{header}");
        }
    }
}
