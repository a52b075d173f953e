//! `onboard`: what was typed, parsed once, ready to use.

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::Name;

use crate::args;
use crate::settings::command::given;
use crate::settings::profile::api;
use crate::settings::{Given, PlanToken, Problem};

/// `onboard`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Onboard {
    /// What shall pay; none: the person is asked.
    pub(crate) way: Option<Way>,
    /// What to call the profile; none: something that is free.
    pub(crate) name: Option<Name>,
    /// A virtual key to make.
    pub(crate) key: Option<Name>,
    /// Whether it is tried in the end.
    pub(crate) trial: Trial,
}

/// What shall pay.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// An API key of the Console.
    ApiKey(Given),
    /// Claude Code's own login.
    ClaudeLogin,
    /// A setup-token, kept.
    SetupToken { from: Given, plan: PlanToken },
    /// Another gateway.
    Gateway {
        base_url: BaseUrl,
        api: Api,
        from: Given,
    },
    /// What the environment has.
    Environment,
    /// A profile that is there already.
    Profile(Name),
}

/// Whether a profile is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trial {
    /// One token is asked for.
    Ask,
    /// Nothing is sent.
    Skip,
}

impl Onboard {
    /// Makes sense of what was typed.
    ///
    /// # Errors
    /// Every argument that makes none.
    pub(super) fn of(typed: args::Onboard, now: Timestamp) -> Result<Self, Vec<Problem>> {
        let plan = PlanToken::of(&typed.plan, now)?;
        if !typed.setup_token && plan != PlanToken::default() {
            return Err(vec![plan.misplaced()]);
        }
        let way = match (typed.login, typed.gateway) {
            (Some(args::LoginThere::ClaudeLogin), _) => Some(Way::ClaudeLogin),
            (None, Some(url)) => {
                let plain = if typed.insecure_loopback {
                    PlainHttp::LoopbackOnly
                } else {
                    PlainHttp::Refused
                };
                let base_url = BaseUrl::parse(&url, plain)
                    .map_err(|refused| vec![Problem::of_flag("--gateway", refused.to_string())])?;
                Some(Way::Gateway {
                    api: api(&base_url, typed.simulated)?,
                    base_url,
                    from: Given::Stdin,
                })
            }
            (None, None) if typed.api_key_stdin => Some(Way::ApiKey(Given::Stdin)),
            (None, None) if typed.setup_token => Some(Way::SetupToken {
                from: given(typed.stdin),
                plan,
            }),
            (None, None) => typed.from_env.then_some(Way::Environment),
        };
        Ok(Self {
            way,
            name: typed.name,
            key: typed.key,
            trial: if typed.no_check {
                Trial::Skip
            } else {
                Trial::Ask
            },
        })
    }
}
