//! Access to core's recorded responses for the tests of the other crates.
//!
//! Invariant: there is one copy of each, in `core/tests/fixtures`.

use std::path::Path;

use serde_json::Value;

/// Reads one fixture by its file name, such as `success-stream.sse`.
pub fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/fixtures");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("fixture {name}: {error}"))
}

/// Reads one fixture as JSON.
pub fn json(name: &str) -> Value {
    serde_json::from_slice(&bytes(name)).unwrap_or_else(|error| panic!("fixture {name}: {error}"))
}

/// A recorded stream and the expected result of a meter.
#[derive(Clone, Debug)]
pub struct RecordedStream {
    /// Its file name.
    pub name: String,
    /// The bytes on the wire.
    pub bytes: Vec<u8>,
    /// Its row of `streams.json`: `model`, the token classes, `cost`, `complete`, `error`.
    pub expected: Value,
}

/// Reads all recorded streams.
pub fn streams() -> Vec<RecordedStream> {
    let table = json("streams.json");
    let rows = table["streams"]
        .as_array()
        .expect("streams.json has a list of streams");
    rows.iter()
        .map(|row| {
            let name = row["file"]
                .as_str()
                .expect("each stream names its file")
                .to_owned();
            RecordedStream {
                bytes: bytes(&name),
                name,
                expected: row.clone(),
            }
        })
        .collect()
}
