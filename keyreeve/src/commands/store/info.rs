//! `store info`: where the store is, its files and sizes, and what it protects against.

use keyreeve_os::memory::SwapProtection;
use keyreeve_resolver::snapshot::UnverifiedRow;
use keyreeve_store::{MasterKeyHome, StoreFile, StoreFileKind};
use serde::Serialize;

use crate::context::{Context, unverified_rows};
use crate::error::CommandError;
use crate::output::{Line, pluralize, size};
use crate::render::profile::{NOT_VERIFIED, NOT_VERIFIED_REASON};

/// The store.
#[derive(Serialize)]
pub(super) struct Info {
    pub(super) data: String,
    master_key: &'static str,
    master_key_directory: String,
    protects_against: &'static str,
    master_key_may_be_swapped: bool,
    files: Vec<FileView>,
    profiles: usize,
    keys: usize,
    /// The profiles and keys that do not verify.
    not_verified: Vec<UnverifiedView>,
}

#[derive(Serialize)]
struct FileView {
    name: String,
    /// `database`, `log` or `journal`.
    kind: &'static str,
    bytes: u64,
}

#[derive(Serialize)]
struct UnverifiedView {
    /// `profile` or `key`.
    kind: &'static str,
    name: String,
}

pub(super) fn read(context: &Context) -> Result<Info, CommandError> {
    let dirs = context.dirs()?;
    let store = context.open_store()?;
    let policy = store.policy()?;
    let (master_key, protects_against) = match store.master_key_home() {
        MasterKeyHome::KeyFile => (
            "key-file",
            "theft of the database or its backups, but not programs running as you",
        ),
    };
    Ok(Info {
        data: dirs.data.display().to_string(),
        master_key,
        master_key_directory: dirs.config.display().to_string(),
        protects_against,
        master_key_may_be_swapped: match store.master_key_swap_protection()? {
            SwapProtection::Locked => false,
            SwapProtection::Unlocked => true,
        },
        files: store.files()?.into_iter().map(FileView::from).collect(),
        profiles: policy.profiles().len(),
        keys: policy.keys().len(),
        not_verified: unverified_rows(&policy)
            .into_iter()
            .map(UnverifiedView::from)
            .collect(),
    })
}

impl From<StoreFile> for FileView {
    fn from(file: StoreFile) -> Self {
        Self {
            name: file.name,
            kind: match file.kind {
                StoreFileKind::Database => "database",
                StoreFileKind::Log => "log",
                StoreFileKind::Journal => "journal",
            },
            bytes: file.bytes,
        }
    }
}

impl From<UnverifiedRow> for UnverifiedView {
    fn from(row: UnverifiedRow) -> Self {
        let (kind, name) = match row {
            UnverifiedRow::Profile(name) => ("profile", name),
            UnverifiedRow::Key(name) => ("key", name),
        };
        Self {
            kind,
            name: name.to_string(),
        }
    }
}

pub(super) fn lines(info: &Info) -> Vec<Line> {
    let contents = [
        pluralize(info.profiles, "profile"),
        pluralize(info.keys, "key"),
    ];
    let mut lines = vec![
        Line::Field("directory", info.data.clone()),
        Line::Field("databases", files(info, "database")),
    ];
    for (label, kind) in [("logs", "log"), ("journals", "journal")] {
        let files = files(info, kind);
        if !files.is_empty() {
            lines.push(Line::Field(label, files));
        }
    }
    lines.extend([
        Line::Field(
            "master key",
            format!("a file in {}", info.master_key_directory),
        ),
        Line::Field("protects", format!("against {}", info.protects_against)),
        Line::Field("contains", contents.join(", ")),
    ]);
    for row in &info.not_verified {
        let text = format!("{} {}: {NOT_VERIFIED_REASON}", row.kind, row.name);
        lines.push(Line::Field(NOT_VERIFIED, text));
    }
    if info.master_key_may_be_swapped {
        lines.push(Line::Note(
            "The master key could not be locked into memory: it may be swapped to disk".to_owned(),
        ));
    }
    lines
}

/// Returns the names and sizes of the files of this kind that are not empty.
fn files(info: &Info, kind: &str) -> String {
    let files = (info.files.iter()).filter(|file| file.kind == kind && file.bytes > 0);
    let files = files.map(|file| format!("{} ({})", file.name, size(file.bytes)));
    files.collect::<Vec<_>>().join(", ")
}
