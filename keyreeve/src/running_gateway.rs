//! Detection and verification of a running `serve`: any program could listen on its port.
//!
//! `serve` writes a runtime file that only its owner can read, with its address and a secret. To trust the address, a command
//! sends a nonce to `/healthz` and checks the proof in the response against the secret before it sends anything else.
//!
//! Invariants: only a nonce, an opaque ticket and the address itself are sent to an unverified server; verification takes at
//! most [`VERIFY_TIMEOUT`]; it blocks, and needs no async runtime.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use keyreeve_gateway::{Challenge, InstanceSecret, Listen, NONCE_HEX_DIGITS, Ticket, TicketState};
use keyreeve_os::deadline::Deadline;
use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use keyreeve_os::{process, system};
use keyreeve_store::Store;
use serde::Deserialize;
use zeroize::Zeroize as _;

use crate::context::Context;
use crate::dirs::Dirs;
use crate::error::{CommandError, Exit};
use crate::output::sentence_case;
use crate::settings::Settings;

/// Name of the runtime file in the state directory.
pub(crate) const RUNTIME_FILE: &str = "serve.json";
/// Maximum size of the runtime file.
const MAX_RUNTIME_FILE_BYTES: usize = 64 * 1024;
/// Maximum size of a `/healthz` response, including its head.
const MAX_RESPONSE_BYTES: u64 = 4 * 1024;
/// Maximum duration of a verification, from connect to the last byte.
pub(crate) const VERIFY_TIMEOUT: Duration = Duration::from_millis(450);

/// State of the gateway on this state directory.
pub(crate) enum GatewayStatus {
    /// Running and verified.
    Verified(RunningGateway),
    /// Not running: there is no runtime file, or one of a killed `serve` and nothing listens.
    NotRunning,
    /// Something may be running, but must not be trusted.
    Unverified(UnverifiedGatewayError),
}

/// A gateway that was just verified.
pub(crate) struct RunningGateway {
    info: RuntimeInfo,
}

/// Reason a gateway could not be verified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnverifiedGatewayError {
    /// Another user could have written the runtime file.
    #[error("the runtime file of `keyreeve serve` cannot be trusted")]
    File(#[source] FileError),
    /// The runtime file has unexpected content.
    #[error("{} is not a runtime file of `keyreeve serve`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Another program listens on the port.
    #[error("the server on {0} is not this user's gateway")]
    Impostor(SocketAddr),
    /// No response in time.
    #[error("the server on {0} did not respond within {limit} ms", limit = VERIFY_TIMEOUT.as_millis())]
    Timeout(SocketAddr),
    /// The connection failed, or the system has no randomness for a nonce.
    #[error("cannot connect to {address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Status of a ticket's key at a verified gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TicketStatus {
    /// The key is accepted now.
    Accepted,
    /// The key is not accepted.
    Refused,
}

/// Content of the runtime file, unverified.
struct RuntimeInfo {
    address: SocketAddr,
    addresses: Vec<SocketAddr>,
    secret: InstanceSecret,
}

/// Finds the gateway of this state directory and verifies it, within [`VERIFY_TIMEOUT`].
pub(crate) fn verify(dirs: &Dirs) -> GatewayStatus {
    match read_runtime_file(dirs) {
        Ok(Some(info)) => match info.challenge(None, VERIFY_TIMEOUT) {
            Ok(_) => GatewayStatus::Verified(RunningGateway { info }),
            Err(error) => error.into(),
        },
        Ok(None) => GatewayStatus::NotRunning,
        Err(error) => GatewayStatus::Unverified(error),
    }
}

/// Like [`verify`], and also asks whether the key of a ticket is accepted. A ticket is valid for one run of `serve` only, so
/// it is derived from `ticket_text` and that run's secret.
pub(crate) fn verify_with_ticket(dirs: &Dirs, ticket_text: &str) -> (GatewayStatus, TicketStatus) {
    let info = match read_runtime_file(dirs) {
        Ok(Some(info)) => info,
        Ok(None) => return (GatewayStatus::NotRunning, TicketStatus::Refused),
        Err(error) => return (GatewayStatus::Unverified(error), TicketStatus::Refused),
    };
    let ticket = info.secret.ticket(ticket_text);
    match info.challenge(Some(&ticket), VERIFY_TIMEOUT) {
        Ok(status) => (GatewayStatus::Verified(RunningGateway { info }), status),
        Err(error) => (error.into(), TicketStatus::Refused),
    }
}

