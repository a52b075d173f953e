//! The table of all verdict codes with their effect, scope and remedy, used by every rule.
//!
//! Invariants: each code occurs once and never changes its meaning; `docs/responses` has a page for each.

use super::{Failover, VerdictEffect, VerdictScope};

/// The meaning of one verdict code.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Meaning {
    pub(super) code: &'static str,
    pub(super) effect: VerdictEffect,
    pub(super) scope: VerdictScope,
    pub(super) failover: Failover,
    pub(super) remedy: &'static str,
}

/// Defines the table: a static for each row, and the list of all rows.
macro_rules! meanings {
    ($($name:ident: $code:literal $effect:ident $scope:ident $failover:ident $remedy:literal;)*) => {
        $(pub(super) static $name: Meaning = Meaning {
            code: $code,
            effect: VerdictEffect::$effect,
            scope: VerdictScope::$scope,
            failover: Failover::$failover,
            remedy: $remedy,
        };)*
        pub(super) static ALL: &[&Meaning] = &[$(&$name),*];
    };
}

meanings! {
    OK: "ok" None None Useless
        "No action needed.";
    REQUEST: "request" Request Request Useless
        "Correct the request as described in its error message.";
    AUTHENTICATION: "authentication" Dead Credential MayHelp
        "Replace the credential with `keyreeve profile rotate`, and check that the whole value was pasted.";
    BILLING: "billing" OutOfCredit Organization MayHelp
        "Check the payment details in the Console under Billing.";
    PERMISSION: "permission" Feature Credential MayHelp
        "Use a credential with this permission, or ask the organization's admin for it.";
    NOT_FOUND: "not_found" Request Request Useless
        "Check the path and the base URL of the profile.";
    RATE_LIMITED: "rate_limited" Transient Credential Useless
        "Retry in a moment.";
    OVERLOADED: "overloaded" Transient UpstreamModel Useless
        "Retry with exponential backoff; if it lasts, try another model.";
    UPSTREAM: "upstream" Transient Upstream Useless
        "Retry shortly; if it lasts, see status.claude.com.";
    CUT: "cut" Transient Upstream Useless
        "Retry the request; the part that was streamed is billed.";
    NO_RESPONSE: "no_answer" Transient Network Useless
        "Check the network, and the origin in `keyreeve profile show`.";
    FOREIGN_RESPONSE: "foreign_answer" Transient Network Useless
        "Check the network path to the upstream: a proxy, firewall or CDN responded in its place.";
    INVALID_KEY: "invalid_key" Dead Credential MayHelp
        "Replace this key: create a new one in the Console under Settings, API keys, then run `keyreeve profile rotate`.";
    INVALID_TOKEN: "invalid_token" Dead Credential MayHelp
        "Paste the whole token again with `keyreeve profile rotate`, or create a new one.";
    LOGIN_GONE: "login_gone" Dead Credential MayHelp
        "Sign in again or replace the key; if the error persists, ask the organization's admin.";
    LOGIN_LAPSED: "login_lapsed" Refresh Credential MayHelp
        "keyreeve renews the login if it can; otherwise sign in again.";
    LOGIN_REVOKED: "login_revoked" Dead Credential MayHelp
        "Sign in again to get a new token.";
    LOGIN_NOT_ALLOWED: "login_not_allowed" Blocked Credential MayHelp
        "Use an API key for this organization, renew the plan, or ask its admin to allow such logins.";
    NO_CREDENTIAL_SENT: "no_credential_sent" Config Gateway Useless
        "This is a bug in keyreeve: please report it with the ledger entry.";
    OAUTH_BETA_MISSING: "oauth_beta_missing" Config Gateway Useless
        "This is a bug in keyreeve: please report it with the ledger entry.";
    ORIGIN_FORWARDED: "origin_forwarded" Config Gateway Useless
        "This is a bug in keyreeve: please report it with the ledger entry.";
    SCOPE_MISSING: "scope_missing" Feature Request Useless
        "Sign in again to get the newer scopes; model requests are not affected.";
    KEY_SCOPE_MISSING: "key_scope_missing" Feature Credential MayHelp
        "Use a key that has the scope, or add it in the Console.";
    NO_ACCESS: "no_access" Feature Request MayHelp
        "Use a credential of a workspace with access, or another model.";
    OUT_OF_CREDIT: "out_of_credit" OutOfCredit Organization MayHelp
        "Add credit in the Console under Billing, and consider auto-reload.";
    LINKED_ORGANIZATION: "linked_organization" Request Request Useless
        "The linked customer's organization must raise its limit or add credit.";
    SPEND_LIMIT: "spend_limit" SpentUntil Organization MayHelp
        "Raise the spend limit in the Console under Billing, or wait until the reset date.";
    WORKSPACE_SPEND_LIMIT: "workspace_spend_limit" SpentUntil Workspace MayHelp
        "Raise the workspace's spend limit, or use a key of another workspace.";
    TIER_CAP: "tier_cap" SpentUntil Organization MayHelp
        "Request a higher tier, or wait until the first of next month, 00:00 UTC.";
    CONTRACT_LIMIT: "contract_limit" OutOfCredit Organization MayHelp
        "Contact your Anthropic account team.";
    ORGANIZATION_DISABLED: "organization_disabled" Dead Organization MayHelp
        "Use a key of an active organization; contact support if this one should be active.";
    ORGANIZATION_ON_HOLD: "organization_on_hold" Dead Organization Useless
        "Appeal at the address in the error's details.";
    KEY_CREATOR_GONE: "key_creator_gone" Dead Credential MayHelp
        "Have a current member create a key, then run `keyreeve profile rotate`.";
    CLAUDE_CODE_ONLY: "claude_code_only" Blocked Credential Useless
        "Use an API key for this client: this login is licensed for Claude Code only.";
    PLAN_BEHIND_KEY: "plan_behind_key" Blocked Credential MayHelp
        "Run `keyreeve exec --native -- claude`, which uses your own login, or give the key a profile with an API key.";
    ALWAYS_REFUSED: "always_refused" Blocked Credential MayHelp
        "Ask the organization's admin what this credential may do, then run `keyreeve profile resume` or `keyreeve profile rotate`.";
    EXTRA_USAGE_ONLY: "extra_usage_only" Blocked Credential Useless
        "Use an API key for this client, or fund extra usage at claude.ai/settings/usage.";
    EXTRA_USAGE: "extra_usage" Feature Request MayHelp
        "Send a request that the plan covers, such as one with standard context, or turn on usage credits.";
    CLIENT_TOO_OLD: "client_too_old" Request Request Useless
        "Update Claude Code.";
    CMEK_BLOCKED: "cmek_blocked" Blocked Workspace MayHelp
        "Ask the admin to enable the workspace's encryption key and its network access.";
    CMEK_UNAVAILABLE: "cmek_unavailable" Transient Upstream Useless
        "Retry in a few minutes.";
    EGRESS_RESTRICTED: "egress_restricted" Request Request Useless
        "Send the request from outside the sandbox.";
    BODY_ENCODING: "body_encoding" Request Request Useless
        "Send the body uncompressed, or compressed to match its `content-encoding`.";
    TOO_LARGE: "too_large" Request Request Useless
        "Make the request smaller.";
    PROMPT_TOO_LONG: "prompt_too_long" Request Request Useless
        "Shorten the prompt.";
    MODEL_NOT_FOUND: "model_not_found" Request Request Useless
        "Check the model id; `GET /v1/models` lists the models that this credential can use.";
    MINUTE_LIMIT: "minute_limit" CoolUntil OrganizationModelClass MayHelp
        "Wait until the reset, send less, or request a higher limit.";
    RAMP_LIMIT: "ramp_limit" CoolUntil Organization MayHelp
        "Wait, then increase traffic gradually.";
    RETRY_LATER: "retry_later" CoolUntil Credential MayHelp
        "Wait until the reset, then retry.";
    SHORT_THROTTLE: "short_throttle" Transient Network Useless
        "Retry shortly.";
    PLAN_WINDOW: "plan_window" CoolUntil Credential MayHelp
        "Wait until the reset, or use an API key.";
    PLAN_MODEL_WINDOW: "plan_model_window" CoolModelUntil CredentialModel MayHelp
        "Use another model, or wait until the reset.";
    PLAN_TEXT: "plan_text" CoolUntil Credential Useless
        "Wait until the reset time in the text.";
    COMPACTION_UNAVAILABLE: "compaction_unavailable" Transient UpstreamModel Useless
        "Retry with exponential backoff.";
    TIMEOUT: "timeout" Transient Upstream Useless
        "Use streaming for long requests, or retry.";
    BEDROCK_THROTTLED: "bedrock_throttled" CoolUntil AccountRegionModel MayHelp
        "Wait, or request a higher quota from AWS.";
    VERTEX_QUOTA: "vertex_quota" CoolUntil ProjectRegionModel MayHelp
        "Wait, or request a higher quota from Google.";
    CLOUD_NO_ACCESS: "cloud_no_access" Feature Request MayHelp
        "Request access to the model in the cloud console.";
    CLOUD_LOGIN_LAPSED: "cloud_login_lapsed" Refresh Credential MayHelp
        "Renew the AWS or Google credentials.";
    FOUNDRY_KEY: "foundry_key" Dead Credential MayHelp
        "Check the key and the resource name.";
}
