//! Whether a plan holds: the resolver is asked what every client in question would send in the planned world.

use crate::claude_code::{RefusedKeys, Scope, SettingsState};
use crate::origin::{BaseUrl, PlainHttp};
use crate::resolve::{
    Expected, Flaw, Method, PassedOver, PayerClass, Place, Resolution, Rung, State, resolve,
};
use crate::rivals::SIMPLE;
use crate::snapshot::Snapshot;

use super::plan::Plan;
use super::refusal::{Does, Refusal};
use super::settings_argument;
use super::target::Target;
use super::way::Way;

/// Where requests go that nothing sends elsewhere.
const VENDOR: &str = "https://api.anthropic.com";

/// A plan that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Who pays, for what, in one line without a full stop.
    pub line: String,
    /// What has to be given to the program as `--settings`, in place of what the person gives there.
    pub settings: Option<String>,
    resolution: Resolution,
    /// The keys that the program would pass over.
    refused: RefusedKeys,
}

/// Judges a plan in the world as it would be: `planned` was gathered over [`Plan::environment`].
///
/// # Errors
/// [`Refusal`] where anything but what was meant would be sent, or it would be sent elsewhere.
pub fn judge(mut planned: Snapshot, plan: &Plan, target: &Target) -> Result<Judged, Refusal> {
    let settings = match check(&planned, plan, target) {
        Err(Refusal::Rival { place, .. }) if is_helper(&place) && plan.is_managed() => {
            let text = settings_argument::without_helper(&target.arguments)?;
            planned.settings.retain(|file| file.scope != Scope::Flag);
            planned.settings.extend(settings_argument::as_file(&text));
            Some(text)
        }
        Ok(_) | Err(_) => None,
    };
    let resolution = check(&planned, plan, target)?;
    let refused = match &plan.way {
        Way::ApiKey if target.asks_about_keys() => planned.refused_keys,
        Way::ApiKey
        | Way::AuthToken { .. }
        | Way::VirtualKey { .. }
        | Way::OauthToken { .. }
        | Way::SdkProfile { .. }
        | Way::Login { .. } => RefusedKeys::default(),
    };
    Ok(Judged {
        line: line(plan, target, &resolution),
        settings,
        resolution,
        refused,
    })
}

