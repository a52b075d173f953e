//! One struct a command: what was typed, parsed once, ready to use. Commands see these and never clap.

use std::path::PathBuf;

use clap_complete::Shell;
use jiff::{SignedDuration, Timestamp};
use keyreeve_core::advise::Use;
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{BillingClass, Name};
use keyreeve_core::virtual_key::Strategy;

use crate::args;
use crate::settings::models::is_glob;
use crate::settings::payer::wanted;
use crate::settings::when::{Direction, moment, span};
use crate::settings::{
    Ask, Bind, Check, Doctor, Env, Exec, Guard, HookShell, Import, Onboard, Problem, Profile,
    Status, Statusline,
};

pub(crate) use crate::args::{Config, Connectable, Dimension};

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Onboard(Onboard),
    Serve(Serve),
    Unit(Unit),
    Sandbox(Sandbox),
    Status(Status),
    Guard(Guard),
    Advise(Use),
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
    Profile(Profile),
    Key(Key),
    Import(Import),
    Connect(Connect),
    Helper(Whose),
    Credential(Whose),
    Usage(Usage),
    Attempts(Attempts),
    Limits,
    Store(Store),
    Config(Config),
    Completions(Shell),
    Version,
}

/// `serve`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Serve {
    /// The port of the simulated API to start beside it, if one was asked for; 0 takes a free one.
    pub(crate) sandbox_port: Option<u16>,
}

/// `serve --install` and `serve --uninstall`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Install,
    Print,
    Uninstall,
}

/// `sandbox`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sandbox {
    /// Its port on 127.0.0.1; 0 takes a free one.
    pub(crate) port: u16,
}

/// `inspect`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Inspect {
    /// Where the token comes from.
    pub(crate) from: Given,
}

/// Where something a person must not type as an argument comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Given {
    /// Asked for on the terminal.
    Asked,
    /// Read from standard input.
    Stdin,
}

/// `key …`
#[derive(Debug)]
pub(crate) enum Key {
    Add(AddKey),
    List,
    Show(Name),
    Spend {
        name: Name,
        classes: Vec<BillingClass>,
    },
    Rotate {
        name: Name,
        overlap: SignedDuration,
    },
    Revoke(Name),
}

/// `key add`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct AddKey {
    pub(crate) name: Name,
    /// The key whose fields it has where they are not given here.
    pub(crate) like: Option<Name>,
    /// Empty: those of the other key.
    pub(crate) profiles: Vec<Name>,
    pub(crate) strategy: Option<Strategy>,
    /// Empty: those of the other key, if there is one.
    pub(crate) may_spend: Vec<BillingClass>,
    /// Empty: those of the other key, if there is one; else any.
    pub(crate) models: Vec<String>,
    pub(crate) cache_ttl: Option<Ttl>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// `connect`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Connect {
    pub(crate) client: Connectable,
    pub(crate) key: Name,
    /// Whether the key itself follows on standard input; none: a variable stands for it.
    pub(crate) given: Option<Given>,
}

/// Whose credential a client shall be handed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// The default profile's.
    Default,
    /// This profile's.
    Profile(Name),
    /// A secret of this virtual key.
    Key(Name),
}

/// `usage`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Usage {
    pub(crate) by: Dimension,
    pub(crate) since: Option<Timestamp>,
    pub(crate) rows: Rows,
}

/// How rows are written when no JSON is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rows {
    Table,
    Csv,
}

/// `attempts`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attempts {
    pub(crate) limit: u32,
}

/// `store …`
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Store {
    Init,
    Info,
    Backup { file: PathBuf, passphrase: Given },
    Restore { file: PathBuf, passphrase: Given },
}

