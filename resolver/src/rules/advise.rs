//! Advice on authentication methods: the recommended one for each use case, and those to avoid
//! (docs/recipes.md#which-method).
//!
//! Invariant: no advice asks users to give a plan login to another program: only the genuine Claude Code uses a plan
//! (docs/facts.md#terms).

/// The use case of a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UseCase {
    /// Interactive use at a terminal.
    Interactive,
    /// Continuous integration or cron: a machine without a user who could sign in.
    Ci,
    /// Scripts that start `claude --bare`.
    Bare,
    /// Tools that should not have a real credential, or a company's gateway.
    Gateway,
    /// A secret that another program rotates automatically.
    Rotating,
    /// Several users or several tools on one account.
    Shared,
}

/// The advice for a use case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advice {
    /// The recommended authentication method.
    pub method: &'static str,
    /// The reason for this method.
    pub reason: &'static str,
    /// The commands to run.
    pub commands: &'static [&'static str],
    /// The methods to avoid.
    pub avoid: &'static [AvoidedMethod],
}

/// A method to avoid for a use case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AvoidedMethod {
    /// The authentication method.
    pub method: &'static str,
    /// The reason to avoid it.
    pub reason: &'static str,
}

impl UseCase {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Ci => "ci",
            Self::Bare => "bare",
            Self::Gateway => "gateway",
            Self::Rotating => "rotating",
            Self::Shared => "shared",
        }
    }

    /// Returns the advice for it.
    pub fn advice(self) -> &'static Advice {
        match self {
            Self::Interactive => &INTERACTIVE,
            Self::Ci => &CI,
            Self::Bare => &BARE,
            Self::Gateway => &GATEWAY,
            Self::Rotating => &ROTATING,
            Self::Shared => &SHARED,
        }
    }
}

const fn avoid(method: &'static str, reason: &'static str) -> AvoidedMethod {
    AvoidedMethod { method, reason }
}

static INTERACTIVE: Advice = Advice {
    method: "Claude Code's own login",
    reason: "it renews itself and uses the plan that you already pay for; do not set any credential that takes precedence over it",
    commands: &[
        "claude auth login",
        "keyreeve bind . --expect plan",
        "keyreeve exec --native --expect plan -- claude",
    ],
    avoid: &[
        avoid(
            "ANTHROPIC_API_KEY in a shell startup file",
            "it silently takes precedence over the login, and API credit is billed",
        ),
        avoid(
            "CLAUDE_CODE_OAUTH_TOKEN",
            "it takes precedence over the login, expires after a year, and does not renew itself",
        ),
    ],
};

static CI: Advice = Advice {
    method: "workload identity federation, or else an API key from the CI's own secrets",
    reason: "federation has no secret that could leak or be forgotten; a separate key can be limited and revoked without affecting other users",
    commands: &[
        "keyreeve profile add ci --sdk-profile NAME --direct",
        "keyreeve profile add ci --env CI_ANTHROPIC_KEY --direct",
        "keyreeve exec --profile ci --expect metered -- claude -p \"…\"",
    ],
    avoid: &[
        avoid(
            "a copied login file",
            "its refresh token works only once: two machines log each other out",
        ),
        avoid(
            "a plan for a service or for other people",
            "a plan is only for its owner's own use of Claude Code (docs/facts.md#terms)",
        ),
        avoid(
            "apiKeyHelper in the settings of a repository",
            "`claude -p` runs it without asking, even if you did not write it",
        ),
    ],
};

static BARE: Advice = Advice {
    method: "ANTHROPIC_API_KEY, set for the one command",
    reason: "bare mode ignores the login, OAuth tokens and profiles; it accepts only a key or an auth token from the environment, or a helper from --settings",
    commands: &[
        "keyreeve exec --profile work -- claude --bare -p \"…\"",
        "keyreeve status --for bare",
    ],
    avoid: &[
        avoid(
            "the login, CLAUDE_CODE_OAUTH_TOKEN, SDK profiles",
            "bare mode ignores them: no credential would be sent",
        ),
        avoid(
            "apiKeyHelper in a settings file",
            "bare mode accepts a helper only from --settings",
        ),
    ],
};

static GATEWAY: Advice = Advice {
    method: "a virtual key in ANTHROPIC_AUTH_TOKEN, with ANTHROPIC_BASE_URL",
    reason: "the tool never has the real credential; its virtual key has limits and can be revoked at once",
    commands: &[
        "keyreeve serve",
        "keyreeve key add laptop --profile work",
        "keyreeve connect claude-code --key laptop",
    ],
    avoid: &[
        avoid(
            "the gateway's key in ANTHROPIC_API_KEY",
            "Claude Code also sends it to Anthropic's own host, in requests that ignore the base URL",
        ),
        avoid(
            "ANTHROPIC_BASE_URL alone",
            "it does not replace the credential: the login's token would be sent to that address",
        ),
    ],
};

static ROTATING: Advice = Advice {
    method: "apiKeyHelper, or a profile with a command or a file as its source",
    reason: "it is read again after five minutes and after a 401, so that a rotated secret is noticed; a variable keeps the old value until the process exits",
    commands: &[
        "keyreeve profile add vault --command -- PROGRAM ARGUMENTS",
        "keyreeve profile add mounted --from-file /run/secrets/anthropic",
    ],
    avoid: &[
        avoid(
            "an environment variable",
            "a process keeps the value that it was started with",
        ),
        avoid(
            "a helper that prints a fixed key",
            "it sets both headers, starts a process each time, and protects nothing",
        ),
        avoid(
            "a helper together with a key or an auth token",
            "each request then contains two different credentials",
        ),
    ],
};

static SHARED: Advice = Advice {
    method: "API keys of an organization, with a virtual key for each user or tool",
    reason: "each key has its own limits and ledger entries, and can be revoked without affecting the others",
    commands: &[
        "keyreeve profile add team --stdin",
        "keyreeve key add alice --profile team",
        "keyreeve usage --by key --since 7d",
    ],
    avoid: &[
        avoid(
            "one person's plan",
            "it must not serve other people (docs/facts.md#terms), and keyreeve refuses it behind a virtual key",
        ),
        avoid(
            "one API key shared by everyone",
            "usage cannot be attributed to a user, and rotating it interrupts everyone",
        ),
    ],
};
