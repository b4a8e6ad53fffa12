//! Which of a provider's users are let in, if not all of them: those of some domains, those with some
//! claims. Who is not is nobody here, however well the provider knows him.

use std::str::FromStr;

use crate::assertions::Claims;

/// Its tokens say in `hd` whose account it is. Anybody can have an account there with an address of
/// somebody else's domain that was verified once, so for this one the address says nothing.
const GOOGLE: &str = "https://accounts.google.com";

/// The one domain of addresses that Google itself gives out.
const GOOGLES_OWN: &str = "gmail.com";

/// Whom the operator lets in. Nothing is everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Admission {
    /// In lower case; one of them has to fit.
    pub(super) domains: Vec<String>,
    /// All of them have to.
    pub(super) claims: RequiredClaims,
}

/// Claims and the values that they must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RequiredClaims(Vec<(String, String)>);

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAdmitted {
    #[error("the account is of no domain in ALLOWED_DOMAINS")]
    Domain,
    #[error("the provider does not say that the address for mail is verified")]
    Unverified,
    #[error("the account lacks a claim of REQUIRED_CLAIMS")]
    Claim,
}

impl Admission {
    /// Whether somebody of whom `issuer` says this is let in.
    pub(super) fn check(&self, issuer: &str, claims: &Claims) -> Result<(), NotAdmitted> {
        if !self.domains.is_empty() {
            let domain = domain(issuer, claims)?;
            if !self.domains.contains(&domain) {
                return Err(NotAdmitted::Domain);
            }
        }
        let has_all = self.claims.0.iter().all(|(name, value)| claims.has(name, value));
        if has_all { Ok(()) } else { Err(NotAdmitted::Claim) }
    }
}

/// The domain that an account is of, in lower case.
fn domain(issuer: &str, claims: &Claims) -> Result<String, NotAdmitted> {
    let text = |name| claims.text(name).ok().flatten();
    // Of an address with two of them nobody can say what is the domain.
    let of_address = text("email").and_then(|email| email.split_once('@')).map(|(_, host)| host);
    let of_address = of_address.filter(|host| !host.contains('@'));
    let is_verified = claims.has("email_verified", "true");
    let domain = if issuer == GOOGLE {
        text("hd").or_else(|| of_address.filter(|host| *host == GOOGLES_OWN && is_verified))
    } else if of_address.is_some() && !is_verified {
        return Err(NotAdmitted::Unverified);
    } else {
        of_address
    };
    domain.map(str::to_ascii_lowercase).ok_or(NotAdmitted::Domain)
}

impl FromStr for RequiredClaims {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok((name.to_owned(), value.to_owned()))
            }
            _ => Err("it is not NAME=VALUE, several between commas"),
        };
        let pairs = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        pairs.map(pair).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CORP: &str = "https://id.corp.example";

    fn of_domains(issuer: &str, claims: Value) -> Result<(), NotAdmitted> {
        let domains = vec!["corp.example".to_owned(), GOOGLES_OWN.to_owned()];
        let admission = Admission { domains, ..Admission::default() };
        check(&admission, issuer, claims)
    }

    fn check(admission: &Admission, issuer: &str, claims: Value) -> Result<(), NotAdmitted> {
        let Value::Object(members) = claims else { panic!("an object") };
        admission.check(issuer, &Claims::new(members))
    }

    #[test]
    fn a_domain_is_that_of_an_address_that_is_verified() {
        let with = |email: &str, verified: Value| {
            of_domains(CORP, json!({ "email": email, "email_verified": verified }))
        };
        assert_eq!(with("ann@corp.example", json!(true)), Ok(()));
        assert_eq!(with("ann@Corp.Example", json!("true")), Ok(()));
        assert_eq!(with("ann@corp.example", json!(false)), Err(NotAdmitted::Unverified));
        let elsewhere = [
            "ann@evil.example",
            "ann@x.corp.example",
            "a@corp.example@evil.example",
            "corp.example",
        ];
        for email in elsewhere {
            assert_eq!(with(email, json!(true)), Err(NotAdmitted::Domain), "{email}");
        }
        let silent = of_domains(CORP, json!({ "email": "ann@corp.example" }));
        assert_eq!(silent, Err(NotAdmitted::Unverified));
        let nameless = of_domains(CORP, json!({ "hd": "corp.example", "email_verified": true }));
        assert_eq!(nameless, Err(NotAdmitted::Domain));
    }

    #[test]
    fn google_is_asked_whose_account_it_is_and_not_for_an_address() {
        let claims = |email: &str| json!({ "email": email, "email_verified": true });
        assert_eq!(of_domains(GOOGLE, claims("ann@corp.example")), Err(NotAdmitted::Domain));
        assert_eq!(of_domains(GOOGLE, claims("ann@gmail.com")), Ok(()));
        let of_the_company = json!({ "email": "ann@alias.example", "hd": "corp.example" });
        assert_eq!(of_domains(GOOGLE, of_the_company), Ok(()));
    }

    #[test]
    fn every_claim_has_to_be_there_bare_or_in_a_list() {
        let claims = "groups=staff, level=2,ok=true".parse().unwrap();
        let admission = Admission { claims, ..Admission::default() };
        let good = json!({ "groups": ["x", "staff"], "level": 2, "ok": true });
        assert_eq!(check(&admission, CORP, good.clone()), Ok(()));
        for (name, value) in [
            ("groups", json!("stafff")),
            ("groups", json!(["x"])),
            ("groups", json!({ "staff": 1 })),
            ("level", json!(20)),
            ("ok", json!(null)),
        ] {
            let mut claims = good.clone();
            claims[name] = value;
            assert_eq!(check(&admission, CORP, claims), Err(NotAdmitted::Claim), "{name}");
        }
        assert_eq!(check(&Admission::default(), CORP, json!({})), Ok(()));
        for wrong in ["groups", "=x", "groups="] {
            assert!(wrong.parse::<RequiredClaims>().is_err(), "{wrong}");
        }
    }
}
