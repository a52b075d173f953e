//! A skip is reported and names its test.

use std::process::Command;

#[test]
fn skip_is_reported_and_collected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("skips");
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args(["--exact", "skip::skipped_on_request", "--nocapture"])
        .env(keyreeve_testkit::skip::SKIPS_FILE_VARIABLE, &file)
        .env("SKIP_ON_REQUEST", "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let line = "SKIPPED it::skip::skipped_on_request: requested by another test\n";
    assert_eq!(std::fs::read_to_string(file).unwrap(), line);
    assert!(String::from_utf8_lossy(&output.stderr).contains(line));
}

#[test]
fn skipped_on_request() {
    if std::env::var_os("SKIP_ON_REQUEST").is_some() {
        keyreeve_testkit::skip!("requested by {} test", "another");
    }
}
