//! Claude Code's chain, as data for each release whose rules differ (docs/facts.md#claude-code).
//!
//! It fills two headers independently, so that one request can carry two credentials.

use crate::claude_code::{LoginDamage, LoginState, Mode, Scope, SettingSources};
use crate::snapshot::Snapshot;

use super::client::{Client, Release};
use super::climb::{Candidate, Climb, Holds, YieldsTo};
use super::clouds::{CLOUDS, Cloud};
use super::payer::{Destination, Payer, PayerClass, Sureness};
use super::place::Place;
use super::reading::{Blanks, Flaw, Switch};
use super::rung::{Fills, Header, Method, PassedOver, Rung, State};
use super::sdk;
use super::variables::{Host, Variables};

/// What differs between releases.
struct Rules {
    /// What happens to blanks around a value.
    blanks: Blanks,
    /// What `CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST` keeps it from, beside the provider's variables in settings.
    host_stops: &'static [Method],
    /// Which variables in settings that switch passes over.
    host: Host,
    /// Whether `CLAUDE_CODE_OAUTH_TOKEN` counts in a project's settings.
    heeds_project_login: bool,
    /// Whether Bedrock's signature leaves an API key in its own header.
    signs_beside_key: bool,
}

impl Rules {
    fn of(release: Release) -> &'static Self {
        match release {
            Release::V2_1_197 => &Self {
                blanks: Blanks::TakenOffAndSent,
                host_stops: &[],
                host: Host::ManagesAllButHeaders,
                heeds_project_login: true,
                signs_beside_key: true,
            },
            Release::V2_1_329 => &Self {
                blanks: Blanks::TakenOff,
                host: Host::Manages,
                host_stops: &[
                    Method::Helper,
                    Method::SdkProfile,
                    Method::Federation,
                    Method::Login,
                ],
                heeds_project_login: false,
                signs_beside_key: false,
            },
        }
    }
}

const BASE_URL: &str = "ANTHROPIC_BASE_URL";
const MANAGED_BY_HOST: &str = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST";
const SIMPLE: &str = "CLAUDE_CODE_SIMPLE";

/// What the parts of the chain need to know.
struct World<'a> {
    snapshot: &'a Snapshot,
    client: Client,
    rules: &'static Rules,
    variables: Variables<'a>,
    host: Host,
    is_bare: bool,
}

/// How it is started.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) release: Release,
    pub(super) mode: Mode,
    pub(super) sources: SettingSources,
}

pub(super) fn climb(snapshot: &Snapshot, client: Client, start: Start) -> Climb<'_> {
    let rules = Rules::of(start.release);
    let host = match Switch::of(snapshot.environment.get(MANAGED_BY_HOST)) {
        Switch::On | Switch::PerhapsOn => rules.host,
        Switch::Off | Switch::Absent => Host::Leaves,
    };
    let variables = Variables::of_claude_code(snapshot, start.sources, host);
    let is_bare = start.mode == Mode::Bare || variables.switch(SIMPLE).is_on();
    let world = World {
        snapshot,
        client,
        rules,
        variables,
        host,
        is_bare,
    };
    let mut climb = Climb::new(world.destination());
    world.clouds(&mut climb);
    world.keys(&mut climb);
    let stores = world.logins(&mut climb);
    stores.move_destination(&mut climb);
    sdk::custom_headers(&world.variables, &mut climb);
    fail_on_blank_key(&mut climb);
    climb
}

/// A key of nothing but blanks is no credential when it is alone.
fn fail_on_blank_key(climb: &mut Climb<'_>) {
    let is_blank = climb.authorization.is_none()
        && climb
            .x_api_key
            .as_ref()
            .is_some_and(|filled| filled.value == Some(""));
    if is_blank && let Some(filled) = climb.x_api_key.take() {
        climb.broken = Some((filled.slot.place, Flaw::Blanks));
    }
}

impl<'a> World<'a> {
    /// A cloud that is on has an address of its own.
    fn destination(&self) -> Destination {
        let cloud = CLOUDS
            .iter()
            .find(|cloud| self.variables.switch(cloud.switch).is_on());
        match cloud {
            None => Destination::of(self.variables.deciding(BASE_URL)),
            Some(cloud) => Destination::of(
                cloud
                    .base_url
                    .and_then(|variable| self.variables.deciding(variable)),
            ),
        }
    }

