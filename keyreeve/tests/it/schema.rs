//! The published schema is the one the program has.

use crate::case::Case;

#[test]
fn docs_config_schema_json_is_what_the_program_prints() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.schema.json");
    let published = std::fs::read_to_string(path).unwrap();
    let printed = Case::new().run(&["config", "schema"]).expect_code(0).stdout;
    assert_eq!(
        published, printed,
        "run: keyreeve config schema > docs/config.schema.json"
    );
}
