//! The table of the envelope's `error_code` values: the only part of an error that is meant to be stable.

use super::meanings::{self as is, Meaning};

const CODES: [(&str, &Meaning); 19] = [
    ("organization_on_hold", &is::ORGANIZATION_ON_HOLD),
    ("claude_code_key_creator_not_member", &is::KEY_CREATOR_GONE),
    ("claude_code_version_too_old", &is::CLIENT_TOO_OLD),
    ("cmek_key_disabled", &is::CMEK_BLOCKED),
    ("cmek_key_network_blocked", &is::CMEK_BLOCKED),
    ("cmek_context_unavailable", &is::CMEK_UNAVAILABLE),
    ("cmek_key_unreachable", &is::CMEK_UNAVAILABLE),
    // The client names the linked organization in the request; the credential's own organization is not affected.
    (
        "linked_organization_billing_unavailable",
        &is::LINKED_ORGANIZATION,
    ),
    (
        "linked_organization_spend_limit_reached",
        &is::LINKED_ORGANIZATION,
    ),
    ("contract_spend_limit_reached", &is::CONTRACT_LIMIT),
    ("enforced_spend_limit_reached", &is::TIER_CAP),
    ("ramp_limit_exceeded", &is::RAMP_LIMIT),
    ("api_key_scope_missing", &is::KEY_SCOPE_MISSING),
    ("sandbox_egress_restricted", &is::EGRESS_RESTRICTED),
    ("request_body_encoding_invalid", &is::BODY_ENCODING),
    ("request_body_encoding_unsupported", &is::BODY_ENCODING),
    ("request_body_too_large_after_decoding", &is::TOO_LARGE),
    ("compaction_unavailable", &is::COMPACTION_UNAVAILABLE),
    ("spend_limit_reached", &is::BILLING),
];

/// Returns the meaning of a code, or `None` for an unknown code, which adds nothing to the error type.
pub(super) fn meaning(code: &str) -> Option<&'static Meaning> {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, meaning)| *meaning)
}
