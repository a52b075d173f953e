//! Injection: tokens by upstream, edits of the beta list, request and response headers.

use keyreeve_core::inject::{
    BetaEdit, BetaLines, HeaderAction, InjectError, Injection, OAUTH_BETA, UpstreamKind,
    connection_headers, decide, edit_beta, request_header, response_header,
};
use keyreeve_core::profile::{Auth, Provenance};
use keyreeve_core::token::Family;
use proptest::prelude::*;

const PROVENANCES: [Provenance; 6] = [
    Provenance::Console,
    Provenance::SetupToken,
    Provenance::Federation,
    Provenance::AntLogin,
    Provenance::Gateway,
    Provenance::Unknown,
];

const GATEWAYS: [Auth; 2] = [Auth::ApiKey, Auth::Bearer];

/// The injection of each family for Anthropic's API, then for another gateway, for any provenance.
const ANY_PROVENANCE: [(Family, Injected, Injected); 10] = [
    (Family::ApiKey, Injected::AsApiKey, Injected::AsConfigured),
    (
        Family::VirtualKey,
        Injected::Not(InjectError::VirtualKey),
        Injected::AsConfigured,
    ),
    (
        Family::OtherVendor,
        Injected::Not(InjectError::NotAnthropicToken),
        Injected::AsConfigured,
    ),
    (
        Family::Opaque,
        Injected::Not(InjectError::NotAnthropicToken),
        Injected::AsConfigured,
    ),
    (
        Family::AdminKey,
        Injected::Not(InjectError::AdminKey),
        Injected::Not(InjectError::AdminKey),
    ),
    (
        Family::OauthRefresh,
        Injected::Not(InjectError::RefreshToken),
        Injected::Not(InjectError::RefreshToken),
    ),
    (
        Family::ClaudeSession,
        Injected::Not(InjectError::SessionCookie),
        Injected::Not(InjectError::SessionCookie),
    ),
    (
        Family::WorkToken,
        Injected::Not(InjectError::WorkToken),
        Injected::Not(InjectError::WorkToken),
    ),
    (
        Family::UnknownAnthropic,
        Injected::Not(InjectError::UnknownFamily),
        Injected::Not(InjectError::UnknownFamily),
    ),
    (
        Family::AdminVirtualKey,
        Injected::Not(InjectError::AdminVirtualKey),
        Injected::Not(InjectError::AdminVirtualKey),
    ),
];

/// The injection of an OAuth access token by provenance.
const OAUTH_ACCESS: [(Provenance, Injected, Injected); 6] = [
    (
        Provenance::Federation,
        Injected::AsOauth,
        Injected::AsConfigured,
    ),
    (
        Provenance::AntLogin,
        Injected::AsOauth,
        Injected::AsConfigured,
    ),
    (
        Provenance::SetupToken,
        Injected::Not(InjectError::PlanLogin),
        Injected::Not(InjectError::PlanLogin),
    ),
    (
        Provenance::Unknown,
        Injected::Not(InjectError::PlanLogin),
        Injected::Not(InjectError::PlanLogin),
    ),
    (
        Provenance::Console,
        Injected::Not(InjectError::PlanLogin),
        Injected::Not(InjectError::PlanLogin),
    ),
    (
        Provenance::Gateway,
        Injected::Not(InjectError::PlanLogin),
        Injected::Not(InjectError::PlanLogin),
    ),
];

#[derive(Clone, Copy)]
enum Injected {
    AsApiKey,
    AsOauth,
    AsConfigured,
    Not(InjectError),
}

fn check(upstream: UpstreamKind, family: Family, provenance: Provenance, injected: Injected) {
    let expected = match (injected, upstream) {
        (Injected::AsApiKey, _) => Ok(Injection {
            auth: Auth::ApiKey,
            beta: BetaEdit::Remove(OAUTH_BETA),
        }),
        (Injected::AsOauth, _) => Ok(Injection {
            auth: Auth::Bearer,
            beta: BetaEdit::Add(OAUTH_BETA),
        }),
        (Injected::AsConfigured, UpstreamKind::Gateway(auth)) => Ok(Injection {
            auth,
            beta: BetaEdit::Keep,
        }),
        (Injected::AsConfigured, UpstreamKind::FirstParty) => {
            unreachable!("Anthropic's API has no configured header")
        }
        (Injected::Not(error), _) => Err(error),
    };
    assert_eq!(
        decide(upstream, family, provenance),
        expected,
        "{upstream:?} {family:?} {provenance:?}"
    );
}

#[test]
fn every_family_is_injected_as_in_the_table() {
    for (family, first_party, gateway) in ANY_PROVENANCE {
        for provenance in PROVENANCES {
            check(UpstreamKind::FirstParty, family, provenance, first_party);
            for auth in GATEWAYS {
                check(UpstreamKind::Gateway(auth), family, provenance, gateway);
            }
        }
    }
    for (provenance, first_party, gateway) in OAUTH_ACCESS {
        check(
            UpstreamKind::FirstParty,
            Family::OauthAccess,
            provenance,
            first_party,
        );
        for auth in GATEWAYS {
            check(
                UpstreamKind::Gateway(auth),
                Family::OauthAccess,
                provenance,
                gateway,
            );
        }
    }
}

