//! `import`: planned, applied, repeated, and in conflict. The other program's files never change.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, assert_exit, check};

/// Returns the user's home directory.
fn user_home(case: &Case) -> std::path::PathBuf {
    case.home.user_home()
}

/// Removes the other program's files, which contain the secrets; the rest of the home is scanned for them.
fn remove_all(dir: &Path) {
    fs::remove_dir_all(dir).unwrap();
}

/// Writes a file of another program, with each `{}` replaced by the next canary.
fn plant_file(case: &Case, path: &str, text: &str, canaries: &[&Canary]) {
    let mut content = text.to_owned();
    for canary in canaries {
        case.home.plant(canary);
        content = content.replacen("{}", canary.value(), 1);
    }
    let file = user_home(case).join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn clawdbot(case: &Case) {
    plant_file(
        case,
        ".clawdbot/clawdbot.json",
        "// by hand\n{ auth: { profiles: { 'anthropic:claude-cli': { provider: 'anthropic', mode: 'token' }, }, order: { anthropic: ['anthropic:work'] } } }",
        &[],
    );
    plant_file(
        case,
        ".clawdbot/agents/main/agent/auth-profiles.json",
        r#"{"version":1,"profiles":{
            "anthropic:work":{"type":"api_key","provider":"anthropic","key":"{}"},
            "anthropic:manual":{"type":"token","provider":"anthropic","token":"{}"},
            "openai:default":{"type":"api_key","provider":"openai","key":"{}"}}}"#,
        &[
            &Canary::api_key("claw-key"),
            &Canary::oauth("claw-plan"),
            &Canary::api_key("claw-openai"),
        ],
    );
}

/// Returns all files of a directory with their contents.
fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn import_is_idempotent_and_a_dry_run_writes_nothing() {
    let case = Case::new();
    clawdbot(&case);
    let directory = user_home(&case).join(".clawdbot");
    let before = contents(&directory);
    check(
        "import_dry",
        &case,
        &case.run(&["import", "clawdbot", "--dry-run"]),
    );
    let own = case.home.keyreeve_home();
    assert!(!own.exists() || contents(&own).is_empty());
    check("import", &case, &case.run(&["import", "clawdbot"]));
    check("import_twice", &case, &case.run(&["import", "clawdbot"]));
    check("import_list", &case, &case.run(&["profile", "list"]));
    assert_eq!(contents(&directory), before);
    // A plan announces only what a second run would add.
    let planned = case.run(&["import", "clawdbot", "--dry-run", "--json"]);
    let planned = planned.expect_code(0).json();
    assert_eq!(planned["stage"], "planned");
    assert_eq!(planned["schema_version"], 2);
    assert_eq!(planned["entries"][0]["outcome"], "skip");
    assert_eq!(planned["entries"][1]["profile"], "clawdbot-work");
    assert_eq!(planned["entries"][1]["outcome"], "reuse");
    remove_all(&directory);
}

#[test]
fn name_with_another_secret_is_a_conflict() {
    let case = Case::new();
    clawdbot(&case);
    let own = Canary::api_key("own");
    case.home.plant(&own);
    assert_exit(
        case.feed(&["profile", "add", "clawdbot-work", "--stdin"], own.value()),
        0,
    );
    check("import_conflict", &case, &case.run(&["import", "clawdbot"]));
    remove_all(&user_home(&case).join(".clawdbot"));
}

#[test]
fn exposed_and_unreadable_files_are_reported() {
    let case = Case::new();
    clawdbot(&case);
    let directory = user_home(&case).join(".clawdbot");
    let file = directory.join("agents/main/agent/auth-profiles.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    plant_file(
        &case,
        ".clawdbot/credentials/oauth.json",
        &" ".repeat(1024 * 1024 + 1),
        &[],
    );
    plant_file(
        &case,
        ".clawdbot/agents/odd/agent/auth-profiles.json",
        "",
        &[],
    );
    fs::write(
        directory.join("agents/odd/agent/auth-profiles.json"),
        b"{\"\xff\": 1}",
    )
    .unwrap();
    check(
        "import_exposed",
        &case,
        &case.run(&["import", "clawdbot", "--dry-run"]),
    );
    check("import_missing", &case, &case.run(&["import", "openclaw"]));
    remove_all(&directory);
}

#[test]
fn claude_code_login_is_imported_by_reference() {
    let case = Case::new();
    plant_file(
        &case,
        ".claude/settings.json",
        r#"{"apiKeyHelper":"cat ~/.key | tr -d '\n'","env":{"ANTHROPIC_API_KEY":"{}"}}"#,
        &[&Canary::api_key("settings")],
    );
    plant_file(
        &case,
        ".claude/.credentials.json",
        r#"{"claudeAiOauth":{"accessToken":"{}"}}"#,
        &[&Canary::oauth("login")],
    );
    check(
        "import_claude_code",
        &case,
        &case.run(&["import", "claude-code"]),
    );
    let login = case.run(&["profile", "show", "claude-code-login", "--json"]);
    assert_eq!(login.expect_code(0).json()["billing"], "plan");
    remove_all(&user_home(&case).join(".claude"));
}

#[test]
fn sdk_profiles_are_imported_by_reference() {
    let case = Case::new();
    plant_file(
        &case,
        "elsewhere/configs/default.json",
        r#"{"version":"1.0","authentication":{"type":"user_oauth","client_id":"made-up"}}"#,
        &[],
    );
    plant_file(&case, "elsewhere/active_config", "default\n", &[]);
    let path = user_home(&case).join("elsewhere");
    let path = path.to_str().unwrap();
    check(
        "import_sdk",
        &case,
        &case.run(&["import", "anthropic-profiles", path]),
    );
    let shown = case.run(&["profile", "show", "sdk-default", "--json"]);
    let shown = shown.expect_code(0).json();
    assert_eq!(shown["source"]["kind"], "sdk-profile");
    assert_eq!(shown["source"]["directory"], path);
    check("import_help", &case, &case.run(&["import", "-h"]));
}

/// F-00: the key of a Console sign-in is kept as a metered profile, so that it can be removed where a plan pays.
#[test]
fn console_key_of_claude_code_is_imported() {
    let case = Case::new();
    plant_file(&case, ".claude/settings.json", "{}", &[]);
    let key = Canary::api_key("console");
    plant_file(&case, ".claude.json", r#"{"primaryApiKey": "{}"}"#, &[&key]);
    let imported = case.run(&["import", "claude-code", "--json"]);
    let imported = imported.expect_code(0).json();
    assert_eq!(imported["entries"][0]["outcome"], "create");
    let name = "claude-code-console-key";
    assert_eq!(imported["entries"][0]["profile"], name);
    let shown = case.run(&["profile", "show", name, "--json"]);
    assert_eq!(shown.expect_code(0).json()["billing"], "metered");
    fs::remove_file(user_home(&case).join(".claude.json")).unwrap();
}
