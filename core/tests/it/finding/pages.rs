//! Each code has a page, and the list names them all.

use std::collections::BTreeSet;

use keyreeve_core::finding::Code;

#[test]
fn each_code_has_a_page_and_each_page_a_code() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings");
    #[expect(clippy::disallowed_methods, reason = "the test reads the documents")]
    let read = |name: &str| std::fs::read_to_string(format!("{pages}/{name}")).unwrap();
    let listed: Vec<String> = read("README.md")
        .lines()
        .filter(|line| line.starts_with("| [`KR"))
        .map(str::to_owned)
        .collect();
    let rows: Vec<String> = Code::ALL
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
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(codes.len(), Code::ALL.len(), "a code stands twice");
    let found: BTreeSet<String> = std::path::Path::new(pages)
        .read_dir()
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(found, codes);
    for code in Code::ALL {
        let page = read(&format!("{code}.md"));
        assert!(
            page.starts_with(&format!("# `{code}`: {}\n", code.title())),
            "{code}"
        );
        for part in [
            "**What it means.**",
            "**Why it matters.**",
            "**What mends it.**",
            "**If it is meant.**",
        ] {
            assert!(page.contains(part), "{code} {part}");
        }
    }
}
