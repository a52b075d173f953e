//! The binding of a directory to the account that should pay there.

use std::path::{Path, PathBuf};

use keyreeve_broker::admin::bindings::ExistingDirectory;
use keyreeve_broker::admin::profiles::{ProfileSettings, find_profile, find_same};
use keyreeve_broker::admin::protection::BoundPayer;
use keyreeve_broker::wire::BindingView;
use keyreeve_core::api::Api;
use keyreeve_core::binding::Expected;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{Name, Source};
use keyreeve_os::files::list_names;
use keyreeve_os::system;
use keyreeve_resolver::claude_code::LoginState;
use keyreeve_store::Store;

use super::{COMMAND, Run};
use crate::args::Consent;
use crate::dirs;
use crate::error::{CommandError, Exit};
use crate::new_profile::{self, SecretOrigin};
use crate::output::abbreviate_home;
use crate::prompt::Question;
use crate::render::binding::describe_binding;

/// Name of the profile of Claude Code's own login.
const OWN_LOGIN_NAME: &str = "claude";

/// The account to bind a directory to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Account {
    /// The plan of Claude Code's login.
    OwnPlan,
    /// The plan of a login in another directory, under this name.
    OtherLogin(Name, PathBuf),
    /// A class of payer, or a profile.
    Expected(Expected),
}

/// Binds the directory, after asking for what no flag chooses.
pub(super) fn bind(run: &mut Run<'_>) -> Result<(), CommandError> {
    let Some(account) = account(run)? else {
        return Ok(());
    };
    let Some(directory) = directory(run)? else {
        return Ok(());
    };
    // Before a profile is added.
    let directory = ExistingDirectory::find(&directory)?;
    let store = run.context.open_store()?;
    let payer = payer(account, &store, run)?;
    match run.protection.bind(&store, directory, &payer)? {
        Some(binding) => {
            let view = BindingView::new(&binding, store.policy()?.profiles());
            let text = format!("Bound {}: {}", view.directory, describe_binding(&view));
            run.changed(&text);
        }
        None => run.context.output.note("The directory is bound so already"),
    }
    Ok(())
}

/// Returns the account to bind to, or `None` to bind nothing.
fn account(run: &Run<'_>) -> Result<Option<Account>, CommandError> {
    let login = run.choices.login.as_deref();
    match (&run.choices.payer, login, run.choices.consent()) {
        (Some(Expected::Profile(name)), Some(login), _) => {
            let account = Account::OtherLogin(name.clone(), absolute(login));
            Ok(Some(account))
        }
        (Some(_), Some(_), _) => Err(login_needs_a_name()),
        (Some(Expected::Plan), None, _) | (None, _, Consent::Given) if has_login(run) => {
            Ok(Some(Account::OwnPlan))
        }
        (Some(expected), None, _) => Ok(Some(Account::Expected(expected.clone()))),
        (None, _, Consent::Given) => {
            let text =
                "Claude Code is not signed in to a plan, so nothing is bound. Pass `--bind PAYER`.";
            run.context.output.note(text);
            Ok(None)
        }
        (None, _, Consent::Ask) => ask_account(run),
    }
}

fn login_needs_a_name() -> CommandError {
    CommandError::new(
        Exit::Usage,
        "`--login` needs a profile's name in `--bind`, not a class of payer",
    )
    .fix("keyreeve protect --bind work --login DIR")
}

fn ask_account(run: &Run<'_>) -> Result<Option<Account>, CommandError> {
    let home = run.context.home();
    let mut options = Vec::new();
    if has_login(run) {
        let label = "my plan: Claude Code's own login".to_owned();
        options.push((label, Some(Account::OwnPlan)));
    }
    for (name, path) in other_logins(run)? {
        let path_text = path.display().to_string();
        let label = format!(
            "`{name}`: the login in {}",
            abbreviate_home(&path_text, home)
        );
        options.push((label, Some(Account::OtherLogin(name, path))));
    }
    for profile in &run.snapshot.keyreeve.profiles {
        let label = format!("profile `{}` ({})", profile.name, profile.billing.name());
        let expected = Expected::Profile(profile.name.clone());
        options.push((label, Some(Account::Expected(expected))));
    }
    options.push(("do not bind a directory".to_owned(), None));
    let (labels, mut accounts): (Vec<_>, Vec<_>) = options.into_iter().unzip();
    let question = Question {
        prompt: "Which account should pay?",
        command: COMMAND,
    };
    let index = run.context.prompter.choose(question, labels)?;
    Ok(accounts.swap_remove(index))
}

/// Returns the directory to bind, or `None` if the user leaves it empty.
fn directory(run: &Run<'_>) -> Result<Option<PathBuf>, CommandError> {
    let home = dirs::user_home(&run.context.snapshot.environment)?;
    match (&run.choices.directory, run.choices.consent()) {
        (Some(directory), _) => Ok(Some(directory.clone())),
        (None, Consent::Given) => Ok(Some(home)),
        (None, Consent::Ask) if run.choices.payer.is_some() => Ok(Some(home)),
        (None, Consent::Ask) => ask_directory(home, run),
    }
}

