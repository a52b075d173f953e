//! A stream sealed under a passphrase, chunk by chunk: the outer layer of a backup.
//!
//! Invariants: each chunk is bound to the header, to its place and to whether it is the last, so that none can be
//! changed, swapped, left out or cut off; nothing is handed out that was not authenticated
//! (docs/store-format.md has the layout).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_os::files::{FileError, NewFile, open_anywhere};
use keyreeve_os::world;
use zeroize::Zeroizing;

use crate::error::Cause;
use crate::{Error, Result};

/// Bytes of plaintext in each chunk but the last.
pub(crate) const CHUNK: usize = 64 * 1024;

const MAGIC: &[u8; 16] = b"keyreeve-backup\n";
const VERSION: u32 = 1;
const HEADER: usize = 64;
const TAG: usize = 16;

/// What argon2id costs: 64 MiB and three passes. A header may ask for more, within reason.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 4;

/// The first bytes of the file: magic, version, memory, passes, lanes, salt, nonce prefix.
#[derive(Clone, Copy)]
struct Header([u8; HEADER]);

impl Header {
    fn fresh() -> Result<Self> {
        let random =
            world::random::<32>().map_err(|error| Error::NoRandomness(Cause::new(error)))?;
        let mut bytes = [0; HEADER];
        let mut rest = bytes.as_mut_slice();
        let numbers = [VERSION, MEMORY_KIB, PASSES, LANES].map(u32::to_be_bytes);
        for field in [MAGIC.as_slice(), numbers.as_flattened(), &random] {
            let (place, after) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = after;
        }
        Ok(Self(bytes))
    }

    fn number(&self, at: usize) -> u32 {
        self.0[at..]
            .first_chunk()
            .map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    /// Says what is wrong with a header that was read.
    fn fault(&self) -> Option<&'static str> {
        let (memory, passes, lanes) = (self.number(20), self.number(24), self.number(28));
        if !self.0.starts_with(MAGIC) {
            Some("it does not begin as one")
        } else if self.number(16) != VERSION {
            Some("a newer keyreeve wrote it")
        } else if memory > MOST_MEMORY_KIB || passes > MOST_PASSES || lanes > MOST_LANES {
            Some("it asks for too much memory or time")
        } else {
            None
        }
    }

    fn key(&self, passphrase: &Secret) -> Result<Zeroizing<[u8; 32]>> {
        let failed = |error: argon2::Error| Error::Database(Cause::new(error));
        let params = Params::new(self.number(20), self.number(24), self.number(28), Some(32))
            .map_err(failed)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(
                passphrase.expose_for(Sink::Seal).as_bytes(),
                &self.0[32..48],
                key.as_mut_slice(),
            )
            .map_err(failed)?;
        Ok(key)
    }
}

/// Whether a chunk is followed by another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Within,
    Last,
}

/// The cipher and where in the stream it stands.
struct Stream {
    cipher: XChaCha20Poly1305,
    header: Header,
    counter: u64,
}

impl Stream {
    fn new(header: Header, passphrase: &Secret) -> Result<Self> {
        let key = header.key(passphrase)?;
        Ok(Self {
            cipher: XChaCha20Poly1305::new((&*key).into()),
            header,
            counter: 0,
        })
    }

    /// The nonce and the associated data of the next chunk.
    fn step(&mut self, place: Place) -> (XNonce, [u8; HEADER + 1]) {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&self.header.0[48..]);
        nonce[16..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        let mut data = [0; HEADER + 1];
        data[..HEADER].copy_from_slice(&self.header.0);
        data[HEADER] = u8::from(place == Place::Last);
        (nonce.into(), data)
    }
}

/// Writes a sealed stream.
pub(crate) struct Sealer {
    stream: Stream,
    pending: Zeroizing<Vec<u8>>,
    out: NewFile,
}

impl Sealer {
    /// Writes the header.
    pub(crate) fn start(mut out: NewFile, passphrase: &Secret) -> Result<Self> {
        let header = Header::fresh()?;
        let stream = Stream::new(header, passphrase)?;
        out.write_all(&header.0)?;
        Ok(Self {
            stream,
            pending: Zeroizing::new(Vec::with_capacity(CHUNK)),
            out,
        })
    }

    /// Appends to the stream.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.pending.len() == CHUNK {
                self.seal(Place::Within)?;
            }
            let room = bytes.len().min(CHUNK - self.pending.len());
            let (now, later) = bytes.split_at(room);
            self.pending.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Seals the last chunk and gives the file its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.seal(Place::Last)?;
        Ok(self.out.finish()?)
    }

    fn seal(&mut self, place: Place) -> Result<()> {
        let (nonce, data) = self.stream.step(place);
        let payload = Payload {
            msg: &self.pending,
            aad: &data,
        };
        let sealed = self.stream.cipher.encrypt(&nonce, payload);
        let sealed = sealed.map_err(|error| Error::Database(Cause::new(error)))?;
        self.pending.clear();
        Ok(self.out.write_all(&sealed)?)
    }
}

/// Reads a sealed stream.
pub(crate) struct Opener {
    stream: Stream,
    input: BufReader<File>,
    path: PathBuf,
    ended: bool,
}

impl Opener {
    /// Reads the header; the passphrase is tried on the first chunk.
    pub(crate) fn start(path: &Path, passphrase: &Secret) -> Result<Self> {
        let mut input = BufReader::new(open_anywhere(path)?);
        let path = path.to_owned();
        let mut header = Header([0; HEADER]);
        if input.read_exact(&mut header.0).is_err() {
            return Err(Error::BadBackup {
                path,
                what: "it is too short",
            });
        }
        if let Some(what) = header.fault() {
            return Err(Error::BadBackup { path, what });
        }
        Ok(Self {
            stream: Stream::new(header, passphrase)?,
            input,
            path,
            ended: false,
        })
    }

    /// Opens the next chunk; none after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if self.ended {
            return Ok(None);
        }
        let mut sealed = Vec::with_capacity(CHUNK + TAG);
        let limit = u64::try_from(CHUNK + TAG).unwrap_or(u64::MAX);
        let read = (&mut self.input).take(limit).read_to_end(&mut sealed);
        let more = read.and_then(|_| Ok(!self.input.fill_buf()?.is_empty()));
        let more = more.map_err(|source| {
            Error::Files(FileError::System {
                doing: "read",
                path: self.path.clone(),
                source,
            })
        })?;
        self.ended = !more;
        let first = self.stream.counter == 0;
        let (nonce, data) = self
            .stream
            .step(if more { Place::Within } else { Place::Last });
        let payload = Payload {
            msg: &sealed,
            aad: &data,
        };
        match self.stream.cipher.decrypt(&nonce, payload) {
            Ok(opened) => Ok(Some(Zeroizing::new(opened))),
            Err(_) if first => Err(Error::WrongPassphrase),
            Err(_) => Err(self.bad("it was cut or changed")),
        }
    }

    /// The error for content that cannot be right.
    pub(crate) fn bad(&self, what: &'static str) -> Error {
        Error::BadBackup {
            path: self.path.clone(),
            what,
        }
    }
}
