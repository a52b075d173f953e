//! A stream encrypted ("sealed") with a passphrase, chunk by chunk: the outer layer of a backup.
//!
//! Invariants: each chunk is bound to the header, to its position and to whether it is the last, so that no chunk can
//! be changed, swapped, omitted or truncated; only authenticated plaintext is returned (docs/store-format.md has the
//! layout).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_os::files::{FileError, NewFile, open_anywhere};
use keyreeve_os::system;
use zeroize::Zeroizing;

use crate::error::UnderlyingError;
use crate::{Result, StoreError};

/// Bytes of plaintext in each chunk except the last.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// The first bytes of a backup.
const MAGIC: &[u8; 16] = b"keyreeve-backup\n";
const VERSION: u32 = 1;
const HEADER: usize = 64;
const TAG: usize = 16;

/// Cost of argon2id: 64 MiB and three passes. A header may ask for more, up to the maximums below.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 4;

/// The header of the file: magic, version, argon2id's memory, passes and lanes, salt, nonce prefix.
#[derive(Clone, Copy)]
struct StreamHeader([u8; HEADER]);

impl StreamHeader {
    fn generate() -> Result<Self> {
        let random = system::random::<32>()
            .map_err(|error| StoreError::NoRandomness(UnderlyingError::new(error)))?;
        let mut bytes = [0; HEADER];
        let mut rest = bytes.as_mut_slice();
        let numbers = [VERSION, MEMORY_KIB, PASSES, LANES].map(u32::to_be_bytes);
        for field in [MAGIC.as_slice(), numbers.as_flattened(), &random] {
            let (target, after) = rest.split_at_mut(field.len());
            target.copy_from_slice(field);
            rest = after;
        }
        Ok(Self(bytes))
    }

    fn number(&self, at: usize) -> u32 {
        self.0[at..]
            .first_chunk()
            .map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    /// Returns the problem with a header that was read, or `None` if it is valid.
    fn invalid_reason(&self) -> Option<&'static str> {
        let (memory, passes, lanes) = (self.number(20), self.number(24), self.number(28));
        if !self.0.starts_with(MAGIC) {
            Some("it has no backup header")
        } else if self.number(16) != VERSION {
            Some("it was written by a newer keyreeve")
        } else if memory > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            Some("its header asks for too much memory or time")
        } else {
            None
        }
    }

    fn key(&self, passphrase: &Secret) -> Result<Zeroizing<[u8; 32]>> {
        let cipher_error = |error: argon2::Error| StoreError::Database(UnderlyingError::new(error));
        let params = Params::new(self.number(20), self.number(24), self.number(28), Some(32))
            .map_err(cipher_error)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(
                passphrase.expose_for(Sink::Seal).as_bytes(),
                &self.0[32..48],
                key.as_mut_slice(),
            )
            .map_err(cipher_error)?;
        Ok(key)
    }
}

/// The position of a chunk: more follow, or it is the last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ChunkPosition {
    Middle,
    Last,
}

/// The cipher of a stream and the number of its next chunk.
struct ChunkCipher {
    cipher: XChaCha20Poly1305,
    header: StreamHeader,
    counter: u64,
}

impl ChunkCipher {
    fn new(header: StreamHeader, passphrase: &Secret) -> Result<Self> {
        let key = header.key(passphrase)?;
        Ok(Self {
            cipher: XChaCha20Poly1305::new((&*key).into()),
            header,
            counter: 0,
        })
    }

    /// Returns the nonce and the associated data of the next chunk.
    fn next_nonce(&mut self, position: ChunkPosition) -> (XNonce, [u8; HEADER + 1]) {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&self.header.0[48..]);
        nonce[16..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        let mut data = [0; HEADER + 1];
        data[..HEADER].copy_from_slice(&self.header.0);
        data[HEADER] = u8::from(position == ChunkPosition::Last);
        (nonce.into(), data)
    }
}

/// Encrypts a stream and writes it to a new file.
pub(crate) struct SealedWriter {
    stream: ChunkCipher,
    pending: Zeroizing<Vec<u8>>,
    out: NewFile,
}

