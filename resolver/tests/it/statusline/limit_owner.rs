//! The owner of the session's limits, and which limits are new.

use keyreeve_core::limits::{LimitObservation, LimitOwner};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::resolve::{ClientProgram, resolve};
use keyreeve_resolver::statusline::{SessionInput, limit_owner, new_observations};

use super::{KEY, now, snapshot};

#[test]
fn limits_belong_to_the_login_that_pays() {
    let base_url = ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8484");
    let token = ("CLAUDE_CODE_OAUTH_TOKEN", "{{oat01:A}}");
    let default = LimitOwner::ClaudeCode { config_dir: None };
    let other = LimitOwner::ClaudeCode {
        config_dir: Some("/other directory".to_owned()),
    };
    let client = ClientProgram::CLAUDE_CODE.with_arguments(&Arguments::parse([]));
    for (variables, path, expected) in [
        (&[][..], "/home/me/.claude", Some(&default)),
        (&[], "/other directory", Some(&other)),
        (&[KEY], "/home/me/.claude", None),
        (&[token], "/home/me/.claude", None),
        (&[base_url], "/home/me/.claude", None),
    ] {
        let mut snapshot = snapshot(variables, Some(()), None);
        snapshot.login.as_mut().unwrap().path = format!("{path}/.credentials.json");
        let resolution = resolve(&snapshot, client);
        assert_eq!(
            limit_owner(&snapshot, &resolution).as_ref(),
            expected,
            "{path}"
        );
    }
    let no_login = snapshot(&[], None, None);
    assert_eq!(limit_owner(&no_login, &resolve(&no_login, client)), None);
}

#[test]
fn only_new_limits_are_recorded() {
    let me = LimitOwner::ClaudeCode { config_dir: None };
    let other = LimitOwner::ClaudeCode {
        config_dir: Some("/other".to_owned()),
    };
    let input_after = |percent: u32, seconds: i64| {
        let now = now() + jiff::SignedDuration::from_secs(seconds);
        let text = format!(
            r#"{{"rate_limits": {{"five_hour": {{"used_percentage": {percent}, "resets_at": 1795277400}}}}}}"#
        );
        (SessionInput::read(text.as_bytes(), now).unwrap(), now)
    };
    let known = LimitObservation::from_limits(&me, None, input_after(42, 0).0.windows);
    for (owner, percent, seconds, is_new) in [
        (&me, 42, 0, false),
        (&me, 42, 59, false),
        (&me, 42, 60, true),
        (&me, 42, -59, false),
        (&me, 42, -60, true),
        (&me, 43, 1, true),
        (&other, 42, 1, true),
    ] {
        let (input, now) = input_after(percent, seconds);
        let observations = new_observations(owner, &known, &input, now);
        assert_eq!(
            !observations.is_empty(),
            is_new,
            "{percent} after {seconds} s"
        );
        assert!(
            observations
                .iter()
                .all(|seen| seen.owner == *owner && seen.limit.observed_at == now)
        );
    }
    assert_eq!(
        new_observations(&me, &known, &SessionInput::default(), now()),
        []
    );
}