impl Command {
    /// Makes sense of what was typed.
    ///
    /// # Errors
    /// Every argument that makes none.
    pub(crate) fn of(typed: Option<args::Command>, now: Timestamp) -> Result<Self, Vec<Problem>> {
        Ok(match typed {
            None => Self::Status(Status::short()),
            Some(args::Command::Onboard(typed)) => Self::Onboard(Onboard::of(typed, now)?),
            Some(args::Command::Serve(typed)) => serve(&typed),
            Some(args::Command::Sandbox(typed)) => Self::Sandbox(Sandbox { port: typed.port }),
            Some(args::Command::Status(typed)) => Self::Status(Status::of(typed)),
            Some(args::Command::Guard(typed)) => Self::Guard(Guard::of(typed)),
            Some(args::Command::Advise(typed)) => Self::Advise(wanted(typed.wanted)),
            Some(args::Command::Bind(typed)) => Self::Bind(Bind::of(typed)),
            Some(args::Command::Unbind(typed)) => Self::Unbind(typed.directory),
            Some(args::Command::Bindings) => Self::Bindings,
            Some(args::Command::Hook(typed)) => Self::Hook(typed.shell),
            Some(args::Command::Statusline(typed)) => Self::Statusline(Statusline::of(&typed)),
            Some(args::Command::Check(typed)) => Self::Check(Check::of(typed)?),
            Some(args::Command::Ask(typed)) => Self::Ask(Ask::of(typed)?),
            Some(args::Command::Exec(typed)) => Self::Exec(Exec::of(typed)),
            Some(args::Command::Env(typed)) => Self::Env(Env::of(typed)),
            Some(args::Command::Doctor(typed)) => Self::Doctor(Doctor::of(typed, now)?),
            Some(args::Command::Inspect(typed)) => Self::Inspect(Inspect {
                from: given(typed.input.is_some()),
            }),
            Some(args::Command::Profile(typed)) => Self::Profile(Profile::of(typed, now)?),
            Some(args::Command::Key(typed)) => Self::Key(key(typed, now)?),
            Some(args::Command::Import(typed)) => Self::Import(Import::of(typed)),
            Some(args::Command::Connect(typed)) => Self::Connect(Connect {
                client: typed.client,
                key: typed.key,
                given: typed.key_stdin.then_some(Given::Stdin),
            }),
            Some(args::Command::Helper(typed)) => Self::Helper(whose(typed)),
            Some(args::Command::Credential(typed)) => Self::Credential(whose(typed)),
            Some(args::Command::Usage(typed)) => Self::Usage(usage(&typed, now)?),
            Some(args::Command::Attempts(typed)) => Self::Attempts(Attempts { limit: typed.limit }),
            Some(args::Command::Limits) => Self::Limits,
            Some(args::Command::Store(typed)) => Self::Store(store(typed)),
            Some(args::Command::Config(typed)) => Self::Config(typed),
            Some(args::Command::Completions { shell }) => Self::Completions(shell),
            Some(args::Command::Version) => Self::Version,
        })
    }
}

pub(super) fn given(stdin: bool) -> Given {
    if stdin { Given::Stdin } else { Given::Asked }
}

fn serve(typed: &args::Serve) -> Command {
    match (typed.install, typed.print, typed.uninstall) {
        (_, _, true) => Command::Unit(Unit::Uninstall),
        (true, true, false) => Command::Unit(Unit::Print),
        (true, false, false) => Command::Unit(Unit::Install),
        (false, _, false) => Command::Serve(Serve {
            sandbox_port: typed.sandbox.then_some(typed.sandbox_port),
        }),
    }
}

fn key(typed: args::Key, now: Timestamp) -> Result<Key, Vec<Problem>> {
    Ok(match typed {
        args::Key::Add(typed) => Key::Add(add_key(typed, now)?),
        args::Key::List => Key::List,
        args::Key::Show { name } => Key::Show(name),
        args::Key::Spend { name, classes } => {
            let mut problems = Vec::new();
            let classes = may_spend(&classes, "CLASS", &mut problems);
            if !problems.is_empty() {
                return Err(problems);
            }
            Key::Spend { name, classes }
        }
        args::Key::Rotate(typed) => Key::Rotate {
            name: typed.name,
            overlap: span(&typed.overlap)
                .map_err(|text| vec![Problem::of_flag("--overlap", text)])?,
        },
        args::Key::Revoke { name } => Key::Revoke(name),
    })
}

