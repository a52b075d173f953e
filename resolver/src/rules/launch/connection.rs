//! The connection of a program that gets a credential: no credential is sent over an unchecked connection, and no
//! virtual key through a proxy.
//!
//! Invariant: the variables are those of `doctor`'s findings.

use super::delivery::LaunchWarning;
use super::plan::LaunchPlan;
use super::target::Target;
use crate::rules::claude_code::SettingSources;
use crate::rules::connection::{
    ConnectionRisk, ConnectionSetting, connection_settings, host_of, is_reached_directly,
    overriding_no_proxy,
};
use crate::rules::finding::FindingCode;
use crate::rules::resolve::ClientProgram;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::NO_PROXY;

/// The host of requests unless the plan names another.
const VENDOR_HOST: &str = "api.anthropic.com";

/// The reason a program is not started with a connection. Nothing was started and no secret was opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The credential would be sent to any server that claims to be the API.
    #[error(
        "{location} turns off the check of TLS certificates, so anyone on the network path could read the credential"
    )]
    TlsUnchecked {
        /// The variable, with the settings file that sets it.
        location: String,
        /// The variable, if it is in the environment.
        variable: Option<String>,
    },
    /// The virtual key would be sent through a proxy, which cannot reach the gateway.
    #[error("{location} does not name {host}, so the virtual key would be sent through a proxy")]
    GatewayBehindProxy {
        /// The variable, with the settings file that sets it.
        location: String,
        /// The gateway's host.
        host: String,
    },
}

impl ConnectionError {
    /// Returns advice: a sentence without a full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::TlsUnchecked { .. } => {
                "If a company's own certificate is the reason, name its file in NODE_EXTRA_CA_CERTS instead".to_owned()
            }
            Self::GatewayBehindProxy { location, host } => {
                format!("Add {host} to {location}")
            }
        }
    }

    /// Returns the command that fixes it.
    pub fn fix_command(&self) -> String {
        match self {
            Self::TlsUnchecked {
                variable: Some(name),
                ..
            } => format!("unset {name}"),
            Self::TlsUnchecked { variable: None, .. } | Self::GatewayBehindProxy { .. } => {
                "keyreeve doctor".to_owned()
            }
        }
    }

    /// Returns the URL of the page that explains it.
    pub fn docs_url(&self) -> String {
        match self {
            Self::TlsUnchecked { .. } => FindingCode::TlsUnchecked.docs_url(),
            Self::GatewayBehindProxy { .. } => FindingCode::Proxy.docs_url(),
        }
    }
}

/// Checks the connections of a planned program, and returns a warning if a proxy can read the credential.
///
/// # Errors
/// [`ConnectionError`] if anyone else could read the credential.
pub fn check_connection(
    planned: &Snapshot,
    plan: &LaunchPlan,
    target: &Target,
) -> Result<Option<LaunchWarning>, ConnectionError> {
    let sources = target.setting_sources();
    let settings = connection_settings(planned, sources);
    let with_risk = |risk| settings.iter().filter(move |setting| setting.risk == risk);
    let endpoint = plan.delivery.custom_endpoint();
    let host = endpoint.and_then(|endpoint| host_of(&endpoint.base_url));
    let host = host.unwrap_or_else(|| VENDOR_HOST.to_owned());
    if endpoint.is_some_and(|endpoint| endpoint.origin.is_loopback()) {
        return check_gateway_is_direct((planned, sources), plan, host).map(|()| None);
    }
    if let Some(unchecked) = with_risk(ConnectionRisk::Unchecked).next() {
        return Err(ConnectionError::TlsUnchecked {
            location: described(unchecked),
            variable: unchecked.file.is_none().then(|| unchecked.name.to_owned()),
        });
    }
    let proxy = with_risk(ConnectionRisk::Proxy).next();
    let certificates = with_risk(ConnectionRisk::Certificates).next();
    Ok(match (proxy, certificates) {
        (Some(proxy), Some(certificates)) if !is_reached_directly(planned, sources, &host) => {
            Some(LaunchWarning::ProxyMayRead {
                proxy: described(proxy),
                certificates: described(certificates),
            })
        }
        (Some(_) | None, Some(_) | None) => None,
    })
}

/// Checks that no settings file undoes the `NO_PROXY` of the plan.
fn check_gateway_is_direct(
    (planned, sources): (&Snapshot, Option<SettingSources>),
    plan: &LaunchPlan,
    host: String,
) -> Result<(), ConnectionError> {
    match overriding_no_proxy(planned, sources, &host) {
        Some((name, path, line)) if plan.sets_no_proxy() => {
            Err(ConnectionError::GatewayBehindProxy {
                location: format!("env.{name} in {path}:{line}"),
                host,
            })
        }
        Some(_) | None => Ok(()),
    }
}

fn described(setting: &ConnectionSetting<'_>) -> String {
    match setting.file {
        None => setting.name.to_owned(),
        Some((path, line)) => format!("env.{} in {path}:{line}", setting.name),
    }
}

impl Target {
    /// Returns the settings files that the program reads, or `None` if it reads none, as only Claude Code does.
    fn setting_sources(&self) -> Option<SettingSources> {
        let reads_settings = self.clients.iter().any(|client| match client {
            ClientProgram::ClaudeCode { .. } => true,
            ClientProgram::SdkPython(_)
            | ClientProgram::SdkTypescript(_)
            | ClientProgram::Keyreeve => false,
        });
        reads_settings.then_some(self.arguments.sources)
    }
}

impl LaunchPlan {
    /// Returns `true` if a proxy is set, so that the plan names the gateway in `NO_PROXY`.
    fn sets_no_proxy(&self) -> bool {
        self.set.iter().any(|it| it.name == NO_PROXY)
    }
}
