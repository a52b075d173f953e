//! Changes that `doctor --fix` proposes, and the check of their result.

use keyreeve_resolver::finding::{
    KeyPlace, ScriptKind, StructureError, check_structure, propose, propose_removal,
};

use super::expand_tokens;

const EXPORT: &str = "export ANTHROPIC_API_KEY={api}";

/// Returns a text with its line replaced as proposed.
fn changed(text: &str, line: usize, kind: ScriptKind) -> Option<String> {
    let proposal = propose(text, line, kind)?;
    let mut lines: Vec<&str> = text.split('\n').collect();
    *lines.get_mut(line - 1)? = proposal.replacement.inspect();
    Some(lines.join("\n"))
}

/// F-08: a lone export inside a block is replaced by a null command, whatever its indentation.
#[test]
fn lone_export_in_a_block_leaves_a_null_command() {
    for (text, line, mark) in [
        ("EXPORT", 1, "# export"),
        ("  EXPORT", 1, "  # export"),
        ("if true; then\nEXPORT\nfi", 2, ": # export"),
        ("if true; then\n\tEXPORT\nfi", 2, "\t: # export"),
        ("if a; then\n:\nelse\nEXPORT\nfi", 4, ": # export"),
        ("for a in b; do\nEXPORT\ndone", 2, ": # export"),
        ("while a; do\nEXPORT\ndone", 2, ": # export"),
        ("case a in\na)\nEXPORT\n;;\nesac", 3, ": # export"),
        ("work() {\nEXPORT\n}", 2, ": # export"),
        ("(\nEXPORT\n)", 2, ": # export"),
        ("true &&\nEXPORT\necho a", 2, ": # export"),
        ("false ||\n\n# why\nEXPORT", 4, ": # export"),
    ] {
        let text = expand_tokens(&text.replace("EXPORT", EXPORT));
        for kind in [ScriptKind::Bash, ScriptKind::Zsh, ScriptKind::Sh] {
            let after = changed(&text, line, kind).unwrap();
            let new_line = after.split('\n').nth(line - 1).unwrap();
            assert!(new_line.starts_with(mark), "{after}");
            assert_eq!(check_structure(&text, &after, kind), Ok(()), "{after}");
        }
    }
}

/// F-08, F-09: a line that is not alone, or is not run, is never changed.
#[test]
fn other_lines_are_not_changed() {
    for (text, line) in [
        ("if true; then EXPORT; fi", 1),
        ("work() { EXPORT; }", 1),
        ("cat <<EOF\nEXPORT\nEOF", 2),
        ("echo 'a\nEXPORT\n'", 2),
        ("EXPORT \\\n  A=b", 1),
        ("true &&\\\nEXPORT", 2),
        ("if true; then\nEXPORT", 2),
    ] {
        let text = expand_tokens(&text.replace("EXPORT", EXPORT));
        assert_eq!(propose(&text, line, ScriptKind::Bash), None, "{text}");
    }
}

/// F-08: a result with an empty block, or with other commands, is refused.
#[test]
fn changed_structure_is_refused() {
    let before = "if true; then\nexport A=b\nfi\necho c\n";
    for (after, expected) in [
        ("if true; then\n: # export A=b\nfi\necho c\n", Ok(())),
        (
            "if true; then\n# export A=b\nfi\necho c\n",
            Err(StructureError::Changed),
        ),
        (
            "if true; then\n: # export A=b\nfi\necho c d\nx\n",
            Err(StructureError::Changed),
        ),
        (
            "if true; then\n: 'export A=b\nfi\necho c\n",
            Err(StructureError::NotUnderstood),
        ),
    ] {
        let result = check_structure(before, after, ScriptKind::Bash);
        assert_eq!(result, expected, "{after}");
    }
    let unbalanced = "if true; then\n";
    assert_eq!(
        check_structure(unbalanced, unbalanced, ScriptKind::Zsh),
        Err(StructureError::NotUnderstood)
    );
}

/// F-10: a key is removed from a comment or a backup, and nothing else on the line.
#[test]
fn key_is_removed_from_a_comment_or_a_backup() {
    let removed = |text: &str, line, place| {
        let text = expand_tokens(text);
        let proposal = propose_removal(&text, line, place)?;
        assert!(!format!("{proposal:?}").contains("Fake0_Fake0_"));
        Some(proposal.replacement.inspect().to_owned())
    };
    let comment = KeyPlace::Comment(ScriptKind::Bash);
    for (text, line, place, expected) in [
        (
            "a\n  : # export ANTHROPIC_API_KEY='{api}' # old\nb",
            2,
            comment,
            Some("  : # export ANTHROPIC_API_KEY='REMOVED' # old"),
        ),
        (
            "# {api} and {other}",
            1,
            comment,
            Some("# REMOVED and REMOVED"),
        ),
        (
            "# export ANTHROPIC_AUTH_TOKEN=a-gateways-own-key-of-32-letters",
            1,
            comment,
            Some("# export ANTHROPIC_AUTH_TOKEN=REMOVED"),
        ),
        // The value outside the comment is in use.
        (
            "export ANTHROPIC_API_KEY={api} # {other}",
            1,
            comment,
            Some("export ANTHROPIC_API_KEY={api} # REMOVED"),
        ),
        ("export ANTHROPIC_API_KEY={api}", 1, comment, None),
        (
            "export ANTHROPIC_API_KEY={api}",
            1,
            KeyPlace::Backup,
            Some("export ANTHROPIC_API_KEY=REMOVED"),
        ),
        ("# no key", 1, KeyPlace::Backup, None),
        ("{api}", 2, KeyPlace::Backup, None),
    ] {
        let expected = expected.map(expand_tokens);
        assert_eq!(removed(text, line, place), expected, "{text}");
    }
}
