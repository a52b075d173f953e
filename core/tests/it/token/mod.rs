//! Tokens: the grammar's table, what is shown of a token, what is found in other text.

use keyreeve_core::secret::Sink;
use keyreeve_core::token::{Family, Grammar, LONGEST, Reading, Verdict, read, redact};

mod fixtures;
mod found;
mod properties;
mod shown;

/// The prefixes of every family that has one.
const PREFIXES: [(&str, Family); 9] = [
    ("api03-", Family::ApiKey),
    ("admin01-", Family::AdminKey),
    ("oat01-", Family::OauthAccess),
    ("ort01-", Family::OauthRefresh),
    ("sid01-", Family::ClaudeSession),
    ("req-", Family::WorkToken),
    ("new01-", Family::UnknownAnthropic),
    ("krv_", Family::VirtualKey),
    ("kra_", Family::AdminVirtualKey),
];

/// Puts a token together, so that no whole one stands in this file.
fn token(prefix: &str, body: &str) -> String {
    let vendor = if prefix.starts_with("kr") {
        ""
    } else {
        "sk-ant-"
    };
    [vendor, prefix, body].concat()
}

fn canonical(prefix: &str) -> String {
    token(prefix, &["b".repeat(93).as_str(), "AA"].concat())
}

/// What was understood, in one line: verdict, family, fixes, problem and its position.
fn summary(reading: &Reading) -> String {
    let fixes = reading
        .fixes
        .iter()
        .map(|fix| fix.code())
        .collect::<Vec<_>>()
        .join("+");
    let problems = reading
        .problems
        .iter()
        .map(|problem| match problem.position {
            Some(position) => format!("{}@{position}", problem.kind.code()),
            None => problem.kind.code().to_owned(),
        });
    let problems = problems.collect::<Vec<_>>().join("+");
    [
        reading.verdict.code(),
        reading.family.code(),
        &fixes,
        &problems,
    ]
    .join(" ")
}

/// Everything that a reading says to people.
fn messages(reading: &Reading) -> String {
    let mut text = format!("{}\n{:?}\n", reading.family, reading.problems);
    for fix in &reading.fixes {
        text += &format!("{fix}\n");
    }
    for problem in &reading.problems {
        text += &format!("{problem}\n");
    }
    text
}

