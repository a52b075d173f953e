//! Profiles of the official SDKs, from adding one to a request that it pays for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::case::{Case, assert_exit};
use crate::serving::{Serving, message};

/// A directory of SDK profiles, outside of the test's home.
struct SdkDirectory(TempDir);

impl SdkDirectory {
    fn new() -> Self {
        let directory = Self(TempDir::new().unwrap());
        for dir in ["configs", "credentials"] {
            fs::create_dir(directory.path(dir)).unwrap();
            fs::set_permissions(directory.path(dir), Permissions::from_mode(0o700)).unwrap();
        }
        directory
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn write(&self, name: &str, value: &Value) {
        fs::write(self.path(name), value.to_string()).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    fn login(&self, name: &str, url: &str) {
        self.write(
            &format!("configs/{name}.json"),
            &json!({"authentication": {"type": "user_oauth", "client_id": "made-up"}, "base_url": url}),
        );
    }
}

fn refresh_token(word: &str) -> Canary {
    let mark = format!("CANARY-refresh-{word}-");
    let body: String = mark.chars().cycle().take(93).collect();
    Canary::generated("refresh", &["sk-", "ant-", "ort01-", &body, "AA"].concat())
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn expired_sdk_login_is_refreshed_for_a_request() {
    let (case, directory, sandbox) = (Case::new(), SdkDirectory::new(), Sandbox::start());
    let (access, refresh) = (Canary::oauth("old-access"), refresh_token("old"));
    for canary in [&access, &refresh] {
        case.home.plant(canary);
    }
    directory.login("office", &sandbox.base_url());
    directory.write(
        "credentials/office.json",
        &json!({"access_token": access.value(), "refresh_token": refresh.value(), "expires_at": 1}),
    );
    let url = sandbox.base_url();
    let arguments = [
        &["profile", "add", "work", "--json"][..],
        &["--sdk-profile", "office", "--sdk-dir", directory.text()],
        &["--origin", &url, "--insecure-loopback", "--simulated"],
    ];
    let added = case.run(&arguments.concat()).expect_code(0).json();
    assert_eq!(added["provenance"], "ant-login");
    assert_eq!(added["auth"], "bearer");
    let key = case.run(&["key", "add", "laptop", "--profile", "work", "--json"]);
    let key = key.expect_code(0).json()["key"]
        .as_str()
        .unwrap()
        .to_owned();

    let serving = Serving::start(&case);
    let response = serving.ask(&key, &message("Hello"));
    assert_eq!(response.status(), 200, "{}", response.text());
    let saved = read(&directory.path("credentials/office.json"));
    for field in ["access_token", "refresh_token"] {
        let new = Canary::generated(&field.replace('_', "-"), saved[field].as_str().unwrap());
        case.home.plant(&new);
    }
    assert_exit(serving.end(), 0);
    let paths = sandbox.requests();
    let paths = paths["data"].as_array().unwrap().iter();
    let paths: Vec<_> = paths.map(|seen| seen["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/v1/oauth/token", "/v1/messages"]);
}

#[test]
fn adding_a_broken_sdk_profile_reports_the_problem() {
    let (case, directory) = (Case::new(), SdkDirectory::new());
    directory.login("other-origin", "https://gateway.example");
    directory.write(
        "configs/odd.json",
        &json!({"authentication": {"type": "magic"}}),
    );
    for (profile, expected) in [
        ("missing", "does not exist"),
        ("odd", "unknown `authentication.type` `magic`"),
        ("other-origin", "`--origin https://gateway.example`"),
    ] {
        let arguments = ["profile", "add", profile, "--sdk-profile", profile];
        let added = case.run(&[&arguments[..], &["--sdk-dir", directory.text()]].concat());
        let output = added.expect_code(0).stderr;
        assert!(output.contains("is not usable yet"), "{output}");
        assert!(output.contains(expected), "{output}");
    }
}
