//! PR-06: a key is shown by at most its family's prefix and its last four characters, and a short one not at all.

use std::fs;

use keyreeve_testkit::process::ProcessOutput;

use crate::case::Case;

/// Lengths of values including the prefix, around each threshold.
const LENGTHS: [usize; 7] = [5, 16, 19, 20, 39, 40, 200];

/// Prefixes of token families; the rest is the secret part.
const PREFIXES: [&[&str]; 3] = [&[], &["sk-", "ant-", "api03-"], &["krv_"]];

/// Letters that form no word, number or path.
const LETTERS: &[u8] = b"QZXJKVWY";

/// A generated value and its secret part.
struct KeyValue {
    text: String,
    secret: String,
}

impl KeyValue {
    fn new(prefix: &[&str], length: usize) -> Option<Self> {
        let prefix = prefix.concat();
        let body = length.checked_sub(prefix.len()).filter(|body| *body > 0)?;
        let mut state = length + 7 * prefix.len();
        let letters = (0..body).map(|_| {
            state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
            char::from(LETTERS[(state >> 16) % LETTERS.len()])
        });
        let secret: String = letters.collect();
        let text = prefix + &secret;
        Some(Self { text, secret })
    }

    /// Fails the test if a text contains more of the value than may be shown.
    fn assert_masked(&self, what: &str, text: &str) {
        let allowed = if self.text.len() < 40 { 0 } else { 4 };
        let shortest = if allowed == 0 { 3 } else { 5 };
        let windows = self.secret.len().saturating_sub(shortest - 1);
        for start in 0..windows {
            let part = &self.secret[start..start + shortest];
            assert!(
                !text.contains(part),
                "{} of {} characters show in {what}:\n{text}",
                shortest,
                self.text.len()
            );
        }
        if allowed == 0 {
            return;
        }
        // Only the end may be shown, nothing before it.
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

    fn assert_not_in(&self, case: &Case, what: &str, output: &ProcessOutput) {
        let own = case.home.path().display().to_string();
        for text in [&output.stdout, &output.stderr] {
            self.assert_masked(
                &format!("{what}, {}", self.text.len()),
                &text.replace(&own, ""),
            );
        }
    }
}

/// PR-06: no command shows more of a key than its last four characters, for keys of every kind and length.
#[test]
fn at_most_four_characters_of_a_key_are_shown() {
    for prefix in PREFIXES {
        for length in LENGTHS {
            if let Some(value) = KeyValue::new(prefix, length) {
                check(&value);
            }
        }
    }
}

fn check(value: &KeyValue) {
    let case = Case::new();
    let put = |path: &str, text: String| {
        let file = case.home.user_home().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let content = &value.text;
    put(".zshrc", format!("export ANTHROPIC_API_KEY={content}\n"));
    put(
        ".claude/settings.json",
        format!("{{\"env\": {{\"ANTHROPIC_AUTH_TOKEN\": \"{content}\"}}}}"),
    );
    put(
        ".clawdbot/agents/main/agent/auth-profiles.json",
        format!(
            "{{\"version\":1,\"profiles\":{{\"anthropic:x\":{{\"type\":\"api_key\",\"provider\":\"anthropic\",\"key\":\"{content}\"}}}}}}"
        ),
    );
    let add = ["profile", "add", "team", "--stdin", "--direct"];
    let add = [&add[..], &["--origin", "https://gateway.example"]].concat();
    for arguments in [&["inspect", "-"][..], &add] {
        value.assert_not_in(&case, &arguments.join(" "), &case.feed(arguments, content));
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
        let message = case.home.run(command.env("ANTHROPIC_API_KEY", content));
        value.assert_not_in(&case, &arguments.join(" "), &message);
    }
}
