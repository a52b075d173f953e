//! Who is asking? Finds the virtual key in either credential header and looks up what it may do.
//!
//! Invariants: only virtual keys open anything here; a credential that stands beside one is dropped, never forwarded and
//! never tried (docs/facts.md#headers); nothing that was presented appears in an answer.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use keyreeve_broker::{Broker, Client};
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::Presented;

use crate::error::Refusal;

/// Finds the client behind a request's headers.
///
/// # Errors
/// A [`Refusal`] that says what to present instead; each tells clients not to retry.
pub(crate) fn authenticate(broker: &Arc<Broker>, headers: &HeaderMap) -> Result<Client, Refusal> {
    let presented = presented(headers)?;
    Ok(broker.client(&presented)?)
}

fn presented(headers: &HeaderMap) -> Result<Presented, Refusal> {
    let mut ours: Option<&str> = None;
    let mut other = None;
    for value in credentials(headers) {
        if !value.starts_with("krv_") {
            other = other.max(Some(Other::of(value)));
        } else if ours.is_some_and(|seen| seen != value) {
            return Err(Refusal::TwoKeys);
        } else {
            ours = Some(value);
        }
    }
    match (ours, other) {
        (Some(key), _) => Presented::parse(key).map_err(Refusal::MistypedKey),
        (None, None) => Err(Refusal::NoCredential),
        (None, Some(Other::Empty)) => Err(Refusal::EmptyCredential),
        (None, Some(Other::AdminKey)) => Err(Refusal::AdminKey),
        (None, Some(Other::Foreign)) => Err(Refusal::ForeignCredential),
    }
}

/// What stands where a virtual key should; the most telling one is answered to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Other {
    Empty,
    Foreign,
    AdminKey,
}

impl Other {
    fn of(value: &str) -> Self {
        match Family::of(value) {
            _ if value.is_empty() => Self::Empty,
            Family::AdminVirtualKey => Self::AdminKey,
            _ => Self::Foreign,
        }
    }
}

/// Every value of `x-api-key`, and of `authorization` without its `Bearer`. What is not text cannot be a virtual key.
pub(crate) fn credentials(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let keys = headers
        .get_all("x-api-key")
        .iter()
        .map(|value| value.to_str().unwrap_or("?"));
    let bearers = headers.get_all(AUTHORIZATION).iter().map(|value| {
        let value = value.to_str().unwrap_or("?").trim();
        match value.split_at_checked("bearer".len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest,
            _ => value,
        }
    });
    keys.chain(bearers).map(str::trim)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use keyreeve_core::secret::Sink;
    use keyreeve_core::virtual_key::{Kind, mint};

    use super::*;

    fn key(seed: u8) -> String {
        mint(Kind::User, [seed; _])
            .key
            .expose_for(Sink::Shown)
            .to_owned()
    }

    fn check(headers: &[(&'static str, &str)], expected: &str) {
        let map = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        let got = match presented(&map) {
            Ok(_) => "key".to_owned(),
            Err(refusal) => refusal.code().to_owned(),
        };
        assert_eq!(got, expected, "{headers:?}");
    }

    #[test]
    fn a_virtual_key_is_found_in_either_header() {
        let (one, two) = (key(1), key(2));
        let vendor = format!("sk-ant-{}", "api03-x");
        check(&[("x-api-key", &one)], "key");
        check(&[("authorization", &format!("Bearer {one}"))], "key");
        check(&[("authorization", &format!("bearer\t{one} "))], "key");
        check(
            &[
                ("x-api-key", &one),
                ("authorization", &format!("Bearer {one}")),
            ],
            "key",
        );
        check(
            &[
                ("x-api-key", &vendor),
                ("authorization", &format!("Bearer {one}")),
            ],
            "key",
        );
        check(
            &[("x-api-key", &one), ("authorization", "Basic eDp5")],
            "key",
        );
        check(
            &[
                ("x-api-key", &one),
                ("authorization", &format!("Bearer {two}")),
            ],
            "two_keys",
        );
        check(&[("x-api-key", &one), ("x-api-key", &two)], "two_keys");
        check(&[("x-api-key", &format!("{one},{two}"))], "mistyped_key");
    }

    #[test]
    fn anything_else_is_refused_by_kind() {
        check(&[], "no_credential");
        check(&[("x-api-key", "")], "empty_credential");
        check(
            &[("x-api-key", ""), ("authorization", "Bearer ")],
            "empty_credential",
        );
        check(&[("authorization", "Bearer")], "empty_credential");
        check(
            &[("x-api-key", &format!("sk-ant-{}", "api03-x"))],
            "foreign_credential",
        );
        check(
            &[("authorization", "Bearer whatever")],
            "foreign_credential",
        );
        check(&[("x-api-key", &format!("kra_{}", "x"))], "admin_key");
        check(&[("x-api-key", &format!("krv_{}", "x"))], "mistyped_key");
    }
}
