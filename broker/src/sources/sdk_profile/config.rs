//! Configuration of an SDK profile: `configs/<name>.json`, with missing fields filled from environment variables
//! (docs/facts.md#sdk-profiles).
//!
//! Invariant: it is used only if its base URL is the one the profile is bound to: a changed file cannot redirect a
//! refresh token or an identity token.

use std::path::{Path, PathBuf};

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_os::environment::Environment;
use keyreeve_os::files::{CreateDir, SafeDir};
use serde::Deserialize;

use super::SdkProfileError;

/// Maximum size of a configuration or credentials file in bytes.
pub(super) const MAX_FILE_BYTES: usize = 1024 * 1024;

/// The base URL of a profile that names none.
const DEFAULT_BASE_URL: &str = "https://api.anthropic.com";

/// The way a profile's tokens are obtained.
#[derive(Debug)]
pub(super) enum SdkLogin {
    /// An identity token is exchanged for an access token.
    Federation(FederationRule),
    /// A login is renewed with its refresh token.
    User {
        client_id: String,
        credentials: PathBuf,
    },
    /// Another program refreshes the tokens in the file.
    Rotated { credentials: PathBuf },
}

/// Parameters of an exchange, apart from the identity token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FederationRule {
    pub(super) rule: String,
    pub(super) organization: String,
    pub(super) service_account: Option<String>,
    pub(super) workspace: Option<String>,
    pub(super) identity: IdentitySource,
}

/// The source of the identity token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum IdentitySource {
    /// A file that another program rotates.
    File(PathBuf),
    /// The variable `ANTHROPIC_IDENTITY_TOKEN`.
    Variable,
}

#[derive(Deserialize)]
struct SdkConfigFile {
    authentication: AuthenticationConfig,
    base_url: Option<String>,
    organization_id: Option<String>,
    workspace_id: Option<String>,
}

#[derive(Deserialize)]
struct AuthenticationConfig {
    r#type: String,
    federation_rule_id: Option<String>,
    service_account_id: Option<String>,
    identity_token: Option<IdentityTokenConfig>,
    client_id: Option<String>,
    credentials_path: Option<String>,
}

#[derive(Deserialize)]
struct IdentityTokenConfig {
    source: Option<String>,
    path: Option<String>,
}

/// Returns the directory of `configs/` and `credentials/`.
pub(super) fn directory(
    configured: Option<&str>,
    environment: &Environment,
) -> Result<PathBuf, SdkProfileError> {
    let home = non_empty(environment.get("HOME")).map(|home| format!("{home}/.config/anthropic"));
    configured
        .map(ToOwned::to_owned)
        .or_else(|| non_empty(environment.get("ANTHROPIC_CONFIG_DIR")).map(ToOwned::to_owned))
        .or(home)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .ok_or(SdkProfileError::NoDirectory)
}

/// Reads a profile's configuration.
pub(super) fn read(
    directory: &Path,
    name: &Name,
    profile: &Profile,
    environment: &Environment,
) -> Result<SdkLogin, SdkProfileError> {
    let folder = SafeDir::open(&directory.join("configs"), CreateDir::Never);
    let folder = folder.map_err(SdkProfileError::File)?;
    let file = format!("{name}.json");
    let path = folder.path().join(&file);
    let bytes = folder.read_public(&file, MAX_FILE_BYTES);
    let bytes = bytes.map_err(SdkProfileError::File)?;
    let config: SdkConfigFile = serde_json::from_slice(&bytes).map_err(|error| {
        let what = format!(
            "line {} column {}: invalid JSON, or a missing or mistyped field",
            error.line(),
            error.column()
        );
        SdkProfileError::invalid_file(&path, what)
    })?;
    check_base_url(&config, &path, &profile.base_url)?;
    let context = ConfigContext {
        path,
        directory,
        name,
        environment,
    };
    context.login(config)
}

/// Rejects a profile whose base URL is not the one it is bound to.
fn check_base_url(
    config: &SdkConfigFile,
    path: &Path,
    bound: &BaseUrl,
) -> Result<(), SdkProfileError> {
    let text = non_empty(config.base_url.as_deref()).unwrap_or(DEFAULT_BASE_URL);
    let configured = BaseUrl::parse(text, PlainHttp::LoopbackOnly)
        .map_err(|error| SdkProfileError::invalid_file(path, format!("`base_url`: {error}")))?;
    if configured == *bound {
        Ok(())
    } else {
        Err(SdkProfileError::OtherOrigin {
            path: path.to_owned(),
            configured: configured.to_string(),
            bound: bound.to_string(),
        })
    }
}

