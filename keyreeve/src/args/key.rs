//! Arguments of the commands about virtual keys: `key`, `connect`, `helper`, `credential`.

use clap::{Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use keyreeve_broker::admin::keys::AddKey;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{BillingClass, Name};
use keyreeve_core::virtual_key::{ModelPattern, Strategy};

use super::values::{CACHE_TTLS, STRATEGIES, billing_class, choice, is_model_glob};
use super::when;
use crate::problem::Problem;

/// Subcommands of `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a virtual key and show it once
    Add(AddKeyArgs),
    /// List virtual keys
    #[command(after_help = "Examples:\n  keyreeve key list\n  keyreeve key list --json")]
    List,
    /// Show a key's settings
    #[command(after_help = "Example:\n  keyreeve key show laptop")]
    Show {
        /// Key name
        name: Name,
    },
    /// Let a key fall back to profiles with other billing
    #[command(
        after_help = "Replaces the list of additional classes; without a CLASS, it becomes empty.\n\n\
        Examples:\n  \
        keyreeve key allow-billing laptop gateway\n  \
        keyreeve key allow-billing laptop metered cloud\n  \
        keyreeve key allow-billing laptop          only its own class"
    )]
    AllowBilling {
        /// Key name
        name: Name,
        /// Billing class: metered, cloud or gateway
        #[arg(value_parser = billing_class(), hide_possible_values = true, value_name = "CLASS")]
        classes: Vec<BillingClass>,
    },
    /// Replace a key's secret and show the new one once
    Rotate(RotateKeyArgs),
    /// Revoke a key permanently
    #[command(after_help = "Example:\n  keyreeve key revoke laptop")]
    Revoke {
        /// Key name
        name: Name,
    },
}

/// Arguments of `key add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    keyreeve key add laptop --profile work\n  \
    keyreeve key add ci --profile work --profile spare --expires 30d\n  \
    keyreeve key add bot --profile work --model 'claude-haiku-*'\n  \
    keyreeve key add ci2 --like ci --allow-billing gateway\n  \
    keyreeve key add own-login --pass-through\n  \
    export KEYREEVE_KEY=$(keyreeve key add agent --profile work)")]
pub(crate) struct AddKeyArgs {
    /// Key name
    pub(crate) name: Name,
    /// Copy this key's settings, except its secret, its expiry and those given here
    #[arg(long, value_name = "KEY")]
    pub(crate) like: Option<Name>,
    /// Profile that the key uses; repeat it to add fallbacks
    #[arg(long = "profile", short, value_name = "PROFILE")]
    pub(crate) profiles: Vec<Name>,
    /// Selection among ready profiles [default: ordered]
    #[arg(long, value_parser = choice(STRATEGIES))]
    pub(crate) strategy: Option<Strategy>,
    /// Additional billing class: metered, cloud or gateway [default: none]
    #[arg(long, value_parser = billing_class(), hide_possible_values = true, value_name = "CLASS")]
    pub(crate) allow_billing: Vec<BillingClass>,
    /// Create a key without profiles, for clients that send their own login
    #[arg(long, conflicts_with_all = ["profiles", "like", "strategy", "allow_billing", "cache_ttl"])]
    pub(crate) pass_through: bool,
    /// Allowed model, with * and ? as wildcards [default: any]
    #[arg(long = "model", short, value_name = "GLOB")]
    pub(crate) models: Vec<String>,
    /// Prompt cache lifetime of its requests [default: as configured]
    #[arg(long, value_name = "TTL", value_parser = choice(CACHE_TTLS))]
    pub(crate) cache_ttl: Option<Ttl>,
    /// Expiry: 30d, 12h or 2026-12-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
}

impl AddKeyArgs {
    /// Returns the settings of the new key.
    ///
    /// # Errors
    /// Every problem that clap does not find.
    pub(crate) fn settings(self, now: Timestamp) -> Result<AddKey, Vec<Problem>> {
        let expires_at = self.expires_at(now)?;
        Ok(AddKey {
            name: self.name,
            like: self.like,
            profiles: self.profiles,
            strategy: self.strategy,
            allow_billing: self.allow_billing,
            models: self.models.into_iter().map(ModelPattern::new).collect(),
            cache_ttl: self.cache_ttl,
            expires_at,
        })
    }

    fn expires_at(&self, now: Timestamp) -> Result<Option<Timestamp>, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.profiles.is_empty() && self.like.is_none() && !self.pass_through {
            problems.push(Problem::flag(
                "--profile",
                "is required. Name at least one profile, or a key to copy with `--like`.",
            ));
        }
        for (index, profile) in self.profiles.iter().enumerate() {
            if self.profiles[..index].contains(profile) {
                problems.push(Problem::flag(
                    "--profile",
                    format!("names `{profile}` twice"),
                ));
            }
        }
        for model in self.models.iter().filter(|model| !is_model_glob(model)) {
            problems.push(Problem::flag(
                "--model",
                format!("`{model}` is not a model name or a pattern with * and ?"),
            ));
        }
        let expires_at = self.expires.as_ref().map(|text| when::expiry(text, now));
        match expires_at.transpose() {
            Ok(expires_at) if problems.is_empty() => Ok(expires_at),
            Ok(_) => Err(problems),
            Err(text) => {
                problems.push(Problem::flag("--expires", text));
                Err(problems)
            }
        }
    }
}

/// Arguments of `key rotate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve key rotate laptop\n  keyreeve key rotate laptop --overlap 10m"
)]
pub(crate) struct RotateKeyArgs {
    /// Key name
    pub(crate) name: Name,
    /// Time for which the old secret still works, such as 10m
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = when::duration)]
    pub(crate) overlap: SignedDuration,
}

/// Arguments of `connect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    keyreeve connect claude-code --key laptop\n  \
    keyreeve key rotate laptop | keyreeve connect curl --key laptop --key-stdin")]
pub(crate) struct ConnectArgs {
    /// Client to connect
    #[arg(value_enum)]
    pub(crate) client: ConnectClient,
    /// Virtual key that the client uses
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Name,
    /// Read the key from standard input and include it in the settings
    #[arg(long, conflicts_with = "json")]
    pub(crate) key_stdin: bool,
}

/// Clients that `connect` has settings for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ConnectClient {
    /// A curl command that streams a response
    Curl,
    /// The official Python SDK
    Python,
    /// The official TypeScript SDK
    Typescript,
    /// Claude Code
    ClaudeCode,
    /// Claude Code with its own login, through /passthrough
    PassThrough,
}

/// Arguments of `helper` and `credential`.
#[derive(Debug, clap::Args)]
pub(crate) struct CredentialArgs {
    /// Profile that pays [default: the default profile]
    #[arg(long, short, value_name = "PROFILE", conflicts_with = "key")]
    pub(crate) profile: Option<Name>,
    /// Virtual key whose profiles and limits apply
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<Name>,
}
