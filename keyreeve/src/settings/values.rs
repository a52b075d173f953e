//! Parsing and formatting of setting values. A parser's error completes "must be …".

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use keyreeve_gateway::Listen;
use keyreeve_store::Durability;

use super::MIB;

/// Parses `localhost:PORT`, which means both address families, or one loopback address.
pub(super) fn parse_listen(word: &str) -> Result<Listen, String> {
    if let Some(port) = word
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok())
    {
        return Ok(Listen::Loopback { port });
    }
    let address: SocketAddr = word.parse().map_err(|_| {
        "an address and a port, such as localhost:8484, 127.0.0.1:8484 or [::1]:8484".to_owned()
    })?;
    if address.ip().to_canonical().is_loopback() {
        Ok(Listen::Address(address))
    } else {
        Err("a loopback address".to_owned())
    }
}

pub(super) fn listen_name(listen: Listen) -> String {
    match listen {
        Listen::Loopback { port } => format!("localhost:{port}"),
        Listen::Address(address) => address.to_string(),
    }
}

/// Parses a host name or address as in a `Host` header, without a port.
pub(super) fn parse_host(word: &str) -> Result<String, String> {
    let name = word.to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if !name.is_empty() && name.len() <= 253 && name.chars().all(fits) {
        Ok(name)
    } else {
        Err("host names without wildcards".to_owned())
    }
}

pub(super) fn parse_body_budget(word: &str) -> Result<usize, String> {
    match word.parse::<usize>() {
        Ok(mib @ 32..=65536) => Ok(mib * MIB),
        Ok(_) | Err(_) => Err("a number of MiB from 32 to 65536".to_owned()),
    }
}

pub(super) fn parse_workers(word: &str) -> Result<Option<NonZeroUsize>, String> {
    match word.parse::<NonZeroUsize>() {
        Ok(workers) if workers.get() <= 64 => Ok(Some(workers)),
        Ok(_) | Err(_) => Err("a number of threads from 1 to 64".to_owned()),
    }
}

pub(super) fn parse_throttle_wait(word: &str) -> Result<Duration, String> {
    match word.parse() {
        Ok(seconds @ 0..=60) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("a number of seconds from 0 to 60".to_owned()),
    }
}

pub(super) fn parse_path(word: &str) -> Result<Option<PathBuf>, String> {
    let path = PathBuf::from(word);
    if path.is_absolute() {
        Ok(Some(path))
    } else {
        Err("an absolute path".to_owned())
    }
}

pub(super) fn parse_days(word: &str) -> Result<u32, String> {
    match word.parse() {
        Ok(days @ 1..=36500) => Ok(days),
        Ok(_) | Err(_) => Err("a number of days from 1 to 36500".to_owned()),
    }
}

pub(super) fn parse_durability(word: &str) -> Result<Durability, String> {
    match word {
        // Its earlier name.
        "local" | "process" => Ok(Durability::Local),
        "strict" => Ok(Durability::Strict),
        _ => Err("local or strict".to_owned()),
    }
}

pub(super) fn durability_name(durability: Durability) -> &'static str {
    match durability {
        Durability::Local => "local",
        Durability::Strict => "strict",
    }
}
