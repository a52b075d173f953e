//! Tokens: validation, repairs, redaction, and tokens found in other text.

use keyreeve_core::secret::Sink;
use keyreeve_core::token::{
    Family, Grammar, MAX_TOKEN_CHARS, TokenReport, TokenVerdict, read, redact,
};

mod fixtures;
mod properties;
mod redact;
mod scan;

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

/// Concatenates a token, so that this file contains no complete one.
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

/// Summarizes a report in one line: verdict, family, repairs, problem and its position.
fn summary(report: &TokenReport) -> String {
    let repairs = report
        .repairs
        .iter()
        .map(|repair| repair.code())
        .collect::<Vec<_>>()
        .join("+");
    let problems = report
        .problems
        .iter()
        .map(|problem| match problem.position {
            Some(position) => format!("{}@{position}", problem.kind.code()),
            None => problem.kind.code().to_owned(),
        });
    let problems = problems.collect::<Vec<_>>().join("+");
    [
        report.verdict.code(),
        report.family.code(),
        &repairs,
        &problems,
    ]
    .join(" ")
}

/// Returns every text of a report that is shown to people.
fn messages(report: &TokenReport) -> String {
    let repairs = report.repairs.iter().map(ToString::to_string);
    let problems = report
        .problems
        .iter()
        .map(|problem| format!("{problem} {problem:?}"));
    repairs
        .chain(problems)
        .chain([report.family.to_string()])
        .collect::<Vec<_>>()
        .join("\n")
}

fn accepted_token(report: &TokenReport) -> Option<&str> {
    report
        .token
        .as_ref()
        .map(|token| token.expose_for(Sink::Display))
}

/// Pasted texts, with placeholders in braces, and their summaries by Anthropic's grammar.
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
    ("%(KEY)s", "reject opaque  unexpanded_variable"),
    ("op://vault/item/field", "reject opaque  reference"),
    (
        "ANTHROPIC_API_KEY=ref+vault://a#/b",
        "reject opaque assignment reference",
    ),
    ("@Microsoft.KeyVault(a)", "reject opaque  reference"),
    ("https://console.example", "reject opaque  unknown_format"),
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
    ("krv_{long}", "reject virtual_key  keyreeve_key"),
    (
        "export ANTHROPIC_API_KEY=krv_{long}",
        "reject virtual_key assignment keyreeve_key",
    ),
    ("kra_{long}", "reject admin_virtual_key  keyreeve_key"),
    ("KRV_{long}", "reject opaque  wrong_case"),
];

/// Pasted texts and their summaries by the grammar of another gateway.
const OTHER_GATEWAY: &[(&str, &str)] = &[
    ("sk-1234", "accept other_vendor  "),
    ("a/b+c==~!{}", "accept opaque  "),
    ("dGVzdC1rZXk=", "accept opaque  "),
    ("eyJ{long}.eyJ{long}.{long}", "accept other_vendor  "),
    ("{vendor}api03-abc", "accept api_key  "),
    ("Bearer tok_1\n", "warn opaque bearer "),
    (
        "export GATEWAY_TOKEN='tok_1'",
        "warn opaque assignment+quotes ",
    ),
    ("krv_{long}", "warn virtual_key  other_keyreeve_key"),
    ("kra_{long}", "reject admin_virtual_key  keyreeve_key"),
    (
        "{vendor}sid01-{long}",
        "reject claude_session  not_an_api_credential",
    ),
    ("tok 1", "reject opaque  inner_whitespace@4"),
    ("tok\n1", "reject opaque  inner_whitespace@4"),
    (" tok\u{1b}1", "reject opaque trim bad_char@5"),
    ("tök", "reject opaque  bad_char@2"),
    ("%GATEWAY_TOKEN%", "reject opaque  unexpanded_variable"),
    (
        "projects/1/secrets/a/versions/2",
        "reject opaque  reference",
    ),
    ("vault:a", "reject opaque  reference"),
    ("{longest}", "accept opaque  "),
    ("{longest}a", "reject opaque  too_long"),
];

/// Replaces the placeholders in braces.
fn fill_in(template: &str) -> String {
    let whole = canonical("api03-");
    template
        .replace("{vendor}", "sk-ant-")
        .replace("{whole}", &whole)
        .replace("{head}", &whole[..50])
        .replace("{tail}", &whole[50..])
        .replace("{longest}", &"a".repeat(MAX_TOKEN_CHARS))
        .replace("{long}", &"a".repeat(48))
}

/// Every paste and pipe ends in one newline: it is removed without a note. Other whitespace is reported.
#[test]
fn one_final_newline_is_removed_silently() {
    let whole = canonical("api03-");
    for (after, expected) in [
        ("\n", "accept api_key  "),
        ("\r\n", "accept api_key  "),
        ("\n\n", "warn api_key trim "),
        (" \n", "warn api_key trim "),
        ("\r", "warn api_key trim "),
    ] {
        let report = read(&format!("{whole}{after}"), Grammar::Anthropic);
        assert_eq!(summary(&report), expected, "{after:?}");
        assert_eq!(accepted_token(&report), Some(whole.as_str()));
    }
    let report = read(&format!(" {whole}"), Grammar::Anthropic);
    assert_eq!(messages(&report), "Trimmed whitespace\nAnthropic API key");
}

#[test]
fn problems_are_reported_with_their_position() {
    for (pasted, expected) in PASTED {
        assert_eq!(
            summary(&read(&fill_in(pasted), Grammar::Anthropic)),
            *expected,
            "{pasted}"
        );
    }
}

#[test]
fn key_in_a_url_is_rejected() {
    let key = canonical("api03-");
    let virtual_key = token("krv_", &"a".repeat(48));
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
            format!("  \"http://{virtual_key}@127.0.0.1:8484\" "),
            Family::VirtualKey,
        ),
    ] {
        for grammar in [Grammar::Anthropic, Grammar::Printable] {
            let report = read(&url, grammar);
            assert_eq!(report.family, family);
            assert_eq!(report.verdict, TokenVerdict::Reject);
            assert_eq!(report.problems[0].kind.code(), "key_in_url");
            assert!(messages(&report).contains("rotate that key"));
        }
    }
}

#[test]
fn token_of_another_gateway_only_needs_to_fit_a_header() {
    for (pasted, expected) in OTHER_GATEWAY {
        let report = read(&fill_in(pasted), Grammar::Printable);
        assert_eq!(summary(&report), *expected, "{pasted}");
        assert_eq!(
            report.header, None,
            "{pasted}: the profile determines the header"
        );
    }
}

#[test]
fn generation_and_body_length_are_always_reported() {
    for (pasted, generation, body) in [
        (canonical("api03-"), Some("03"), Some(95)),
        (token("oat42-", "abc"), Some("42"), Some(3)),
        (token("api03-", "aaa/aaa"), Some("03"), Some(7)),
        (token("api3-", &"a".repeat(30)), None, Some(35)),
        ("hello".into(), None, None),
    ] {
        let report = read(&pasted, Grammar::Anthropic);
        let digits = report.generation.map(|generation| generation.to_string());
        assert_eq!((digits.as_deref(), report.body_chars), (generation, body));
    }
}

#[test]
fn family_is_determined_by_the_prefix() {
    for (prefix, family) in PREFIXES {
        assert_eq!(
            Family::from_prefix(&token(prefix, "anything at all")),
            family
        );
    }
    for family in Family::ALL {
        assert_eq!(Family::from_code(family.code()), Some(family));
    }
    assert_eq!(Family::from_code("API key"), None);
}
