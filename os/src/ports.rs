//! Finds the process that listens on a port, for the message "port … is in use".
//!
//! Linux only, through `/proc`; for another user's sockets only the user id is known, not the program.

use std::fmt;
use std::path::Path;

/// The process that listens on a port, as far as the system shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortOwner {
    user: u32,
    process: Option<(u32, String)>,
}

impl fmt::Display for PortOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some((pid, program)) => write!(f, "{program} (process {pid})"),
            None => write!(f, "a process of user {}", self.user),
        }
    }
}

/// Finds the process that listens on a TCP port of this machine, on any of its addresses.
pub fn port_owner(port: u16) -> Option<PortOwner> {
    let listener = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listener(&text(Path::new(table))?, port))?;
    Some(PortOwner {
        user: listener.user,
        process: process_with_socket(listener.inode),
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Listener {
    user: u32,
    inode: u64,
}

/// Finds the listening socket in a table in the format of `/proc/net/tcp` (proc(5)).
fn listener(table: &str, port: u16) -> Option<Listener> {
    const LISTENING: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, port_digits) = fields.get(1)?.rsplit_once(':')?;
        let is_port = u16::from_str_radix(port_digits, 16).ok()? == port;
        if !is_port || *fields.get(3)? != LISTENING {
            return None;
        }
        Some(Listener {
            user: fields.get(7)?.parse().ok()?,
            inode: fields.get(9)?.parse().ok()?,
        })
    })
}

fn process_with_socket(inode: u64) -> Option<(u32, String)> {
    let socket = format!("socket:[{inode}]");
    let has_socket = |process: &Path| {
        let Ok(descriptors) = process.join("fd").read_dir() else {
            return false;
        };
        descriptors
            .flatten()
            .filter_map(|descriptor| descriptor.path().read_link().ok())
            .any(|target| target.as_os_str() == socket.as_str())
    };
    Path::new("/proc")
        .read_dir()
        .ok()?
        .flatten()
        .find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let process = entry.path();
            if !has_socket(&process) {
                return None;
            }
            let program = text(&process.join("comm"))?;
            Some((
                pid,
                program.trim().chars().filter(|c| !c.is_control()).collect(),
            ))
        })
}

fn text(path: &Path) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "/proc files need no strict checks"
    )]
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_listener_is_found_by_name() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = port_owner(socket.local_addr().unwrap().port())
            .unwrap()
            .to_string();
        assert!(
            found.contains(&format!("process {}", std::process::id())),
            "{found}"
        );
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2124 0100007F:B1C2 01 00000000:00000000 00:00000000 00000000  1000        0 11 1\n\
            1: 0100007F:2124 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12 1\n";
        assert_eq!(
            listener(table, 8484),
            Some(Listener {
                user: 1000,
                inode: 12
            })
        );
        assert_eq!(listener(table, 8485), None);
    }
}
