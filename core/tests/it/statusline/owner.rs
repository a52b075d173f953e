//! Whose windows they are, and when they are news.

use keyreeve_core::claude_code::Arguments;
use keyreeve_core::limits::{Seen, Subject};
use keyreeve_core::resolve::{Client, resolve};
use keyreeve_core::statusline::{Input, news, owner};

use super::{KEY, now, world};

#[test]
fn the_windows_are_those_of_the_login_that_pays_or_nobodys() {
    let moved = ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8484");
    let token = ("CLAUDE_CODE_OAUTH_TOKEN", "{{oat01:A}}");
    let usual = Subject::ClaudeCode { config_dir: None };
    let elsewhere = Subject::ClaudeCode {
        config_dir: Some("/else where".to_owned()),
    };
    let client = Client::CLAUDE_CODE.started_with(&Arguments::read([]));
    for (variables, path, expected) in [
        (&[][..], "/home/me/.claude", Some(&usual)),
        (&[], "/else where", Some(&elsewhere)),
        (&[KEY], "/home/me/.claude", None),
        (&[token], "/home/me/.claude", None),
        (&[moved], "/home/me/.claude", None),
    ] {
        let mut snapshot = world(variables, Some(()), None);
        snapshot.login.as_mut().unwrap().path = format!("{path}/.credentials.json");
        let resolution = resolve(&snapshot, client);
        assert_eq!(owner(&snapshot, &resolution).as_ref(), expected, "{path}");
    }
    let snapshot = world(&[], None, None);
    assert_eq!(owner(&snapshot, &resolve(&snapshot, client)), None);
}

#[test]
fn only_news_are_kept_and_old_news_after_a_minute() {
    let me = Subject::ClaudeCode { config_dir: None };
    let other = Subject::ClaudeCode {
        config_dir: Some("/else".to_owned()),
    };
    let told = |percent: u32, seconds: i64| {
        let now = now() + jiff::SignedDuration::from_secs(seconds);
        let text = format!(
            r#"{{"rate_limits": {{"five_hour": {{"used_percentage": {percent}, "resets_at": 1795277400}}}}}}"#
        );
        (Input::read(text.as_bytes(), now).unwrap(), now)
    };
    let known = Seen::all(&me, None, told(42, 0).0.windows);
    for (whose, percent, seconds, is_news) in [
        (&me, 42, 0, false),
        (&me, 42, 59, false),
        (&me, 42, 60, true),
        (&me, 42, -59, false),
        (&me, 42, -60, true),
        (&me, 43, 1, true),
        (&other, 42, 1, true),
    ] {
        let (input, now) = told(percent, seconds);
        let kept = news(whose, &known, &input, now);
        assert_eq!(!kept.is_empty(), is_news, "{percent} after {seconds} s");
        assert!(
            kept.iter()
                .all(|seen| seen.subject == *whose && seen.limit.seen_at == now)
        );
    }
    assert_eq!(news(&me, &known, &Input::default(), now()), []);
}
