//! Ids and secrets of new records.

use keyreeve_core::virtual_key::{KeyKind, NewKey, generate_key};
use keyreeve_os::system;
use uuid::Uuid;

use super::AdminError;

/// Creates a unique id: a UUID v7 of now.
///
/// # Errors
/// [`AdminError::NoRandomness`].
pub fn new_id() -> Result<Uuid, AdminError> {
    let millis = u64::try_from(system::now().as_millisecond()).unwrap_or_default();
    let random = random_bytes::<10>()?;
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// Generates the secret of a virtual key.
///
/// # Errors
/// [`AdminError::NoRandomness`].
pub fn new_key() -> Result<NewKey, AdminError> {
    Ok(generate_key(KeyKind::User, random_bytes()?))
}

/// Returns random bytes.
///
/// # Errors
/// [`AdminError::NoRandomness`].
pub fn random_bytes<const N: usize>() -> Result<[u8; N], AdminError> {
    system::random().map_err(|error| AdminError::NoRandomness(Box::new(error)))
}