    /// The first switch that is on decides; the others are shadowed by it.
    fn clouds(&self, climb: &mut Climb<'a>) {
        let mut on: Option<&Cloud> = None;
        for cloud in &CLOUDS {
            let found = self.variables.deciding(cloud.switch);
            let place = found.map_or(Place::Variable { name: cloud.switch }, |found| found.place);
            let sure = match self.variables.switch(cloud.switch) {
                Switch::Absent | Switch::Off => None,
                Switch::On => Some(Sureness::Sure),
                Switch::PerhapsOn => Some(Sureness::Likely),
            };
            let payer = sure.map(|sure| Payer {
                class: PayerClass::Cloud,
                sure,
            });
            let state = match (payer, &climb.cloud) {
                (None, _) if self.variables.switch(cloud.switch) == Switch::Off => State::Off,
                (None, _) => State::Absent,
                (Some(_), Some((by, _))) => State::Shadowed { by: by.to_string() },
                (Some(payer), None) => {
                    on = Some(cloud);
                    climb.cloud = Some((place.clone(), payer));
                    State::On
                }
            };
            climb.rungs.push(Rung {
                method: Method::Cloud,
                place,
                state,
                would_pay: payer,
            });
        }
        if let Some(cloud) = on {
            self.cloud_key(cloud, climb);
        }
    }

    /// A cloud's own key goes out in place of a signature.
    fn cloud_key(&self, cloud: &'static Cloud, climb: &mut Climb<'a>) {
        let skips = cloud
            .skip_auth
            .is_some_and(|switch| self.variables.switch(switch).is_on());
        let (method, name, header) = match cloud.key {
            _ if skips => (
                Method::AuthToken,
                "ANTHROPIC_AUTH_TOKEN",
                Header::Authorization,
            ),
            Some((name, header)) => (Method::CloudKey, name, header),
            None => return,
        };
        // For the length of these steps the switch is not in the way.
        let switch = climb.cloud.take();
        let variable =
            |name, method| Candidate::of_variable(&self.variables, name, method, self.rules.blanks);
        climb.step(variable(name, method), header.into(), YieldsTo::SameHeader);
        if cloud.signs && self.rules.signs_beside_key && climb.authorization.is_none() {
            let key = variable("ANTHROPIC_API_KEY", Method::ApiKey);
            climb.step(key, Fills::XApiKey, YieldsTo::SameHeader);
        }
        climb.cloud = switch;
    }

    fn keys(&self, climb: &mut Climb<'a>) {
        for (name, method, fills) in [
            ("ANTHROPIC_API_KEY", Method::ApiKey, Fills::XApiKey),
            (
                "ANTHROPIC_AUTH_TOKEN",
                Method::AuthToken,
                Fills::Authorization,
            ),
        ] {
            // A cloud's step may have gone through it already.
            if climb.rungs.iter().all(|rung| rung.method != method) {
                let candidates =
                    Candidate::of_variable(&self.variables, name, method, self.rules.blanks);
                let candidates = candidates.into_iter().map(|it| {
                    let refused = self.refused(&it);
                    it.passed_over(refused)
                });
                climb.step(candidates.collect(), fills, YieldsTo::SameHeader);
            }
        }
        climb.step(self.helpers(), Fills::Both, YieldsTo::SameHeader);
    }

    /// Everything that counts only where no header is filled yet.
    fn logins(&self, climb: &mut Climb<'a>) -> sdk::Stores<'a> {
        let bare = self.is_bare.then_some(PassedOver::Bare);
        let blanks = self.rules.blanks;
        let token = Candidate::of_variable(
            &self.variables,
            "CLAUDE_CODE_OAUTH_TOKEN",
            Method::OauthToken,
            blanks,
        );
        let token = token.into_iter().map(|it| {
            let of_project = self.of_project(&it.place);
            it.passed_over(bare.or(of_project))
        });
        let token = token.collect();
        // A helper that the host keeps from running still keeps Claude Code from its logins.
        let is_stopped_helper = |rung: &&Rung| {
            let by_host = State::NotRead {
                because: PassedOver::ManagedByHost,
            };
            rung.method == Method::Helper && rung.state == by_host
        };
        let helper = climb.rungs.iter().find(is_stopped_helper);
        climb.barred = helper.map(|rung| rung.place.to_string());
        let mut bearer =
            |candidates| climb.step(candidates, Fills::Authorization, YieldsTo::AnyHeader);
        bearer(token);
        let stopped = |method| bare.or_else(|| self.stopped_by_host(method));
        let with = |candidate: Candidate<'a>| {
            let because = stopped(candidate.method);
            vec![candidate.passed_over(because)]
        };
        let stores = sdk::Stores::of(self.client, self.snapshot, &self.variables);
        bearer(with(fallible(stores.named())));
        // Once a profile is named, none but the login stands in for it.
        let another = stores.is_named().then_some(PassedOver::AnotherNamed);
        bearer(with(stores.federation().passed_over(another)));
        // A person's sign-in to the Console ranks below one to Claude Code, a federation above it.
        let active = fallible(stores.active()).passed_over(another);
        if stores.active_is_federation() {
            bearer(with(active));
            bearer(with(self.login()));
        } else {
            bearer(with(self.login()));
            bearer(with(active));
        }
        stores
    }

