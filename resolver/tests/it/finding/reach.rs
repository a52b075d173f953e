//! The reach of a line: whether every new shell runs it.

use keyreeve_resolver::finding::{Fix, Reach, Script, ScriptKind, find_conflicts};

use super::{Machine, logged_in, script};

const EXPORT: &str = "export ANTHROPIC_API_KEY={api}";

#[track_caller]
fn assert_reach(kind: ScriptKind, text: &str, expected: Reach) {
    let text = text.replace("EXPORT", EXPORT);
    let script = Script::parse("/rc".to_owned(), kind, &super::expand_tokens(&text));
    let reach = script
        .last_assignment("ANTHROPIC_API_KEY")
        .map(|it| it.reach);
    assert_eq!(reach, Some(expected), "{text}");
}

/// F-09: each block of a POSIX shell has its own reach.
#[test]
fn reach_in_posix_shells() {
    for (text, expected) in [
        ("EXPORT", Reach::Always),
        ("{ EXPORT; }", Reach::Always),
        ("{\n  EXPORT\n}", Reach::Always),
        ("true; EXPORT", Reach::Always),
        ("if true; then\nEXPORT\nfi", Reach::Conditional),
        ("if true; then :; else EXPORT; fi", Reach::Conditional),
        ("if [ -f ~/.work ]; then EXPORT; fi", Reach::Conditional),
        ("[ -t 1 ] && EXPORT", Reach::Conditional),
        ("[ -t 1 ] &&\n  EXPORT", Reach::Conditional),
        ("false || { true; EXPORT; }", Reach::Conditional),
        ("case $- in\n*i*)\n  EXPORT\n  ;;\nesac", Reach::Conditional),
        ("case $- in (a|b) EXPORT ;; *) ;; esac", Reach::Conditional),
        ("for a in 1 2; do\n EXPORT\ndone", Reach::Conditional),
        ("for ((i=0; i<2; i++)); do EXPORT; done", Reach::Conditional),
        (
            "while read -r a; do EXPORT; done < <(cat x)",
            Reach::Conditional,
        ),
        ("work() { EXPORT; }", Reach::Function),
        ("work ()\n{\n  EXPORT\n}\n", Reach::Function),
        ("function work {\nEXPORT\n}", Reach::Function),
        (
            "function work() {\nif true; then EXPORT; fi\n}",
            Reach::Function,
        ),
        ("work() (EXPORT)", Reach::Subshell),
        ("(\nEXPORT\n)", Reach::Subshell),
        ("cat <<'EOF' > x\nEXPORT\nEOF", Reach::HereDocument),
        ("cat <<-END\n\tEXPORT\n\tEND\n", Reach::HereDocument),
        (
            "cat << EOF\nif true; then (\nEXPORT\nEOF\n",
            Reach::HereDocument,
        ),
        ("cat <<A <<B\nx\nA\nEXPORT\nB\n", Reach::HereDocument),
        // The script calls the function itself.
        ("work() { EXPORT; }\nwork", Reach::Always),
        ("a() { EXPORT; }\nb() { a; }\nb\n", Reach::Always),
        ("work() { EXPORT; }\n[ -t 1 ] && work", Reach::Conditional),
        // After other blocks, whatever is in them.
        ("if true; then\n :\nfi\nEXPORT", Reach::Always),
        (
            "work() {\n echo \"${a#*(}\" 'it''s' $((1<<2)) \"$(echo ')')\"\n}\nEXPORT",
            Reach::Always,
        ),
        ("# don't\ncase x in x) ;; esac\nEXPORT", Reach::Always),
        ("[[ $x =~ ^(a|b)$ && ( -n $y ) ]]\nEXPORT", Reach::Always),
        ("a=(1 2 # (\n3)\nEXPORT", Reach::Always),
        ("cat <<< 'a'\nEXPORT", Reach::Always),
        ("echo done if fi { case\nEXPORT", Reach::Always),
        ("x 2>&1 &>/dev/null\nEXPORT", Reach::Always),
    ] {
        assert_reach(ScriptKind::Bash, text, expected);
        assert_reach(ScriptKind::Sh, text, expected);
    }
    assert_reach(ScriptKind::Zsh, "() {\n EXPORT\n}", Reach::Always);
    assert_reach(ScriptKind::Zsh, "ls *(.)\nf() { EXPORT }", Reach::Function);
}

