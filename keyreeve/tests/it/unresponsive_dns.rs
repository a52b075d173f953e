//! A name server that does not respond delays a command no longer than the command's own time limit.

use std::net::{Ipv4Addr, UdpSocket};

use keyreeve_testkit::{namespace, skip};

use crate::case::Case;
use crate::check::add_profile;

/// Set inside the namespace, in which the test owns the resolver's port.
const IN_NAMESPACE: &str = "KEYREEVE_UNRESPONSIVE_DNS";

#[test]
fn check_does_not_wait_for_an_unresponsive_resolver() {
    let case = Case::new();
    let resolver = case.home.work().join("resolv.conf");
    // Longer than the time limit of the test kit.
    let requested = "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n";
    std::fs::write(&resolver, requested).unwrap();
    if !namespace::is_available(&resolver) {
        skip!("this machine does not allow a namespace with its own resolver");
    }
    let mut here = namespace::command(&resolver, std::env::current_exe().unwrap());
    let test = "unresponsive_dns::in_child_check_ends";
    let here = here
        .args(["--exact", test, "--ignored"])
        .env(IN_NAMESPACE, "yes");
    assert!(here.status().unwrap().success());
}

#[test]
#[ignore = "run by another test inside a namespace"]
fn in_child_check_ends() {
    if std::env::var_os(IN_NAMESPACE).is_none() {
        return;
    }
    let _silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
    let case = Case::new();
    add_profile(&case, "far", "https://nothing.invalid", &[]);
    let text = case.run(&["check", "far"]).expect_code(6);
    assert!(text.stdout.contains("did not respond"), "{}", text.stdout);
}