impl SealedWriter {
    /// Derives the key from the passphrase and writes the header.
    pub(crate) fn start(mut out: NewFile, passphrase: &Secret) -> Result<Self> {
        let header = StreamHeader::generate()?;
        let stream = ChunkCipher::new(header, passphrase)?;
        out.write_all(&header.0)?;
        Ok(Self {
            stream,
            pending: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)),
            out,
        })
    }

    /// Appends to the stream.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.pending.len() == CHUNK_BYTES {
                self.seal(ChunkPosition::Middle)?;
            }
            let length = bytes.len().min(CHUNK_BYTES - self.pending.len());
            let (now, remaining) = bytes.split_at(length);
            self.pending.extend_from_slice(now);
            bytes = remaining;
        }
        Ok(())
    }

    /// Encrypts the last chunk and gives the file its final name.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.seal(ChunkPosition::Last)?;
        Ok(self.out.finish()?)
    }

    fn seal(&mut self, position: ChunkPosition) -> Result<()> {
        let (nonce, data) = self.stream.next_nonce(position);
        let payload = Payload {
            msg: &self.pending,
            aad: &data,
        };
        let sealed = self.stream.cipher.encrypt(&nonce, payload);
        let sealed = sealed.map_err(|error| StoreError::Database(UnderlyingError::new(error)))?;
        self.pending.clear();
        Ok(self.out.write_all(&sealed)?)
    }
}

/// Reads and decrypts a sealed stream.
pub(crate) struct SealedReader {
    stream: ChunkCipher,
    input: BufReader<File>,
    path: PathBuf,
    ended: bool,
}

impl SealedReader {
    /// Reads the header. The passphrase is checked with the first chunk.
    pub(crate) fn start(path: &Path, passphrase: &Secret) -> Result<Self> {
        let (input, header) = Self::read_header(path)?;
        Ok(Self {
            stream: ChunkCipher::new(header, passphrase)?,
            input,
            path: path.to_owned(),
            ended: false,
        })
    }

    /// Checks that a file begins like a stream, without a passphrase.
    pub(crate) fn check_header(path: &Path) -> Result<()> {
        Self::read_header(path).map(drop)
    }

    fn read_header(path: &Path) -> Result<(BufReader<File>, StreamHeader)> {
        let mut input = BufReader::new(open_anywhere(path)?);
        let path = path.to_owned();
        let mut header = StreamHeader([0; HEADER]);
        if input.read_exact(&mut header.0).is_err() {
            return Err(StoreError::BadBackup {
                path,
                what: "it is truncated",
            });
        }
        if let Some(what) = header.invalid_reason() {
            return Err(StoreError::BadBackup { path, what });
        }
        Ok((input, header))
    }

    /// Decrypts the next chunk. Returns `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if self.ended {
            return Ok(None);
        }
        let mut sealed = Vec::with_capacity(CHUNK_BYTES + TAG);
        let limit = u64::try_from(CHUNK_BYTES + TAG).unwrap_or(u64::MAX);
        let read = (&mut self.input).take(limit).read_to_end(&mut sealed);
        let more = read.and_then(|_| Ok(!self.input.fill_buf()?.is_empty()));
        let more = more.map_err(FileError::system("read", &self.path))?;
        self.ended = !more;
        let first = self.stream.counter == 0;
        let (nonce, data) = self.stream.next_nonce(if more {
            ChunkPosition::Middle
        } else {
            ChunkPosition::Last
        });
        let payload = Payload {
            msg: &sealed,
            aad: &data,
        };
        match self.stream.cipher.decrypt(&nonce, payload) {
            Ok(plaintext) => Ok(Some(Zeroizing::new(plaintext))),
            Err(_) if first => Err(StoreError::WrongPassphrase),
            Err(_) => Err(self.bad_backup("it was truncated or changed")),
        }
    }

    /// Builds the error for invalid content.
    pub(crate) fn bad_backup(&self, what: &'static str) -> StoreError {
        StoreError::BadBackup {
            path: self.path.clone(),
            what,
        }
    }
}
