//! Each finding code has a page in `docs/findings`, and the README lists all of them.

use std::collections::BTreeSet;

use keyreeve_resolver::finding::FindingCode;

#[test]
fn every_code_has_a_page_and_is_listed() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings");
    #[expect(clippy::disallowed_methods, reason = "the test reads the documents")]
    let read = |name: &str| std::fs::read_to_string(format!("{pages}/{name}")).unwrap();
    let listed: Vec<String> = read("README.md")
        .lines()
        .filter(|line| line.starts_with("| [`KR"))
        .map(str::to_owned)
        .collect();
    let rows: Vec<String> = FindingCode::ALL
        .iter()
        .map(|code| {
            format!(
                "| [`{code}`]({code}.md) | {} | {} |",
                code.severity().name(),
                code.title()
            )
        })
        .collect();
    assert_eq!(
        listed,
        rows,
        "the list in README.md is this:\n{}\n",
        rows.join("\n")
    );
    let codes: BTreeSet<String> = FindingCode::ALL
        .iter()
        .map(|code| format!("{code}.md"))
        .collect();
    assert_eq!(codes.len(), FindingCode::ALL.len(), "a code appears twice");
    let found: BTreeSet<String> = std::path::Path::new(pages)
        .read_dir()
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(found, codes);
    for code in FindingCode::ALL {
        let page = read(&format!("{code}.md"));
        assert!(
            page.starts_with(&format!("# `{code}`: {}\n", code.title())),
            "{code}"
        );
        for part in [
            "**What it means.**",
            "**Why it matters.**",
            "**How to fix it.**",
            "**If it is intended.**",
        ] {
            assert!(page.contains(part), "{code} {part}");
        }
    }
}
