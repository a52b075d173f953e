//! Splits a Rust file into shipped code and tests, and finds its tests, line by line.
//!
//! Invariant: the text is formatted by rustfmt (`.ci/run` checks that first), so indentation can be trusted.

/// Returns `true` if a whole file is test code, judged by its path.
fn is_test_file(path: &str) -> bool {
    let in_folder = path
        .split('/')
        .any(|part| part == "tests" || part == "benches");
    in_folder || path.ends_with("/tests.rs") || path.starts_with("testkit/")
}

/// Returns `true` if a file is part of the product: neither test code nor these developer commands.
pub(crate) fn is_product(path: &str) -> bool {
    !is_test_file(path) && !path.starts_with("xtask/")
}

/// Returns the lines of code with their numbers from 1: no comment lines, no `#[cfg(test)]` modules.
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

/// Skips the item after an attribute at the left margin: up to its closing brace or its `;`.
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

/// A test function: its name, the line it starts at, and the doc comment above it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Test<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) docs: Vec<&'a str>,
}

/// Lists the functions with the attribute `#[test]` or `#[tokio::test]`.
pub(crate) fn tests(text: &str) -> Vec<Test<'_>> {
    let (mut found, mut docs, mut is_test, mut in_attribute) =
        (Vec::new(), Vec::new(), false, false);
    for (index, line) in text.lines().enumerate() {
        let code = line.trim();
        if in_attribute || code.starts_with("#[") {
            is_test |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
            in_attribute = !code.ends_with(']');
        } else if let Some(doc) = code.strip_prefix("///") {
            docs.push(doc.trim());
        } else {
            let docs = std::mem::take(&mut docs);
            if let Some(name) = function_name(line).filter(|_| is_test) {
                let line = index + 1;
                found.push(Test { name, line, docs });
            }
            is_test = false;
        }
    }
    found
}

/// Returns `true` if `line` contains `word` with no letter, digit or underscore at either end.
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

#[cfg(test)]
mod tests {
    use super::*;
    fn inside() {
    }
}
// fn commented() {
";

    #[test]
    fn test_modules_and_comments_are_not_shipped() {
        let text = shipped_lines(SAMPLE)
            .iter()
            .map(|(_, line)| *line)
            .collect::<String>();
        assert!(!text.contains("inside") && !text.contains("commented") && !text.contains("Doc"));
    }

    #[test]
    fn test_module_declaration_is_not_shipped() {
        let lines = shipped_lines("#[cfg(test)]\nmod tests;\nfn after() {}\n");
        assert_eq!(lines, [(3, "fn after() {}")]);
    }

    #[test]
    fn tests_are_listed_with_their_docs() {
        let text = "\
/// NF-03: cut.
#[expect(
    clippy::panic,
    reason = \"x\"
)]
#[tokio::test]
async fn cut() {
    let x = 1;
}

/// A helper.
fn helper() {}

#[test]
fn bare() {}
";
        let found: Vec<_> = tests(text)
            .into_iter()
            .map(|test| (test.name, test.line, test.docs))
            .collect();
        assert_eq!(
            found,
            [("cut", 7, vec!["NF-03: cut."]), ("bare", 15, vec![])]
        );
    }

    #[test]
    fn only_whole_words_match() {
        assert!(has_word("derive(Clone, Serialize)", "Serialize"));
        assert!(!has_word("derive(Deserialize, SerializeMap)", "Serialize"));
    }

    #[test]
    fn test_files_are_recognized_by_path() {
        assert!(is_test_file("core/tests/it/main.rs"));
        assert!(is_test_file("core/src/inject/tests.rs"));
        assert!(!is_test_file("core/src/inject.rs"));
    }
}
