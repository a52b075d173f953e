//! `import`: planned, done, done again, and in somebody's way. Nothing over there changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyreeve_testkit::canary::Canary;

use crate::case::{Case, check, ends};

/// The home directory of the person whose commands these are.
fn persons(case: &Case) -> std::path::PathBuf {
    case.home.user_home()
}

/// Takes the other program's files away, where secrets may be: everywhere else they are looked for.
fn clear(folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
}

/// Puts a file of another program, `{}` in it standing for the canaries in their order.
fn put(case: &Case, path: &str, text: &str, canaries: &[&Canary]) {
    let mut whole = text.to_owned();
    for canary in canaries {
        case.home.plant(canary);
        whole = whole.replacen("{}", canary.value(), 1);
    }
    let file = persons(case).join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, whole).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn clawdbot(case: &Case) {
    put(
        case,
        ".clawdbot/clawdbot.json",
        "// by hand\n{ auth: { profiles: { 'anthropic:claude-cli': { provider: 'anthropic', mode: 'token' }, }, order: { anthropic: ['anthropic:work'] } } }",
        &[],
    );
    put(
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

/// Every file over there with what is in it.
fn contents(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
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
fn a_dry_run_writes_nothing_a_real_one_adds_and_a_second_adds_nothing() {
    let case = Case::new();
    clawdbot(&case);
    let there = persons(&case).join(".clawdbot");
    let before = contents(&there);
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
    assert_eq!(contents(&there), before);
    // What a second run does not add, a plan does not promise either.
    let planned = case.run(&["import", "clawdbot", "--dry-run", "--json"]);
    let planned = planned.expect_code(0).json();
    assert_eq!(planned["stage"], "planned");
    assert_eq!(planned["schema_version"], 1);
    assert_eq!(planned["entries"][0]["outcome"], "leave");
    assert_eq!(planned["entries"][1]["profile"], "clawdbot-work");
    assert_eq!(planned["entries"][1]["outcome"], "same");
    clear(&there);
}

#[test]
fn a_name_with_another_secret_is_a_conflict_and_stays_as_it_is() {
    let case = Case::new();
    clawdbot(&case);
    let own = Canary::api_key("own");
    case.home.plant(&own);
    ends(
        case.feed(&["profile", "add", "clawdbot-work", "--stdin"], own.value()),
        0,
    );
    check("import_conflict", &case, &case.run(&["import", "clawdbot"]));
    clear(&persons(&case).join(".clawdbot"));
}

#[test]
fn loose_modes_are_told_and_what_cannot_be_read_is_too() {
    let case = Case::new();
    clawdbot(&case);
    let there = persons(&case).join(".clawdbot");
    let file = there.join("agents/main/agent/auth-profiles.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    put(
        &case,
        ".clawdbot/credentials/oauth.json",
        &" ".repeat(1024 * 1024 + 1),
        &[],
    );
    put(
        &case,
        ".clawdbot/agents/odd/agent/auth-profiles.json",
        "",
        &[],
    );
    fs::write(
        there.join("agents/odd/agent/auth-profiles.json"),
        b"{\"\xff\": 1}",
    )
    .unwrap();
    check(
        "import_loose",
        &case,
        &case.run(&["import", "clawdbot", "--dry-run"]),
    );
    check("import_missing", &case, &case.run(&["import", "openclaw"]));
    clear(&there);
}

#[test]
fn claude_codes_helper_settings_and_login_move_in_and_nothing_of_the_login_is_read() {
    let case = Case::new();
    put(
        &case,
        ".claude/settings.json",
        r#"{"apiKeyHelper":"cat ~/.key | tr -d '\n'","env":{"ANTHROPIC_API_KEY":"{}"}}"#,
        &[&Canary::api_key("settings")],
    );
    put(
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
    clear(&persons(&case).join(".claude"));
}

#[test]
fn the_sdks_profiles_are_referred_to_where_they_lie() {
    let case = Case::new();
    put(
        &case,
        "elsewhere/configs/default.json",
        r#"{"version":"1.0","authentication":{"type":"user_oauth","client_id":"made-up"}}"#,
        &[],
    );
    put(&case, "elsewhere/active_config", "default\n", &[]);
    let path = persons(&case).join("elsewhere");
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
