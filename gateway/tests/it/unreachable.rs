//! NF-06: an unreachable upstream is a 502 and a closed ledger entry; no credential is blamed for it, and the circuit
//! breaker limits the attempts.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::Duration;

use keyreeve_store::Ending;
use keyreeve_testkit::{namespace, skip};
use tempfile::TempDir;

use crate::error_envelope::check_error;
use crate::harness::{REQUEST_BODY, Setup, TestGateway};
use crate::ledger_check::check_ledger;

fn start_gateway(upstream_url: String) -> TestGateway {
    let setup = Setup {
        upstream_url: Some(upstream_url),
        ..Setup::default()
    };
    setup.start(|_| Vec::new())
}

/// Sends requests until the circuit breaker is open, one early probe, and one that is not sent.
#[track_caller]
fn check_unreachable(gateway: &TestGateway) {
    for _ in 0..6 {
        let response = gateway.post(REQUEST_BODY);
        let text = check_error(&response, 502, "api_error");
        assert!(text.contains("cannot be reached"), "{text}");
        assert_eq!(response.head.header("retry-after"), Some("1"));
    }
    check_error(&gateway.post(REQUEST_BODY), 529, "overloaded_error");
    let entries = gateway.entries();
    assert_eq!(entries.len(), 6, "the last request was not sent");
    for entry in &entries {
        let outcome = entry.outcome.as_ref().unwrap();
        assert_eq!((outcome.ending, outcome.cost.get()), (Ending::Failed, 0));
        assert_eq!(outcome.status, None);
        assert_eq!(outcome.verdict.as_deref(), Some("no_answer"));
    }
    check_ledger(&entries, &[]);
    assert!(gateway.all_profiles_ready(), "a credential was blamed");
}

/// NF-06: a host name that does not resolve.
#[test]
fn unknown_host_name_is_a_502() {
    // A resolver rejects a name with so long a label without sending it: the same error as for an unknown name.
    let long = "x".repeat(64);
    check_unreachable(&start_gateway(format!("https://{long}.invalid")));
}

/// NF-06: a port without a listener.
#[test]
fn refused_connection_is_a_502() {
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    check_unreachable(&start_gateway(format!("http://{address}")));
}

/// Set in the namespace in which the test binds the resolver's port.
const INSIDE: &str = "KEYREEVE_SILENT_RESOLVER";

/// NF-06: a resolver that does not reply.
#[test]
fn silent_resolver_times_out() {
    let folder = TempDir::new().unwrap();
    let resolver = folder.path().join("resolv.conf");
    let content = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    std::fs::write(&resolver, content).unwrap();
    if !namespace::is_available(&resolver) {
        skip!("this machine does not allow a namespace with its own resolver");
    }
    let mut child = namespace::command(&resolver, std::env::current_exe().unwrap());
    let test = "unreachable::in_child_silent_resolver";
    let child = child
        .args(["--exact", test, "--ignored"])
        .env(INSIDE, "yes");
    assert!(child.status().unwrap().success());
}

#[test]
#[ignore = "run in a namespace by another test"]
fn in_child_silent_resolver() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let resolver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
    let mut setup = Setup {
        upstream_url: Some("https://nothing.invalid".to_owned()),
        ..Setup::default()
    };
    setup.timeouts.connect = Duration::from_millis(300);
    let gateway = setup.start(|_| Vec::new());
    check_error(&gateway.post(REQUEST_BODY), 504, "timeout_error");
    let (_, outcome) = gateway.entry();
    assert_eq!((outcome.ending, outcome.cost.get()), (Ending::Failed, 0));
    let limit = Some(Duration::from_secs(1));
    resolver.set_read_timeout(limit).unwrap();
    assert!(
        resolver.recv(&mut [0; 512]).is_ok(),
        "the resolver got no query"
    );
}
