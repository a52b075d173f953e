//! Looks for planted secrets in bytes, files and processes, in every form they may have taken.
//!
//! Invariants: a hit says which secret, where and in what form, never the value; what cannot be read fails the test, so
//! that a clean scan means that all was looked at; names of files are looked at as well as their contents.

mod decode;
mod needles;

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use aho_corasick::AhoCorasick;

use crate::canary::Canary;

/// Gzip inside gzip is followed this deep.
const DEEPEST: usize = 3;

/// `ESRCH`: what a file under `/proc` answers once its process has ended.
const NO_SUCH_PROCESS: i32 = 3;

/// A scan for a set of planted secrets.
pub struct LeakScan {
    search: AhoCorasick,
    needles: Vec<Needle>,
    /// What a place's own name must not show.
    veiled: Vec<String>,
}

/// The form in which a secret was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Base64, either alphabet, at any of the three alignments.
    Base64,
    /// Hexadecimal digits of either case.
    Hex,
    /// UTF-16 in either byte order.
    Utf16,
    /// A list of decimal numbers, as a debug print of bytes.
    Numbers,
    /// With some characters percent-encoded.
    Percent,
    /// With some characters escaped as in JSON.
    Escaped,
}

/// A planted secret found where it may not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The place the secret was planted in: [`Canary::sink`].
    pub canary: String,
    /// The file, or whatever the caller called the bytes; a gzip member is named behind its file.
    pub place: String,
    /// Where its first sighting begins, in bytes. Further ones of the same form in the same place are not told.
    pub offset: usize,
    /// How it was written.
    pub encoding: Encoding,
}

struct Needle {
    canary: String,
    encoding: Encoding,
    length: usize,
}

impl LeakScan {
    /// Prepares a scan for these secrets.
    pub fn of<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Self {
        let (mut needles, mut patterns, mut veiled) = (Vec::new(), Vec::new(), Vec::new());
        for canary in canaries {
            veiled.extend([canary.value().to_owned(), canary.mark().to_owned()]);
            for (encoding, bytes) in needles::forms(canary.mark().as_bytes()) {
                let canary = canary.sink().to_owned();
                needles.push(Needle {
                    canary,
                    encoding,
                    length: bytes.len(),
                });
                patterns.push(bytes);
            }
        }
        let search = AhoCorasick::new(patterns).expect("the needles fit an automaton");
        Self {
            search,
            needles,
            veiled,
        }
    }

    /// Scans bytes that the caller names.
    pub fn bytes(&self, place: &str, data: &[u8]) -> Vec<Hit> {
        self.nested(place, data, DEEPEST)
    }

    /// Scans a file, or all files under a directory and their names. Links are named, not followed; sockets and FIFOs
    /// hold nothing.
    pub fn path(&self, path: &Path) -> Vec<Hit> {
        let place = path.to_string_lossy();
        let name = path.file_name().unwrap_or_default();
        let mut hits = self.bytes(&format!("the name of {place}"), name.as_encoded_bytes());
        let Some(meta) = still_there(path.symlink_metadata(), path) else {
            return hits;
        };
        if meta.is_file() {
            let data = still_there(std::fs::read(path), path).unwrap_or_default();
            hits.extend(self.bytes(&place, &data));
        } else if meta.is_dir() {
            let entries = still_there(std::fs::read_dir(path), path)
                .into_iter()
                .flatten();
            for entry in entries {
                hits.extend(self.path(&entry.expect("a directory can be listed").path()));
            }
        }
        hits
    }

    /// Scans what the same user may read of a running process: its arguments and its environment. A process that hides
    /// them from us has shown nothing.
    pub fn process(&self, pid: u32) -> Vec<Hit> {
        let mut hits = Vec::new();
        for file in ["cmdline", "environ"] {
            let path = Path::new("/proc").join(pid.to_string()).join(file);
            let hidden = std::fs::read(&path).map_err(|error| error.kind());
            if hidden != Err(ErrorKind::PermissionDenied) {
                hits.extend(self.path(&path));
            }
        }
        hits
    }

    fn nested(&self, place: &str, data: &[u8], depth: usize) -> Vec<Hit> {
        let mut hits = self.views(place, data);
        if depth > 0 {
            for (at, inflated) in decode::gzip_members(data) {
                let place = format!("{place}, gzip member at {at}");
                hits.extend(self.nested(&place, &inflated, depth - 1));
            }
        }
        hits
    }

    fn views(&self, place: &str, data: &[u8]) -> Vec<Hit> {
        let mut found = BTreeMap::new();
        for (needle, at) in self.sightings(data) {
            found.entry((&needle.canary, needle.encoding)).or_insert(at);
        }
        let decoded = [
            (Encoding::Percent, decode::percent(data)),
            (Encoding::Escaped, decode::backslash(data)),
        ];
        for (encoding, view) in decoded {
            let Some(view) = view else { continue };
            for (needle, at) in self.sightings(&view.bytes) {
                let first = view.offsets[at];
                let end = view
                    .offsets
                    .get(at + needle.length)
                    .copied()
                    .unwrap_or(data.len());
                // As long as it was: nothing in it was wrapped, and it has been seen already.
                if end - first > needle.length {
                    found.entry((&needle.canary, encoding)).or_insert(first);
                }
            }
        }
        let hit = |((canary, encoding), offset): ((&String, Encoding), usize)| Hit {
            canary: canary.clone(),
            place: self.veil(place),
            offset,
            encoding,
        };
        found.into_iter().map(hit).collect()
    }

    /// The name of a place, itself without the secrets.
    fn veil(&self, place: &str) -> String {
        self.veiled.iter().fold(place.to_owned(), |place, part| {
            place.replace(part, "[secret]")
        })
    }

    fn sightings<'a>(&'a self, data: &[u8]) -> impl Iterator<Item = (&'a Needle, usize)> {
        self.search
            .find_overlapping_iter(data)
            .map(|found| (&self.needles[found.pattern().as_usize()], found.start()))
    }
}

/// Fails the test if anything was found, naming every hit.
#[track_caller]
pub fn assert_none(hits: &[Hit]) {
    let lines: Vec<_> = hits.iter().map(ToString::to_string).collect();
    assert!(
        hits.is_empty(),
        "planted secrets got out:\n{}",
        lines.join("\n")
    );
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            canary,
            place,
            offset,
            encoding,
        } = self;
        write!(
            f,
            "the secret of {canary} is in {place} at byte {offset} ({encoding:?})"
        )
    }
}

/// What was read, or none if it vanished while it was looked at.
fn still_there<T>(result: std::io::Result<T>, path: &Path) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) if error.raw_os_error() == Some(NO_SUCH_PROCESS) => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
