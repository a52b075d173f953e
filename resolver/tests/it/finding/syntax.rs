//! The syntaxes of files that set variables, and hostile text in them.

use keyreeve_resolver::finding::{
    AssignedValue, Fix, LineContent, Script, ScriptKind, find_conflicts, prints_literal, propose,
};
use proptest::prelude::*;

use super::{Machine, script};

const NAME: &str = "ANTHROPIC_API_KEY";

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_syntax_is_parsed_with_its_lines() {
    let shown = |value: &AssignedValue| match value {
        AssignedValue::Literal(text) => text.inspect().to_owned(),
        AssignedValue::Computed => "computed".to_owned(),
        AssignedValue::Unset => "unset".to_owned(),
    };
    for (kind, text, expected) in [
        (
            ScriptKind::Bash,
            "\nexport NAME='a b' # why",
            Some(("a b", 2, LineContent::Alone)),
        ),
        (
            ScriptKind::Bash,
            "declare -x NAME=\"a\"",
            Some(("a", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::Bash,
            "NAME=a; export NAME",
            Some(("a", 1, LineContent::Mixed)),
        ),
        (
            ScriptKind::Bash,
            "NAME=a OTHER=b",
            Some(("a", 1, LineContent::Mixed)),
        ),
        (
            ScriptKind::Bash,
            "[ -t 1 ] && export NAME=a",
            Some(("a", 1, LineContent::Mixed)),
        ),
        (
            ScriptKind::Bash,
            "if true; then export NAME=a; fi",
            Some(("a", 1, LineContent::Mixed)),
        ),
        (
            ScriptKind::Bash,
            "export NAME=\"$(pass show)\"",
            Some(("computed", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::Bash,
            "export NAME='a",
            Some(("a", 1, LineContent::Mixed)),
        ),
        (
            ScriptKind::Bash,
            "export NAME='$5'",
            Some(("$5", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::Bash,
            "export NAME=a \\",
            Some(("a", 1, LineContent::Mixed)),
        ),
        (
            ScriptKind::Bash,
            "unset NAME",
            Some(("unset", 1, LineContent::Mixed)),
        ),
        (ScriptKind::Bash, "NAME=a claude -p", None),
        (ScriptKind::Bash, "echo NAME=a", None),
        (ScriptKind::Bash, "# export NAME=a", None),
        (
            ScriptKind::Fish,
            "set -gx NAME a",
            Some(("a", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::Fish,
            "set --export NAME 'a'",
            Some(("a", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::Fish,
            "set -e NAME",
            Some(("unset", 1, LineContent::Mixed)),
        ),
        (
            ScriptKind::PowerShell,
            "$env:NAME = \"a\"",
            Some(("a", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::PowerShell,
            "[Environment]::SetEnvironmentVariable('NAME', 'a', 'User')",
            Some(("a", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::PowerShell,
            "setx NAME a",
            Some(("a", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::System,
            "NAME=\"a\"",
            Some(("a", 1, LineContent::Alone)),
        ),
        (
            ScriptKind::Editor,
            "{\"NAME\": \"a\"}",
            Some(("a", 1, LineContent::Alone)),
        ),
        (ScriptKind::Editor, "// \"NAME\": \"a\"", None),
        (
            ScriptKind::Ci,
            "  NAME: a",
            Some(("a", 1, LineContent::Alone)),
        ),
    ] {
        let script = Script::parse("/f".to_owned(), kind, &text.replace("NAME", NAME));
        let found = script
            .last_assignment(NAME)
            .map(|it| (shown(&it.value), it.line, it.line_content));
        let found = found
            .as_ref()
            .map(|(value, line, content)| (value.as_str(), *line, *content));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn hostile_text_is_sanitized() {
    let deep = format!("export ANTHROPIC_API_KEY={}", "'\"$(`\\".repeat(200_000));
    for text in [
        deep.as_str(),
        "export ANTHROPIC_API_KEY='",
        "ANTHROPIC_API_KEY=\\",
        "\u{feff}ANTHROPIC_API_KEY=\u{202e}\u{1b}[2J",
        "\"ANTHROPIC_API_KEY\"",
        "ANTHROPIC_=",
        "$env:ANTHROPIC_API_KEY",
        "[Environment]::SetEnvironmentVariable(ANTHROPIC_",
    ] {
        for kind in [
            ScriptKind::Bash,
            ScriptKind::Fish,
            ScriptKind::PowerShell,
            ScriptKind::Editor,
            ScriptKind::Ci,
        ] {
            let evidence = script("/home/me/\u{1b}[31m.zshrc\n", kind, text);
            for finding in (Machine {
                evidence,
                ..Machine::default()
            })
            .checked_findings()
            {
                let shown = format!("{} {}", finding.message, finding.location);
                assert!(!shown.contains(char::is_control), "{shown:?}");
            }
        }
    }
}

#[test]
fn only_a_lone_line_in_a_users_file_is_commented_out() {
    for (path, text, expected) in [
        ("/home/me/.zshrc", "export ANTHROPIC_API_KEY={api}", true),
        (
            "/home/me/.zshrc",
            "true && export ANTHROPIC_API_KEY={api}",
            false,
        ),
        ("/etc/zsh/zshrc", "export ANTHROPIC_API_KEY={api}", false),
    ] {
        let evidence = script(path, ScriptKind::Zsh, text);
        let found = Machine {
            evidence,
            ..Machine::default()
        }
        .checked_findings();
        let is_fixed = matches!(found.first().unwrap().fix, Fix::CommentOut(_));
        assert_eq!(is_fixed, expected, "{path} {text}");
    }
}

#[test]
fn conflicts_of_a_new_shell_are_found() {
    let evidence = script(
        "/home/me/.zshrc",
        ScriptKind::Zsh,
        "export ANTHROPIC_API_KEY={api}",
    );
    let conflicts = |variables| {
        let machine = Machine {
            variables,
            ..Machine::default()
        };
        let conflicts = find_conflicts(&machine.snapshot(), &evidence.scripts);
        conflicts
            .iter()
            .map(|conflict| (conflict.name, conflict.line))
            .collect::<Vec<_>>()
    };
    let expected = [("ANTHROPIC_API_KEY", 1)];
    let found = find_conflicts(&Machine::default().snapshot(), &evidence.scripts);
    assert_eq!(
        found.first().unwrap().describe(Some("/home/me")),
        "a new zsh would set ANTHROPIC_API_KEY (~/.zshrc:1)"
    );
    assert_eq!(conflicts(&[]), expected);
    assert_eq!(conflicts(&[("ANTHROPIC_API_KEY", "{other}")]), expected);
    assert_eq!(conflicts(&[("ANTHROPIC_API_KEY", "{api}")]), []);
}

#[test]
fn script_that_only_prints_a_literal_is_recognized() {
    for (text, expected) in [
        ("#!/bin/sh\nset -e\necho key\n", true),
        ("printf '%s' key", true),
        ("echo $KEY", false),
        ("echo \"$(pass show key)\"", false),
        ("KEY=a\necho key", false),
        ("", false),
    ] {
        assert_eq!(prints_literal(text), expected, "{text}");
    }
}

#[test]
fn key_in_an_unusual_place_is_redacted() {
    for (kind, text) in [
        (ScriptKind::Fish, "set -gx {api} {api}"),
        (ScriptKind::Bash, "export {api} ANTHROPIC_API_KEY={api}"),
        (ScriptKind::Bash, "alias c={api}"),
        (ScriptKind::Ci, "{api}: {api}"),
        (ScriptKind::Editor, "\"{api}\": \"{api}\""),
    ] {
        let evidence = script("/home/me/rc", kind, text);
        let machine = Machine {
            variables: &[
                ("ANTHROPIC_PROFILE", "{api}"),
                ("ANTHROPIC_API_KEY", "{api}"),
                ("PATH", "{api}"),
            ],
            evidence,
            ..Machine::default()
        };
        // `checked_findings` checks that no token is shown.
        assert!(machine.checked_findings().len() >= 3, "{text}");
        let text = super::expand_tokens(text);
        if let Some(proposal) = propose(&text, 1, ScriptKind::Sh) {
            assert!(
                !format!("{proposal:?}").contains("Fake0_Fake0_"),
                "{proposal:?}"
            );
        }
    }
}

#[test]
fn proposal_has_no_value_and_keeps_the_indent() {
    for (kind, text, after, replacement) in [
        (
            ScriptKind::Sh,
            "export ANTHROPIC_API_KEY='a b'",
            "# export ANTHROPIC_API_KEY=…",
            "# export ANTHROPIC_API_KEY='a b'",
        ),
        (
            ScriptKind::Sh,
            "  export ANTHROPIC_API_KEY=$(x)",
            "  # export ANTHROPIC_API_KEY=(computed)",
            "  # export ANTHROPIC_API_KEY=$(x)",
        ),
        (
            ScriptKind::Fish,
            "set -gx ANTHROPIC_API_KEY a",
            "# set -gx ANTHROPIC_API_KEY …",
            "# set -gx ANTHROPIC_API_KEY a",
        ),
        (
            ScriptKind::PowerShell,
            "  $env:ANTHROPIC_API_KEY='a'",
            "  # $env:ANTHROPIC_API_KEY=…",
            "  # $env:ANTHROPIC_API_KEY='a'",
        ),
    ] {
        let proposal = propose(text, 1, kind).unwrap();
        assert_eq!(
            (proposal.after.as_str(), proposal.replacement.inspect()),
            (after, replacement)
        );
    }
    for text in [
        "true; export ANTHROPIC_API_KEY=a",
        "export ANTHROPIC_API_KEY='a",
        "# a",
        "unset ANTHROPIC_API_KEY",
    ] {
        assert_eq!(propose(text, 1, ScriptKind::Sh), None, "{text}");
    }
}

/// Pieces of lines that set variables, mostly in a wrong order.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("ANTHROPIC_API_KEY".to_owned()),
        Just("$env:".to_owned()),
        Just("[Environment]::SetEnvironmentVariable(".to_owned()),
        Just("export ".to_owned()),
        Just("set -gx ".to_owned()),
        Just("{api}".to_owned()),
        "[ \t\n\\\\'\"=:;&|#$`(){},é\u{202e}-]",
        ".{0,4}",
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_showing_a_value(text in any_text(), kind in 0usize..5) {
        let kind = [ScriptKind::Bash, ScriptKind::Fish, ScriptKind::PowerShell, ScriptKind::Editor, ScriptKind::Ci][kind];
        let evidence = script("/home/me/rc", kind, &text);
        // `checked_findings` checks that no token is shown.
        Machine { evidence, ..Machine::default() }.checked_findings();
        let text = super::expand_tokens(&text);
        for line in 0..=text.lines().count() + 1 {
            for kind in [ScriptKind::Sh, ScriptKind::Fish, ScriptKind::PowerShell] {
                if let Some(proposal) = propose(&text, line, kind) {
                    let shown = format!("{proposal:?}");
                    prop_assert!(!shown.contains("Fake0_Fake0_"), "{}", shown);
                }
            }
        }
    }
}
