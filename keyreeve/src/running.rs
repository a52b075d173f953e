//! Whether a `serve` of ours runs, and proof that it is the one: what listens on its port may be anybody's.
//!
//! `serve` leaves a file that only its owner can read: an address and a secret. Whoever wants to trust the address sends
//! a nonce to `/healthz` and checks the answer against the secret before anything else is said.
//!
//! Invariants: nothing but a nonce, an opaque ticket and the address itself is ever sent to what has not proved itself;
//! the whole takes at most the time it is given; it blocks, and starts no runtime.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use keyreeve_gateway::{About, Challenge, InstanceSecret, NONCE_LENGTH, Ticket};
use keyreeve_os::deadline::Deadline;
use keyreeve_os::files::{FileError, Make, SafeDir};
use keyreeve_os::world;
use serde::Deserialize;
use zeroize::Zeroize as _;

use crate::error::{CommandError, Exit};
use crate::places::Places;

/// The runtime file's name in the state directory.
pub(crate) const FILE: &str = "serve.json";
/// No runtime file has more bytes than this.
const FILE_LIMIT: usize = 64 * 1024;
/// No answer of `/healthz` has more bytes than this, head and all.
const ANSWER_LIMIT: u64 = 4 * 1024;
/// How long a proof may take, from the first byte to the last.
pub(crate) const PROOF_LIMIT: Duration = Duration::from_millis(450);

/// What was found.
pub(crate) enum Running {
    /// A gateway that has proved itself.
    Proved(Gateway),
    /// No `serve` runs on this state directory: there is no file, or a killed one left it and nobody listens.
    Not,
    /// Something is there, and nothing may be sent to it.
    Unproved(Unproved),
}

/// A gateway that has proved itself a moment ago.
pub(crate) struct Gateway {
    announced: Announced,
}

/// Why what seems to run is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unproved {
    /// The runtime file is not ours alone, so anybody may have written the address in it.
    #[error("the runtime file of `keyreeve serve` cannot be trusted")]
    File(#[source] FileError),
    /// The runtime file holds something else than `serve` writes.
    #[error("{} is not what `keyreeve serve` writes", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// Another program has the port.
    #[error("what listens on {0} is not the gateway of this user")]
    Impostor(SocketAddr),
    /// It did not answer in time.
    #[error("what listens on {0} did not answer in {limit} ms", limit = PROOF_LIMIT.as_millis())]
    Silent(SocketAddr),
    /// No nonce could be made, or the system did not let us connect.
    #[error("could not ask {address}")]
    Io {
        /// Who was to be asked.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What a proved gateway says of a ticket's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Acceptance {
    /// It is accepted now.
    Accepted,
    /// It is not.
    Refused,
}

/// What the runtime file says. Nothing of it is proved.
struct Announced {
    address: SocketAddr,
    addresses: Vec<SocketAddr>,
    secret: InstanceSecret,
}

/// Finds the gateway that runs on this state directory and has it prove itself, within [`PROOF_LIMIT`].
pub(crate) fn prove(places: &Places) -> Running {
    match announced(places) {
        Ok(Some(announced)) => match announced.challenge(None, PROOF_LIMIT) {
            Ok(_) => Running::Proved(Gateway { announced }),
            Err(why) => why.into(),
        },
        Ok(None) => Running::Not,
        Err(why) => Running::Unproved(why),
    }
}

/// As [`prove`], and asks about the key of a ticket in the same breath. The ticket is `serve`'s of today alone, so it is
/// made of the words for it by whoever runs.
pub(crate) fn prove_with(places: &Places, words: &str) -> (Running, Acceptance) {
    let announced = match announced(places) {
        Ok(Some(announced)) => announced,
        Ok(None) => return (Running::Not, Acceptance::Refused),
        Err(why) => return (Running::Unproved(why), Acceptance::Refused),
    };
    let ticket = announced.secret.ticket(words);
    match announced.challenge(Some(&ticket), PROOF_LIMIT) {
        Ok(acceptance) => (Running::Proved(Gateway { announced }), acceptance),
        Err(why) => (why.into(), Acceptance::Refused),
    }
}

impl Gateway {
    /// Its base URL.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.announced.address)
    }

    /// Every address it listens on.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.announced.addresses
    }

    /// The secret of this run, from which short-lived keys come.
    pub(crate) fn secret(&self) -> &InstanceSecret {
        &self.announced.secret
    }
}

impl From<Failed> for Running {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Nobody => Self::Not,
            Failed::Unproved(why) => Self::Unproved(why),
        }
    }
}

