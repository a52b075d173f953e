//! Which way to authenticate suits which use, and when not to use the others (docs/recipes.md#which-method).
//!
//! Invariant: nothing here asks a person to hand a plan's login to another program: a plan is used by the genuine Claude
//! Code alone (docs/facts.md#terms).

/// What a credential is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Use {
    /// A person at a terminal.
    Interactive,
    /// Continuous integration, cron: a machine, and nobody who could sign in.
    Ci,
    /// Scripts that start `claude --bare`.
    Bare,
    /// Tools that should hold no real credential, or a company's gateway.
    Gateway,
    /// A secret that another program replaces by itself.
    Rotating,
    /// Several people or several tools on one account.
    Shared,
}

/// What suits a use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advice {
    /// The way to authenticate.
    pub method: &'static str,
    /// Why this one.
    pub because: &'static str,
    /// What to run.
    pub commands: &'static [&'static str],
    /// What not to use here, and why.
    pub avoid: &'static [Avoided],
}

/// A way that does not suit a use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Avoided {
    /// The way.
    pub method: &'static str,
    /// Why it does not suit.
    pub because: &'static str,
}

impl Use {
    /// Every use.
    pub const ALL: [Self; 6] = [
        Self::Interactive,
        Self::Ci,
        Self::Bare,
        Self::Gateway,
        Self::Rotating,
        Self::Shared,
    ];

    /// Its name.
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

    /// What suits it.
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

const fn avoid(method: &'static str, because: &'static str) -> Avoided {
    Avoided { method, because }
}

static INTERACTIVE: Advice = Advice {
    method: "Claude Code's own login",
    because: "it renews itself, and the plan that is paid for already pays; nothing else may be set that outranks it",
    commands: &[
        "claude auth login",
        "keyreeve bind . --expect plan",
        "keyreeve exec --native --expect plan -- claude",
    ],
    avoid: &[
        avoid(
            "ANTHROPIC_API_KEY in a shell's file",
            "it silently outranks the login, and API credit is billed",
        ),
        avoid(
            "CLAUDE_CODE_OAUTH_TOKEN",
            "it outranks the login, ends after a year, and does not renew itself",
        ),
    ],
};

static CI: Advice = Advice {
    method: "workload identity federation, else an API key from the CI's own secrets",
    because: "a federation has no secret that could leak or be forgotten; a key of its own is limited and revoked without touching anybody else",
    commands: &[
        "keyreeve profile add ci --sdk-profile NAME --direct",
        "keyreeve profile add ci --env CI_ANTHROPIC_KEY --direct",
        "keyreeve exec --profile ci --expect metered -- claude -p \"…\"",
    ],
    avoid: &[
        avoid(
            "a copied login file",
            "its refresh token is good once: two machines log each other out",
        ),
        avoid(
            "a plan for a service or for other people",
            "a plan is for its owner's own use of Claude Code (docs/facts.md#terms)",
        ),
        avoid(
            "apiKeyHelper in a repository's settings",
            "`claude -p` runs it without asking, whoever wrote it",
        ),
    ],
};

static BARE: Advice = Advice {
    method: "ANTHROPIC_API_KEY, set for the one command",
    because: "bare mode reads no login, no OAuth token and no profile; a key or an auth token from the environment, or a helper given by --settings, is all it takes",
    commands: &[
        "keyreeve exec --profile work -- claude --bare -p \"…\"",
        "keyreeve status --for bare",
    ],
    avoid: &[
        avoid(
            "the login, CLAUDE_CODE_OAUTH_TOKEN, SDK profiles",
            "bare mode does not look at them: nothing would be sent",
        ),
        avoid(
            "apiKeyHelper in a settings file",
            "bare mode takes a helper from --settings alone",
        ),
    ],
};

static GATEWAY: Advice = Advice {
    method: "a virtual key in ANTHROPIC_AUTH_TOKEN, with ANTHROPIC_BASE_URL",
    because: "the tool never holds the real credential; its key has limits, and is revoked at once",
    commands: &[
        "keyreeve serve",
        "keyreeve key add laptop --profile work",
        "keyreeve connect claude-code --key laptop",
    ],
    avoid: &[
        avoid(
            "the gateway's key as ANTHROPIC_API_KEY",
            "Claude Code also sends that to the vendor's own host, on calls that ignore the base URL",
        ),
        avoid(
            "ANTHROPIC_BASE_URL alone",
            "it replaces no credential: the login's token would go to that address",
        ),
    ],
};

static ROTATING: Advice = Advice {
    method: "apiKeyHelper, or a profile whose source is a command or a file",
    because: "it is asked again after five minutes and after a 401, so that a replaced secret is noticed; a variable keeps the old one for as long as the process lives",
    commands: &[
        "keyreeve profile add vault --command -- PROGRAM ARGUMENTS",
        "keyreeve profile add mounted --from-file /run/secrets/anthropic",
    ],
    avoid: &[
        avoid(
            "a variable",
            "a process keeps the value it was started with",
        ),
        avoid(
            "a helper that prints a fixed key",
            "it fills both headers, costs a process each time, and protects nothing",
        ),
        avoid(
            "a helper beside a key or an auth token",
            "one request then carries two different credentials",
        ),
    ],
};

static SHARED: Advice = Advice {
    method: "an organization's API keys, with a virtual key for each person or tool",
    because: "each key has its own limits and its own rows in the ledger, and one is revoked without the others noticing",
    commands: &[
        "keyreeve profile add team --stdin",
        "keyreeve key add alice --profile team",
        "keyreeve usage --by key --since 7d",
    ],
    avoid: &[
        avoid(
            "one person's plan",
            "it may not serve anybody else (docs/facts.md#terms), and keyreeve refuses it behind a virtual key",
        ),
        avoid(
            "one API key handed around",
            "nobody can tell who used it, and replacing it stops everybody",
        ),
    ],
};
