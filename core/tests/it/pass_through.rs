//! Pass-through: headers, credentials and who pays.

use keyreeve_core::inject::{HeaderAction, request_header};
use keyreeve_core::pass_through::{
    CREDENTIAL_HEADERS, ClientCredentialError, KEY_HEADER, contains_keyreeve_key, header_action,
    payment_kind, token_families,
};
use keyreeve_core::price::PaymentKind;
use keyreeve_core::token::Family;
use proptest::prelude::*;

#[track_caller]
fn check(families: &[Family], expected: Result<PaymentKind, ClientCredentialError>) {
    assert_eq!(
        payment_kind(families.iter().copied()),
        expected,
        "{families:?}"
    );
}

/// SU-03: the families of the client's tokens decide who pays.
#[test]
fn token_families_decide_who_pays() {
    use Family::{
        AdminKey, AdminVirtualKey, ApiKey, ClaudeSession, OauthAccess, OauthRefresh, Opaque,
        OtherVendor, UnknownAnthropic, VirtualKey, WorkToken,
    };
    check(&[], Err(ClientCredentialError::Missing));
    check(&[OauthAccess], Ok(PaymentKind::Plan));
    check(&[OauthAccess, OauthAccess], Ok(PaymentKind::Plan));
    for family in [ApiKey, UnknownAnthropic, OtherVendor, Opaque] {
        check(&[family], Ok(PaymentKind::Metered));
        check(&[OauthAccess, family], Ok(PaymentKind::Metered));
        check(&[family, OauthAccess], Ok(PaymentKind::Metered));
    }
    for (family, refused) in [
        (VirtualKey, ClientCredentialError::VirtualKey),
        (AdminVirtualKey, ClientCredentialError::VirtualKey),
        (OauthRefresh, ClientCredentialError::RefreshToken),
        (AdminKey, ClientCredentialError::AdminKey),
        (ClaudeSession, ClientCredentialError::SessionCookie),
        (WorkToken, ClientCredentialError::WorkToken),
    ] {
        check(&[family], Err(refused));
        check(&[ApiKey, family], Err(refused));
    }
}

/// SU-03: a token is recognized after any scheme or separator.
#[test]
fn token_is_recognized_after_any_scheme() {
    let made_up = |prefix: &str| format!("{prefix}{}", "made-up-".repeat(4));
    let login = made_up(&["sk-ant-", "oat01-"].concat());
    let session = made_up(&["sk-ant-", "sid01-"].concat());
    let key = made_up(&["kr", "v_"].concat());
    for (value, families, is_ours) in [
        (login.clone(), &[Family::OauthAccess][..], false),
        (format!("Token {session}"), &[Family::ClaudeSession], false),
        (format!("Basic {key}"), &[Family::VirtualKey], true),
        (
            format!("{login}, {key}"),
            &[Family::OauthAccess, Family::VirtualKey],
            true,
        ),
        (format!("Bearer\u{fffd}{key}"), &[Family::VirtualKey], true),
        ("krv_x".to_owned(), &[Family::VirtualKey], false),
        ("Basic eDp5".to_owned(), &[Family::Opaque], false),
    ] {
        assert_eq!(token_families(&value), families, "{value}");
        assert_eq!(contains_keyreeve_key(&value), is_ours, "{value}");
    }
}

/// SU-03: the client's credential is forwarded, the virtual key is not.
#[test]
fn client_credential_passes_and_virtual_key_does_not() {
    for name in CREDENTIAL_HEADERS {
        assert_eq!(header_action(name), HeaderAction::Pass, "{name}");
        assert_eq!(
            header_action(&name.to_ascii_uppercase()),
            HeaderAction::Pass,
            "{name}"
        );
        assert_eq!(request_header(name), HeaderAction::Drop, "{name}");
    }
    for name in [KEY_HEADER, "X-Keyreeve-Key", "host", "connection", "cookie"] {
        assert_eq!(header_action(name), HeaderAction::Drop, "{name}");
    }
    for name in [
        "user-agent",
        "anthropic-beta",
        "anthropic-version",
        "x-app",
        "x-stainless-lang",
        "x-claude-code-session-id",
    ] {
        assert_eq!(header_action(name), HeaderAction::Pass, "{name}");
    }
}

proptest! {
    /// SU-03: every other header is treated as on every other route.
    #[test]
    fn other_headers_are_treated_as_on_other_routes(name in "[a-zA-Z-]{1,24}") {
        let is_credential = CREDENTIAL_HEADERS.iter().any(|listed| name.eq_ignore_ascii_case(listed));
        prop_assume!(!is_credential);
        prop_assert_eq!(header_action(&name), request_header(&name));
    }
}
