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
    let fixes = reading.fixes.iter().map(ToString::to_string);
    let problems = reading
        .problems
        .iter()
        .map(|found| format!("{found} {found:?}"));
    fixes
        .chain(problems)
        .chain([reading.family.to_string()])
        .collect::<Vec<_>>()
        .join("\n")
}

fn kept(reading: &Reading) -> Option<&str> {
    reading
        .token
        .as_ref()
        .map(|token| token.expose_for(Sink::Shown))
}

/// What was pasted, with its parts in braces, and what the vendor's grammar says of it.
const PASTED: &[(&str, &str)] = &[
    ("{vendor}api03-aaaa\0aaaa", "reject api_key  bad_char@18"),
    (
        "\u{feff}X-Api-Key: {head}/",
        "reject api_key invisible_chars+header_name bad_char@63",
    ),
    (
        "{head}\r{tail}",
        "reject unknown_anthropic  inner_whitespace@51",
    ),
    ("{head}\n {tail}", "warn api_key joined_lines "),
    (
        "{whole},{whole}",
        "reject unknown_anthropic  several_tokens",
    ),
    ("{whole}{whole}", "reject unknown_anthropic  several_tokens"),
    (
        "\"x-api-key\": \"{whole}\",",
        "warn api_key trailing_punctuation+header_name+quotes ",
    ),
    ("api_key: {whole}", "warn api_key assignment "),
    (
        "'Authorization: Bearer {whole}'",
        "warn api_key quotes+header_name+bearer ",
    ),
    ("set ANTHROPIC_API_KEY={whole}", "warn api_key assignment "),
    (
        "{vendor}Api03-{long}",
        "reject unknown_anthropic  wrong_case",
    ),
    ("{vendor}", "reject unknown_anthropic  no_body"),
    (
        "{vendor}api03-xxxxxxxxxxxxxxxxxxxxxxxx",
        "reject unknown_anthropic  placeholder",
    ),
    (
        "{vendor}api03-…wxYZ",
        "reject unknown_anthropic  placeholder",
    ),
    ("<token>", "reject opaque  placeholder"),
    ("$(cat key file)", "reject opaque  unexpanded_variable"),
    ("please help", "reject opaque  inner_whitespace@7"),
    ("ANTHROPIC_API_KEY=", "reject opaque assignment empty"),
    (
        "{vendor}api03-{longest}",
        "reject unknown_anthropic  too_long",
    ),
    (
        "{longest}{longest}{longest}{longest}!",
        "reject opaque  too_long",
    ),
    ("krv_{long}", "reject virtual_key  keyreeves_own"),
    (
        "export ANTHROPIC_API_KEY=krv_{long}",
        "reject virtual_key assignment keyreeves_own",
    ),
    ("kra_{long}", "reject admin_virtual_key  keyreeves_own"),
    ("KRV_{long}", "reject opaque  wrong_case"),
];

/// The same for another gateway's token.
const FOREIGN: &[(&str, &str)] = &[
    ("sk-1234", "accept other_vendor  "),
    ("a/b+c==~!{}", "accept opaque  "),
    ("dGVzdC1rZXk=", "accept opaque  "),
    ("eyJ{long}.eyJ{long}.{long}", "accept other_vendor  "),
    ("{vendor}api03-abc", "accept api_key  "),
    ("Bearer tok_1\n", "warn opaque trim+bearer "),
    (
        "export GATEWAY_TOKEN='tok_1'",
        "warn opaque assignment+quotes ",
    ),
    ("krv_{long}", "warn virtual_key  key_of_a_keyreeve"),
    ("kra_{long}", "reject admin_virtual_key  keyreeves_own"),
    (
        "{vendor}sid01-{long}",
        "reject claude_session  not_an_api_credential",
    ),
    ("tok 1", "reject opaque  inner_whitespace@4"),
    ("tok\n1", "reject opaque  inner_whitespace@4"),
    (" tok\u{1b}1", "reject opaque trim bad_char@5"),
    ("tök", "reject opaque  bad_char@2"),
    ("%GATEWAY_TOKEN%", "reject opaque  unexpanded_variable"),
    ("{longest}", "accept opaque  "),
    ("{longest}a", "reject opaque  too_long"),
];

/// Puts the parts in braces in.
fn filled(template: &str) -> String {
    let whole = canonical("api03-");
    template
        .replace("{vendor}", "sk-ant-")
        .replace("{whole}", &whole)
        .replace("{head}", &whole[..50])
        .replace("{tail}", &whole[50..])
        .replace("{longest}", &"a".repeat(LONGEST))
        .replace("{long}", &"a".repeat(48))
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (pasted, expected) in PASTED {
        assert_eq!(
            summary(&read(&filled(pasted), Grammar::Anthropic)),
            *expected,
            "{pasted}"
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
    for (pasted, expected) in FOREIGN {
        let reading = read(&filled(pasted), Grammar::Printable);
        assert_eq!(summary(&reading), *expected, "{pasted}");
        assert_eq!(
            reading.header, None,
            "{pasted}: the profile says how it is sent"
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
