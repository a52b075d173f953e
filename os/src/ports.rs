//! Who holds a port: a name for the message "… is taken".
//!
//! Linux only, by `/proc`; another user's sockets show their owner's number, not the program.

use std::fmt;
use std::path::Path;

/// Whoever listens on a port, as far as the system tells us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    user: u32,
    process: Option<(u32, String)>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some((pid, program)) => write!(f, "{program} (process {pid})"),
            None => write!(f, "a process of user {}", self.user),
        }
    }
}

/// Finds who listens on a TCP port of this machine, on any of its addresses.
pub fn holder(port: u16) -> Option<Holder> {
    let listener = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listener(&text(Path::new(table))?, port))?;
    Some(Holder {
        user: listener.user,
        process: process_with(listener.inode),
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Listener {
    user: u32,
    inode: u64,
}

/// Finds the listening socket in a table of the form of `/proc/net/tcp` (proc(5)).
fn listener(table: &str, port: u16) -> Option<Listener> {
    const LISTENING: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, port_digits) = fields.get(1)?.rsplit_once(':')?;
        let ours = u16::from_str_radix(port_digits, 16).ok()? == port;
        if !ours || *fields.get(3)? != LISTENING {
            return None;
        }
        Some(Listener {
            user: fields.get(7)?.parse().ok()?,
            inode: fields.get(9)?.parse().ok()?,
        })
    })
}

fn process_with(inode: u64) -> Option<(u32, String)> {
    let wanted = format!("socket:[{inode}]");
    let holds = |process: &Path| {
        let Ok(descriptors) = process.join("fd").read_dir() else {
            return false;
        };
        descriptors
            .flatten()
            .filter_map(|descriptor| descriptor.path().read_link().ok())
            .any(|target| target.as_os_str() == wanted.as_str())
    };
    Path::new("/proc")
        .read_dir()
        .ok()?
        .flatten()
        .find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let process = entry.path();
            if !holds(&process) {
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
        reason = "/proc is no file to be opened strictly"
    )]
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_listener_is_found_by_name() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let found = holder(socket.local_addr().unwrap().port())
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
