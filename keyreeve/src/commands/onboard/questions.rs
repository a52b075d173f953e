//! The questions `onboard` asks if no flag answers them: the credential that pays, how to get it, and whether to create a key.

use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Name;

use super::detect::DetectedState;
use crate::args::{ExistingLogin, OnboardArgs, SecretInput, SetupTokenArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::new_profile::parse_origin;
use crate::prompt::{Answer, Question};

const HELP_COMMAND: &str = "keyreeve onboard --help";

/// Default name of a new key.
const DEFAULT_KEY_NAME: &str = "laptop";

/// Credential to set up.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum OnboardMethod {
    /// An API key from the Console.
    ApiKey(SecretInput),
    /// Claude Code's own login.
    ClaudeLogin,
    /// A setup-token to save.
    SetupToken {
        input: SecretInput,
        plan: SetupTokenArgs,
    },
    /// Another gateway.
    Gateway {
        base_url: BaseUrl,
        api: Api,
        input: SecretInput,
    },
    /// The key in the environment.
    Environment,
    /// An existing profile.
    Profile(Name),
}

impl OnboardMethod {
    /// Returns the credential that a flag chooses, or `None` to ask.
    ///
    /// # Errors
    /// Exit 2 for an unusable origin of a gateway, and for options of a setup-token without one.
    pub(super) fn from_flags(args: &OnboardArgs) -> Result<Option<Self>, CommandError> {
        if !args.setup_token {
            args.plan.check_absent()?;
        }
        if let Some(url) = &args.gateway {
            let (base_url, api) = parse_origin("--gateway", (url, args.plain), args.simulated)?;
            return Ok(Some(Self::Gateway {
                base_url,
                api,
                input: SecretInput::Stdin,
            }));
        }
        Ok(match args.login {
            Some(ExistingLogin::ClaudeLogin) => Some(Self::ClaudeLogin),
            None if args.api_key_stdin => Some(Self::ApiKey(SecretInput::Stdin)),
            None if args.setup_token => Some(Self::SetupToken {
                input: args.input,
                plan: args.plan,
            }),
            None => args.from_env.then_some(Self::Environment),
        })
    }
}

/// The user's choices, from flags and answers.
pub(super) struct OnboardChoices {
    pub(super) method: OnboardMethod,
    pub(super) name: Option<Name>,
    pub(super) key: Option<NewKeyName>,
}

/// Name of a key to create.
pub(super) enum NewKeyName {
    /// Exactly this name.
    Exact(Name),
    /// This name, with a number appended if it is taken.
    FreeLike(&'static str),
}

/// Asks for the choices that no flag made. Asks about a key only if it also asks for the credential.
pub(super) fn ask_missing(
    method: Option<OnboardMethod>,
    (name, key): (Option<Name>, Option<Name>),
    detected: &DetectedState,
    context: &Context,
) -> Result<OnboardChoices, CommandError> {
    let named = key.map(NewKeyName::Exact);
    let (method, key) = if let Some(method) = method {
        (method, named)
    } else {
        let method = ask_method(detected, context)?;
        let key = match (&method, named) {
            (_, Some(named)) => Some(named),
            (
                OnboardMethod::ClaudeLogin
                | OnboardMethod::SetupToken { .. }
                | OnboardMethod::Profile(_),
                None,
            ) => None,
            (
                OnboardMethod::ApiKey(_)
                | OnboardMethod::Gateway { .. }
                | OnboardMethod::Environment,
                None,
            ) => ask_for_key(context)?,
        };
        (method, key)
    };
    Ok(OnboardChoices { method, name, key })
}

fn ask_method(detected: &DetectedState, context: &Context) -> Result<OnboardMethod, CommandError> {
    let mut options = Vec::new();
    let plan = || {
        let label = "my plan: Claude Code's own login, for Claude Code only";
        (label.to_owned(), MethodChoice::ClaudeLogin)
    };
    // The first one is preselected: the plan of a user who has one, never a stray key.
    options.extend(detected.login.as_ref().map(|_| plan()));
    for profile in &detected.profiles {
        let label = format!("the existing profile `{profile}`");
        options.push((label, MethodChoice::Profile(profile.clone())));
    }
    if detected.login.is_none() && detected.claude.is_some() {
        options.push(plan());
    }
    if let Some(variable) = detected.variable {
        let label = format!("{variable} from the environment (not copied)");
        options.push((label, MethodChoice::Environment));
    }
    for (label, choice) in [
        ("API credit: an API key that I paste", MethodChoice::ApiKey),
        (
            "my plan: a `claude setup-token`, for Claude Code only",
            MethodChoice::SetupToken,
        ),
        ("another gateway: its URL and token", MethodChoice::Gateway),
    ] {
        options.push((label.to_owned(), choice));
    }
    let (labels, mut choices): (Vec<_>, Vec<_>) = options.into_iter().unzip();
    let question = Question {
        prompt: "Which credential should pay?",
        command: HELP_COMMAND,
    };
    let index = context.prompter.choose(question, labels)?;
    match choices.swap_remove(index) {
        MethodChoice::Profile(name) => Ok(OnboardMethod::Profile(name)),
        MethodChoice::Environment => Ok(OnboardMethod::Environment),
        MethodChoice::ClaudeLogin => Ok(OnboardMethod::ClaudeLogin),
        MethodChoice::ApiKey => Ok(OnboardMethod::ApiKey(SecretInput::Prompt)),
        MethodChoice::SetupToken => Ok(OnboardMethod::SetupToken {
            input: SecretInput::Prompt,
            plan: SetupTokenArgs::default(),
        }),
        MethodChoice::Gateway => ask_gateway(context),
    }
}

enum MethodChoice {
    Profile(Name),
    Environment,
    ClaudeLogin,
    ApiKey,
    SetupToken,
    Gateway,
}

fn ask_gateway(context: &Context) -> Result<OnboardMethod, CommandError> {
    let question = Question {
        prompt: "Gateway URL (https://…):",
        command: HELP_COMMAND,
    };
    let url = context.prompter.read_line(question)?;
    // An address of this machine, typed by the user, is intended: plain http is allowed for it.
    let base_url = BaseUrl::parse(url.trim(), PlainHttp::LoopbackOnly)
        .map_err(|error| CommandError::new(Exit::Usage, "invalid gateway URL").caused_by(&error))?;
    Ok(OnboardMethod::Gateway {
        api: Api::from_base_url(&base_url),
        base_url,
        input: SecretInput::Prompt,
    })
}

fn ask_for_key(context: &Context) -> Result<Option<NewKeyName>, CommandError> {
    let question = Question {
        prompt: "Create a virtual key for your tools, so that they never need the real one?",
        command: HELP_COMMAND,
    };
    let accepted = context.prompter.confirm_required(question, Answer::Yes)? == Answer::Yes;
    Ok(accepted.then_some(NewKeyName::FreeLike(DEFAULT_KEY_NAME)))
}
