//! What passes through: headers, credentials, and who pays.

use keyreeve_core::inject::{Fate, request_header};
use keyreeve_core::pass_through::{
    CREDENTIAL_HEADERS, KEY_HEADER, NotCarried, carried, header, holds_our_key, paid_by,
};
use keyreeve_core::price::Paid;
use keyreeve_core::token::Family;
use proptest::prelude::*;

#[track_caller]
fn check(carried: &[Family], expected: Result<Paid, NotCarried>) {
    assert_eq!(paid_by(carried.iter().copied()), expected, "{carried:?}");
}

#[test]
fn su_03_who_pays_follows_from_what_is_carried() {
    use Family::{
        AdminKey, AdminVirtualKey, ApiKey, ClaudeSession, OauthAccess, OauthRefresh, Opaque,
        OtherVendor, UnknownAnthropic, VirtualKey, WorkToken,
    };
    check(&[], Err(NotCarried::Nothing));
    check(&[OauthAccess], Ok(Paid::ByPlan));
    check(&[OauthAccess, OauthAccess], Ok(Paid::ByPlan));
    for family in [ApiKey, UnknownAnthropic, OtherVendor, Opaque] {
        check(&[family], Ok(Paid::Money));
        check(&[OauthAccess, family], Ok(Paid::Money));
        check(&[family, OauthAccess], Ok(Paid::Money));
    }
    for (family, refused) in [
        (VirtualKey, NotCarried::VirtualKey),
        (AdminVirtualKey, NotCarried::VirtualKey),
        (OauthRefresh, NotCarried::RefreshToken),
        (AdminKey, NotCarried::AdminKey),
        (ClaudeSession, NotCarried::SessionCookie),
        (WorkToken, NotCarried::WorkToken),
    ] {
        check(&[family], Err(refused));
        check(&[ApiKey, family], Err(refused));
    }
}

#[test]
fn su_03_a_token_is_known_behind_whatever_stands_before_it() {
    let made_up = |prefix: &str| format!("{prefix}{}", "made-up-".repeat(4));
    let own = made_up(&["sk-ant-", "oat01-"].concat());
    let session = made_up(&["sk-ant-", "sid01-"].concat());
    let key = made_up(&["kr", "v_"].concat());
    for (value, families, is_ours) in [
        (own.clone(), &[Family::OauthAccess][..], false),
        (format!("Token {session}"), &[Family::ClaudeSession], false),
        (format!("Basic {key}"), &[Family::VirtualKey], true),
        (
            format!("{own}, {key}"),
            &[Family::OauthAccess, Family::VirtualKey],
            true,
        ),
        (format!("Bearer\u{fffd}{key}"), &[Family::VirtualKey], true),
        ("krv_x".to_owned(), &[Family::VirtualKey], false),
        ("Basic eDp5".to_owned(), &[Family::Opaque], false),
    ] {
        assert_eq!(carried(&value), families, "{value}");
        assert_eq!(holds_our_key(&value), is_ours, "{value}");
    }
}

#[test]
fn su_03_the_clients_credential_passes_and_the_key_ends_here() {
    for name in CREDENTIAL_HEADERS {
        assert_eq!(header(name), Fate::Pass, "{name}");
        assert_eq!(header(&name.to_ascii_uppercase()), Fate::Pass, "{name}");
        assert_eq!(request_header(name), Fate::Drop, "{name}");
    }
    for name in [KEY_HEADER, "X-Keyreeve-Key", "host", "connection", "cookie"] {
        assert_eq!(header(name), Fate::Drop, "{name}");
    }
    for name in [
        "user-agent",
        "anthropic-beta",
        "anthropic-version",
        "x-app",
        "x-stainless-lang",
        "x-claude-code-session-id",
    ] {
        assert_eq!(header(name), Fate::Pass, "{name}");
    }
}

proptest! {
    #[test]
    fn su_03_every_other_header_fares_as_on_every_route(name in "[a-zA-Z-]{1,24}") {
        let carries = CREDENTIAL_HEADERS.iter().any(|listed| name.eq_ignore_ascii_case(listed));
        prop_assume!(!carries);
        prop_assert_eq!(header(&name), request_header(&name));
    }
}
