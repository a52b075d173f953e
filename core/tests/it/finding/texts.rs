//! The syntaxes in which variables are set, and what becomes of hostile text.

use keyreeve_core::finding::{
    Assigned, Mend, Reader, Script, Stands, prints_a_literal, propose, rivals,
};
use proptest::prelude::*;

use super::{World, script};

const NAME: &str = "ANTHROPIC_API_KEY";

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_syntax_is_read_with_its_lines() {
    let shown = |value: &Assigned| match value {
        Assigned::Literal(text) => text.judge().to_owned(),
        Assigned::Computed => "computed".to_owned(),
        Assigned::Unset => "unset".to_owned(),
    };
    for (reader, text, expected) in [
        (
            Reader::Bash,
            "\nexport NAME='a b' # why",
            Some(("a b", 2, Stands::Alone)),
        ),
        (
            Reader::Bash,
            "declare -x NAME=\"a\"",
            Some(("a", 1, Stands::Alone)),
        ),
        (
            Reader::Bash,
            "NAME=a; export NAME",
            Some(("a", 1, Stands::AmongOthers)),
        ),
        (
            Reader::Bash,
            "NAME=a OTHER=b",
            Some(("a", 1, Stands::AmongOthers)),
        ),
        (
            Reader::Bash,
            "[ -t 1 ] && export NAME=a",
            Some(("a", 1, Stands::AmongOthers)),
        ),
        (
            Reader::Bash,
            "if true; then export NAME=a; fi",
            Some(("a", 1, Stands::AmongOthers)),
        ),
        (
            Reader::Bash,
            "export NAME=\"$(pass show)\"",
            Some(("computed", 1, Stands::Alone)),
        ),
        (
            Reader::Bash,
            "export NAME='a",
            Some(("a", 1, Stands::AmongOthers)),
        ),
        (
            Reader::Bash,
            "export NAME='$5'",
            Some(("$5", 1, Stands::Alone)),
        ),
        (
            Reader::Bash,
            "export NAME=a \\",
            Some(("a", 1, Stands::AmongOthers)),
        ),
        (
            Reader::Bash,
            "unset NAME",
            Some(("unset", 1, Stands::AmongOthers)),
        ),
        (Reader::Bash, "NAME=a claude -p", None),
        (Reader::Bash, "echo NAME=a", None),
        (Reader::Bash, "# export NAME=a", None),
        (
            Reader::Fish,
            "set -gx NAME a",
            Some(("a", 1, Stands::Alone)),
        ),
        (
            Reader::Fish,
            "set --export NAME 'a'",
            Some(("a", 1, Stands::Alone)),
        ),
        (
            Reader::Fish,
            "set -e NAME",
            Some(("unset", 1, Stands::AmongOthers)),
        ),
        (
            Reader::PowerShell,
            "$env:NAME = \"a\"",
            Some(("a", 1, Stands::Alone)),
        ),
        (
            Reader::PowerShell,
            "[Environment]::SetEnvironmentVariable('NAME', 'a', 'User')",
            Some(("a", 1, Stands::Alone)),
        ),
        (
            Reader::PowerShell,
            "setx NAME a",
            Some(("a", 1, Stands::Alone)),
        ),
        (Reader::System, "NAME=\"a\"", Some(("a", 1, Stands::Alone))),
        (
            Reader::Editor,
            "{\"NAME\": \"a\"}",
            Some(("a", 1, Stands::Alone)),
        ),
        (Reader::Editor, "// \"NAME\": \"a\"", None),
        (Reader::Ci, "  NAME: a", Some(("a", 1, Stands::Alone))),
    ] {
        let read = Script::read("/f".to_owned(), reader, &text.replace("NAME", NAME));
        let found = read
            .last(NAME)
            .map(|it| (shown(&it.value), it.line, it.stands));
        let found = found
            .as_ref()
            .map(|(value, line, stands)| (value.as_str(), *line, *stands));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn hostile_text_is_survived_and_made_harmless() {
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
        for reader in [
            Reader::Bash,
            Reader::Fish,
            Reader::PowerShell,
            Reader::Editor,
            Reader::Ci,
        ] {
            let evidence = script("/home/me/\u{1b}[31m.zshrc\n", reader, text);
            for finding in (World {
                evidence,
                ..World::default()
            })
            .found()
            {
                let told = format!("{} {}", finding.sentence, finding.spot);
                assert!(!told.contains(char::is_control), "{told:?}");
            }
        }
    }
}

#[test]
fn only_a_line_of_ones_own_that_stands_alone_is_commented_out() {
    for (path, text, expected) in [
        ("/home/me/.zshrc", "export ANTHROPIC_API_KEY={api}", true),
        (
            "/home/me/.zshrc",
            "true && export ANTHROPIC_API_KEY={api}",
            false,
        ),
        ("/etc/zsh/zshrc", "export ANTHROPIC_API_KEY={api}", false),
    ] {
        let evidence = script(path, Reader::Zsh, text);
        let found = World {
            evidence,
            ..World::default()
        }
        .found();
        let is_fixed = found.first().unwrap().mend == Mend::CommentOut;
        assert_eq!(is_fixed, expected, "{path} {text}");
    }
}

#[test]
fn a_new_shell_is_compared_with_this_one() {
    let evidence = script(
        "/home/me/.zshrc",
        Reader::Zsh,
        "export ANTHROPIC_API_KEY={api}",
    );
    let in_world = |variables| {
        let world = World {
            variables,
            ..World::default()
        };
        let rivals = rivals(&world.snapshot(), &evidence.scripts);
        rivals
            .iter()
            .map(|rival| (rival.name, rival.line))
            .collect::<Vec<_>>()
    };
    let rival = [("ANTHROPIC_API_KEY", 1)];
    let world = World::default();
    let told = rivals(&world.snapshot(), &evidence.scripts);
    assert_eq!(
        told.first().unwrap().sentence(Some("/home/me")),
        "a new zsh would have ANTHROPIC_API_KEY (~/.zshrc:1)"
    );
    assert_eq!(in_world(&[]), rival);
    assert_eq!(in_world(&[("ANTHROPIC_API_KEY", "{other}")]), rival);
    assert_eq!(in_world(&[("ANTHROPIC_API_KEY", "{api}")]), []);
}

#[test]
fn a_script_that_only_prints_is_told_from_one_that_asks() {
    for (text, expected) in [
        ("#!/bin/sh\nset -e\necho key\n", true),
        ("printf '%s' key", true),
        ("echo $KEY", false),
        ("echo \"$(pass show key)\"", false),
        ("KEY=a\necho key", false),
        ("", false),
    ] {
        assert_eq!(prints_a_literal(text), expected, "{text}");
    }
}

#[test]
fn a_key_in_an_odd_place_is_only_hinted_at() {
    for (reader, text) in [
        (Reader::Fish, "set -gx {api} {api}"),
        (Reader::Bash, "export {api} ANTHROPIC_API_KEY={api}"),
        (Reader::Bash, "alias c={api}"),
        (Reader::Ci, "{api}: {api}"),
        (Reader::Editor, "\"{api}\": \"{api}\""),
    ] {
        let evidence = script("/home/me/rc", reader, text);
        let world = World {
            variables: &[
                ("ANTHROPIC_PROFILE", "{api}"),
                ("ANTHROPIC_API_KEY", "{api}"),
                ("PATH", "{api}"),
            ],
            evidence,
            ..World::default()
        };
        // That nothing is told is looked at in there.
        assert!(world.found().len() >= 3, "{text}");
        let text = super::expanded(text);
        if let Some(proposal) = propose(&text, 1, "/home/me/rc") {
            assert!(
                !format!("{proposal:?}").contains("Fake0_Fake0_"),
                "{proposal:?}"
            );
        }
    }
}

#[test]
fn a_line_is_proposed_without_its_value_and_with_its_indent() {
    for (path, text, after, replacement) in [
        (
            "/rc",
            "export ANTHROPIC_API_KEY='a b'",
            "# export ANTHROPIC_API_KEY=…",
            "# export ANTHROPIC_API_KEY='a b'",
        ),
        (
            "/rc",
            "  export ANTHROPIC_API_KEY=$(x)",
            "  : # export ANTHROPIC_API_KEY=(computed)",
            "  : # export ANTHROPIC_API_KEY=$(x)",
        ),
        (
            "/rc.fish",
            "set -gx ANTHROPIC_API_KEY a",
            "# set -gx ANTHROPIC_API_KEY …",
            "# set -gx ANTHROPIC_API_KEY a",
        ),
        (
            "/rc.ps1",
            "  $env:ANTHROPIC_API_KEY='a'",
            "  # $env:ANTHROPIC_API_KEY=…",
            "  # $env:ANTHROPIC_API_KEY='a'",
        ),
    ] {
        let proposal = propose(text, 1, path).unwrap();
        assert_eq!(
            (proposal.after.as_str(), proposal.replacement.judge()),
            (after, replacement)
        );
    }
    for text in [
        "true; export ANTHROPIC_API_KEY=a",
        "export ANTHROPIC_API_KEY='a",
        "# a",
        "unset ANTHROPIC_API_KEY",
    ] {
        assert_eq!(propose(text, 1, "/rc"), None, "{text}");
    }
}

/// Pieces of which lines that set variables are made, in a wrong order mostly.
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
    fn any_text_is_read_and_no_value_comes_out(text in any_text(), reader in 0usize..5) {
        let reader = [Reader::Bash, Reader::Fish, Reader::PowerShell, Reader::Editor, Reader::Ci][reader];
        let evidence = script("/home/me/rc", reader, &text);
        // That nothing is told is looked at in there.
        World { evidence, ..World::default() }.found();
        let text = super::expanded(&text);
        for line in 0..=text.lines().count() + 1 {
            for path in ["/rc", "/rc.fish", "/rc.ps1"] {
                if let Some(proposal) = propose(&text, line, path) {
                    let told = format!("{proposal:?}");
                    prop_assert!(!told.contains("Fake0_Fake0_"), "{}", told);
                }
            }
        }
    }
}
