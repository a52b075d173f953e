//! The commands, one struct each: validated arguments, ready to use. Commands see these and never clap.

use std::path::PathBuf;

use clap_complete::Shell;
use jiff::{SignedDuration, Timestamp};
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{BillingClass, Name};
use keyreeve_core::virtual_key::Strategy;
use keyreeve_resolver::advise::UseCase;

use crate::args;
use crate::problem::Problem;
use crate::settings::models::is_glob;
use crate::settings::payer::use_case;
use crate::settings::secret_input::{SecretInput, secret_input};
use crate::settings::when::{Direction, parse_duration, parse_time};
use crate::settings::{
    Ask, Bind, Check, Doctor, Env, Exec, Guard, HookShell, Import, Onboard, ProfileAction, Status,
    Statusline,
};

pub(crate) use crate::args::{ConfigCommand, ConnectClient, UsageDimension};

/// The command to run.
#[derive(Debug)]
pub(crate) enum Command {
    Onboard(Onboard),
    Serve(Serve),
    Unit(UnitAction),
    Sandbox(SandboxPort),
    Status(Status),
    Guard(Guard),
    Advise(UseCase),
    Bind(Bind),
    /// The directory as typed.
    Unbind(PathBuf),
    Bindings,
    Hook(HookShell),
    Statusline(Statusline),
    Check(Check),
    Ask(Ask),
    Exec(Exec),
    Env(Env),
    Doctor(Doctor),
    Inspect(Inspect),
    Profile(ProfileAction),
    Key(KeyAction),
    Import(Import),
    Connect(Connect),
    Helper(CredentialChoice),
    Credential(CredentialChoice),
    Usage(UsageOptions),
    Requests(RequestsQuery),
    Limits,
    Store(StoreAction),
    Config(ConfigCommand),
    Completions(Shell),
    Version,
    /// A command and its subcommands.
    Help(Vec<String>),
}

/// Settings of `serve`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Serve {
    /// Port of the simulated API to run as well, or `None` without one; 0 picks a free port.
    pub(crate) sandbox_port: Option<u16>,
}

/// Actions of `serve --install` and `serve --uninstall`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnitAction {
    Install,
    Print,
    Uninstall,
}

/// Settings of `sandbox`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SandboxPort {
    /// Port on 127.0.0.1; 0 picks a free one.
    pub(crate) port: u16,
}

/// Settings of `inspect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Inspect {
    /// Source of the token.
    pub(crate) input: SecretInput,
}

/// Actions of `key`.
#[derive(Debug)]
pub(crate) enum KeyAction {
    Add(AddKey),
    List,
    Show(Name),
    AllowBilling {
        name: Name,
        classes: Vec<BillingClass>,
    },
    Rotate {
        name: Name,
        overlap: SignedDuration,
    },
    Revoke(Name),
}

/// Settings of `key add`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct AddKey {
    pub(crate) name: Name,
    /// Key to copy all settings from that are not given here.
    pub(crate) like: Option<Name>,
    /// If empty, those of the other key.
    pub(crate) profiles: Vec<Name>,
    pub(crate) strategy: Option<Strategy>,
    /// If empty, those of the other key, if any.
    pub(crate) allow_billing: Vec<BillingClass>,
    /// If empty, those of the other key, if any, else all models.
    pub(crate) models: Vec<String>,
    pub(crate) cache_ttl: Option<Ttl>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Settings of `connect`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Connect {
    pub(crate) client: ConnectClient,
    pub(crate) key: Name,
    /// Source of the key itself; `None` to print a variable in its place.
    pub(crate) key_input: Option<SecretInput>,
}

/// The credential that `helper` and `credential` print.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CredentialChoice {
    /// Of the default profile.
    Default,
    /// Of this profile.
    Profile(Name),
    /// A temporary key of this virtual key.
    Key(Name),
}

/// Settings of `usage`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UsageOptions {
    pub(crate) by: UsageDimension,
    pub(crate) since: Option<Timestamp>,
    pub(crate) format: TableFormat,
}

/// Format of rows without `--json`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TableFormat {
    Table,
    Csv,
}

/// Settings of `requests`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestsQuery {
    pub(crate) limit: u32,
    pub(crate) detail: RequestDetail,
}

/// Rows of `requests`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RequestDetail {
    /// One for each request.
    Requests,
    /// One for each attempt.
    Attempts,
}

/// Actions of `store`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum StoreAction {
    Init,
    Info,
    Backup {
        file: PathBuf,
        passphrase: SecretInput,
    },
    Restore {
        file: PathBuf,
        passphrase: SecretInput,
    },
}

