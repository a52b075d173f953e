//! Serving threads, the fold, the sync and a reader of the file at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::super::write::Journal;
use super::example::{Place, intent, numbers, outcome};

const THREADS: u32 = 4;
const ENTRIES: u32 = 5_000;

/// The state that the threads share; the lists stand for what clients and the database know.
#[derive(Default)]
struct Shared {
    /// The numbers of the entries with an acknowledged intent.
    opened: Mutex<Vec<u32>>,
    /// The numbers of the entries whose outcome was written.
    closed: Mutex<Vec<u32>>,
    /// The numbers of the entries in the database.
    folded: Mutex<Vec<u32>>,
    ended_threads: AtomicU32,
    is_done: AtomicBool,
}

#[test]
fn concurrent_entries_are_folded_once_and_read_right() {
    let place = Place::new();
    let journal = place.journal();
    let shared = Shared::default();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, shared) = (&journal, &shared);
            scope.spawn(move || serve(journal, shared, thread));
        }
        scope.spawn(|| fold_all(&journal, &shared));
        scope.spawn(|| {
            while !shared.is_done.load(Ordering::SeqCst) {
                journal.sync().unwrap();
            }
        });
        scope.spawn(|| {
            while !shared.is_done.load(Ordering::SeqCst) {
                check_read(&place, &shared);
            }
        });
    });
    let mut folded = shared.folded.into_inner().unwrap();
    folded.sort_unstable();
    assert!(folded.into_iter().eq(0..THREADS * ENTRIES));
    assert_eq!((journal.open_count(), journal.closed_count()), (0, 0));
}

/// Opens and closes entries, with up to forty of them open.
fn serve(journal: &Journal, shared: &Shared, thread: u32) {
    let mut open = Vec::new();
    let close = |(slot, number)| {
        journal.close_entry(slot, outcome(number));
        shared.closed.lock().unwrap().push(number);
    };
    for number in (0..ENTRIES).map(|n| n * THREADS + thread) {
        open.push((journal.open_entry(intent(number)).unwrap(), number));
        shared.opened.lock().unwrap().push(number);
        if open.len() > number as usize % 40 {
            close(open.swap_remove(open.len() / 2));
        }
    }
    open.into_iter().for_each(close);
    shared.ended_threads.fetch_add(1, Ordering::SeqCst);
}

fn fold_all(journal: &Journal, shared: &Shared) {
    let mut watermark = 0;
    let is_ended = || shared.ended_threads.load(Ordering::SeqCst) == THREADS;
    while !is_ended() || journal.closed_count() > 0 {
        let batch = journal.take_closed(100);
        let folded = batch.entries().map(|(intent, _)| intent.number);
        shared.folded.lock().unwrap().extend(folded);
        let added = batch.entries().len() as u64;
        assert_eq!(batch.watermark().unwrap_or(watermark), watermark + added);
        watermark += added;
        journal.folded(batch);
    }
    shared.is_done.store(true, Ordering::SeqCst);
}

/// Reads the file, then the database: everything that was acknowledged before is in one of them.
fn check_read(place: &Place, shared: &Shared) {
    let size = (THREADS * ENTRIES) as usize;
    let mark = |numbers: &[u32], marks: &mut Vec<bool>| {
        marks.resize(size, false);
        for number in numbers {
            marks[*number as usize] = true;
        }
    };
    let closed = shared.closed.lock().unwrap().clone();
    let opened = shared.opened.lock().unwrap().clone();
    let contents = place.contents();
    let (open_now, closed_now) = numbers(&contents);
    assert_eq!(contents.damaged, 0);
    let (mut is_known, mut is_closed) = (Vec::new(), Vec::new());
    for marks in [&mut is_known, &mut is_closed] {
        mark(&closed_now, marks);
        mark(&shared.folded.lock().unwrap(), marks);
    }
    mark(&open_now, &mut is_known);
    assert!(
        opened.iter().all(|number| is_known[*number as usize]),
        "lost"
    );
    assert!(
        closed.iter().all(|number| is_closed[*number as usize]),
        "lost outcome"
    );
    // An entry that was closed before is never read as open.
    let mut was_closed = Vec::new();
    mark(&closed, &mut was_closed);
    assert!(
        open_now.iter().all(|number| !was_closed[*number as usize]),
        "reopened"
    );
}
