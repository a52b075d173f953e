//! `profile link`: files where the SDKs look, a working key, and no foreign file touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use keyreeve_testkit::canary::Canary;
use serde_json::Value;

use crate::case::{Case, assert_exit, check};
use crate::serving::{Serving, message};

const LINK: [&str; 3] = ["profile", "link", "sandbox"];
const UNLINK: [&str; 3] = ["profile", "unlink", "sandbox"];

fn sdk_dir(case: &Case) -> PathBuf {
    case.home.user_home().join(".config/anthropic")
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn token(dir: &Path) -> String {
    let credentials = read(&dir.join("credentials/sandbox.json"));
    credentials["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn linked_key_works_until_unlinked() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    check("profile_link", &case, &case.run(&LINK));
    let dir = sdk_dir(&case);
    let config = read(&dir.join("configs/sandbox.json"));
    assert_eq!(config["authentication"]["type"], "user_oauth");
    assert_eq!(config["base_url"], serving.ready()["address"]);
    let first = token(&dir);
    assert_eq!(serving.ask(&first, &message("hi")).status(), 200);
    for (path, mode) in [
        ("", 0o700),
        ("configs", 0o700),
        ("credentials", 0o700),
        ("configs/sandbox.json", 0o600),
        ("credentials/sandbox.json", 0o600),
    ] {
        let found = fs::symlink_metadata(dir.join(path)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode, "{path}");
    }

    assert_exit(case.run(&LINK), 0);
    let second = token(&dir);
    assert_eq!(serving.ask(&first, &message("hi")).status(), 401);
    assert_eq!(serving.ask(&second, &message("hi")).status(), 200);

    check("profile_unlink", &case, &case.run(&UNLINK));
    assert_eq!(serving.ask(&second, &message("hi")).status(), 401);
    assert!(!dir.join("configs/sandbox.json").exists());
    assert!(!dir.join("credentials/sandbox.json").exists());
    assert_exit(case.run(&UNLINK), 1);
    assert_exit(case.run(&LINK), 0);
    assert_eq!(serving.ask(&token(&dir), &message("hi")).status(), 200);
    let _ended = serving.end();
}

#[test]
fn named_key_outlives_its_link() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let added = case.run(&["key", "add", "laptop", "--profile", "sandbox"]);
    let key = added.expect_code(0).stdout.trim().to_owned();
    assert_exit(
        case.run(&["profile", "link", "default", "--key", "laptop"]),
        0,
    );
    assert_exit(
        case.run(&["profile", "link", "sandbox", "--key", "laptop"]),
        0,
    );
    let linked = token(&sdk_dir(&case));
    assert_exit(case.run(&UNLINK), 0);
    assert_eq!(serving.ask(&linked, &message("hi")).status(), 401);
    assert_eq!(serving.ask(&key, &message("hi")).status(), 200);
    assert!(sdk_dir(&case).join("configs/default.json").exists());
    assert_exit(case.run(&["profile", "link", "x", "--key", "other"]), 1);
    assert_exit(case.run(&["profile", "link", "other"]), 1);
    assert!(!sdk_dir(&case).join("configs/x.json").exists());
    let _ended = serving.end();
}

#[test]
fn foreign_files_are_left_unchanged() {
    let (case, _) = Case::with_profile();
    let dir = sdk_dir(&case);
    for folder in ["configs", "credentials"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let target = case.home.work().join("theirs.json");
    let ours = r#"{"made_by":"keyreeve profile link"}"#;
    for (file, content, mode) in [
        ("configs/work.json", "{}", 0o600),
        ("credentials/work.json", "{}", 0o600),
        ("configs/work.json", "not JSON", 0o644),
        ("configs/work.json", ours, 0o644),
    ] {
        let path = dir.join(file);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [["profile", "link", "work"], ["profile", "unlink", "work"]] {
            let stderr = case.run(&arguments).expect_code(1).stderr;
            assert!(stderr.contains("left unchanged"), "{stderr}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        fs::remove_file(&path).unwrap();
    }
    fs::write(&target, ours).unwrap();
    symlink(&target, dir.join("configs/work.json")).unwrap();
    assert_exit(case.run(&["profile", "link", "work"]), 1);
    assert_eq!(fs::read_to_string(&target).unwrap(), ours);
    assert_eq!(fs::read_dir(dir.join("credentials")).unwrap().count(), 0);
    let keys = case.run(&["key", "list", "--json"]).json();
    assert_eq!(keys["keys"], serde_json::json!([]), "no key was created");
}

#[test]
fn files_are_where_each_client_looks() {
    let (case, _) = Case::with_profile();
    let link = |variable: &str, value: &Path| {
        let mut command = case.command(&["profile", "link", "work", "--json"]);
        command.env(variable, value);
        let linked = case.home.run(&mut command).expect_code(0).json();
        linked["files"].as_array().unwrap().len()
    };
    let (named, base) = (case.home.work().join("named"), case.home.work().join("xdg"));
    assert_eq!(link("ANTHROPIC_CONFIG_DIR", &named), 2);
    assert!(named.join("configs/work.json").exists());
    assert!(!sdk_dir(&case).exists());
    assert_eq!(link("XDG_CONFIG_HOME", &base), 4);
    assert!(sdk_dir(&case).join("configs/work.json").exists());
    assert!(base.join("anthropic/configs/work.json").exists());
    let mut relative = case.command(&["profile", "link", "work"]);
    relative.env("ANTHROPIC_CONFIG_DIR", "here");
    assert_exit(case.home.run(&mut relative), 3);
}

/// F-00: a link names the host that gets its key, and a stored Console key that would pay in its place.
#[test]
fn link_names_a_console_key_that_overrides_it() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let key = Canary::api_key("console");
    case.home.plant(&key);
    let state = case.home.user_home().join(".claude.json");
    let text = format!("{{\"primaryApiKey\": \"{}\"}}", key.value());
    fs::write(&state, text).unwrap();
    let linked = case.run(&LINK).expect_code(0);
    let message = linked
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        message.contains("sends this key to https://api.anthropic.com"),
        "{message}"
    );
    assert!(
        message.contains(".claude.json:1 takes its place"),
        "{message}"
    );
    fs::remove_file(state).unwrap();
    let _ended = serving.end();
}
