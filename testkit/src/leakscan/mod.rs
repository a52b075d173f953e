//! Leak scan: searches bytes, files and processes for planted secrets, in plain and encoded forms.
//!
//! Invariants: a hit names the secret, the location and the encoding, never the value; unreadable input fails the test,
//! so that a clean scan covers everything; file names are scanned as well as contents.

mod decode;
mod needles;

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use aho_corasick::AhoCorasick;

use crate::canary::Canary;

/// Maximum depth of nested gzip.
const MAX_GZIP_DEPTH: usize = 3;

/// `ESRCH`: result of reading a file under `/proc` after its process has ended.
const ESRCH: i32 = 3;

/// A scan for a set of planted secrets.
pub struct LeakScan {
    search: AhoCorasick,
    needles: Vec<Needle>,
    /// Secrets to redact from the names of locations.
    hidden_texts: Vec<String>,
}

/// The encoding in which a secret was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Encoding {
    /// Not encoded.
    Plain,
    /// Base64, either alphabet, at any of the three alignments.
    Base64,
    /// Hexadecimal digits of either case.
    Hex,
    /// UTF-16 in either byte order.
    Utf16,
    /// A list of decimal numbers, as in debug output of bytes.
    Numbers,
    /// Some characters percent-encoded.
    Percent,
    /// Some characters escaped as in JSON.
    Escaped,
}

/// A planted secret found by a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Name of the place where the secret is planted: [`Canary::label`].
    pub canary: String,
    /// The file, or the caller's name for the bytes; a gzip member is named after its file.
    pub location: String,
    /// Byte offset of the first match. Further matches of the same encoding in the same location are not reported.
    pub offset: usize,
    /// Its encoding.
    pub encoding: Encoding,
}

struct Needle {
    canary: String,
    encoding: Encoding,
    length: usize,
}

impl LeakScan {
    /// Builds a scan for these secrets.
    pub fn new<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Self {
        let (mut needles, mut patterns, mut hidden_texts) = (Vec::new(), Vec::new(), Vec::new());
        for canary in canaries {
            hidden_texts.extend([canary.value().to_owned(), canary.marker().to_owned()]);
            for (encoding, bytes) in needles::encodings(canary.marker().as_bytes()) {
                let canary = canary.label().to_owned();
                needles.push(Needle {
                    canary,
                    encoding,
                    length: bytes.len(),
                });
                patterns.push(bytes);
            }
        }
        let search = AhoCorasick::new(patterns).expect("the needles fit into an automaton");
        Self {
            search,
            needles,
            hidden_texts,
        }
    }

    /// Scans bytes under a name given by the caller.
    pub fn bytes(&self, location: &str, data: &[u8]) -> Vec<Hit> {
        self.scan_nested(location, data, MAX_GZIP_DEPTH)
    }

    /// Scans a file, or all files under a directory, and their names. Links are not followed; sockets and FIFOs have no
    /// contents.
    pub fn path(&self, path: &Path) -> Vec<Hit> {
        let location = path.to_string_lossy();
        let name = path.file_name().unwrap_or_default();
        let mut hits = self.bytes(&format!("the name of {location}"), name.as_encoded_bytes());
        let Some(meta) = unless_removed(path.symlink_metadata(), path) else {
            return hits;
        };
        if meta.is_file() {
            let data = unless_removed(std::fs::read(path), path).unwrap_or_default();
            hits.extend(self.bytes(&location, &data));
        } else if meta.is_dir() {
            let entries = unless_removed(std::fs::read_dir(path), path)
                .into_iter()
                .flatten();
            for entry in entries {
                hits.extend(self.path(&entry.expect("a directory can be listed").path()));
            }
        }
        hits
    }

    /// Scans the arguments and the environment of a running process of the same user. They may be unreadable, which
    /// counts as no leak.
    pub fn process(&self, pid: u32) -> Vec<Hit> {
        let mut hits = Vec::new();
        for file in ["cmdline", "environ"] {
            let path = Path::new("/proc").join(pid.to_string()).join(file);
            let result = std::fs::read(&path).map_err(|error| error.kind());
            if result != Err(ErrorKind::PermissionDenied) {
                hits.extend(self.path(&path));
            }
        }
        hits
    }

    fn scan_nested(&self, location: &str, data: &[u8], depth: usize) -> Vec<Hit> {
        let mut hits = self.scan_encodings(location, data);
        if depth > 0 {
            for (at, inflated) in decode::gzip_members(data) {
                let location = format!("{location}, gzip member at {at}");
                hits.extend(self.scan_nested(&location, &inflated, depth - 1));
            }
        }
        hits
    }

    fn scan_encodings(&self, location: &str, data: &[u8]) -> Vec<Hit> {
        let mut found = BTreeMap::new();
        for (needle, at) in self.matches(data) {
            found.entry((&needle.canary, needle.encoding)).or_insert(at);
        }
        let decoded = [
            (Encoding::Percent, decode::percent(data)),
            (Encoding::Escaped, decode::backslash(data)),
        ];
        for (encoding, view) in decoded {
            let Some(view) = view else { continue };
            for (needle, at) in self.matches(&view.bytes) {
                let first = view.offsets[at];
                let end = view
                    .offsets
                    .get(at + needle.length)
                    .copied()
                    .unwrap_or(data.len());
                // The same length: nothing in it was encoded, and it has been found already.
                if end - first > needle.length {
                    found.entry((&needle.canary, encoding)).or_insert(first);
                }
            }
        }
        let hit = |((canary, encoding), offset): ((&String, Encoding), usize)| Hit {
            canary: canary.clone(),
            location: self.redact(location),
            offset,
            encoding,
        };
        found.into_iter().map(hit).collect()
    }

    /// Redacts secrets from the name of a location.
    fn redact(&self, location: &str) -> String {
        self.hidden_texts
            .iter()
            .fold(location.to_owned(), |location, part| {
                location.replace(part, "[secret]")
            })
    }

    fn matches<'a>(&'a self, data: &[u8]) -> impl Iterator<Item = (&'a Needle, usize)> {
        self.search
            .find_overlapping_iter(data)
            .map(|found| (&self.needles[found.pattern().as_usize()], found.start()))
    }
}

/// Fails the test if there are hits, and lists them.
#[track_caller]
pub fn assert_no_leaks(hits: &[Hit]) {
    let lines: Vec<_> = hits.iter().map(ToString::to_string).collect();
    assert!(
        hits.is_empty(),
        "planted secrets leaked:\n{}",
        lines.join("\n")
    );
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            canary,
            location,
            offset,
            encoding,
        } = self;
        write!(
            f,
            "the secret of {canary} is in {location} at byte {offset} ({encoding:?})"
        )
    }
}

/// Returns the result, or `None` if the file was removed during the scan.
fn unless_removed<T>(result: std::io::Result<T>, path: &Path) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) if error.raw_os_error() == Some(ESRCH) => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