#[test]
fn one_value_of_beta_list_is_edited() {
    const ADD: BetaEdit = BetaEdit::Add(OAUTH_BETA);
    const REMOVE: BetaEdit = BetaEdit::Remove(OAUTH_BETA);
    let replaced = |text: &str| BetaLines::Replaced(text.to_owned());
    for (lines, edit, expected) in [
        (&[] as &[&str], BetaEdit::Keep, BetaLines::Unchanged),
        (
            &["a, oauth-2025-04-20", "b"],
            BetaEdit::Keep,
            BetaLines::Unchanged,
        ),
        (&[], ADD, replaced("oauth-2025-04-20")),
        (&[" "], ADD, replaced("oauth-2025-04-20")),
        (&["a, b"], ADD, replaced("a, b,oauth-2025-04-20")),
        (&["a", "b,c"], ADD, replaced("a,b,c,oauth-2025-04-20")),
        (&["a , oauth-2025-04-20 ,b"], ADD, BetaLines::Unchanged),
        (
            &["oauth-2025-04-20-x"],
            ADD,
            replaced("oauth-2025-04-20-x,oauth-2025-04-20"),
        ),
        (&[], REMOVE, BetaLines::Unchanged),
        (&["a, b", "c"], REMOVE, BetaLines::Unchanged),
        (
            &["xoauth-2025-04-20", "OAUTH-2025-04-20"],
            REMOVE,
            BetaLines::Unchanged,
        ),
        (&["oauth-2025-04-20"], REMOVE, BetaLines::Removed),
        (
            &["oauth-2025-04-20", " oauth-2025-04-20, "],
            REMOVE,
            BetaLines::Removed,
        ),
        (&["oauth-2025-04-20, a"], REMOVE, replaced("a")),
        (&["a, oauth-2025-04-20,  b"], REMOVE, replaced("a,  b")),
        (&["a", "oauth-2025-04-20", "b"], REMOVE, replaced("a,b")),
    ] {
        assert_eq!(edit_beta(lines, edit), expected, "{lines:?} {edit:?}");
    }
}

#[test]
fn request_headers_pass_except_credentials_and_hop_by_hop() {
    for name in [
        "authorization",
        "X-Api-Key",
        "api-key",
        "Proxy-Authorization",
        "cookie",
        "x-keyreeve-profile",
        "host",
        "content-length",
        "Transfer-Encoding",
        "accept-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "Origin",
        "forwarded",
        "X-Forwarded-For",
        "x-forwarded-anything",
        "proxy-connection",
    ] {
        assert_eq!(request_header(name), HeaderAction::Drop, "{name}");
    }
    for name in [
        "anthropic-version",
        "anthropic-beta",
        "anthropic-workspace-id",
        "anthropic-new-next-month",
        "content-type",
        "user-agent",
        "x-app",
        "x-stainless-lang",
        "x-claude-code-session-id",
        "accept",
        "x-new-next-month",
        "anthropic-dangerous-direct-browser-access",
        "",
    ] {
        assert_eq!(request_header(name), HeaderAction::Pass, "{name}");
    }
}

#[test]
fn response_headers_pass_except_origin_and_hop_by_hop() {
    for name in [
        "Set-Cookie",
        "alt-svc",
        "strict-transport-security",
        "connection",
        "Transfer-Encoding",
        "x-keyreeve-a",
        "Access-Control-Allow-Origin",
    ] {
        assert_eq!(response_header(name), HeaderAction::Drop, "{name}");
    }
    for name in [
        "request-id",
        "retry-after",
        "x-should-retry",
        "content-type",
        "content-length",
        "content-encoding",
        "anthropic-ratelimit-unified-status",
        "anthropic-organization-id",
        "x-new-next-month",
    ] {
        assert_eq!(response_header(name), HeaderAction::Pass, "{name}");
    }
}

#[test]
fn connection_drops_named_headers_except_protected_ones() {
    for (value, named) in [
        ("keep-alive", &["keep-alive"] as &[&str]),
        (" X-Private ,, close", &["X-Private", "close"]),
        (
            "Anthropic-Beta, anthropic-version, x-api-key, Authorization, content-type",
            &[],
        ),
        (
            "x-stainless-lang,x-app,X-Claude-Code-Session-Id,user-agent,accept",
            &[],
        ),
        ("", &[]),
    ] {
        assert_eq!(
            connection_headers(value).collect::<Vec<_>>(),
            named,
            "{value}"
        );
    }
}

#[test]
fn version_header_is_never_edited() {
    assert_eq!(request_header("anthropic-version"), HeaderAction::Pass);
    assert_eq!(connection_headers("anthropic-version").count(), 0);
    for edit in [BetaEdit::Add(OAUTH_BETA), BetaEdit::Remove(OAUTH_BETA)] {
        // Every edit contains a beta value only.
        assert!(matches!(edit, BetaEdit::Add(name) | BetaEdit::Remove(name) if name == OAUTH_BETA));
        assert_ne!(edit_beta(&["2026-10-21"], edit), BetaLines::Removed);
    }
}

proptest! {
    #[test]
    fn other_beta_values_keep_their_bytes_and_order(
        lines in prop::collection::vec("( ?(a|bb|oauth-2025-04-20|oauth-2025-04-20x) ?,){0,4}(c|oauth-2025-04-20)", 0..4),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let others = |text: &str| -> Vec<String> {
            let values = text.split(',').map(str::trim);
            values.filter(|value| *value != OAUTH_BETA && !value.is_empty()).map(str::to_owned).collect()
        };
        let before = others(&lines.join(","));
        for edit in [BetaEdit::Keep, BetaEdit::Add(OAUTH_BETA), BetaEdit::Remove(OAUTH_BETA)] {
            let after = match edit_beta(&lines, edit) {
                BetaLines::Unchanged => lines.join(","),
                BetaLines::Replaced(text) => text,
                BetaLines::Removed => String::new(),
            };
            prop_assert_eq!(&others(&after), &before);
            let has = after.split(',').any(|value| value.trim() == OAUTH_BETA);
            match edit {
                BetaEdit::Add(_) => prop_assert!(has),
                BetaEdit::Remove(_) => prop_assert!(!has),
                BetaEdit::Keep => {}
            }
        }
    }
}