impl Judged {
    /// Judges the secret itself, of which a plan has only a stand-in: the program may know it and pass over it.
    ///
    /// # Errors
    /// [`Refusal::Refused`].
    pub fn takes(&self, secret: &str, plan: &Plan) -> Result<(), Refusal> {
        match &plan.whose {
            Some(whose) if self.refused.hold(secret) => Err(Refusal::Refused {
                profile: whose.name.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Judges whether the one expected pays.
    ///
    /// # Errors
    /// [`Refusal::Unexpected`].
    pub fn meets(&self, expected: &Expected, plan: &Plan) -> Result<(), Refusal> {
        match plan.whose.as_ref() {
            None => expected.met_by(&self.resolution)?,
            Some(whose) => expected.met_by_class(whose.class, &whose.name, &self.line)?,
        }
        Ok(())
    }
}

fn is_helper(place: &Place) -> bool {
    matches!(place, Place::Setting { key, .. } if key == "apiKeyHelper")
}

/// What the newest client would send, where every client sends what is meant.
fn check(planned: &Snapshot, plan: &Plan, target: &Target) -> Result<Resolution, Refusal> {
    let mut last = None;
    for client in &target.clients {
        let resolution = resolve(planned, *client);
        login_is_there(planned, &resolution, plan)?;
        nothing_else(&resolution, plan)?;
        nothing_unread(&resolution, plan)?;
        that_itself(planned, &resolution, plan)?;
        leads_home(&resolution, plan)?;
        last = Some(resolution);
    }
    last.ok_or_else(|| Refusal::NativeElsewhere {
        file: target.file.clone(),
    })
}

/// A login or a profile of the SDKs that is meant is there and can be used: else whatever comes after it would pay.
fn login_is_there(planned: &Snapshot, resolution: &Resolution, plan: &Plan) -> Result<(), Refusal> {
    let is_meant = |rung: &&Rung| {
        matches!(rung.method, Method::Login | Method::SdkProfile) && plan.way.is_meant(&rung.place)
    };
    let Some(rung) = resolution.rungs.iter().find(is_meant) else {
        return Ok(());
    };
    let unusable = |why| Refusal::Unusable {
        place: rung.place.clone(),
        why,
    };
    if let State::NotRead { because } = rung.state
        && let Some(why) = because.unusable()
    {
        return Err(unusable(why));
    }
    match (rung.method, &planned.login) {
        (Method::Login, _) if rung.state == State::Absent => Err(Refusal::NoLogin),
        // It is sent, and refused.
        (Method::Login, Some(login)) if login.is_over(planned.now) => Err(unusable(Flaw::Expired)),
        _ => Ok(()),
    }
}

/// Nothing but what is meant decides.
fn nothing_else(resolution: &Resolution, plan: &Plan) -> Result<(), Refusal> {
    let rival = |place: &Place, does| Refusal::Rival {
        place: place.clone(),
        does,
    };
    for rung in &resolution.rungs {
        match rung.state {
            State::On => return Err(rival(&rung.place, Does::UsesCloud)),
            State::Broken(flaw) if !plan.way.is_meant(&rung.place) => {
                return Err(rival(&rung.place, Does::Breaks(flaw)));
            }
            State::Broken(_)
            | State::Taken { .. }
            | State::Off
            | State::Shadowed { .. }
            | State::NotRead { .. }
            | State::Absent
            | State::Empty => {}
        }
    }
    let slots = [&resolution.x_api_key, &resolution.authorization];
    for slot in slots.into_iter().flatten() {
        if !plan.way.is_meant(&slot.place) {
            return Err(rival(&slot.place, Does::IsSent));
        }
    }
    match &resolution.moved {
        Some(moved) if !is_meant(moved.base_url.as_deref(), &moved.place, plan) => {
            Err(rival(&moved.place, Does::Moves))
        }
        Some(_) | None => Ok(()),
    }
}

/// No file that could decide otherwise is unknown. Where the host manages, no file decides.
fn nothing_unread(resolution: &Resolution, plan: &Plan) -> Result<(), Refusal> {
    match &resolution.unread {
        Some(path) if !plan.is_managed() => Err(Refusal::Unread { path: path.clone() }),
        Some(_) | None => Ok(()),
    }
}

/// Whether requests may go to an address that something sets.
fn is_meant(base_url: Option<&str>, place: &Place, plan: &Plan) -> bool {
    if matches!(plan.way, Way::SdkProfile { .. }) && plan.way.is_meant(place) {
        return true;
    }
    let origin = base_url.and_then(|text| BaseUrl::parse(text, PlainHttp::LoopbackOnly).ok());
    origin.is_some_and(|base_url| match plan.way.elsewhere() {
        None => base_url.origin().is_first_party(),
        Some(elsewhere) => base_url.to_string() == elsewhere.base_url,
    })
}

/// A profile of the SDKs says itself where it leads, and that is where the one of keyreeve's is bound to: a lease of it
/// would go nowhere else.
fn leads_home(resolution: &Resolution, plan: &Plan) -> Result<(), Refusal> {
    let (Way::SdkProfile { name, .. }, Some(whose)) = (&plan.way, &plan.whose) else {
        return Ok(());
    };
    let theirs = match &resolution.moved {
        Some(moved) => moved.base_url.as_deref().unwrap_or("what is no address"),
        None => VENDOR,
    };
    match BaseUrl::parse(theirs, PlainHttp::LoopbackOnly) {
        Ok(base_url) if base_url == whose.base_url => Ok(()),
        Ok(_) | Err(_) => Err(Refusal::LeadsElsewhere {
            name: name.clone(),
            theirs: theirs.to_owned(),
            profile: whose.name.clone(),
            own: Box::new(whose.base_url.clone()),
        }),
    }
}

/// What is meant is sent.
fn that_itself(planned: &Snapshot, resolution: &Resolution, plan: &Plan) -> Result<(), Refusal> {
    let slots = [&resolution.x_api_key, &resolution.authorization];
    if slots.into_iter().any(Option::is_some) {
        return Ok(());
    }
    let meant = resolution
        .rungs
        .iter()
        .filter(|rung| plan.way.is_meant(&rung.place) && rung.state != State::Absent)
        .min_by_key(|rung| rung.method != Method::SdkProfile);
    Err(match meant {
        Some(rung) => why_not(planned, rung, resolution, plan),
        None => not_used(resolution, plan),
    })
}

fn why_not(planned: &Snapshot, rung: &Rung, resolution: &Resolution, plan: &Plan) -> Refusal {
    let unusable = |why| Refusal::Unusable {
        place: rung.place.clone(),
        why,
    };
    match rung.state {
        State::Broken(why) => unusable(why),
        State::NotRead {
            because: PassedOver::Bare,
        } => made_bare(planned).unwrap_or_else(|| Refusal::Bare {
            what: plan.way.spoken(),
        }),
        State::NotRead { because } => because
            .unusable()
            .map_or_else(|| not_used(resolution, plan), unusable),
        State::Taken { .. }
        | State::On
        | State::Off
        | State::Shadowed { .. }
        | State::Absent
        | State::Empty => not_used(resolution, plan),
    }
}

fn not_used(resolution: &Resolution, plan: &Plan) -> Refusal {
    Refusal::NotUsed {
        what: plan.way.spoken(),
        headline: resolution.headline().to_owned(),
    }
}

/// The settings file that starts Claude Code bare.
fn made_bare(planned: &Snapshot) -> Option<Refusal> {
    planned.settings.iter().find_map(|file| {
        let SettingsState::Read(settings) = &file.state else {
            return None;
        };
        let setting = settings.variable(SIMPLE)?;
        Some(Refusal::Rival {
            place: Place::Setting {
                scope: file.scope,
                path: file.path.clone(),
                line: setting.line,
                key: format!("env.{SIMPLE}"),
            },
            does: Does::MakesBare,
        })
    })
}

fn line(plan: &Plan, target: &Target, resolution: &Resolution) -> String {
    let file = &target.file;
    let Some(whose) = &plan.whose else {
        let words = resolution.payer.class.words();
        return format!("{} pays ({words}) for {file}", plan.way.spoken());
    };
    let what = format!("{} of profile {}", plan.way.spoken(), whose.name);
    let marked = if whose.simulated { ", simulated" } else { "" };
    if let Way::VirtualKey { gateway } = &plan.way {
        let (name, at) = (&whose.name, &gateway.base_url);
        let behind = match whose.class {
            PayerClass::Gateway => {
                format!("profile {name} leads to a gateway that decides who pays")
            }
            class => format!("profile {name} pays ({}{marked})", class.words()),
        };
        return format!("{behind} for {file}, which has a virtual key for keyreeve at {at}");
    }
    match (plan.way.elsewhere(), whose.class) {
        (Some(elsewhere), PayerClass::Gateway) => format!(
            "{what} goes to {} for {file}: that gateway decides who pays",
            elsewhere.base_url
        ),
        (_, class) => format!("{what} pays ({}{marked}) for {file}", class.words()),
    }
}