impl RunningGateway {
    /// Returns the base URL.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.info.address)
    }

    /// Returns every address it listens on.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.info.addresses
    }

    /// Returns the secret of this run, from which temporary keys are derived.
    pub(crate) fn secret(&self) -> &InstanceSecret {
        &self.info.secret
    }
}

impl From<ChallengeError> for GatewayStatus {
    fn from(failed: ChallengeError) -> Self {
        match failed {
            ChallengeError::NotListening => Self::NotRunning,
            ChallengeError::Unverified(error) => Self::Unverified(error),
        }
    }
}

impl From<UnverifiedGatewayError> for CommandError {
    fn from(error: UnverifiedGatewayError) -> Self {
        let command_error = Self::from_error(Exit::Credential, &error);
        match error {
            UnverifiedGatewayError::File(error) => match error.fix_command() {
                Some(command) => command_error.fix(command),
                None => command_error.fix("keyreeve serve"),
            },
            UnverifiedGatewayError::Malformed { .. } | UnverifiedGatewayError::Io { .. } => {
                command_error.fix("keyreeve serve")
            }
            UnverifiedGatewayError::Impostor(address) => {
                command_error.fix(format!("ss -tlnp 'sport = :{}'", address.port()))
            }
            UnverifiedGatewayError::Timeout(_) => {
                command_error.fix("systemctl --user restart keyreeve")
            }
        }
    }
}

/// Reason a challenge failed.
enum ChallengeError {
    /// Nothing listens on the address.
    NotListening,
    Unverified(UnverifiedGatewayError),
}

#[derive(Deserialize)]
struct RuntimeFileContent {
    address: String,
    addresses: Vec<String>,
    instance_secret: String,
}

#[derive(Deserialize)]
struct HealthzProof {
    proof: Option<String>,
}

/// Reads the runtime file strictly; `None` if there is none.
fn read_runtime_file(dirs: &Dirs) -> Result<Option<RuntimeInfo>, UnverifiedGatewayError> {
    let read = SafeDir::open(&dirs.state, CreateDir::Never)
        .and_then(|directory| directory.read(RUNTIME_FILE, MAX_RUNTIME_FILE_BYTES));
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(FileError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(UnverifiedGatewayError::File(error)),
    };
    let malformed = || UnverifiedGatewayError::Malformed {
        path: dirs.state.join(RUNTIME_FILE),
    };
    let mut content: RuntimeFileContent =
        serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    let mut secret = [0; 32];
    let decoded = hex::decode_to_slice(&content.instance_secret, &mut secret);
    content.instance_secret.zeroize();
    decoded.map_err(|_| malformed())?;
    let secret = InstanceSecret::new(secret);
    let address = |url: &String| url.strip_prefix("http://")?.parse::<SocketAddr>().ok();
    let loopback = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    let first = address(&content.address).filter(loopback);
    Ok(Some(RuntimeInfo {
        address: first.ok_or_else(malformed)?,
        addresses: content.addresses.iter().filter_map(address).collect(),
        secret,
    }))
}

impl RuntimeInfo {
    /// Sends a nonce and checks the proof in constant time.
    fn challenge(
        &self,
        ticket: Option<&Ticket>,
        limit: Duration,
    ) -> Result<TicketStatus, ChallengeError> {
        let (host, deadline) = (self.address.to_string(), Deadline::after(limit));
        let nonce = nonce().map_err(|source| self.failed(source))?;
        let query =
            ticket.map_or_else(String::new, |ticket| format!("&ticket={}", ticket.as_str()));
        let request = format!(
            "GET /healthz?nonce={nonce}{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        let response = exchange(self.address, request.as_bytes(), deadline)
            .map_err(|source| self.failed(source))?;
        let proof = parse_proof(&response).unwrap_or_default();
        let challenge = Challenge {
            nonce: &nonce,
            host: &host,
        };
        let proves = |about| self.secret.verifies(&proof, challenge, about);
        match ticket {
            None if proves(TicketState::NotRequested) => Ok(TicketStatus::Refused),
            Some(ticket) if proves(TicketState::Accepted(ticket)) => Ok(TicketStatus::Accepted),
            Some(ticket) if proves(TicketState::Rejected(ticket)) => Ok(TicketStatus::Refused),
            None | Some(_) => Err(ChallengeError::Unverified(
                UnverifiedGatewayError::Impostor(self.address),
            )),
        }
    }

    fn failed(&self, source: io::Error) -> ChallengeError {
        let address = self.address;
        match source.kind() {
            ErrorKind::ConnectionRefused => ChallengeError::NotListening,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                ChallengeError::Unverified(UnverifiedGatewayError::Timeout(address))
            }
            _ => ChallengeError::Unverified(UnverifiedGatewayError::Io { address, source }),
        }
    }
}