/// The location of a configuration file, and the environment that fills its missing fields.
struct ConfigContext<'a> {
    path: PathBuf,
    directory: &'a Path,
    name: &'a Name,
    environment: &'a Environment,
}

impl ConfigContext<'_> {
    fn login(&self, config: SdkConfigFile) -> Result<SdkLogin, SdkProfileError> {
        let authentication = &config.authentication;
        match authentication.r#type.as_str() {
            "oidc_federation" => Ok(SdkLogin::Federation(self.federation(config)?)),
            "user_oauth" => {
                let credentials = self.credentials(authentication)?;
                Ok(match non_empty(authentication.client_id.as_deref()) {
                    Some(client_id) => SdkLogin::User {
                        client_id: client_id.to_owned(),
                        credentials,
                    },
                    None => SdkLogin::Rotated { credentials },
                })
            }
            other => {
                let shown = sanitize_line(other, 40);
                Err(self.invalid_file(format!(
                    "unknown `authentication.type` `{shown}`: expected oidc_federation or user_oauth"
                )))
            }
        }
    }

    fn federation(&self, config: SdkConfigFile) -> Result<FederationRule, SdkProfileError> {
        let SdkConfigFile {
            authentication,
            organization_id,
            workspace_id,
            ..
        } = config;
        let required = |value: Option<String>, field: &str, variable: &str| {
            self.or_variable(value, variable).ok_or_else(|| {
                self.invalid_file(format!("neither `{field}` nor {variable} is set"))
            })
        };
        Ok(FederationRule {
            rule: required(
                authentication.federation_rule_id,
                "authentication.federation_rule_id",
                "ANTHROPIC_FEDERATION_RULE_ID",
            )?,
            organization: required(
                organization_id,
                "organization_id",
                "ANTHROPIC_ORGANIZATION_ID",
            )?,
            service_account: self.or_variable(
                authentication.service_account_id,
                "ANTHROPIC_SERVICE_ACCOUNT_ID",
            ),
            workspace: self.or_variable(workspace_id, "ANTHROPIC_WORKSPACE_ID"),
            identity: self.identity(authentication.identity_token)?,
        })
    }

    /// Returns the source of the identity token. A source in the file takes precedence over variables.
    fn identity(
        &self,
        config: Option<IdentityTokenConfig>,
    ) -> Result<IdentitySource, SdkProfileError> {
        let file_variable = "ANTHROPIC_IDENTITY_TOKEN_FILE";
        let path = match config {
            Some(IdentityTokenConfig { source, path }) if source.as_deref() == Some("file") => {
                let path = path.filter(|path| !path.is_empty());
                Some(path.ok_or_else(|| {
                    self.invalid_file("`authentication.identity_token.path` is not set")
                })?)
            }
            Some(_) => {
                return Err(
                    self.invalid_file("`authentication.identity_token.source` is not `file`")
                );
            }
            None => self.or_variable(None, file_variable),
        };
        let variable = || non_empty(self.environment.get("ANTHROPIC_IDENTITY_TOKEN"));
        match path.map(PathBuf::from) {
            Some(path) if path.is_absolute() => Ok(IdentitySource::File(path)),
            Some(_) => {
                Err(self.invalid_file("the path of the identity token is not absolute"))
            }
            None if variable().is_some() => Ok(IdentitySource::Variable),
            None => Err(self.invalid_file(format!(
                "none of `authentication.identity_token`, {file_variable} and ANTHROPIC_IDENTITY_TOKEN is set"
            ))),
        }
    }

    fn credentials(&self, config: &AuthenticationConfig) -> Result<PathBuf, SdkProfileError> {
        let Some(configured) = non_empty(config.credentials_path.as_deref()) else {
            let file = format!("{}.json", self.name);
            return Ok(self.directory.join("credentials").join(file));
        };
        let path = match (configured.strip_prefix("~/"), self.environment.get("HOME")) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => PathBuf::from(configured),
        };
        if path.is_absolute() {
            Ok(path)
        } else {
            Err(self.invalid_file("`authentication.credentials_path` is not absolute"))
        }
    }

    fn or_variable(&self, value: Option<String>, variable: &str) -> Option<String> {
        let value = value.filter(|value| !value.is_empty());
        value.or_else(|| non_empty(self.environment.get(variable)).map(ToOwned::to_owned))
    }

    fn invalid_file(&self, what: impl Into<String>) -> SdkProfileError {
        SdkProfileError::invalid_file(&self.path, what)
    }
}

/// Returns the value unless it is empty: an empty value counts as missing, as in the SDKs.
fn non_empty(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}
