//! NF-06: an upstream that is not there is a 502 and a closed row; no credential is punished for it, and a name that
//! nobody knows is asked for no more often than the short circuit allows.

use std::net::{Ipv4Addr, TcpListener};

use keyreeve_store::Ending;

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
    let standings = stage.store.known().unwrap().standings;
    assert!(standings.all_ready(), "a credential was punished");
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