fn nonce() -> io::Result<String> {
    let random: [u8; NONCE_HEX_DIGITS / 2] = system::random().map_err(io::Error::other)?;
    Ok(hex::encode(random))
}

/// Sends a request and reads the response up to its end, the maximum size or the deadline.
fn exchange(address: SocketAddr, request: &[u8], deadline: Deadline) -> io::Result<Vec<u8>> {
    let remaining = || {
        deadline
            .remaining()
            .ok_or_else(|| io::Error::from(ErrorKind::TimedOut))
    };
    let mut stream = TcpStream::connect_timeout(&address, remaining()?)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(remaining()?))?;
    stream.write_all(request)?;
    let (mut response, mut chunk) = (Vec::new(), [0; 1024]);
    while u64::try_from(response.len()).unwrap_or(u64::MAX) < MAX_RESPONSE_BYTES {
        stream.set_read_timeout(Some(remaining()?))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => response.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A reset ends the response, too.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
    }
    Ok(response)
}

/// Returns the proof in a `/healthz` response; `None` if it is another response.
fn parse_proof(response: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(response).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return None;
    }
    serde_json::from_str::<HealthzProof>(body).ok()?.proof
}

/// Returns the note that a `serve` writes into its claim of the store.
pub(crate) fn claim_note(process: u32) -> String {
    format!("keyreeve serve, process {process}")
}

/// Returns the path of a runtime file that no running `serve` owns.
pub(crate) fn stale_runtime_file(dirs: &Dirs, store: &Store) -> Option<PathBuf> {
    let directory = SafeDir::open(&dirs.state, CreateDir::Never).ok()?;
    let exists = directory.contains(RUNTIME_FILE).ok()?;
    // A successful claim is released immediately.
    let is_stale = exists
        && store
            .acquire_serve_lock(&claim_note(process::pid()))
            .is_ok();
    is_stale.then(|| dirs.state.join(RUNTIME_FILE))
}

/// Removes the runtime file of a killed `serve`.
///
/// # Errors
/// If it cannot be removed.
pub(crate) fn remove_runtime_file(dirs: &Dirs) -> Result<(), CommandError> {
    Ok(SafeDir::open(&dirs.state, CreateDir::Never)?.remove(RUNTIME_FILE)?)
}

/// Returns the base URL of the running, verified gateway, or else the configured one.
pub(crate) fn gateway_url(dirs: &Dirs, settings: &Settings, context: &Context) -> String {
    match verify(dirs) {
        GatewayStatus::Verified(gateway) => return gateway.base_url(),
        GatewayStatus::NotRunning => context
            .output
            .note("`keyreeve serve` is not running: this is its configured address"),
        GatewayStatus::Unverified(error) => {
            context.output.note(&sentence_case(&error.to_string()));
            context
                .output
                .note("No verified `keyreeve serve` is running: this is its configured address");
        }
    }
    configured_url(settings.listen.value)
}

/// Returns the base URL of a gateway started without `--listen`.
fn configured_url(listen: Listen) -> String {
    match listen {
        Listen::Loopback { port } => format!("http://127.0.0.1:{port}"),
        Listen::Address(address) => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_healthz_responses_have_a_proof() {
        for (response, proof) in [
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
            assert_eq!(
                parse_proof(response.as_bytes()).as_deref(),
                proof,
                "{response}"
            );
        }
    }
}
