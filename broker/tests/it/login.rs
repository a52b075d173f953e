//! Test fixture: a login in the files of the official SDKs, and a sandbox that renews it.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Fingerprint;
use keyreeve_os::environment::Environment;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::Harness;

/// The SDKs' directory, and the sandbox that its profile `work` uses.
pub(crate) struct TestLogin {
    pub(crate) folder: TempDir,
    pub(crate) sandbox: Sandbox,
}

/// Builds an example token from its parts.
pub(crate) fn token(family: &str, word: &str) -> String {
    format!("sk-ant-{family}-{word}{}AA", "x".repeat(93 - word.len()))
}

pub(crate) fn from_now(seconds: i64) -> i64 {
    (keyreeve_os::system::now() + SignedDuration::from_secs(seconds)).as_second()
}

impl TestLogin {
    /// Creates a profile with this `authentication`.
    pub(crate) fn new(authentication: &Value) -> Self {
        let login = Self {
            folder: TempDir::new().unwrap(),
            sandbox: Sandbox::start(),
        };
        for folder in ["configs", "credentials"] {
            std::fs::create_dir(login.path(folder)).unwrap();
            chmod(&login.path(folder), 0o700);
        }
        login.configure(&json!({
            "version": "1.0",
            "authentication": authentication,
            "base_url": login.sandbox.base_url(),
            "organization_id": "00000000-1111-4222-8333-444444444444",
        }));
        login
    }

    /// Creates a login with a refresh token, whose access token expires in this number of seconds.
    pub(crate) fn expiring_in(seconds: i64) -> Self {
        let login = Self::new(&json!({"type": "user_oauth", "client_id": "made-up"}));
        login.write(&json!({
            "version": "1.0",
            "type": "oauth_token",
            "access_token": token("oat01", "old"),
            "refresh_token": token("ort01", "old"),
            "expires_at": from_now(seconds),
            "organization_name": "Example",
            "future field": {"preserved": [1, "two"]},
        }));
        login
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn credentials(&self) -> PathBuf {
        self.path("credentials/work.json")
    }

    pub(crate) fn configure(&self, config: &Value) {
        std::fs::write(self.path("configs/work.json"), config.to_string()).unwrap();
        chmod(&self.path("configs/work.json"), 0o644);
    }

    /// Writes the credentials file as the SDKs do.
    pub(crate) fn write(&self, credentials: &Value) {
        std::fs::write(self.credentials(), credentials.to_string()).unwrap();
        chmod(&self.credentials(), 0o600);
    }

    /// Reads the credentials file.
    pub(crate) fn read(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.credentials()).unwrap()).unwrap()
    }

    /// Returns a new broker for the profile.
    pub(crate) fn harness(&self) -> Harness {
        harness(self.folder.path(), &self.sandbox.base_url())
    }

    /// Scripts the token endpoint's responses to the current refresh token.
    pub(crate) fn script(&self, steps: &Value) {
        let refresh = self.read()["refresh_token"].as_str().unwrap().to_owned();
        self.sandbox
            .script(&Canary::generated("refresh", &refresh), steps);
    }

    /// Returns the requests to the token endpoint: status, beta header and user agent of each.
    pub(crate) fn exchanges(&self) -> Vec<(u64, String, String)> {
        let all = self.sandbox.requests();
        let header = |request: &Value, name: &str| {
            let all = request["headers"].as_array().unwrap();
            let found = all.iter().find(|header| header[0] == name);
            found.map_or_else(String::new, |header| header[1].as_str().unwrap().to_owned())
        };
        let is_token_request = |request: &&Value| request["path"] == "/v1/oauth/token";
        let all = all["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(is_token_request);
        all.map(|request| {
            let status = request["status"].as_u64().unwrap_or_default();
            (
                status,
                header(request, "anthropic-beta"),
                header(request, "user-agent"),
            )
        })
        .collect()
    }
}

/// Creates a federation profile with this identity token file.
pub(crate) fn federated(identity: &Path) -> TestLogin {
    TestLogin::new(&json!({
        "type": "oidc_federation",
        "federation_rule_id": "fdrl_01MADEUP",
        "service_account_id": "svac_01MADEUP",
        "identity_token": {"source": "file", "path": identity.to_str().unwrap()},
    }))
}

/// Returns a broker whose profile is the SDKs' `work` in this directory.
pub(crate) fn harness(directory: &Path, url: &str) -> Harness {
    let source = Source::SdkProfile {
        directory: Some(directory.to_str().unwrap().to_owned()),
        name: "work".parse().unwrap(),
    };
    Harness::with_sandbox(source, url, Environment::default())
}

/// Leases once. Returns the fingerprint of the token, or the error with its causes in one line.
pub(crate) async fn leased(harness: &Harness) -> Result<Fingerprint, String> {
    match harness.lease().await {
        Ok((_, credential)) => Ok(credential.fingerprint()),
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                text = format!("{text}: {next}");
                cause = next.source();
            }
            Err(text)
        }
    }
}

pub(crate) fn fingerprint(token: &Value) -> Fingerprint {
    Fingerprint::of(token.as_str().unwrap())
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Returns the expiry of the file's token.
pub(crate) fn expires_at(credentials: &Value) -> Timestamp {
    Timestamp::from_second(credentials["expires_at"].as_i64().unwrap()).unwrap()
}
