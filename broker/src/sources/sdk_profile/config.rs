//! What a profile of the official SDKs says: `configs/<name>.json`, its gaps filled by variables
//! (docs/facts.md#sdk-profiles).
//!
//! Invariant: it leads to the base URL the profile is bound to, or it is not used: a file that changes cannot send a
//! refresh token or an identity token anywhere else.

use std::path::{Path, PathBuf};

use keyreeve_core::inert::inert_line;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::snapshot::Environment;
use keyreeve_os::files::{Make, SafeDir};
use serde::Deserialize;

use super::SdkProfileError;

/// No such file has more bytes.
pub(super) const LONGEST_FILE: usize = 1024 * 1024;

/// Where a profile without a base URL leads.
const USUAL: &str = "https://api.anthropic.com";

/// How a profile's tokens come about.
#[derive(Debug)]
pub(super) enum Login {
    /// An identity token is exchanged.
    Federation(Federation),
    /// A login is renewed with its refresh token.
    User {
        client_id: String,
        credentials: PathBuf,
    },
    /// Another program keeps the file fresh.
    Rotated { credentials: PathBuf },
}

/// What an exchange needs besides the identity token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Federation {
    pub(super) rule: String,
    pub(super) organization: String,
    pub(super) service_account: Option<String>,
    pub(super) workspace: Option<String>,
    pub(super) identity: Identity,
}

/// Where the identity token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Identity {
    /// In a file, which somebody rotates.
    File(PathBuf),
    /// In the variable `ANTHROPIC_IDENTITY_TOKEN`.
    Variable,
}

#[derive(Deserialize)]
struct Written {
    authentication: Authentication,
    base_url: Option<String>,
    organization_id: Option<String>,
    workspace_id: Option<String>,
}

#[derive(Deserialize)]
struct Authentication {
    r#type: String,
    federation_rule_id: Option<String>,
    service_account_id: Option<String>,
    identity_token: Option<IdentityToken>,
    client_id: Option<String>,
    credentials_path: Option<String>,
}

#[derive(Deserialize)]
struct IdentityToken {
    source: Option<String>,
    path: Option<String>,
}

/// The directory of `configs/` and `credentials/`.
pub(super) fn directory(
    given: Option<&str>,
    environment: &Environment,
) -> Result<PathBuf, SdkProfileError> {
    let home = filled(environment.get("HOME")).map(|home| format!("{home}/.config/anthropic"));
    given
        .map(ToOwned::to_owned)
        .or_else(|| filled(environment.get("ANTHROPIC_CONFIG_DIR")).map(ToOwned::to_owned))
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
) -> Result<Login, SdkProfileError> {
    let folder = SafeDir::open(&directory.join("configs"), Make::Never);
    let folder = folder.map_err(SdkProfileError::File)?;
    let file = format!("{name}.json");
    let path = folder.path().join(&file);
    let bytes = folder.read_public(&file, LONGEST_FILE);
    let bytes = bytes.map_err(SdkProfileError::File)?;
    let written: Written = serde_json::from_slice(&bytes).map_err(|error| {
        let what = format!(
            "line {} column {}, or a field that is missing or of another type",
            error.line(),
            error.column()
        );
        SdkProfileError::Unreadable {
            path: path.clone(),
            what,
        }
    })?;
    leads_home(&written, &path, &profile.base_url)?;
    let place = Place {
        path,
        directory,
        name,
        environment,
    };
    place.login(written)
}

/// Refuses a profile that leads anywhere but to the one place.
fn leads_home(written: &Written, path: &Path, own: &BaseUrl) -> Result<(), SdkProfileError> {
    let text = filled(written.base_url.as_deref()).unwrap_or(USUAL);
    let theirs = BaseUrl::parse(text, PlainHttp::LoopbackOnly).map_err(|refused| {
        SdkProfileError::Unreadable {
            path: path.to_owned(),
            what: format!("`base_url`: {refused}"),
        }
    })?;
    if theirs == *own {
        Ok(())
    } else {
        Err(SdkProfileError::OtherOrigin {
            path: path.to_owned(),
            theirs: theirs.to_string(),
            own: own.to_string(),
        })
    }
}

