//! What is injected: the table of tokens and upstreams, the beta list, the headers both ways.

use keyreeve_core::inject::{
    BetaEdit, BetaLines, Facing, Fate, Injection, OAUTH_BETA, Refusal, answer_header, decide,
    edit_beta, named_by_connection, request_header,
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

/// What a family is to the vendor's API, then to another gateway, whatever its provenance.
const WHATEVER_THE_PROVENANCE: [(Family, Sent, Sent); 10] = [
    (Family::ApiKey, Sent::AsApiKey, Sent::AsConfigured),
    (
        Family::VirtualKey,
        Sent::Not(Refusal::VirtualKey),
        Sent::AsConfigured,
    ),
    (
        Family::OtherVendor,
        Sent::Not(Refusal::NotTheVendors),
        Sent::AsConfigured,
    ),
    (
        Family::Opaque,
        Sent::Not(Refusal::NotTheVendors),
        Sent::AsConfigured,
    ),
    (
        Family::AdminKey,
        Sent::Not(Refusal::AdminKey),
        Sent::Not(Refusal::AdminKey),
    ),
    (
        Family::OauthRefresh,
        Sent::Not(Refusal::RefreshToken),
        Sent::Not(Refusal::RefreshToken),
    ),
    (
        Family::ClaudeSession,
        Sent::Not(Refusal::SessionCookie),
        Sent::Not(Refusal::SessionCookie),
    ),
    (
        Family::WorkToken,
        Sent::Not(Refusal::WorkToken),
        Sent::Not(Refusal::WorkToken),
    ),
    (
        Family::UnknownAnthropic,
        Sent::Not(Refusal::UnknownFamily),
        Sent::Not(Refusal::UnknownFamily),
    ),
    (
        Family::AdminVirtualKey,
        Sent::Not(Refusal::AdminVirtualKey),
        Sent::Not(Refusal::AdminVirtualKey),
    ),
];

/// What an OAuth access token of each provenance is.
const OAUTH_ACCESS: [(Provenance, Sent, Sent); 6] = [
    (Provenance::Federation, Sent::AsOauth, Sent::AsConfigured),
    (Provenance::AntLogin, Sent::AsOauth, Sent::AsConfigured),
    (
        Provenance::SetupToken,
        Sent::Not(Refusal::PlanLogin),
        Sent::Not(Refusal::PlanLogin),
    ),
    (
        Provenance::Unknown,
        Sent::Not(Refusal::PlanLogin),
        Sent::Not(Refusal::PlanLogin),
    ),
    (
        Provenance::Console,
        Sent::Not(Refusal::PlanLogin),
        Sent::Not(Refusal::PlanLogin),
    ),
    (
        Provenance::Gateway,
        Sent::Not(Refusal::PlanLogin),
        Sent::Not(Refusal::PlanLogin),
    ),
];

#[derive(Clone, Copy)]
enum Sent {
    AsApiKey,
    AsOauth,
    AsConfigured,
    Not(Refusal),
}

fn check(facing: Facing, family: Family, provenance: Provenance, sent: Sent) {
    let expected = match (sent, facing) {
        (Sent::AsApiKey, _) => Ok(Injection {
            auth: Auth::ApiKey,
            beta: BetaEdit::Remove(OAUTH_BETA),
        }),
        (Sent::AsOauth, _) => Ok(Injection {
            auth: Auth::Bearer,
            beta: BetaEdit::Add(OAUTH_BETA),
        }),
        (Sent::AsConfigured, Facing::Gateway(auth)) => Ok(Injection {
            auth,
            beta: BetaEdit::Keep,
        }),
        (Sent::AsConfigured, Facing::FirstParty) => unreachable!("the vendor's API has no setting"),
        (Sent::Not(refusal), _) => Err(refusal),
    };
    assert_eq!(
        decide(facing, family, provenance),
        expected,
        "{facing:?} {family:?} {provenance:?}"
    );
}

#[test]
fn each_family_goes_where_the_table_says() {
    for (family, first_party, gateway) in WHATEVER_THE_PROVENANCE {
        for provenance in PROVENANCES {
            check(Facing::FirstParty, family, provenance, first_party);
            for auth in GATEWAYS {
                check(Facing::Gateway(auth), family, provenance, gateway);
            }
        }
    }
    for (provenance, first_party, gateway) in OAUTH_ACCESS {
        check(
            Facing::FirstParty,
            Family::OauthAccess,
            provenance,
            first_party,
        );
        for auth in GATEWAYS {
            check(
                Facing::Gateway(auth),
                Family::OauthAccess,
                provenance,
                gateway,
            );
        }
    }
}

#[test]
fn the_beta_list_is_edited_by_one_value() {
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
        (&["oauth-2025-04-20"], REMOVE, BetaLines::Gone),
        (
            &["oauth-2025-04-20", " oauth-2025-04-20, "],
            REMOVE,
            BetaLines::Gone,
        ),
        (&["oauth-2025-04-20, a"], REMOVE, replaced("a")),
        (&["a, oauth-2025-04-20,  b"], REMOVE, replaced("a,  b")),
        (&["a", "oauth-2025-04-20", "b"], REMOVE, replaced("a,b")),
    ] {
        assert_eq!(edit_beta(lines, edit), expected, "{lines:?} {edit:?}");
    }
}

#[test]
fn what_the_client_sends_passes_but_for_credentials_and_the_connection() {
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
        assert_eq!(request_header(name), Fate::Drop, "{name}");
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
        assert_eq!(request_header(name), Fate::Pass, "{name}");
    }
}

#[test]
fn what_the_upstream_answers_passes_but_for_its_address_and_the_connection() {
    for name in [
        "Set-Cookie",
        "alt-svc",
        "strict-transport-security",
        "connection",
        "Transfer-Encoding",
        "x-keyreeve-a",
        "Access-Control-Allow-Origin",
    ] {
        assert_eq!(answer_header(name), Fate::Drop, "{name}");
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
        assert_eq!(answer_header(name), Fate::Pass, "{name}");
    }
}

#[test]
fn connection_takes_away_what_it_names_but_nothing_that_is_protected() {
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
            named_by_connection(value).collect::<Vec<_>>(),
            named,
            "{value}"
        );
    }
}

#[test]
fn the_version_is_in_no_edit() {
    assert_eq!(request_header("anthropic-version"), Fate::Pass);
    assert_eq!(named_by_connection("anthropic-version").count(), 0);
    for edit in [BetaEdit::Add(OAUTH_BETA), BetaEdit::Remove(OAUTH_BETA)] {
        // The one value that any edit holds is a beta's.
        assert!(matches!(edit, BetaEdit::Add(name) | BetaEdit::Remove(name) if name == OAUTH_BETA));
        assert_ne!(edit_beta(&["2026-10-21"], edit), BetaLines::Gone);
    }
}

proptest! {
    #[test]
    fn every_other_value_keeps_its_bytes_and_order(
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
                BetaLines::Gone => String::new(),
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