fn ask_directory(home: PathBuf, run: &Run<'_>) -> Result<Option<PathBuf>, CommandError> {
    let here = system::working_directory().map(PathBuf::from);
    let here = here.filter(|here| *here != home);
    let mut labels = vec!["everywhere in my home directory".to_owned()];
    labels.extend(here.as_ref().map(|here| {
        let here = here.display().to_string();
        format!("in {}", abbreviate_home(&here, run.context.home()))
    }));
    labels.push("in another directory".to_owned());
    let question = Question {
        prompt: "Where?",
        command: COMMAND,
    };
    let last = labels.len() - 1;
    let index = run.context.prompter.choose(question, labels)?;
    if index == 0 {
        return Ok(Some(home));
    }
    if index < last {
        return Ok(here);
    }
    let question = Question {
        prompt: "Directory:",
        command: COMMAND,
    };
    let typed = run.context.prompter.read_line(question)?;
    let typed = typed.trim();
    let path = match typed.strip_prefix("~/") {
        Some(below) => home.join(below),
        None => PathBuf::from(typed),
    };
    Ok((!typed.is_empty()).then_some(path))
}

/// Returns what to bind to. A plan is bound as a profile, since otherwise the default profile would be used there.
fn payer(account: Account, store: &Store, run: &mut Run<'_>) -> Result<BoundPayer, CommandError> {
    Ok(match account {
        Account::OwnPlan => {
            let profile = own_login(store, run)?;
            BoundPayer {
                profile: Some(profile),
                expect: Some(Expected::Plan),
            }
        }
        Account::OtherLogin(name, path) => {
            // The first profile becomes the default, which is used wherever nothing is bound.
            own_login(store, run)?;
            let home = dirs::user_home(&run.context.snapshot.environment)?;
            let is_default = path == home.join(".claude");
            let config_dir = (!is_default).then(|| path.to_string_lossy().into_owned());
            let profile = login_profile(&name, config_dir, store, run)?;
            BoundPayer {
                expect: Some(Expected::Profile(profile.clone())),
                profile: Some(profile),
            }
        }
        Account::Expected(Expected::Profile(name)) => {
            find_profile(&*store.policy()?, &name)?;
            BoundPayer {
                expect: Some(Expected::Profile(name.clone())),
                profile: Some(name),
            }
        }
        Account::Expected(
            expected @ (Expected::Plan | Expected::Metered | Expected::Cloud | Expected::Gateway),
        ) => BoundPayer {
            profile: None,
            expect: Some(expected),
        },
    })
}

/// Finds or adds the profile of the login that Claude Code uses here.
fn own_login(store: &Store, run: &mut Run<'_>) -> Result<Name, CommandError> {
    let directory = run.context.snapshot.environment.get("CLAUDE_CONFIG_DIR");
    let directory = directory.filter(|it| it.starts_with('/'));
    let directory = directory.map(ToOwned::to_owned);
    let source = Source::ClaudeLogin {
        config_dir: directory.clone(),
    };
    if let Some(existing) = find_same(&*store.policy()?, &source, &BaseUrl::anthropic()) {
        return Ok(existing.name.clone());
    }
    let policy = store.policy()?;
    let numbered = (2..).map(|number| format!("{OWN_LOGIN_NAME}-{number}"));
    let names = std::iter::once(OWN_LOGIN_NAME.to_owned()).chain(numbered);
    let mut names = names.filter_map(|name| name.parse::<Name>().ok());
    let free = names.find(|name| find_profile(&policy, name).is_err());
    let Some(name) = free else {
        return Err(CommandError::new(Exit::Failed, "no free name left"));
    };
    login_profile(&name, directory, store, run)
}

/// Finds the named profile, or adds one for the login in this directory.
fn login_profile(
    name: &Name,
    config_dir: Option<String>,
    store: &Store,
    run: &mut Run<'_>,
) -> Result<Name, CommandError> {
    let source = Source::ClaudeLogin { config_dir };
    let policy = store.policy()?;
    if find_profile(&policy, name).is_ok_and(|existing| existing.source == source) {
        return Ok(name.clone());
    }
    let settings =
        ProfileSettings::with_defaults(name.clone(), BaseUrl::anthropic(), Api::Anthropic);
    let origin = SecretOrigin::Reference(source);
    let added = new_profile::save(settings, origin, store, run.context)?;
    run.protection.record_profile(added.id)?;
    run.changed(&format!(
        "Added profile `{name}`, a reference to a login: its tokens are not copied"
    ));
    Ok(added.name)
}

/// Returns the logins in other directories of the user's home: `~/.claude-work` is `work`.
fn other_logins(run: &Run<'_>) -> Result<Vec<(Name, PathBuf)>, CommandError> {
    let home = dirs::user_home(&run.context.snapshot.environment)?;
    let logins = list_names(&home).into_iter().filter_map(|directory| {
        let name = directory.strip_prefix(".claude-")?.parse().ok()?;
        let path = home.join(&directory);
        let has_login = path.join(".credentials.json").exists();
        has_login.then_some((name, path))
    });
    Ok(logins.collect())
}

fn has_login(run: &Run<'_>) -> bool {
    let login = run.snapshot.login.as_ref();
    login.is_some_and(|login| match login.state {
        LoginState::Present { .. } => true,
        LoginState::SignedOut | LoginState::Damaged(_) | LoginState::Unreadable => false,
    })
}

/// Returns the real path of a directory, or the absolute path of one that is missing.
fn absolute(path: &Path) -> PathBuf {
    match system::canonical_directory(path) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(system::working_directory().unwrap_or_default()).join(path),
    }
}
