//! Settings of `onboard`.

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Name;

use crate::args;
use crate::problem::Problem;
use crate::settings::SetupTokenOptions;
use crate::settings::profile::{api, origin_problem};
use crate::settings::secret_input::{SecretInput, secret_input};

/// Settings of `onboard`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Onboard {
    /// Credential to set up, or `None` to ask.
    pub(crate) method: Option<OnboardMethod>,
    /// Profile name, or `None` for a free one.
    pub(crate) name: Option<Name>,
    /// Virtual key to create as well.
    pub(crate) key: Option<Name>,
    /// The test request at the end.
    pub(crate) test_request: TestRequest,
}

/// Credential to set up.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum OnboardMethod {
    /// An API key from the Console.
    ApiKey(SecretInput),
    /// Claude Code's own login.
    ClaudeLogin,
    /// A setup-token to save.
    SetupToken {
        input: SecretInput,
        plan: SetupTokenOptions,
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

/// The test request for the new profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TestRequest {
    /// Sends a one-token request.
    Send,
    /// Sends nothing.
    Skip,
}

impl Onboard {
    /// Validates the arguments.
    ///
    /// # Errors
    /// Every invalid argument.
    pub(super) fn from_args(
        typed: args::OnboardArgs,
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        let plan = SetupTokenOptions::from_args(&typed.plan, now)?;
        if !typed.setup_token && plan != SetupTokenOptions::default() {
            return Err(vec![plan.misplaced()]);
        }
        let method = match (typed.login, typed.gateway) {
            (Some(args::ExistingLogin::ClaudeLogin), _) => Some(OnboardMethod::ClaudeLogin),
            (None, Some(url)) => {
                let plain = if typed.insecure_loopback {
                    PlainHttp::LoopbackOnly
                } else {
                    PlainHttp::Forbidden
                };
                let base_url = BaseUrl::parse(&url, plain)
                    .map_err(|error| vec![origin_problem("--gateway", &error, plain)])?;
                Some(OnboardMethod::Gateway {
                    api: api(&base_url, typed.simulated)?,
                    base_url,
                    input: SecretInput::Stdin,
                })
            }
            (None, None) if typed.api_key_stdin => Some(OnboardMethod::ApiKey(SecretInput::Stdin)),
            (None, None) if typed.setup_token => Some(OnboardMethod::SetupToken {
                input: secret_input(typed.stdin),
                plan,
            }),
            (None, None) => typed.from_env.then_some(OnboardMethod::Environment),
        };
        Ok(Self {
            method,
            name: typed.name,
            key: typed.key,
            test_request: if typed.no_check {
                TestRequest::Skip
            } else {
                TestRequest::Send
            },
        })
    }
}
