//! Leak scan: each encoding of a secret is found, and hits never contain the value.

use std::io::{BufRead as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use flate2::Compression;
use flate2::write::GzEncoder;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{Encoding, Hit, LeakScan, assert_no_leaks};

fn scan(data: &[u8]) -> Vec<Hit> {
    let planted = [
        Canary::api_key("stdin"),
        Canary::oauth("stdin"),
        Canary::wrong_virtual_key("url"),
    ];
    LeakScan::new(&planted).bytes("here", data)
}

/// Expects exactly one hit, of the API key, in this encoding.
#[track_caller]
fn check(data: &[u8], encoding: Encoding, offset: impl Fn(usize) -> bool) {
    let hits = scan(data);
    let [hit] = hits.as_slice() else {
        panic!("{encoding:?}: {hits:?}")
    };
    assert_eq!((hit.canary.as_str(), hit.encoding), ("stdin", encoding));
    assert!(offset(hit.offset), "{encoding:?}: {}", hit.offset);
}

fn secret() -> String {
    Canary::api_key("stdin").value().to_owned()
}

fn each_byte(write: impl Fn(u8) -> String) -> String {
    secret().bytes().map(write).collect()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn clean_input_has_no_hits() {
    assert_no_leaks(&scan(b""));
    assert_no_leaks(&scan(
        b"sk-ant-api03-...AA CANARY % %2 %zz \\ \\u \\u00 \\x \x1f\x8b\x08",
    ));
    assert_no_leaks(&scan(Canary::api_key("other").value().as_bytes()));
}

#[test]
fn plain_secret_and_parts_of_it_are_found() {
    check(
        format!("key={}!", secret()).as_bytes(),
        Encoding::Plain,
        |at| at == 17,
    );
    for start in 0..secret().len() - 45 {
        check(
            &secret().as_bytes()[start..start + 45],
            Encoding::Plain,
            |at| at < 45,
        );
    }
}

#[test]
fn base64_is_found_at_each_alignment_in_both_alphabets() {
    for alignment in 0..3 {
        let data = [&b"???"[..alignment], secret().as_bytes(), b"?>?"].concat();
        check(STANDARD.encode(&data).as_bytes(), Encoding::Base64, |at| {
            at > 8
        });
        check(URL_SAFE.encode(&data).as_bytes(), Encoding::Base64, |at| {
            at > 8
        });
    }
}

#[test]
fn hex_is_found_in_both_cases() {
    check(hex::encode(secret()).as_bytes(), Encoding::Hex, |at| {
        at == 26
    });
    check(
        hex::encode_upper(secret()).as_bytes(),
        Encoding::Hex,
        |at| at == 26,
    );
}

#[test]
fn percent_encoding_is_found_in_part_and_in_full() {
    let whole = each_byte(|byte| format!("%{byte:02x}"));
    check(whole.as_bytes(), Encoding::Percent, |at| at == 39);
    check(
        secret().replace('-', "%2D").as_bytes(),
        Encoding::Percent,
        |at| at == 19,
    );
    let last_of_the_marker = secret()[..32].replace("stdin-", "stdin%2d");
    check(last_of_the_marker.as_bytes(), Encoding::Percent, |at| {
        at == 13
    });
}

#[test]
fn escapes_are_found_in_part_and_in_full() {
    let whole = each_byte(|byte| format!("\\u{byte:04X}"));
    check(
        format!("{{\"key\":\"{whole}\"}}").as_bytes(),
        Encoding::Escaped,
        |at| at == 86,
    );
    check(
        secret().replace('-', "\\u002d").as_bytes(),
        Encoding::Escaped,
        |at| at == 28,
    );
    check(
        secret().replace('-', "\\x2d").as_bytes(),
        Encoding::Escaped,
        |at| at == 22,
    );
}

#[test]
fn utf_16_is_found_in_both_byte_orders() {
    let units = || secret().encode_utf16().collect::<Vec<_>>().into_iter();
    let little: Vec<_> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<_> = units().flat_map(u16::to_be_bytes).collect();
    check(&little, Encoding::Utf16, |at| at == 26);
    check(&big, Encoding::Utf16, |at| at == 27);
}

#[test]
fn list_of_numbers_is_found() {
    check(
        format!("{:?}", secret().as_bytes()).as_bytes(),
        Encoding::Numbers,
        |_| true,
    );
    check(
        &serde_json::to_vec(secret().as_bytes()).unwrap(),
        Encoding::Numbers,
        |_| true,
    );
}

#[test]
fn gzip_is_searched_if_complete_truncated_or_nested() {
    let noise: Vec<u8> = (0..20_000_u32)
        .flat_map(|n| (n * n).to_le_bytes())
        .collect();
    let member = gzip(&[secret().as_bytes(), &noise].concat());
    let truncated = &member[..member.len() / 2];
    let nested = gzip(&[b"tar", member.as_slice()].concat());
    for (data, place) in [
        (
            [b"log", member.as_slice()].concat(),
            "here, gzip member at 3",
        ),
        ([b"log", truncated].concat(), "here, gzip member at 3"),
        (nested, "here, gzip member at 0, gzip member at 3"),
    ] {
        let hits = scan(&data);
        assert!(
            hits.iter()
                .any(|hit| hit.location == place && hit.offset == 13),
            "{hits:?}"
        );
    }
}

#[test]
fn generated_secret_is_recognized_by_its_middle() {
    let generated = Canary::generated(
        "key add",
        &["krv_", "0a1B2c3D", "_", &"xY9z".repeat(8), "_", "abcdef"].concat(),
    );
    let scan = LeakScan::new([&generated]);
    assert_eq!(scan.bytes("here", generated.value().as_bytes()).len(), 1);
    assert_no_leaks(&scan.bytes("here", b"krv_0a1B2c3D, expires never"));
}

#[test]
fn files_names_and_processes_are_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let planted = Canary::api_key("stdin");
    let below = folder.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    std::os::unix::fs::symlink("/nowhere", below.join("link")).unwrap();
    std::fs::write(
        below.join("store.db-wal"),
        [b"\0\x01", planted.value().as_bytes()].concat(),
    )
    .unwrap();
    let scan = LeakScan::new([&planted]);
    let hits = scan.path(folder.path());
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert!(
        hits[0].location.ends_with("a/b/store.db-wal") && hits[0].offset == 15,
        "{hits:?}"
    );
    std::fs::rename(below.join("store.db-wal"), below.join(planted.value())).unwrap();
    let hits = scan.path(folder.path());
    assert_eq!(hits.len(), 2, "{hits:?}");
    assert!(!format!("{hits:?}").contains("CANARY"), "{hits:?}");
    assert_no_leaks(&scan.process(std::process::id()));
}

#[test]
fn arguments_of_a_process_are_scanned() {
    let planted = Canary::api_key("argv");
    let mut child = std::process::Command::new("/bin/sh")
        .args(["-c", "echo ready; read line", planted.value()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Waits until the process has started: before that it has no arguments to read.
    let stdout = child.stdout.take().unwrap();
    let mut ready = String::new();
    std::io::BufReader::new(stdout)
        .read_line(&mut ready)
        .unwrap();
    assert_eq!(ready, "ready\n");
    let hits = LeakScan::new([&planted]).process(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_no_leaks(&LeakScan::new([&planted]).process(child.id()));
}
