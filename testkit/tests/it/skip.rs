//! A skip is seen, and names its test.

use std::process::Command;

#[test]
fn a_skip_is_announced_and_collected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("skips");
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args(["--exact", "skip::skipped_when_asked", "--nocapture"])
        .env(keyreeve_testkit::skip::SKIPS_FILE, &file)
        .env("SKIP_WHEN_ASKED", "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let line = "SKIPPED it::skip::skipped_when_asked: asked to by another test\n";
    assert_eq!(std::fs::read_to_string(file).unwrap(), line);
    assert!(String::from_utf8_lossy(&output.stderr).contains(line));
}

#[test]
fn skipped_when_asked() {
    if std::env::var_os("SKIP_WHEN_ASKED").is_some() {
        keyreeve_testkit::skip!("asked to by {} test", "another");
    }
}