fn add_key(typed: args::AddKey, now: Timestamp) -> Result<AddKey, Vec<Problem>> {
    let mut problems = Vec::new();
    if typed.profiles.is_empty() && typed.like.is_none() && !typed.pass_through {
        problems.push(Problem::of_flag(
            "--profile",
            "a key uses only the profiles it is given; name at least one, or a key to take them from with --like",
        ));
    }
    for (at, profile) in typed.profiles.iter().enumerate() {
        if typed.profiles[..at].contains(profile) {
            problems.push(Problem::of_flag(
                "--profile",
                format!("`{profile}` is named twice"),
            ));
        }
    }
    let may_spend = may_spend(&typed.may_spend, "--may-spend", &mut problems);
    for model in typed.models.iter().filter(|model| !is_glob(model)) {
        problems.push(Problem::of_flag(
            "--model",
            format!("`{model}` is not a model's name with * or ?"),
        ));
    }
    let expires_at = match typed
        .expires
        .map(|text| moment(&text, now, Direction::Ahead))
    {
        Some(Ok(moment)) if moment > now => Some(moment),
        Some(Ok(_)) => {
            problems.push(Problem::of_flag("--expires", "that is over already"));
            None
        }
        Some(Err(text)) => {
            problems.push(Problem::of_flag("--expires", text));
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
        strategy: typed.strategy.map(|choosing| match choosing {
            args::Choosing::Ordered => Strategy::Ordered,
            args::Choosing::Spread => Strategy::Spread,
        }),
        may_spend,
        models: typed.models,
        cache_ttl: typed.cache_ttl.map(|ttl| match ttl {
            args::CacheTtl::FiveMinutes => Ttl::FiveMinutes,
            args::CacheTtl::OneHour => Ttl::OneHour,
        }),
        expires_at,
    })
}

/// Each class once.
fn may_spend(
    typed: &[args::Class],
    flag: &'static str,
    problems: &mut Vec<Problem>,
) -> Vec<BillingClass> {
    let mut classes = Vec::new();
    for class in typed {
        let class = match class {
            args::Class::Metered => BillingClass::Metered,
            args::Class::Cloud => BillingClass::Cloud,
            args::Class::Gateway => BillingClass::Gateway,
            args::Class::Plan => {
                problems.push(Problem::of_flag(
                    flag,
                    "a plan serves its owner's Claude Code and never stands behind a virtual key; start that with `keyreeve exec -- claude`",
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

fn whose(typed: args::Handing) -> Whose {
    match (typed.profile, typed.key) {
        (_, Some(key)) => Whose::Key(key),
        (Some(profile), None) => Whose::Profile(profile),
        (None, None) => Whose::Default,
    }
}

fn usage(typed: &args::Usage, now: Timestamp) -> Result<Usage, Vec<Problem>> {
    let since = typed
        .since
        .as_deref()
        .map(|text| moment(text, now, Direction::Back))
        .transpose();
    Ok(Usage {
        by: typed.by,
        since: since.map_err(|text| vec![Problem::of_flag("--since", text)])?,
        rows: if typed.csv { Rows::Csv } else { Rows::Table },
    })
}

fn store(typed: args::Store) -> Store {
    match typed {
        args::Store::Init => Store::Init,
        args::Store::Info => Store::Info,
        args::Store::Backup(typed) => Store::Backup {
            file: typed.file,
            passphrase: given(typed.stdin),
        },
        args::Store::Restore(typed) => Store::Restore {
            file: typed.file,
            passphrase: given(typed.stdin),
        },
    }
}
