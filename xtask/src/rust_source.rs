//! Splits a Rust file into what is shipped and what is test, and finds its functions, by lines.
//!
//! Invariant: the text is what rustfmt leaves behind (`.ci/run` checks the format first), so indentation can be trusted.

/// Says whether a whole file is test code by where it stands.
pub(crate) fn is_test_file(path: &str) -> bool {
    let in_folder = path
        .split('/')
        .any(|part| part == "tests" || part == "benches");
    in_folder || path.ends_with("/tests.rs") || path.starts_with("testkit/")
}

/// Says whether a file is part of what people run: neither test code nor these developer commands.
pub(crate) fn is_product(path: &str) -> bool {
    !is_test_file(path) && !path.starts_with("xtask/")
}

/// Gives the lines of code with their numbers from 1: no comment lines, no `#[cfg(test)]` modules.
pub(crate) fn shipped_lines(text: &str) -> Vec<(usize, &str)> {
    let mut shipped = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        if line == "#[cfg(test)]" {
            skip_item(&mut lines);
        } else if !line.trim_start().starts_with("//") {
            shipped.push((index + 1, line));
        }
    }
    shipped
}

/// Steps over the item that follows an attribute at the left margin: to the brace that closes it there, or to its `;`.
fn skip_item<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) {
    for (_, line) in lines.by_ref() {
        if line.ends_with('{') {
            break;
        }
        if line.ends_with([';', '}']) {
            return;
        }
    }
    let _closing = lines.find(|(_, line)| line.starts_with('}'));
}

/// A function: its name, the line it begins at, and how many lines it has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Finds the functions with a body among lines; one ends at the closing brace that stands as far in as it began.
pub(crate) fn functions<'a>(lines: &[(usize, &'a str)]) -> Vec<Function<'a>> {
    lines
        .iter()
        .enumerate()
        .filter_map(|(at, _)| function_at(&lines[at..]))
        .collect()
}

fn function_at<'a>(lines: &[(usize, &'a str)]) -> Option<Function<'a>> {
    let (first, line) = *lines.first()?;
    let name = function_name(line)?;
    let indent = line.len() - line.trim_start().len();
    for &(number, line) in lines {
        let code = line.trim_end();
        let here = line.len() - line.trim_start().len();
        let closes = here == indent && (code.trim_start() == "}" || code.ends_with([';', '}']));
        if closes {
            return Some(Function {
                name,
                line: first,
                lines: number - first + 1,
            });
        }
    }
    None
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let modifier = |word: &str| {
        matches!(
            word,
            "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"" | "default"
        ) || word.starts_with("pub(")
    };
    if !before.split_whitespace().all(modifier) {
        return None;
    }
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (end > 0).then(|| &after[..end])
}

/// Says whether `word` stands in `line` with no letter, digit or underscore at either end.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(part_of_word) && !line[at + word.len()..].starts_with(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
//! Doc.
fn short() {}

pub(crate) async fn long(
    a: u8,
) -> u8
where
    u8: Copy,
{
    a
}

trait Named {
    fn name(&self) -> &str;
    fn other(&self) {
        let x = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn inside() {
    }
}
// fn commented() {
";

    #[test]
    fn functions_are_measured_from_signature_to_closing_brace() {
        let found: Vec<_> = functions(&shipped_lines(SAMPLE))
            .into_iter()
            .map(|function| (function.name, function.line, function.lines))
            .collect();
        assert_eq!(
            found,
            [
                ("short", 2, 1),
                ("long", 4, 8),
                ("name", 14, 1),
                ("other", 15, 3)
            ]
        );
    }

    #[test]
    fn test_modules_and_comments_are_not_shipped() {
        let text = shipped_lines(SAMPLE)
            .iter()
            .map(|(_, line)| *line)
            .collect::<String>();
        assert!(!text.contains("inside") && !text.contains("commented") && !text.contains("Doc"));
    }

    #[test]
    fn a_test_module_in_its_own_file_hides_only_its_declaration() {
        let lines = shipped_lines("#[cfg(test)]\nmod tests;\nfn after() {}\n");
        assert_eq!(lines, [(3, "fn after() {}")]);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("derive(Clone, Serialize)", "Serialize"));
        assert!(!has_word("derive(Deserialize, SerializeMap)", "Serialize"));
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        assert!(is_test_file("core/tests/it/main.rs"));
        assert!(is_test_file("core/src/inject/tests.rs"));
        assert!(!is_test_file("core/src/inject.rs"));
    }
}