impl From<Unproved> for CommandError {
    fn from(why: Unproved) -> Self {
        let told = Self::of(Exit::Credential, &why);
        match why {
            Unproved::File(error) => match error.hint() {
                Some(hint) => told.hint(hint),
                None => told.hint("keyreeve serve"),
            },
            Unproved::Content { .. } | Unproved::Io { .. } => told.hint("keyreeve serve"),
            Unproved::Impostor(address) => {
                told.hint(format!("ss -tlnp 'sport = :{}'", address.port()))
            }
            Unproved::Silent(_) => told.hint("systemctl --user restart keyreeve"),
        }
    }
}

/// Why a challenge was not met.
enum Failed {
    /// Nobody listens.
    Nobody,
    Unproved(Unproved),
}

#[derive(Deserialize)]
struct Content {
    address: String,
    addresses: Vec<String>,
    instance_secret: String,
}

#[derive(Deserialize)]
struct Health {
    proof: Option<String>,
}

/// Reads the runtime file, strictly; none where there is none.
fn announced(places: &Places) -> Result<Option<Announced>, Unproved> {
    let read = SafeDir::open(&places.state, Make::Never)
        .and_then(|directory| directory.read(FILE, FILE_LIMIT));
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(FileError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(Unproved::File(error)),
    };
    let wrong = || Unproved::Content {
        path: places.state.join(FILE),
    };
    let mut content: Content = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    let mut secret = [0; 32];
    let decoded = hex::decode_to_slice(&content.instance_secret, &mut secret);
    content.instance_secret.zeroize();
    decoded.map_err(|_| wrong())?;
    let secret = InstanceSecret::new(secret);
    let address = |url: &String| url.strip_prefix("http://")?.parse::<SocketAddr>().ok();
    let loopback = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    let first = address(&content.address).filter(loopback);
    Ok(Some(Announced {
        address: first.ok_or_else(wrong)?,
        addresses: content.addresses.iter().filter_map(address).collect(),
        secret,
    }))
}

impl Announced {
    /// Asks, and checks the answer in constant time.
    fn challenge(&self, ticket: Option<&Ticket>, limit: Duration) -> Result<Acceptance, Failed> {
        let (host, deadline) = (self.address.to_string(), Deadline::after(limit));
        let nonce = nonce().map_err(|source| self.failed(source))?;
        let query =
            ticket.map_or_else(String::new, |ticket| format!("&ticket={}", ticket.as_str()));
        let request = format!(
            "GET /healthz?nonce={nonce}{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        let answer = exchange(self.address, request.as_bytes(), deadline)
            .map_err(|source| self.failed(source))?;
        let proof = proof_in(&answer).unwrap_or_default();
        let challenge = Challenge {
            nonce: &nonce,
            host: &host,
        };
        let proves = |about| self.secret.proves(&proof, challenge, about);
        match ticket {
            None if proves(About::Nothing) => Ok(Acceptance::Refused),
            Some(ticket) if proves(About::Accepted(ticket)) => Ok(Acceptance::Accepted),
            Some(ticket) if proves(About::Refused(ticket)) => Ok(Acceptance::Refused),
            None | Some(_) => Err(Failed::Unproved(Unproved::Impostor(self.address))),
        }
    }

    fn failed(&self, source: io::Error) -> Failed {
        let address = self.address;
        match source.kind() {
            ErrorKind::ConnectionRefused => Failed::Nobody,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                Failed::Unproved(Unproved::Silent(address))
            }
            _ => Failed::Unproved(Unproved::Io { address, source }),
        }
    }
}

fn nonce() -> io::Result<String> {
    let random: [u8; NONCE_LENGTH / 2] = world::random().map_err(io::Error::other)?;
    Ok(hex::encode(random))
}

/// Sends a request and reads what comes, up to the end, the limit in bytes or the deadline.
fn exchange(address: SocketAddr, request: &[u8], deadline: Deadline) -> io::Result<Vec<u8>> {
    let left = || {
        deadline
            .left()
            .ok_or_else(|| io::Error::from(ErrorKind::TimedOut))
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(request)?;
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while u64::try_from(answer.len()).unwrap_or(u64::MAX) < ANSWER_LIMIT {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // What closes the door on us has said all it had to say.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// The proof in an answer of `/healthz`; none where it is another answer.
fn proof_in(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return None;
    }
    serde_json::from_str::<Health>(body).ok()?.proof
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_healthz_holds_a_proof() {
        for (answer, proof) in [
            (
                "HTTP/1.1 200 OK\r\na: b\r\n\r\n{\"status\":\"ok\",\"proof\":\"00\"}",
                Some("00"),
            ),
            ("HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}", None),
            ("HTTP/1.1 404 No\r\n\r\n{\"proof\":\"00\"}", None),
            ("HTTP/1.1 200 OK\r\n", None),
            ("SSH-2.0-x\r\n\r\n{\"proof\":\"00\"}", None),
            ("", None),
        ] {
            assert_eq!(proof_in(answer.as_bytes()).as_deref(), proof, "{answer}");
        }
    }
}
