//! `profile link`: files where the SDKs look, a key that opens the gateway, and nothing of anybody else's touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::case::{Case, check, ends};
use crate::serving::{Serving, message};

const LINK: [&str; 3] = ["profile", "link", "sandbox"];
const UNLINK: [&str; 3] = ["profile", "unlink", "sandbox"];

fn place(case: &Case) -> PathBuf {
    case.home.user_home().join(".config/anthropic")
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn token(place: &Path) -> String {
    let credentials = read(&place.join("credentials/sandbox.json"));
    credentials["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_linked_profile_opens_the_gateway_until_it_is_unlinked() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    check("profile_link", &case, &case.run(&LINK));
    let place = place(&case);
    let config = read(&place.join("configs/sandbox.json"));
    assert_eq!(config["authentication"]["type"], "user_oauth");
    assert_eq!(config["base_url"], serving.ready()["address"]);
    let first = token(&place);
    assert_eq!(serving.ask(&first, &message("hi")).status(), 200);
    for (path, mode) in [
        ("", 0o700),
        ("configs", 0o700),
        ("credentials", 0o700),
        ("configs/sandbox.json", 0o600),
        ("credentials/sandbox.json", 0o600),
    ] {
        let found = fs::symlink_metadata(place.join(path)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode, "{path}");
    }

    ends(case.run(&LINK), 0);
    let second = token(&place);
    assert_eq!(serving.ask(&first, &message("hi")).status(), 401);
    assert_eq!(serving.ask(&second, &message("hi")).status(), 200);

    check("profile_unlink", &case, &case.run(&UNLINK));
    assert_eq!(serving.ask(&second, &message("hi")).status(), 401);
    assert!(!place.join("configs/sandbox.json").exists());
    assert!(!place.join("credentials/sandbox.json").exists());
    ends(case.run(&UNLINK), 1);
    ends(case.run(&LINK), 0);
    assert_eq!(serving.ask(&token(&place), &message("hi")).status(), 200);
    let _ended = serving.end();
}

#[test]
fn a_named_key_is_used_and_outlives_the_link() {
    let case = Case::new();
    let serving = Serving::with_sandbox(&case);
    let made = case.run(&["key", "add", "laptop", "--profile", "sandbox"]);
    let key = made.expect_code(0).stdout.trim().to_owned();
    ends(
        case.run(&["profile", "link", "default", "--key", "laptop"]),
        0,
    );
    ends(
        case.run(&["profile", "link", "sandbox", "--key", "laptop"]),
        0,
    );
    let linked = token(&place(&case));
    ends(case.run(&UNLINK), 0);
    assert_eq!(serving.ask(&linked, &message("hi")).status(), 401);
    assert_eq!(serving.ask(&key, &message("hi")).status(), 200);
    assert!(place(&case).join("configs/default.json").exists());
    ends(case.run(&["profile", "link", "x", "--key", "nobody"]), 1);
    ends(case.run(&["profile", "link", "nobody"]), 1);
    assert!(!place(&case).join("configs/x.json").exists());
    let _ended = serving.end();
}

#[test]
fn what_is_not_ours_stays() {
    let (case, _) = Case::with_profile();
    let place = place(&case);
    for folder in ["configs", "credentials"] {
        fs::create_dir_all(place.join(folder)).unwrap();
    }
    let elsewhere = case.home.work().join("theirs.json");
    let ours = r#"{"made_by":"keyreeve profile link"}"#;
    for (file, content, mode) in [
        ("configs/work.json", "{}", 0o600),
        ("credentials/work.json", "{}", 0o600),
        ("configs/work.json", "not JSON", 0o644),
        ("configs/work.json", ours, 0o644),
    ] {
        let path = place.join(file);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [["profile", "link", "work"], ["profile", "unlink", "work"]] {
            let told = case.run(&arguments).expect_code(1);
            assert!(told.stderr.contains("stays as it is"), "{}", told.stderr);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        fs::remove_file(&path).unwrap();
    }
    fs::write(&elsewhere, ours).unwrap();
    symlink(&elsewhere, place.join("configs/work.json")).unwrap();
    ends(case.run(&["profile", "link", "work"]), 1);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), ours);
    assert_eq!(fs::read_dir(place.join("credentials")).unwrap().count(), 0);
    let keys = case.run(&["key", "list", "--json"]).json();
    assert_eq!(keys["keys"], serde_json::json!([]), "no key was made");
}

#[test]
fn it_lies_where_each_client_looks() {
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
    assert!(!place(&case).exists());
    assert_eq!(link("XDG_CONFIG_HOME", &base), 4);
    assert!(place(&case).join("configs/work.json").exists());
    assert!(base.join("anthropic/configs/work.json").exists());
    let mut relative = case.command(&["profile", "link", "work"]);
    relative.env("ANTHROPIC_CONFIG_DIR", "here");
    ends(case.home.run(&mut relative), 3);
}
