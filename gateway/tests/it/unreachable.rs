//! NF-06: an upstream that is not there is a 502 and a closed row; no credential is punished for it, and a name that
//! nobody knows is asked for no more often than the short circuit allows.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::Duration;

use keyreeve_store::Ending;
use keyreeve_testkit::{namespace, skip};
use tempfile::TempDir;

use crate::books::check_books;
use crate::envelope::check_envelope;
use crate::stage::{ASK, Setup, Stage};

fn before(elsewhere: String) -> Stage {
    let setup = Setup {
        elsewhere: Some(elsewhere),
        ..Setup::default()
    };
    setup.start(|_| Vec::new())
}

/// Failures within the time of the circuit; then one that asks early, since nothing else is left; then none goes.
#[track_caller]
fn check_unreachable(stage: &Stage) {
    for _ in 0..6 {
        let answer = stage.post(ASK);
        let text = check_envelope(&answer, 502, "api_error");
        assert!(text.contains("cannot be reached"), "{text}");
        assert_eq!(answer.head.header("retry-after"), Some("1"));
    }
    check_envelope(&stage.post(ASK), 529, "overloaded_error");
    let rows = stage.rows();
    assert_eq!(rows.len(), 6, "the circuit counts");
    for row in &rows {
        let ended = row.ended.as_ref().unwrap();
        assert_eq!((ended.ending, ended.cost.get()), (Ending::Failed, 0));
        assert_eq!(ended.status, None);
        assert_eq!(ended.verdict.as_deref(), Some("no_answer"));
    }
    check_books(&rows, &[]);
    assert!(stage.all_is_ready(), "a credential was punished");
}

#[test]
fn nf_06_a_name_that_nobody_knows() {
    // No resolver sends a name with so long a part anywhere: it fails here, as one that was not found does.
    let long = "x".repeat(64);
    check_unreachable(&before(format!("https://{long}.invalid")));
}

#[test]
fn nf_06_a_port_on_which_nobody_listens() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    check_unreachable(&before(format!("http://{address}")));
}

/// Set in the namespace, where the resolver's port is ours.
const INSIDE: &str = "KEYREEVE_SILENT_RESOLVER";

#[test]
fn nf_06_a_resolver_that_says_nothing() {
    let folder = TempDir::new().unwrap();
    let resolver = folder.path().join("resolv.conf");
    let asked = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    std::fs::write(&resolver, asked).unwrap();
    if !namespace::is_there(&resolver) {
        skip!("this machine lets nobody make a namespace with a resolver of its own");
    }
    let mut here = namespace::command(&resolver, std::env::current_exe().unwrap());
    let test = "unreachable::in_child_a_resolver_says_nothing";
    let here = here.args(["--exact", test, "--ignored"]).env(INSIDE, "yes");
    assert!(here.status().unwrap().success());
}

#[test]
#[ignore = "the part of another test that runs in a namespace"]
fn in_child_a_resolver_says_nothing() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let resolver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
    let mut setup = Setup {
        elsewhere: Some("https://nothing.invalid".to_owned()),
        ..Setup::default()
    };
    setup.patience.connect = Duration::from_millis(300);
    let stage = setup.start(|_| Vec::new());
    check_envelope(&stage.post(ASK), 504, "timeout_error");
    let (_, ended) = stage.row();
    assert_eq!((ended.ending, ended.cost.get()), (Ending::Failed, 0));
    let limit = Some(Duration::from_secs(1));
    resolver.set_read_timeout(limit).unwrap();
    assert!(resolver.recv(&mut [0; 512]).is_ok(), "it was not asked");
}
