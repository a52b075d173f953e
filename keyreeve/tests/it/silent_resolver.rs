//! A name server that says nothing holds a command up no longer than the command itself allows.

use std::net::{Ipv4Addr, UdpSocket};

use keyreeve_testkit::{namespace, skip};

use crate::case::Case;
use crate::check::add_profile;

/// Set in the namespace, where the resolver's port is ours.
const INSIDE: &str = "KEYREEVE_SILENT_RESOLVER";

#[test]
fn fault_check_ends_before_a_silent_resolver_does() {
    let case = Case::new();
    let resolver = case.home.work().join("resolv.conf");
    // Longer than the kit lets a command run.
    let asked = "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n";
    std::fs::write(&resolver, asked).unwrap();
    if !namespace::is_there(&resolver) {
        skip!("this machine lets nobody make a namespace with a resolver of its own");
    }
    let mut here = namespace::command(&resolver, std::env::current_exe().unwrap());
    let test = "silent_resolver::in_child_check_ends";
    let here = here.args(["--exact", test, "--ignored"]).env(INSIDE, "yes");
    assert!(here.status().unwrap().success());
}

#[test]
#[ignore = "the part of another test that runs in a namespace"]
fn in_child_check_ends() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let _silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
    let case = Case::new();
    add_profile(&case, "far", "https://nothing.invalid", &[]);
    let said = case.run(&["check", "far"]).expect_code(6);
    assert!(said.stdout.contains("did not answer"), "{}", said.stdout);
}
