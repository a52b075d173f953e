//! Authentication: finds the virtual key in either credential header and looks it up.
//!
//! Invariants: only virtual keys are accepted; another credential in the same request is dropped, never forwarded and
//! never tried (docs/facts.md#headers); a response never contains a credential that was sent.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use keyreeve_broker::{Broker, Client};
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::PresentedKey;

use crate::error::GatewayError;
use crate::headers::API_KEY;

/// Authenticates a client by the headers of its request.
///
/// # Errors
/// A [`GatewayError`] that names the credential to send instead; each stops clients from retrying.
pub(crate) fn authenticate(
    broker: &Arc<Broker>,
    headers: &HeaderMap,
) -> Result<Client, GatewayError> {
    let key = find_key(headers)?;
    Ok(broker.authenticate(&key)?)
}

fn find_key(headers: &HeaderMap) -> Result<PresentedKey, GatewayError> {
    let mut key: Option<&str> = None;
    let mut unusable = None;
    for value in credential_values(headers) {
        if !value.starts_with("krv_") {
            unusable = unusable.max(Some(UnusableCredential::from_value(value)));
        } else if key.is_some_and(|first| first != value) {
            return Err(GatewayError::TwoKeys);
        } else {
            key = Some(value);
        }
    }
    match (key, unusable) {
        (Some(key), _) => PresentedKey::parse(key).map_err(GatewayError::MistypedKey),
        (None, None) => Err(GatewayError::NoCredential),
        (None, Some(UnusableCredential::Empty)) => Err(GatewayError::EmptyCredential),
        (None, Some(UnusableCredential::AdminKey)) => Err(GatewayError::AdminKey),
        (None, Some(UnusableCredential::Foreign)) => Err(GatewayError::ForeignCredential),
    }
}

/// A credential sent in place of a virtual key; of several, the last in this order decides the error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum UnusableCredential {
    Empty,
    Foreign,
    AdminKey,
}

impl UnusableCredential {
    fn from_value(value: &str) -> Self {
        match Family::from_prefix(value) {
            _ if value.is_empty() => Self::Empty,
            Family::AdminVirtualKey => Self::AdminKey,
            _ => Self::Foreign,
        }
    }
}

/// Returns all values of `x-api-key`, and of `authorization` without `Bearer`. A value that is not text becomes `?`,
/// which is not a virtual key.
pub(crate) fn credential_values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let keys = headers
        .get_all(&API_KEY)
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
    use keyreeve_core::virtual_key::{KeyKind, generate_key};

    use super::*;

    fn key(seed: u8) -> String {
        generate_key(KeyKind::User, [seed; _])
            .key
            .expose_for(Sink::Display)
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
        let got = match find_key(&map) {
            Ok(_) => "key".to_owned(),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(got, expected, "{headers:?}");
    }

    #[test]
    fn virtual_key_is_found_in_either_header() {
        let (one, two) = (key(1), key(2));
        let anthropic_key = format!("sk-ant-{}", "api03-x");
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
                ("x-api-key", &anthropic_key),
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
    fn other_credentials_are_refused_by_kind() {
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
