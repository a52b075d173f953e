//! LA-03: whatever the umask, nothing of ours is ever open to others, from the first instant.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyreeve_testkit::skip;

use crate::case::Case;
use crate::day::{Day, Planted};
use crate::strace::Strace;

/// What makes files and directories, gives them names or changes who may use them.
const CALLS: &str = "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,chmod,fchmod,fchmodat,\
    rename,renameat,renameat2,link,linkat,bind";

#[test]
fn la_03_nothing_is_open_to_others_whatever_the_umask() {
    let case = Case::new();
    let start = |arguments: &[&str]| {
        let mut command = case.home.command("sh");
        command
            .args(["-c", "umask 000; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_keyreeve"))
            .args(arguments);
        command
    };
    let _seen = Day::new(&case, &start, Planted::new("la03")).live();
    for made in ["keyreeve", "restored", "backup", "home", "work", "tmp"] {
        assert_closed(&case.home.path().join(made));
    }
}

#[test]
fn la_03_every_file_is_made_closed() {
    let strace = match Strace::of(CALLS) {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let case = Case::new();
    let start = |arguments: &[&str]| strace.command(&case, arguments);
    let _seen = Day::new(&case, &start, Planted::new("la03-calls")).live();
    let (mut made, mut wrong) = (0, Vec::new());
    for trace in strace.traces() {
        let mut there = Vec::new();
        for line in trace.lines() {
            let call = Call::of(line);
            if call.gives_a_name() {
                there.push(call.file_name());
            } else if call.makes_something() && !there.contains(&call.file_name()) {
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

fn assert_closed(path: &Path) {
    let metadata = path.symlink_metadata().unwrap();
    let mode = metadata.permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o} {}", path.display());
    if metadata.is_dir() {
        for entry in path.read_dir().unwrap() {
            assert_closed(&entry.unwrap().path());
        }
    }
}

/// A line of a trace: `1234  openat(3, "name", O_RDWR|O_CREAT, 0600) = 4`.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> Call<'a> {
    fn of(line: &'a str) -> Self {
        let (_process, call) = line.split_once(' ').unwrap_or_default();
        let (name, arguments) = call.trim_start().split_once('(').unwrap_or_default();
        let arguments = arguments.rsplit_once(" = ").unwrap_or((arguments, "")).0;
        Self { name, arguments }
    }

    /// Whether it may make a file or directory, or changes who may use one.
    fn makes_something(&self) -> bool {
        match self.name {
            "open" | "openat" | "openat2" => {
                self.arguments.contains("O_CREAT") || self.arguments.contains("O_TMPFILE")
            }
            "rename" | "renameat" | "renameat2" | "link" | "linkat" | "bind" => false,
            _ => !self.arguments.is_empty(),
        }
    }

    /// Whether it gives a file that was made before its name: whoever opens that name makes nothing new.
    fn gives_a_name(&self) -> bool {
        self.name.starts_with("rename") || self.name.starts_with("link")
    }

    /// The last path that it names, without its directories.
    fn file_name(&self) -> &'a str {
        let path = self.arguments.rsplit('"').nth(1).unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }

    /// The mode, which is its last number in octal.
    fn mode(&self) -> Option<u32> {
        let octal = |word: &str| u32::from_str_radix(word.strip_prefix('0')?, 8).ok();
        let mut words = self.arguments.rsplit([',', '=', '}', ')', '|', ' ']);
        words.find_map(octal)
    }
}