fn kept(reading: &Reading) -> Option<&str> {
    reading
        .token
        .as_ref()
        .map(|token| token.expose_for(Sink::Shown))
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let whole = canonical("api03-");
    let own = token("krv_", &"a".repeat(48));
    for (name, pasted, expected) in [
        (
            "NUL",
            token("api03-", "aaaa\0aaaa"),
            "reject api_key  bad_char@18",
        ),
        (
            "after repairs",
            format!("\u{feff}X-Api-Key: {}/", &whole[..50]),
            "reject api_key invisible_chars+header_name bad_char@63",
        ),
        (
            "lone carriage return",
            format!("{}\r{}", &whole[..50], &whole[50..]),
            "reject unknown_anthropic  inner_whitespace@51",
        ),
        (
            "two on a line",
            format!("{whole},{whole}"),
            "reject unknown_anthropic  several_tokens",
        ),
        (
            "glued",
            format!("{whole}{whole}"),
            "reject unknown_anthropic  several_tokens",
        ),
        (
            "JSON pair",
            format!("\"x-api-key\": \"{whole}\","),
            "warn api_key trailing_punctuation+header_name+quotes ",
        ),
        (
            "YAML",
            format!("api_key: {whole}"),
            "warn api_key assignment ",
        ),
        (
            "quoted header",
            format!("'Authorization: Bearer {whole}'"),
            "warn api_key quotes+header_name+bearer ",
        ),
        (
            "windows",
            format!("set ANTHROPIC_API_KEY={whole}"),
            "warn api_key assignment ",
        ),
        (
            "mixed case",
            whole.replace("api", "Api"),
            "reject unknown_anthropic  wrong_case",
        ),
        (
            "prefix of the vendor",
            "sk-ant-".into(),
            "reject unknown_anthropic  no_body",
        ),
        (
            "crossed out",
            token("api03-", &"x".repeat(95)),
            "reject unknown_anthropic  placeholder",
        ),
        (
            "angle brackets",
            "<token>".into(),
            "reject opaque  placeholder",
        ),
        (
            "command",
            "$(cat key file)".into(),
            "reject opaque  unexpanded_variable",
        ),
        (
            "our redaction",
            redact(&whole),
            "reject unknown_anthropic  placeholder",
        ),
        (
            "prose",
            "please help".into(),
            "reject opaque  inner_whitespace@7",
        ),
        (
            "empty value",
            "ANTHROPIC_API_KEY=".into(),
            "reject opaque assignment empty",
        ),
        (
            "too long",
            token("api03-", &"a".repeat(LONGEST)),
            "reject unknown_anthropic  too_long",
        ),
        (
            "far too long",
            "a".repeat(LONGEST * 5),
            "reject opaque  too_long",
        ),
        ("our own", own.clone(), "reject virtual_key  keyreeves_own"),
        (
            "our own, exported",
            format!("export ANTHROPIC_API_KEY={own}"),
            "reject virtual_key assignment keyreeves_own",
        ),
        (
            "our own admin's",
            own.replace("krv", "kra"),
            "reject admin_virtual_key  keyreeves_own",
        ),
        (
            "our own, shouted",
            own.to_uppercase(),
            "reject opaque  wrong_case",
        ),
    ] {
        assert_eq!(
            summary(&read(&pasted, Grammar::Anthropic)),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_key_in_a_url_is_recognised_and_refused() {
    let key = canonical("api03-");
    let own = token("krv_", &"a".repeat(48));
    for (url, family) in [
        (
            format!("https://gateway.example/?key={key}&b=1"),
            Family::ApiKey,
        ),
        (
            format!("https://user:{key}@gateway.example/"),
            Family::ApiKey,
        ),
        (
            format!("  \"http://{own}@127.0.0.1:8484\" "),
            Family::VirtualKey,
        ),
    ] {
        for grammar in [Grammar::Anthropic, Grammar::Printable] {
            let reading = read(&url, grammar);
            assert_eq!(reading.family, family);
            assert_eq!(reading.verdict, Verdict::Reject);
            assert_eq!(reading.problems[0].kind.code(), "key_in_url");
            assert!(messages(&reading).contains("rotate that key"));
        }
    }
}

#[test]
fn another_gateways_token_needs_only_to_fit_a_header() {
    let session = canonical("sid01-");
    let jwt = [
        "eyJ",
        &"a".repeat(30),
        ".eyJ",
        &"b".repeat(30),
        ".",
        &"c".repeat(30),
    ]
    .concat();
    for (name, pasted, expected) in [
        ("short", "sk-1234".into(), "accept other_vendor  "),
        ("opaque", "a/b+c==~!{}".into(), "accept opaque  "),
        (
            "base64 padding is no assignment",
            "dGVzdC1rZXk=".into(),
            "accept opaque  ",
        ),
        ("web token", jwt, "accept other_vendor  "),
        (
            "the vendor's, cut",
            token("api03-", "abc"),
            "accept api_key  ",
        ),
        (
            "Bearer",
            "Bearer tok_1\n".into(),
            "warn opaque trim+bearer ",
        ),
        (
            "exported",
            "export GATEWAY_TOKEN='tok_1'".into(),
            "warn opaque assignment+quotes ",
        ),
        (
            "another keyreeve's",
            token("krv_", &"a".repeat(48)),
            "warn virtual_key  key_of_a_keyreeve",
        ),
        (
            "admin key",
            token("kra_", &"a".repeat(48)),
            "reject admin_virtual_key  keyreeves_own",
        ),
        (
            "session cookie",
            session,
            "reject claude_session  not_an_api_credential",
        ),
        (
            "inner blank",
            "tok 1".into(),
            "reject opaque  inner_whitespace@4",
        ),
        (
            "wrapped",
            "tok\n1".into(),
            "reject opaque  inner_whitespace@4",
        ),
        (
            "escape",
            " tok\u{1b}1".into(),
            "reject opaque trim bad_char@5",
        ),
        ("umlaut", "tök".into(), "reject opaque  bad_char@2"),
        (
            "variable",
            "%GATEWAY_TOKEN%".into(),
            "reject opaque  unexpanded_variable",
        ),
        ("longest", "a".repeat(LONGEST), "accept opaque  "),
        (
            "too long",
            "a".repeat(LONGEST + 1),
            "reject opaque  too_long",
        ),
    ] {
        let reading = read(&pasted, Grammar::Printable);
        assert_eq!(summary(&reading), expected, "{name}");
        assert_eq!(
            reading.header, None,
            "{name}: the profile says how it is sent"
        );
    }
}

#[test]
fn the_anatomy_is_told_of_good_and_bad_alike() {
    for (pasted, generation, body) in [
        (canonical("api03-"), Some("03"), Some(95)),
        (token("oat42-", "abc"), Some("42"), Some(3)),
        (token("api03-", "aaa/aaa"), Some("03"), Some(7)),
        (token("api3-", &"a".repeat(30)), None, Some(35)),
        ("hello".into(), None, None),
    ] {
        let reading = read(&pasted, Grammar::Anthropic);
        let shown = reading.generation.map(|generation| generation.to_string());
        assert_eq!((shown.as_deref(), reading.body_chars), (generation, body));
    }
}

#[test]
fn families_are_known_by_their_prefix_alone() {
    for (prefix, family) in PREFIXES {
        assert_eq!(Family::of(&token(prefix, "anything at all")), family);
    }
    for family in Family::ALL {
        assert_eq!(Family::from_code(family.code()), Some(family));
    }
    assert_eq!(Family::from_code("API key"), None);
}
