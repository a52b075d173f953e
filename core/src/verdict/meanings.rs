//! Every meaning an answer can have, each with its code: one table, from which all rules choose.
//!
//! Invariants: a code stands here once and never changes its sense; `docs/answers` has a page for each.

use super::{Another, Effect, Scope};

/// What one code stands for.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Meaning {
    pub(super) code: &'static str,
    pub(super) effect: Effect,
    pub(super) scope: Scope,
    pub(super) another: Another,
    pub(super) remedy: &'static str,
}

/// Writes the table down: a constant for each row, and the list of them all.
macro_rules! meanings {
    ($($name:ident: $code:literal $effect:ident $scope:ident $another:ident $remedy:literal;)*) => {
        $(pub(super) static $name: Meaning = Meaning {
            code: $code,
            effect: Effect::$effect,
            scope: Scope::$scope,
            another: Another::$another,
            remedy: $remedy,
        };)*
        pub(super) static ALL: &[&Meaning] = &[$(&$name),*];
    };
}

meanings! {
    OK: "ok" None None Useless
        "Nothing needs to be done.";
    REQUEST: "request" Request Request Useless
        "Correct the request; the answer's own message says what is wrong with it.";
    AUTHENTICATION: "authentication" Dead Credential MayHelp
        "Replace the credential with `keyreeve profile rotate`, and check that the whole value was pasted.";
    BILLING: "billing" OutOfCredit Organization MayHelp
        "Check the payment details in the Console under Billing.";
    PERMISSION: "permission" Feature Credential MayHelp
        "Use a credential that may do this, or ask the organization's admin.";
    NOT_FOUND: "not_found" Request Request Useless
        "Check the path, and the base URL of the profile.";
    RATE_LIMITED: "rate_limited" Transient Credential Useless
        "Try again in a moment.";
    OVERLOADED: "overloaded" Transient UpstreamModel Useless
        "Try again with growing pauses; try another model if it lasts.";
    UPSTREAM: "upstream" Transient Upstream Useless
        "Try again shortly; see status.claude.com if it lasts.";
    CUT: "cut" Transient Upstream Useless
        "Send the request again; what was streamed is billed.";
    NO_ANSWER: "no_answer" Transient Network Useless
        "Check the network, and the origin that `keyreeve profile show` names.";
    FOREIGN_ANSWER: "foreign_answer" Transient Network Useless
        "Check the way to the upstream: a proxy, a firewall or an edge answered in its place.";
    INVALID_KEY: "invalid_key" Dead Credential MayHelp
        "Replace this key: make a new one in the Console under Settings, API keys, then `keyreeve profile rotate`.";
    INVALID_TOKEN: "invalid_token" Dead Credential MayHelp
        "Paste the whole token again with `keyreeve profile rotate`, or make a new one.";
    LOGIN_GONE: "login_gone" Dead Credential MayHelp
        "Sign in again or replace the key; if it comes back, ask the organization's admin.";
    LOGIN_LAPSED: "login_lapsed" Refresh Credential MayHelp
        "The login is renewed where that is possible; sign in again if it is not.";
    LOGIN_REVOKED: "login_revoked" Dead Credential MayHelp
        "Sign in again to get a new token.";
    LOGIN_NOT_ALLOWED: "login_not_allowed" Blocked Credential MayHelp
        "Use an API key for this organization, renew the plan, or ask its admin to allow such logins.";
    NO_CREDENTIAL_SENT: "no_credential_sent" Config Gateway Useless
        "This is a fault of the gateway: please report it with the ledger row.";
    OAUTH_BETA_MISSING: "oauth_beta_missing" Config Gateway Useless
        "This is a fault of the gateway: please report it with the ledger row.";
    ORIGIN_FORWARDED: "origin_forwarded" Config Gateway Useless
        "This is a fault of the gateway: please report it with the ledger row.";
    SCOPE_MISSING: "scope_missing" Feature Request Useless
        "Sign in again to get the newer scopes; model requests are not affected.";
    KEY_SCOPE_MISSING: "key_scope_missing" Feature Credential MayHelp
        "Use a key that has the scope, or add it in the Console.";
    NO_ACCESS: "no_access" Feature Request MayHelp
        "Use a credential whose workspace has access, or another model.";
    OUT_OF_CREDIT: "out_of_credit" OutOfCredit Organization MayHelp
        "Add credit in the Console under Billing, and consider the automatic reload.";
    LINKED_ORGANIZATION: "linked_organization" Request Request Useless
        "The linked customer's organization must raise its limit or add credit.";
    SPEND_LIMIT: "spend_limit" SpentUntil Organization MayHelp
        "Raise the spend limit in the Console under Billing, or wait until the date.";
    WORKSPACE_SPEND_LIMIT: "workspace_spend_limit" SpentUntil Workspace MayHelp
        "Raise the workspace's spend limit, or use a key of another workspace.";
    TIER_CAP: "tier_cap" SpentUntil Organization MayHelp
        "Ask for a higher tier, or wait until the first of the month, 00:00 UTC.";
    CONTRACT_LIMIT: "contract_limit" OutOfCredit Organization MayHelp
        "Contact the account team.";
    ORGANIZATION_DISABLED: "organization_disabled" Dead Organization MayHelp
        "Use a key of an active organization; contact support if this one should be active.";
    ORGANIZATION_ON_HOLD: "organization_on_hold" Dead Organization Useless
        "Appeal at the address in the error's details.";
    KEY_CREATOR_GONE: "key_creator_gone" Dead Credential MayHelp
        "Make a key with a current member, then `keyreeve profile rotate`.";
    CLAUDE_CODE_ONLY: "claude_code_only" Blocked Credential Useless
        "Use an API key for this client: this login is licensed for Claude Code only.";
    PLAN_BEHIND_KEY: "plan_behind_key" Blocked Credential MayHelp
        "Start the program with `keyreeve exec --native -- claude`, which your own login pays, or give the key a profile with an API key.";
    ALWAYS_REFUSED: "always_refused" Blocked Credential MayHelp
        "Ask the organization's admin what this credential may do; then `keyreeve profile wake`, or `keyreeve profile rotate`.";
    EXTRA_USAGE_ONLY: "extra_usage_only" Blocked Credential Useless
        "Use an API key for this client, or fund extra usage at claude.ai/settings/usage.";
    EXTRA_USAGE: "extra_usage" Feature Request MayHelp
        "Send a request that the plan covers, such as one with standard context, or turn on usage credits.";
    CLIENT_TOO_OLD: "client_too_old" Request Request Useless
        "Update Claude Code.";
    CMEK_BLOCKED: "cmek_blocked" Blocked Workspace MayHelp
        "Ask the admin to enable the workspace's encryption key and its network access.";
    CMEK_UNAVAILABLE: "cmek_unavailable" Transient Upstream Useless
        "Try again in a few minutes.";
    EGRESS_RESTRICTED: "egress_restricted" Request Request Useless
        "Send the request from outside the sandbox.";
    BODY_ENCODING: "body_encoding" Request Request Useless
        "Send the body uncompressed, or compressed as its `content-encoding` says.";
    TOO_LARGE: "too_large" Request Request Useless
        "Make the request smaller.";
    PROMPT_TOO_LONG: "prompt_too_long" Request Request Useless
        "Shorten the prompt.";
    MODEL_NOT_FOUND: "model_not_found" Request Request Useless
        "Check the model's id; `GET /v1/models` lists those that this credential can use.";
    MINUTE_LIMIT: "minute_limit" CoolUntil OrganizationModelClass MayHelp
        "Wait for the time named, send less, or ask for a higher limit.";
    RAMP_LIMIT: "ramp_limit" CoolUntil Organization MayHelp
        "Wait, and raise the traffic gradually.";
    RETRY_LATER: "retry_later" CoolUntil Credential MayHelp
        "Wait for the time named.";
    SHORT_THROTTLE: "short_throttle" Transient Network Useless
        "Try again shortly.";
    PLAN_WINDOW: "plan_window" CoolUntil Credential MayHelp
        "Wait for the reset, or use an API key.";
    PLAN_MODEL_WINDOW: "plan_model_window" CoolModelUntil CredentialModel MayHelp
        "Use another model, or wait for the reset.";
    PLAN_TEXT: "plan_text" CoolUntil Credential Useless
        "Wait for the reset that the text names.";
    COMPACTION_UNAVAILABLE: "compaction_unavailable" Transient UpstreamModel Useless
        "Try again with growing pauses.";
    TIMEOUT: "timeout" Transient Upstream Useless
        "Use streaming for long requests, or try again.";
    BEDROCK_THROTTLED: "bedrock_throttled" CoolUntil AccountRegionModel MayHelp
        "Wait, or ask AWS for a higher quota.";
    VERTEX_QUOTA: "vertex_quota" CoolUntil ProjectRegionModel MayHelp
        "Wait, or ask Google for a higher quota.";
    CLOUD_NO_ACCESS: "cloud_no_access" Feature Request MayHelp
        "Ask for access to the model in the cloud's console.";
    CLOUD_LOGIN_LAPSED: "cloud_login_lapsed" Refresh Credential MayHelp
        "Renew the AWS or Google credentials.";
    FOUNDRY_KEY: "foundry_key" Dead Credential MayHelp
        "Check the key and the name of the resource.";
}