/// F-09: each block of `fish` has its own reach.
#[test]
fn reach_in_fish() {
    for (text, expected) in [
        ("SET", Reach::Always),
        ("begin\nSET\nend", Reach::Always),
        ("if test -t 1\n  SET\nend", Reach::Conditional),
        ("if a\n b\nelse if c\n SET\nend", Reach::Conditional),
        ("test -t 1; and SET", Reach::Conditional),
        ("test -t 1 && SET", Reach::Conditional),
        ("for a in 1 2\n SET\nend", Reach::Conditional),
        ("while true; SET; end", Reach::Conditional),
        ("switch x\ncase a\n SET\nend", Reach::Conditional),
        (
            "function work --description 'a'\n SET\nend",
            Reach::Function,
        ),
        ("function work; SET; end\nwork", Reach::Always),
        ("if a; b; end\nset x (c '\\'' | d \\()\nSET", Reach::Always),
    ] {
        let text = text.replace("SET", "set -gx ANTHROPIC_API_KEY {api}");
        assert_reach(ScriptKind::Fish, &text, expected);
    }
}

/// F-09: a line that not every new shell runs is no error, and a here-document is never edited.
#[test]
fn lines_of_some_shells_are_reported_as_such() {
    for (text, code, words, is_fixable) in [
        ("EXPORT", "KR201", "in every new bash", true),
        (
            "if true; then\nEXPORT\nfi",
            "KR209",
            "only if a condition holds",
            true,
        ),
        ("work() {\n  EXPORT\n}", "KR209", "calls the function", true),
        ("(\nEXPORT\n)", "KR203", "subshell", true),
        ("cat <<EOF\nEXPORT\nEOF", "KR203", "here-document", false),
    ] {
        let text = text.replace("EXPORT", EXPORT);
        let machine = Machine {
            login: Some(logged_in()),
            evidence: script("/home/me/.bashrc", ScriptKind::Bash, &text),
            ..Machine::default()
        };
        let found = machine.checked_findings();
        let [finding] = found.as_slice() else {
            panic!("{text}: {found:?}");
        };
        assert_eq!(finding.code.name(), code, "{text}");
        assert!(finding.message.contains(words), "{}", finding.message);
        let has_fix = matches!(finding.fix, Fix::CommentOut(_));
        assert_eq!(has_fix, is_fixable, "{text}");
        let conflicts = find_conflicts(&machine.snapshot(), &machine.evidence.scripts);
        assert_eq!(conflicts.len(), usize::from(code == "KR201"), "{text}");
    }
    let computed = "work() {\n  export ANTHROPIC_API_KEY=$(pass show key)\n}";
    Machine {
        login: Some(logged_in()),
        evidence: script("/home/me/.bashrc", ScriptKind::Bash, computed),
        ..Machine::default()
    }
    .assert_codes(&[]);
}

/// F-09: a script whose structure is not understood is still searched, and never edited.
#[test]
fn unbalanced_script_is_searched_but_not_edited() {
    for text in ["if true; then\nEXPORT\n", "EXPORT\n}", "EXPORT\necho 'a"] {
        let machine = Machine {
            login: Some(logged_in()),
            evidence: script(
                "/home/me/.bashrc",
                ScriptKind::Bash,
                &text.replace("EXPORT", EXPORT),
            ),
            ..Machine::default()
        };
        let found = machine.checked_findings();
        let [finding] = found.as_slice() else {
            panic!("{text}: {found:?}");
        };
        assert_eq!(finding.code.name(), "KR201", "{text}");
        assert!(matches!(finding.fix, Fix::Manual(_)), "{text}");
    }
}
