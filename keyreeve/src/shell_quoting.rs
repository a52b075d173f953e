//! Shell quoting of variable assignments: a value stays a value, whatever it contains (test BI-02).

use crate::args::EnvShell;

/// Quotes a value as a single word.
pub(crate) fn quote(shell: EnvShell, value: &str) -> String {
    match shell {
        EnvShell::Bash | EnvShell::Zsh => format!("'{}'", value.replace('\'', r"'\''")),
        EnvShell::Fish => {
            let value = value.replace('\\', r"\\").replace('\'', r"\'");
            format!("'{value}'")
        }
        // PowerShell also accepts typographic quotes as quotes.
        EnvShell::Powershell => {
            let mut quoted = String::with_capacity(value.len() + 2);
            for c in value.chars() {
                if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
                    quoted.push(c);
                }
                quoted.push(c);
            }
            format!("'{quoted}'")
        }
    }
}

/// Returns a path as a single word, quoted only if it must be; one that starts with a hyphen is no option.
pub(crate) fn word(shell: EnvShell, path: &str) -> String {
    let path = match path.strip_prefix('-') {
        Some(rest) => format!("./-{rest}"),
        None => path.to_owned(),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        path
    } else {
        quote(shell, &path)
    }
}

/// Returns a line that sets a variable to a value that is already quoted.
pub(crate) fn assignment(shell: EnvShell, name: &str, quoted: &str) -> String {
    match shell {
        EnvShell::Bash | EnvShell::Zsh => format!("export {name}={quoted}\n"),
        EnvShell::Fish => format!("set -gx {name} {quoted}\n"),
        EnvShell::Powershell => format!("$env:{name} = {quoted}\n"),
    }
}

/// Returns a line that unsets a variable, or nothing for an invalid name, which no shell can have set.
pub(crate) fn removal(shell: EnvShell, name: &str) -> String {
    let is_name = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    match shell {
        _ if !is_name => String::new(),
        EnvShell::Bash | EnvShell::Zsh => format!("unset {name}\n"),
        EnvShell::Fish => format!("set -e {name}\n"),
        EnvShell::Powershell => {
            format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BI-02: a value stays a value in every shell.
    #[test]
    fn values_are_quoted_for_each_shell() {
        let nasty = "a'b\\c$(d)`e`\"\u{2019};";
        for (shell, expected) in [
            (EnvShell::Bash, "'a'\\''b\\c$(d)`e`\"\u{2019};'"),
            (EnvShell::Zsh, "'a'\\''b\\c$(d)`e`\"\u{2019};'"),
            (EnvShell::Fish, "'a\\'b\\\\c$(d)`e`\"\u{2019};'"),
            (EnvShell::Powershell, "'a''b\\c$(d)`e`\"\u{2019}\u{2019};'"),
        ] {
            assert_eq!(quote(shell, nasty), expected, "{shell:?}");
        }
    }

    /// BI-02: a path in a printed command is one word, and no option.
    #[test]
    fn paths_are_quoted_only_if_they_must_be() {
        for (path, expected) in [
            ("/home/a/b.bak", "/home/a/b.bak"),
            ("my backup.bak", "'my backup.bak'"),
            ("a'b", "'a'\\''b'"),
            ("$(x)", "'$(x)'"),
            ("~x", "'~x'"),
            ("", "''"),
            ("-rf", "./-rf"),
        ] {
            assert_eq!(word(EnvShell::Bash, path), expected);
        }
    }

    /// BI-02: an invalid name is never printed.
    #[test]
    fn invalid_names_are_omitted() {
        assert_eq!(removal(EnvShell::Bash, "A_1"), "unset A_1\n");
        assert_eq!(removal(EnvShell::Bash, "A;rm -rf"), "");
        assert_eq!(removal(EnvShell::Fish, "BASH_FUNC_x%%"), "");
    }
}
