//! The variables that change how a client connects to the API: a proxy, trusted certificates, no check of them
//! (docs/facts.md#proxies).
//!
//! `doctor` reports them, and `exec` refuses or names them for the credential that a program gets. Invariant: a
//! variable counts wherever it is set, in the environment or in a settings file that sets it for the client.

use url::Url;

use super::claude_code::{SettingSources, SettingsState};
use super::conflicts::{CERTIFICATES, PROXIES};
use super::snapshot::Snapshot;
use super::variables::{NO_PROXY, TLS_CHECK};

/// A variable that changes connections, with its location.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ConnectionSetting<'a> {
    /// Its effect.
    pub(crate) risk: ConnectionRisk,
    /// Its name, as it is written.
    pub(crate) name: &'a str,
    /// The settings file that sets it and the line, or `None` if it is in the environment.
    pub(crate) file: Option<(&'a str, usize)>,
}

/// The effect of a variable on connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConnectionRisk {
    /// It sends requests through a proxy.
    Proxy,
    /// It trusts other certificates than the usual ones.
    Certificates,
    /// It turns off the check of certificates.
    Unchecked,
}

/// Returns the variables that change connections of a client that reads these settings files, or none.
pub(crate) fn connection_settings(
    snapshot: &Snapshot,
    sources: Option<SettingSources>,
) -> Vec<ConnectionSetting<'_>> {
    let variables = all_variables(snapshot, sources).into_iter();
    variables
        .filter_map(|(name, value, file)| {
            let risk = risk_of(name, value)?;
            Some(ConnectionSetting { risk, name, file })
        })
        .collect()
}

/// Returns the value of `NO_PROXY` by which a host is reached without a proxy: the user's own entries and the host, or
/// `None` if no proxy is set.
pub(crate) fn no_proxy_with(snapshot: &Snapshot, host: &str) -> Option<String> {
    let settings = connection_settings(snapshot, Some(SettingSources::ALL));
    let has_proxy = settings
        .iter()
        .any(|setting| setting.risk == ConnectionRisk::Proxy);
    if !has_proxy {
        return None;
    }
    let mut entries: Vec<&str> = Vec::new();
    for name in snapshot
        .environment
        .names()
        .filter(|name| is_no_proxy(name))
    {
        let value = snapshot.environment.get(name).unwrap_or_default();
        for entry in no_proxy_entries(value) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }
    if !entries.contains(&host) {
        entries.push(host);
    }
    Some(entries.join(","))
}

/// Returns `true` if every `NO_PROXY` that is set, and at least one, names a host.
pub(crate) fn is_reached_directly(
    snapshot: &Snapshot,
    sources: Option<SettingSources>,
    host: &str,
) -> bool {
    let mut values = no_proxy_values(snapshot, sources).into_iter().peekable();
    values.peek().is_some() && values.all(|(_, value, _)| names_host(value, host))
}

/// Finds the setting of `NO_PROXY` in a settings file that does not name a host; it overrides the environment.
pub(crate) fn overriding_no_proxy<'a>(
    snapshot: &'a Snapshot,
    sources: Option<SettingSources>,
    host: &str,
) -> Option<(&'a str, &'a str, usize)> {
    let mut values = no_proxy_values(snapshot, sources).into_iter();
    values.find_map(|(name, value, file)| {
        let (path, line) = file.filter(|_| !names_host(value, host))?;
        Some((name, path, line))
    })
}

/// Returns the host of an address, as `NO_PROXY` names it: an IPv6 address without brackets.
pub(crate) fn host_of(base_url: &str) -> Option<String> {
    let url = Url::parse(base_url).ok()?;
    let host = url.host_str()?;
    Some(
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
    )
}

/// A variable with its value, and the settings file that sets it, if one does.
type SetText<'a> = (&'a str, &'a str, Option<(&'a str, usize)>);

fn all_variables(snapshot: &Snapshot, sources: Option<SettingSources>) -> Vec<SetText<'_>> {
    let environment = &snapshot.environment;
    let in_environment = environment
        .names()
        .filter_map(|name| Some((name, environment.get(name)?, None)));
    let files = snapshot
        .settings
        .iter()
        .filter(|file| sources.is_some_and(|sources| sources.includes(file.scope)));
    let in_files = files.flat_map(|file| {
        let variables = match &file.state {
            SettingsState::Read(settings) => settings.env.as_slice(),
            SettingsState::Damaged(_) | SettingsState::Unreadable => &[],
        };
        variables.iter().map(|variable| {
            let location = Some((file.path.as_str(), variable.line));
            (variable.name.as_str(), variable.value.inspect(), location)
        })
    });
    in_environment.chain(in_files).collect()
}

fn no_proxy_values(snapshot: &Snapshot, sources: Option<SettingSources>) -> Vec<SetText<'_>> {
    let mut values = all_variables(snapshot, sources);
    values.retain(|(name, ..)| is_no_proxy(name));
    values
}

fn risk_of(name: &str, value: &str) -> Option<ConnectionRisk> {
    let value = value.trim();
    // Programs read the names of proxies in any case.
    let is_proxy = PROXIES.iter().any(|known| known.eq_ignore_ascii_case(name));
    if value.is_empty() {
        None
    } else if is_proxy {
        Some(ConnectionRisk::Proxy)
    } else if CERTIFICATES.contains(&name) {
        Some(ConnectionRisk::Certificates)
    } else {
        (name == TLS_CHECK && value == "0").then_some(ConnectionRisk::Unchecked)
    }
}

fn is_no_proxy(name: &str) -> bool {
    name.eq_ignore_ascii_case(NO_PROXY)
}

fn no_proxy_entries(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|entry| !entry.is_empty())
}

/// Returns `true` if a value of `NO_PROXY` names a host: by `*`, its own name, or a domain above it.
fn names_host(value: &str, host: &str) -> bool {
    no_proxy_entries(value).any(|entry| {
        let domain = entry.trim_start_matches('*').trim_start_matches('.');
        let is_above = host
            .strip_suffix(domain)
            .is_some_and(|start| start.is_empty() || start.ends_with('.'));
        entry == "*" || (!domain.is_empty() && is_above)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_and_domains() {
        for (value, named) in [
            ("*", true),
            ("a.example, anthropic.com", true),
            (".anthropic.com", true),
            ("*.anthropic.com", true),
            ("api.anthropic.com b.example", true),
            ("thropic.com", false),
            ("x.api.anthropic.com", false),
            (".", false),
            ("", false),
        ] {
            assert_eq!(names_host(value, "api.anthropic.com"), named, "{value:?}");
        }
    }
}
