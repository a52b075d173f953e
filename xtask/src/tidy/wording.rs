//! The field's standard words: doc comments, messages and documents avoid the words that `docs/glossary.md` replaces.
//!
//! Text in backticks is exempt: it quotes code, or an upstream's wording.

use super::Finding;
use crate::rust_source::{is_product, shipped_lines};
use crate::rust_text::{TextKind, texts};
use crate::tree::{File, Tree};

/// Words that are banned everywhere, each with its replacement.
const BANNED: &[(&str, &str)] = &[
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("heed", "follow, use"),
    ("heeds", "follows, uses"),
    ("shall", "must, should"),
    ("whom", "who, which user"),
    ("whoever", "the caller, anyone who"),
    ("nobody", "no one, no client, nothing"),
    ("somebody", "someone, another process"),
    ("none where", "`None` if"),
    ("beside", "next to, as well as"),
    ("blot", "redact"),
    ("blots", "redacts"),
    ("reckon", "estimate, compute"),
    ("reckoned", "estimated, computed"),
    ("lent", "temporary"),
    ("rung", "step"),
    ("rungs", "steps"),
];

/// Words that are ordinary in a message but not as technical terms in a doc comment.
const BANNED_IN_DOCS: &[(&str, &str)] = &[
    ("told", "reported"),
    ("tells", "reports, shows"),
    ("heard", "observed, received"),
    ("hears", "observes, receives"),
    ("brought", "returned, sent"),
    ("came", "arrived, was received"),
    ("said", "reported, stated"),
    ("says", "reports, states"),
    ("standing", "health"),
];

/// Finds such words in `//!`, `///`, the product's messages and the documents.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.rust().flat_map(in_rust);
    // The glossary lists the replaced words.
    let is_glossary = |file: &&File| file.path == "docs/glossary.md";
    let documents = tree.documents().filter(|file| !is_glossary(file));
    let in_documents = documents.flat_map(|file| {
        file.lines_outside_code()
            .filter_map(|(number, line)| finding(&file.path, number, line, &[]))
    });
    rust.chain(in_documents).collect()
}

fn in_rust(file: &File) -> Vec<Finding> {
    let shipped: Vec<usize> = shipped_lines(&file.text)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    let is_message = |text: &str, line| {
        is_product(&file.path) && text.contains(' ') && shipped.binary_search(&line).is_ok()
    };
    texts(&file.text)
        .into_iter()
        .filter(|text| match text.kind {
            TextKind::Doc => true,
            TextKind::Comment => false,
            TextKind::Literal => is_message(text.content, text.line),
        })
        .filter_map(|text| {
            let in_docs = match text.kind {
                TextKind::Doc => BANNED_IN_DOCS,
                TextKind::Comment | TextKind::Literal => &[],
            };
            finding(&file.path, text.line, text.content, in_docs)
        })
        .collect()
}

fn finding(path: &str, line: usize, text: &str, more: &[(&str, &str)]) -> Option<Finding> {
    let prose: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let prose = prose.to_lowercase();
    let mut banned = BANNED.iter().chain(more);
    let (word, instead) = banned.find(|(word, _)| has_phrase(&prose, word))?;
    let advice = format!("`{word}`: write {instead}");
    Some(Finding::new(path, line, advice))
}

/// Returns `true` if `text` contains `phrase` with no letter at either end.
fn has_phrase(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        !text[..at].ends_with(char::is_alphabetic)
            && !text[at + phrase.len()..].starts_with(char::is_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::super::case;
    use super::{BANNED, BANNED_IN_DOCS, check};

    fn doc(word: &str) -> String {
        format!("//! x\n/// It {word} it.\nfn f() {{}}\n")
    }

    fn message(word: &str) -> String {
        format!("//! x\nconst A: &str = \"it {word} it\";\n")
    }

    #[test]
    fn banned_words_are_found_everywhere() {
        for (word, _) in BANNED {
            case::check(
                check,
                &[("core/src/a.rs", &doc(word))],
                &["core/src/a.rs:2"],
            );
            case::check(
                check,
                &[("core/src/a.rs", &message(word))],
                &["core/src/a.rs:2"],
            );
            let page = format!("It {word} it.\n");
            case::check(check, &[("docs/a.md", &page)], &["docs/a.md:1"]);
        }
    }

    #[test]
    fn doc_terms_are_found_in_doc_comments_only() {
        for (word, _) in BANNED_IN_DOCS {
            case::check(
                check,
                &[("core/src/a.rs", &doc(word))],
                &["core/src/a.rs:2"],
            );
            case::check(check, &[("core/src/a.rs", &message(word))], &[]);
            let page = format!("It {word} it.\n");
            case::check(check, &[("docs/a.md", &page)], &[]);
        }
    }

    #[test]
    fn quotes_code_and_tests_are_exempt() {
        let quoted = "//! x\n/// Sends `heed`.\n// heed\nlet heed = \"heed\";\n";
        case::check(check, &[("core/src/a.rs", quoted)], &[]);
        let test = "//! x\n#[cfg(test)]\nmod tests {\n    const A: &str = \"it heeds it\";\n}\n";
        case::check(check, &[("core/src/a.rs", test)], &[]);
        case::check(check, &[("docs/a.md", "```\nheed\n```\n")], &[]);
        case::check(check, &[("docs/glossary.md", "heed\n")], &[]);
    }
}