impl Command {
    /// Validates the arguments.
    ///
    /// # Errors
    /// Every invalid argument.
    pub(crate) fn from_args(
        command: Option<args::CliCommand>,
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        Ok(match command {
            None => Self::Status(Status::short()),
            Some(args::CliCommand::Onboard(typed)) => {
                Self::Onboard(Onboard::from_args(typed, now)?)
            }
            Some(args::CliCommand::Serve(typed)) => serve(&typed),
            Some(args::CliCommand::Sandbox(typed)) => {
                Self::Sandbox(SandboxPort { port: typed.port })
            }
            Some(args::CliCommand::Status(typed)) => Self::Status(Status::from_args(typed)),
            Some(args::CliCommand::Guard(typed)) => Self::Guard(Guard::from_args(typed)),
            Some(args::CliCommand::Advise(typed)) => Self::Advise(use_case(typed.use_case)),
            Some(args::CliCommand::Bind(typed)) => Self::Bind(Bind::from_args(typed)),
            Some(args::CliCommand::Unbind(typed)) => Self::Unbind(typed.directory),
            Some(args::CliCommand::Bindings) => Self::Bindings,
            Some(args::CliCommand::Hook(typed)) => Self::Hook(typed.shell),
            Some(args::CliCommand::Statusline(typed)) => {
                Self::Statusline(Statusline::from_args(&typed))
            }
            Some(args::CliCommand::Check(typed)) => Self::Check(Check::from_args(typed)?),
            Some(args::CliCommand::Ask(typed)) => Self::Ask(Ask::from_args(typed)?),
            Some(args::CliCommand::Exec(typed)) => Self::Exec(Exec::from_args(typed)),
            Some(args::CliCommand::Env(typed)) => Self::Env(Env::from_args(typed)),
            Some(args::CliCommand::Doctor(typed)) => Self::Doctor(Doctor::from_args(typed, now)?),
            Some(args::CliCommand::Inspect(typed)) => Self::Inspect(Inspect {
                input: secret_input(typed.input.is_some()),
            }),
            Some(args::CliCommand::Profile(typed)) => {
                Self::Profile(ProfileAction::from_args(typed, now)?)
            }
            Some(args::CliCommand::Key(typed)) => Self::Key(key(typed, now)?),
            Some(args::CliCommand::Import(typed)) => Self::Import(Import::from_args(typed)),
            Some(args::CliCommand::Connect(typed)) => Self::Connect(Connect {
                client: typed.client,
                key: typed.key,
                key_input: typed.key_stdin.then_some(SecretInput::Stdin),
            }),
            Some(args::CliCommand::Helper(typed)) => Self::Helper(credential_choice(typed)),
            Some(args::CliCommand::Credential(typed)) => Self::Credential(credential_choice(typed)),
            Some(args::CliCommand::Usage(typed)) => Self::Usage(usage(&typed, now)?),
            Some(args::CliCommand::Requests(typed)) => Self::Requests(RequestsQuery {
                limit: typed.limit,
                detail: if typed.attempts {
                    RequestDetail::Attempts
                } else {
                    RequestDetail::Requests
                },
            }),
            Some(args::CliCommand::Limits) => Self::Limits,
            Some(args::CliCommand::Store(typed)) => Self::Store(store(typed)),
            Some(args::CliCommand::Config(typed)) => Self::Config(typed),
            Some(args::CliCommand::Completions { shell }) => Self::Completions(shell),
            Some(args::CliCommand::Version) => Self::Version,
            Some(args::CliCommand::Help { command }) => Self::Help(command),
        })
    }
}

fn serve(typed: &args::ServeArgs) -> Command {
    match (typed.install, typed.print, typed.uninstall) {
        (_, _, true) => Command::Unit(UnitAction::Uninstall),
        (true, true, false) => Command::Unit(UnitAction::Print),
        (true, false, false) => Command::Unit(UnitAction::Install),
        (false, _, false) => Command::Serve(Serve {
            sandbox_port: typed.sandbox.then_some(typed.sandbox_port),
        }),
    }
}

