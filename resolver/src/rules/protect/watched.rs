//! The variables that a shell hook compares at each prompt.

/// Prefixes of the variables that decide who pays (docs/facts.md#conflicting-variables). If none of these and not the
/// directory changed, the payer is the same, so a shell need not start keyreeve to know.
pub const WATCHED_PREFIXES: [&str; 24] = [
    "ANTHROPIC_",
    "CLAUDE",
    "KEYREEVE_",
    "AWS_",
    "AZURE_",
    "CLOUD_ML_",
    "GOOGLE_",
    "GCLOUD_",
    "VERTEX_",
    "NODE_",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::conflicts::{CERTIFICATES, CONFLICTING_VARIABLES, PROXIES};

    /// F-60: no variable that decides who pays changes without the hook noticing.
    #[test]
    fn every_conflicting_variable_is_watched() {
        let lower = PROXIES.map(str::to_ascii_lowercase);
        let names = CONFLICTING_VARIABLES.iter().chain(&PROXIES);
        let names = names.chain(&CERTIFICATES).copied();
        for name in names.chain(lower.iter().map(String::as_str)) {
            let is_watched = WATCHED_PREFIXES.iter().any(|it| name.starts_with(it));
            assert!(is_watched, "{name}");
        }
    }
}
