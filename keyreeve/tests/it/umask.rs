//! LA-03: whatever the umask, no file of keyreeve's is ever accessible to other users, from the moment it is created.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyreeve_testkit::skip;

use crate::case::Case;
use crate::full_session::{FullSession, SessionSecrets};
use crate::strace::Strace;

/// System calls that create or rename files and directories, or change their permissions.
const CALLS: &str = "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,chmod,fchmod,fchmodat,\
    rename,renameat,renameat2,link,linkat,bind";

/// LA-03: no file is accessible to other users, whatever the umask.
#[test]
fn files_are_private_under_any_umask() {
    let case = Case::new();
    let start = |arguments: &[&str]| {
        let mut command = case.home.command("sh");
        command
            .args(["-c", "umask 000; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_keyreeve"))
            .args(arguments);
        command
    };
    let _seen = FullSession::new(&case, &start, SessionSecrets::new("la03")).run_all();
    for made in ["keyreeve", "restored", "backup", "home", "work", "tmp"] {
        assert_private(&case.home.path().join(made));
    }
}

/// LA-03: every file is private from the moment it is created.
#[test]
fn every_file_is_created_private() {
    let strace = match Strace::new(CALLS) {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let case = Case::new();
    let start = |arguments: &[&str]| strace.command(&case, arguments);
    let _seen = FullSession::new(&case, &start, SessionSecrets::new("la03-calls")).run_all();
    let (mut made, mut wrong) = (0, Vec::new());
    for trace in strace.traces() {
        let mut renamed = Vec::new();
        for line in trace.lines() {
            let call = SystemCall::parse(line);
            if call.renames_or_links() {
                renamed.push(call.file_name());
            } else if call.creates_a_file() && !renamed.contains(&call.file_name()) {
                made += 1;
                if call.mode().is_none_or(|mode| mode & 0o077 != 0) {
                    wrong.push(line.to_owned());
                }
            }
        }
        assert!(!trace.contains("AF_UNIX"), "a socket among the files");
    }
    assert!(made > 40, "the traces show only {made} files made");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn assert_private(path: &Path) {
    let metadata = path.symlink_metadata().unwrap();
    let mode = metadata.permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o} {}", path.display());
    if metadata.is_dir() {
        for entry in path.read_dir().unwrap() {
            assert_private(&entry.unwrap().path());
        }
    }
}

/// A line of a trace: `1234  openat(3, "name", O_RDWR|O_CREAT, 0600) = 4`.
struct SystemCall<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> SystemCall<'a> {
    fn parse(line: &'a str) -> Self {
        let (_process, call) = line.split_once(' ').unwrap_or_default();
        let (name, arguments) = call.trim_start().split_once('(').unwrap_or_default();
        let arguments = arguments.rsplit_once(" = ").unwrap_or((arguments, "")).0;
        Self { name, arguments }
    }

    /// Returns `true` if the call may create a file or directory, or change permissions.
    fn creates_a_file(&self) -> bool {
        match self.name {
            "open" | "openat" | "openat2" => {
                self.arguments.contains("O_CREAT") || self.arguments.contains("O_TMPFILE")
            }
            "rename" | "renameat" | "renameat2" | "link" | "linkat" | "bind" => false,
            _ => !self.arguments.is_empty(),
        }
    }

    /// Returns `true` if the call gives an existing file a name; opening that name later creates nothing.
    fn renames_or_links(&self) -> bool {
        self.name.starts_with("rename") || self.name.starts_with("link")
    }

    /// Returns the file name of the last path in the arguments.
    fn file_name(&self) -> &'a str {
        let path = self.arguments.rsplit('"').nth(1).unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the mode, which is the last octal number.
    fn mode(&self) -> Option<u32> {
        let octal = |word: &str| u32::from_str_radix(word.strip_prefix('0')?, 8).ok();
        let mut words = self.arguments.rsplit([',', '=', '}', ')', '|', ' ']);
        words.find_map(octal)
    }
}
