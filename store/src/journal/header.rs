//! The header of a journal's file: the page before its slots.

use std::path::Path;

use uuid::Uuid;

use super::frame::HALF_SIZE;
use super::record::Fields;
use crate::{Result, StoreError};

/// Length of the header in bytes.
pub(super) const HEADER_SIZE: usize = 4096;
/// Length of a slot in bytes: the frame of its intent and the frame of its outcome.
pub(super) const SLOT_SIZE: usize = 2 * HALF_SIZE;
/// Maximum number of slots of a file.
pub(super) const MAX_SLOTS: u32 = 8192;

const MAGIC: &[u8; 16] = b"keyreeve-journal";
const VERSION: u32 = 1;
/// Length of the header's fields before its checksum.
const FIELDS_SIZE: usize = 44;

/// Name of a file: `journal-`, the id in 32 hexadecimal digits, `.slots`.
pub(super) const PREFIX: &str = "journal-";
pub(super) const SUFFIX: &str = ".slots";

/// The fields of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// The journal's id.
    pub(super) id: [u8; 16],
    /// The number of slots; the file may be longer while it is being extended.
    pub(super) slots: u32,
}

/// Returns the name of the file of a journal.
pub(super) fn file_name(id: [u8; 16]) -> String {
    format!("{PREFIX}{}{SUFFIX}", Uuid::from_bytes(id).simple())
}

/// Returns the position of a slot in the file.
pub(super) fn slot_offset(slot: u32) -> u64 {
    HEADER_SIZE as u64 + u64::from(slot) * SLOT_SIZE as u64
}

impl Header {
    /// Encodes the header with its checksum. The rest of its page is zeros.
    pub(super) fn encode(self) -> [u8; FIELDS_SIZE + 4] {
        let mut bytes = [0; FIELDS_SIZE + 4];
        let slot_size = u32::try_from(SLOT_SIZE).unwrap_or_default();
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&VERSION.to_be_bytes());
        bytes[20..24].copy_from_slice(&slot_size.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.slots.to_be_bytes());
        bytes[28..44].copy_from_slice(&self.id);
        let checksum = crc32fast::hash(&bytes[..FIELDS_SIZE]);
        bytes[FIELDS_SIZE..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Decodes the header of the file at `path`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is damaged or belongs to a file of another name; [`StoreError::NewerSchema`] if a
    /// newer keyreeve wrote it.
    pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let corrupt = |what: &str| StoreError::Corrupt {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let (header, version) = parse(bytes).ok_or_else(|| corrupt("its header is invalid"))?;
        if version > VERSION {
            return Err(StoreError::NewerSchema {
                path: path.to_owned(),
                found: i64::from(version),
                known: i64::from(VERSION),
            });
        }
        if !path.ends_with(file_name(header.id)) {
            return Err(corrupt("its header belongs to a file of another name"));
        }
        Ok(header)
    }
}

/// Returns the header and its version if its checksum is right.
fn parse(bytes: &[u8]) -> Option<(Header, u32)> {
    let mut fields = Fields::new(bytes);
    let magic = fields.array()?;
    let version = u32::from_be_bytes(fields.array()?);
    let slot_size = u32::from_be_bytes(fields.array()?);
    let slots = u32::from_be_bytes(fields.array()?);
    let id = fields.array()?;
    let checksum = u32::from_be_bytes(fields.array()?);
    let is_whole =
        &magic == MAGIC && version > 0 && crc32fast::hash(bytes.get(..FIELDS_SIZE)?) == checksum;
    let is_known = usize::try_from(slot_size) == Ok(SLOT_SIZE) && slots <= MAX_SLOTS;
    (is_whole && (is_known || version > VERSION)).then_some((Header { id, slots }, version))
}
