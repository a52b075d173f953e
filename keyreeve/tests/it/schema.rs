//! The published configuration schema.

use crate::case::Case;

#[test]
fn published_schema_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.schema.json");
    let published = std::fs::read_to_string(path).unwrap();
    let printed = Case::new().run(&["config", "schema"]).expect_code(0).stdout;
    assert_eq!(
        published, printed,
        "run: keyreeve config schema > docs/config.schema.json"
    );
}