/// Where a configuration was found, and what may fill its gaps.
struct Place<'a> {
    path: PathBuf,
    directory: &'a Path,
    name: &'a Name,
    environment: &'a Environment,
}

impl Place<'_> {
    fn login(&self, written: Written) -> Result<Login, SdkProfileError> {
        let authentication = &written.authentication;
        match authentication.r#type.as_str() {
            "oidc_federation" => Ok(Login::Federation(self.federation(written)?)),
            "user_oauth" => {
                let credentials = self.credentials(authentication)?;
                Ok(match filled(authentication.client_id.as_deref()) {
                    Some(client_id) => Login::User {
                        client_id: client_id.to_owned(),
                        credentials,
                    },
                    None => Login::Rotated { credentials },
                })
            }
            other => {
                let shown = inert_line(other, 40);
                Err(self.unreadable(format!(
                    "`authentication.type` is `{shown}`; oidc_federation and user_oauth are known"
                )))
            }
        }
    }

    fn federation(&self, written: Written) -> Result<Federation, SdkProfileError> {
        let Written {
            authentication,
            organization_id,
            workspace_id,
            ..
        } = written;
        let needed = |value: Option<String>, field: &str, variable: &str| {
            self.or_variable(value, variable).ok_or_else(|| {
                self.unreadable(format!("neither `{field}` nor {variable} says anything"))
            })
        };
        Ok(Federation {
            rule: needed(
                authentication.federation_rule_id,
                "authentication.federation_rule_id",
                "ANTHROPIC_FEDERATION_RULE_ID",
            )?,
            organization: needed(
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

    /// Where the identity token is. A profile that names a source is not overruled by a variable.
    fn identity(&self, written: Option<IdentityToken>) -> Result<Identity, SdkProfileError> {
        let in_file = "ANTHROPIC_IDENTITY_TOKEN_FILE";
        let path = match written {
            Some(IdentityToken { source, path }) if source.as_deref() == Some("file") => {
                let path = path.filter(|path| !path.is_empty());
                Some(path.ok_or_else(|| {
                    self.unreadable("`authentication.identity_token.path` says nothing".to_owned())
                })?)
            }
            Some(_) => {
                return Err(self.unreadable(
                    "`authentication.identity_token.source` is not `file`".to_owned(),
                ));
            }
            None => self.or_variable(None, in_file),
        };
        let variable = || filled(self.environment.get("ANTHROPIC_IDENTITY_TOKEN"));
        match path.map(PathBuf::from) {
            Some(path) if path.is_absolute() => Ok(Identity::File(path)),
            Some(_) => {
                Err(self.unreadable("the identity token's path is no whole path".to_owned()))
            }
            None if variable().is_some() => Ok(Identity::Variable),
            None => Err(self.unreadable(format!(
                "neither `authentication.identity_token` nor {in_file} nor ANTHROPIC_IDENTITY_TOKEN says anything"
            ))),
        }
    }

    fn credentials(&self, written: &Authentication) -> Result<PathBuf, SdkProfileError> {
        let Some(given) = filled(written.credentials_path.as_deref()) else {
            let file = format!("{}.json", self.name);
            return Ok(self.directory.join("credentials").join(file));
        };
        let path = match (given.strip_prefix("~/"), self.environment.get("HOME")) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => PathBuf::from(given),
        };
        if path.is_absolute() {
            Ok(path)
        } else {
            Err(self.unreadable("`authentication.credentials_path` is no whole path".to_owned()))
        }
    }

    fn or_variable(&self, value: Option<String>, variable: &str) -> Option<String> {
        let value = value.filter(|value| !value.is_empty());
        value.or_else(|| filled(self.environment.get(variable)).map(ToOwned::to_owned))
    }

    fn unreadable(&self, what: String) -> SdkProfileError {
        SdkProfileError::Unreadable {
            path: self.path.clone(),
            what,
        }
    }
}

/// Empty counts as absent, as it does for the SDKs.
fn filled(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}
