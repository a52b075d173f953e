//! The credential status for every recorded response.

use keyreeve_core::verdict::CredentialStatus::{self, *};

use crate::verdict::{cases, verdict_of};

const EXPECTED: [(&str, CredentialStatus); 24] = [
    ("invalid_x_api_key", RevokedOrMistyped),
    ("invalid_bearer_token", RevokedOrMistyped),
    ("invalid_authentication_credentials", RevokedOrMistyped),
    ("oauth_token_revoked_403", RevokedOrMistyped),
    ("key_creator_not_member_400", RevokedOrMistyped),
    ("oauth_token_expired", Lapsed),
    ("credit_too_low_400", OutOfCredit),
    ("billing_error_402", OutOfCredit),
    ("org_spend_limit_400", SpendLimit),
    ("tier_spend_cap_429", SpendLimit),
    ("rate_limit_rpm", RateLimited),
    ("rate_limit_no_headers", RateLimited),
    ("plan_five_hour_limit", PlanWindow),
    ("plan_opus_weekly", PlanWindow),
    ("oauth_not_allowed_for_org", SubscriptionRequired),
    ("organization_disabled_400", OrganizationDisabled),
    ("organization_on_hold_400", OrganizationDisabled),
    ("credential_only_for_claude_code", LicenceRestriction),
    ("third_party_apps_extra_usage", LicenceRestriction),
    ("model_not_found", NotForThis),
    ("x_api_key_header_required", OwnFault),
    ("forbidden_cloudflare", UpstreamTrouble),
    ("overloaded_529", UpstreamTrouble),
    ("bad_gateway_html", UpstreamTrouble),
];

#[test]
fn every_recorded_response_has_its_status() {
    let cases = cases();
    for (name, expected) in EXPECTED {
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        assert_eq!(verdict_of(case).credential_status(), expected, "{name}");
    }
}

#[test]
fn error_never_counts_as_working() {
    for case in cases().iter().filter(|case| case["status"] != 200) {
        let verdict = verdict_of(case);
        assert_ne!(verdict.credential_status(), Works, "{}", case["name"]);
        assert!(!verdict.credential_status().description().is_empty());
    }
}