fn key(typed: args::KeyCommand, now: Timestamp) -> Result<KeyAction, Vec<Problem>> {
    Ok(match typed {
        args::KeyCommand::Add(typed) => KeyAction::Add(add_key(typed, now)?),
        args::KeyCommand::List => KeyAction::List,
        args::KeyCommand::Show { name } => KeyAction::Show(name),
        args::KeyCommand::AllowBilling { name, classes } => {
            let mut problems = Vec::new();
            let classes = billing_classes(&classes, "CLASS", &mut problems);
            if !problems.is_empty() {
                return Err(problems);
            }
            KeyAction::AllowBilling { name, classes }
        }
        args::KeyCommand::Rotate(typed) => KeyAction::Rotate {
            name: typed.name,
            overlap: parse_duration(&typed.overlap)
                .map_err(|text| vec![Problem::flag("--overlap", text)])?,
        },
        args::KeyCommand::Revoke { name } => KeyAction::Revoke(name),
    })
}

fn add_key(typed: args::AddKeyArgs, now: Timestamp) -> Result<AddKey, Vec<Problem>> {
    let mut problems = Vec::new();
    if typed.profiles.is_empty() && typed.like.is_none() && !typed.pass_through {
        problems.push(Problem::flag(
            "--profile",
            "is required. Name at least one profile, or a key to copy with `--like`.",
        ));
    }
    for (index, profile) in typed.profiles.iter().enumerate() {
        if typed.profiles[..index].contains(profile) {
            problems.push(Problem::flag(
                "--profile",
                format!("names `{profile}` twice"),
            ));
        }
    }
    let allow_billing = billing_classes(&typed.allow_billing, "--allow-billing", &mut problems);
    for model in typed.models.iter().filter(|model| !is_glob(model)) {
        problems.push(Problem::flag(
            "--model",
            format!("`{model}` is not a model name or a pattern with * and ?"),
        ));
    }
    let expires_at = match typed
        .expires
        .map(|text| parse_time(&text, now, Direction::Future))
    {
        Some(Ok(time)) if time > now => Some(time),
        Some(Ok(_)) => {
            problems.push(Problem::flag("--expires", "must be in the future"));
            None
        }
        Some(Err(text)) => {
            problems.push(Problem::flag("--expires", text));
            None
        }
        None => None,
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(AddKey {
        name: typed.name,
        like: typed.like,
        profiles: typed.profiles,
        strategy: typed.strategy.map(|strategy| match strategy {
            args::StrategyArg::Ordered => Strategy::Ordered,
            args::StrategyArg::Spread => Strategy::Spread,
        }),
        allow_billing,
        models: typed.models,
        cache_ttl: typed.cache_ttl.map(|ttl| match ttl {
            args::CacheTtlArg::FiveMinutes => Ttl::FiveMinutes,
            args::CacheTtlArg::OneHour => Ttl::OneHour,
        }),
        expires_at,
    })
}

/// Returns each class once.
fn billing_classes(
    typed: &[args::BillingClassArg],
    flag: &'static str,
    problems: &mut Vec<Problem>,
) -> Vec<BillingClass> {
    let mut classes = Vec::new();
    for class in typed {
        let class = match class {
            args::BillingClassArg::Metered => BillingClass::Metered,
            args::BillingClassArg::Cloud => BillingClass::Cloud,
            args::BillingClassArg::Gateway => BillingClass::Gateway,
            args::BillingClassArg::Plan => {
                problems.push(Problem::flag(
                    flag,
                    "cannot be plan: a plan serves its owner's Claude Code only, never a virtual key. Run it with `keyreeve exec -- claude`.",
                ));
                continue;
            }
        };
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    classes
}

fn credential_choice(typed: args::CredentialArgs) -> CredentialChoice {
    match (typed.profile, typed.key) {
        (_, Some(key)) => CredentialChoice::Key(key),
        (Some(profile), None) => CredentialChoice::Profile(profile),
        (None, None) => CredentialChoice::Default,
    }
}

fn usage(typed: &args::UsageArgs, now: Timestamp) -> Result<UsageOptions, Vec<Problem>> {
    let since = typed
        .since
        .as_deref()
        .map(|text| parse_time(text, now, Direction::Past))
        .transpose();
    Ok(UsageOptions {
        by: typed.by,
        since: since.map_err(|text| vec![Problem::flag("--since", text)])?,
        format: if typed.csv {
            TableFormat::Csv
        } else {
            TableFormat::Table
        },
    })
}

fn store(typed: args::StoreCommand) -> StoreAction {
    match typed {
        args::StoreCommand::Init => StoreAction::Init,
        args::StoreCommand::Info => StoreAction::Info,
        args::StoreCommand::Backup(typed) => StoreAction::Backup {
            file: typed.file,
            passphrase: secret_input(typed.stdin),
        },
        args::StoreCommand::Restore(typed) => StoreAction::Restore {
            file: typed.file,
            passphrase: secret_input(typed.stdin),
        },
    }
}
