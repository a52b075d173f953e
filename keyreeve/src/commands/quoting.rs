//! How a shell is told of variables: whatever stands in a value, it stays a value (test BI-02).

use crate::settings::Shell;

/// A value as one word of the shell's.
pub(super) fn quoted(shell: Shell, value: &str) -> String {
    match shell {
        Shell::Bash | Shell::Zsh => format!("'{}'", value.replace('\'', r"'\''")),
        Shell::Fish => {
            let value = value.replace('\\', r"\\").replace('\'', r"\'");
            format!("'{value}'")
        }
        // PowerShell takes typographic quotes for quotes as well.
        Shell::Powershell => {
            let mut quoted = String::with_capacity(value.len() + 2);
            for letter in value.chars() {
                if matches!(letter, '\'' | '\u{2018}'..='\u{201b}') {
                    quoted.push(letter);
                }
                quoted.push(letter);
            }
            format!("'{quoted}'")
        }
    }
}

/// A line that sets a variable to what is quoted already.
pub(super) fn assignment(shell: Shell, name: &str, quoted: &str) -> String {
    match shell {
        Shell::Bash | Shell::Zsh => format!("export {name}={quoted}\n"),
        Shell::Fish => format!("set -gx {name} {quoted}\n"),
        Shell::Powershell => format!("$env:{name} = {quoted}\n"),
    }
}

/// A line that takes a variable away. A name that is more than a name is left out: no shell can have made it.
pub(super) fn removal(shell: Shell, name: &str) -> String {
    let is_name = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    match shell {
        _ if !is_name => String::new(),
        Shell::Bash | Shell::Zsh => format!("unset {name}\n"),
        Shell::Fish => format!("set -e {name}\n"),
        Shell::Powershell => {
            format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bi_02_a_value_stays_a_value() {
        let nasty = "a'b\\c$(d)`e`\"\u{2019};";
        for (shell, expected) in [
            (Shell::Bash, "'a'\\''b\\c$(d)`e`\"\u{2019};'"),
            (Shell::Zsh, "'a'\\''b\\c$(d)`e`\"\u{2019};'"),
            (Shell::Fish, "'a\\'b\\\\c$(d)`e`\"\u{2019};'"),
            (Shell::Powershell, "'a''b\\c$(d)`e`\"\u{2019}\u{2019};'"),
        ] {
            assert_eq!(quoted(shell, nasty), expected, "{shell:?}");
        }
    }

    #[test]
    fn bi_02_what_is_no_name_is_left_out() {
        assert_eq!(removal(Shell::Bash, "A_1"), "unset A_1\n");
        assert_eq!(removal(Shell::Bash, "A;rm -rf"), "");
        assert_eq!(removal(Shell::Fish, "BASH_FUNC_x%%"), "");
    }
}