    /// `apiKeyHelper` of each settings file, the strongest first; an empty one switches a helper off.
    fn helpers(&self) -> Vec<Candidate<'a>> {
        let stopped = self.stopped_by_host(Method::Helper);
        let of_file = |file: &super::variables::ReadFile<'a>| {
            let helper = file.settings.helper.as_ref()?;
            let only_by_flag =
                (self.is_bare && file.scope != Scope::Flag).then_some(PassedOver::Bare);
            let by_host = stopped.filter(|_| !self.is_bare);
            Some(Candidate {
                method: Method::Helper,
                place: Place::Setting {
                    scope: file.scope,
                    path: file.path.to_owned(),
                    line: helper.line,
                    key: "apiKeyHelper".to_owned(),
                },
                holds: if helper.command.judge().trim().is_empty() {
                    Holds::Empty
                } else {
                    Holds::Fetched
                },
                passed_over: file.passed_over.or(only_by_flag).or(by_host),
            })
        };
        self.variables.files().iter().filter_map(of_file).collect()
    }

    fn login(&self) -> Candidate<'a> {
        let candidate = |path: &str, holds, flaw: Option<Flaw>| Candidate {
            method: Method::Login,
            place: Place::Login {
                path: path.to_owned(),
            },
            holds,
            passed_over: flaw.map(PassedOver::Unusable),
        };
        let Some(login) = &self.snapshot.login else {
            return candidate("Claude Code's directory", Holds::Nothing, None);
        };
        match &login.state {
            // One whose time is over is used as well: it is renewed, or the API refuses it.
            LoginState::Present { .. } => candidate(&login.path, Holds::Fetched, None),
            LoginState::Damaged(LoginDamage::NoInference) => {
                candidate(&login.path, Holds::Fetched, Some(Flaw::NoInference))
            }
            LoginState::SignedOut => candidate(&login.path, Holds::Nothing, None),
            LoginState::Damaged(_) => candidate(&login.path, Holds::Fetched, Some(Flaw::Damaged)),
            LoginState::Unreadable => candidate(&login.path, Holds::Fetched, Some(Flaw::Refused)),
        }
    }

    /// A login that a project's settings name, where the release does not heed it.
    fn of_project(&self, place: &Place) -> Option<PassedOver> {
        let Place::Setting { scope, .. } = place else {
            return None;
        };
        let is_projects = match scope {
            Scope::Local | Scope::Project => true,
            Scope::Managed | Scope::Flag | Scope::User => false,
        };
        (is_projects && !self.rules.heeds_project_login).then_some(PassedOver::OfProject)
    }

    /// A key that the person said no to, where a terminal session asked.
    fn refused(&self, candidate: &Candidate<'a>) -> Option<PassedOver> {
        let asks = candidate.method == Method::ApiKey && self.client.asks_about_keys();
        let is_refused = asks
            && match candidate.holds {
                Holds::Known(key) => self.snapshot.refused_keys.hold(key),
                Holds::Nothing | Holds::Empty | Holds::Fetched | Holds::Broken(_) => false,
            };
        is_refused.then_some(PassedOver::Refused)
    }

    fn stopped_by_host(&self, method: Method) -> Option<PassedOver> {
        let stops = self.host.manages() && self.rules.host_stops.contains(&method);
        stops.then_some(PassedOver::ManagedByHost)
    }
}

/// A profile that is not there, or has no credential, is passed over; any other trouble with it is fatal.
fn fallible(candidate: Candidate<'_>) -> Candidate<'_> {
    match candidate.holds {
        Holds::Broken(flaw @ (Flaw::NoSuchProfile | Flaw::NoCredential)) => {
            candidate.passed_over(Some(PassedOver::Unusable(flaw)))
        }
        Holds::Nothing | Holds::Empty | Holds::Known(_) | Holds::Fetched | Holds::Broken(_) => {
            candidate
        }
    }
}
