//! Serving threads, the fold, the sync and a reader of the file at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::example::{Place, fold, intent, numbers, outcome};

const THREADS: u32 = 4;
const ENTRIES: u32 = 5_000;

#[test]
fn concurrent_entries_are_folded_once_and_read_right() {
    let place = Place::new();
    let journal = place.journal();
    let (writing, is_done) = (AtomicUsize::new(THREADS as usize), AtomicBool::new(false));
    let folded = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, writing) = (&journal, &writing);
            scope.spawn(move || {
                let numbers = (0..ENTRIES).map(|n| n * THREADS + thread);
                let mut slots = Vec::new();
                for number in numbers {
                    slots.push((journal.open_entry(intent(number)).unwrap(), number));
                    if slots.len() > number as usize % 40 {
                        let (slot, number) = slots.swap_remove(slots.len() / 2);
                        journal.close_entry(slot, outcome(number));
                    }
                }
                for (slot, number) in slots {
                    journal.close_entry(slot, outcome(number));
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        scope.spawn(|| {
            while writing.load(Ordering::SeqCst) > 0 || journal.closed_count() > 0 {
                folded.lock().unwrap().extend(fold(&journal, 100));
            }
            is_done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                journal.sync().unwrap();
            }
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                let contents = place.contents();
                numbers(&contents);
                assert_eq!(contents.damaged, 0);
            }
        });
    });
    let mut folded = folded.into_inner().unwrap();
    folded.sort_unstable();
    assert!(folded.into_iter().eq(0..THREADS * ENTRIES));
    assert_eq!((journal.open_count(), journal.closed_count()), (0, 0));
}
