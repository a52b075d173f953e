//! PR-06: wherever a key is shown, at most its family's prefix and its last four characters are, and of a short one
//! nothing.

use std::fs;

use keyreeve_testkit::process::Output;

use crate::case::Case;

/// Lengths of whole values, prefix and all, around each border.
const LENGTHS: [usize; 7] = [5, 16, 19, 20, 39, 40, 200];

/// Prefixes that say what a value is; what follows is the secret part.
const PREFIXES: [&[&str]; 3] = [&[], &["sk-", "ant-", "api03-"], &["krv_"]];

/// Letters that make no word, and that no number or path of ours has in a row.
const LETTERS: &[u8] = b"QZXJKVWY";

/// A value of this many characters, and the part of it that is secret.
struct Value {
    whole: String,
    secret: String,
}

impl Value {
    fn of(prefix: &[&str], length: usize) -> Option<Self> {
        let prefix = prefix.concat();
        let body = length.checked_sub(prefix.len()).filter(|body| *body > 0)?;
        let mut state = length + 7 * prefix.len();
        let letters = (0..body).map(|_| {
            state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
            char::from(LETTERS[(state >> 16) % LETTERS.len()])
        });
        let secret: String = letters.collect();
        let whole = prefix + &secret;
        Some(Self { whole, secret })
    }

    /// Fails the test if this text holds more of the value than may be shown.
    fn assert_masked(&self, what: &str, text: &str) {
        let allowed = if self.whole.len() < 40 { 0 } else { 4 };
        let shortest = if allowed == 0 { 3 } else { 5 };
        let windows = self.secret.len().saturating_sub(shortest - 1);
        for start in 0..windows {
            let part = &self.secret[start..start + shortest];
            assert!(
                !text.contains(part),
                "{} of {} characters show in {what}:\n{text}",
                shortest,
                self.whole.len()
            );
        }
        if allowed == 0 {
            return;
        }
        // What is shown in full is the end, and nothing before it.
        let before_end = self.secret.len().saturating_sub(5);
        for start in 0..before_end {
            let part = &self.secret[start..start + 4];
            let is_the_end = self.secret.ends_with(part);
            assert!(
                is_the_end || !text.contains(part),
                "the middle shows in {what}:\n{text}"
            );
        }
    }

    fn assert_not_in(&self, case: &Case, what: &str, output: &Output) {
        let own = case.home.path().display().to_string();
        for text in [&output.stdout, &output.stderr] {
            self.assert_masked(
                &format!("{what}, {}", self.whole.len()),
                &text.replace(&own, ""),
            );
        }
    }
}

/// All commands that show what they know of a key, with keys of every kind and of lengths around each border.
#[test]
fn pr_06_no_command_shows_more_of_a_key_than_its_last_four() {
    for prefix in PREFIXES {
        for length in LENGTHS {
            if let Some(value) = Value::of(prefix, length) {
                check(&value);
            }
        }
    }
}

fn check(value: &Value) {
    let case = Case::new();
    let put = |path: &str, text: String| {
        let file = case.home.user_home().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let whole = &value.whole;
    put(".zshrc", format!("export ANTHROPIC_API_KEY={whole}\n"));
    put(
        ".claude/settings.json",
        format!("{{\"env\": {{\"ANTHROPIC_AUTH_TOKEN\": \"{whole}\"}}}}"),
    );
    put(
        ".clawdbot/agents/main/agent/auth-profiles.json",
        format!(
            "{{\"version\":1,\"profiles\":{{\"anthropic:x\":{{\"type\":\"api_key\",\"provider\":\"anthropic\",\"key\":\"{whole}\"}}}}}}"
        ),
    );
    let add = ["profile", "add", "team", "--stdin", "--direct"];
    let add = [&add[..], &["--origin", "https://gateway.example"]].concat();
    for arguments in [&["inspect", "-"][..], &add] {
        value.assert_not_in(&case, &arguments.join(" "), &case.feed(arguments, whole));
    }
    for arguments in [
        &["import", "clawdbot", "--json"][..],
        &["profile", "list"],
        &["profile", "list", "--json"],
        &["status", "--json"],
        &["doctor", "--json"],
        &["env", "--profile", "team", "--json"],
        &["exec", "--profile", "team", "--", "true"],
    ] {
        let mut command = case.command(arguments);
        let said = case.home.run(command.env("ANTHROPIC_API_KEY", whole));
        value.assert_not_in(&case, &arguments.join(" "), &said);
    }
}
