//! Dividing the work of a kernel among threads: the only place that knows of them.
//!
//! A kernel says how many units of work it has and how few are worth a thread's while, and is called for ranges of them.
//! It may be divided wherever a unit is computed by itself or the order of joins is fixed, so results have the same bits
//! with any number of threads.
//!
//! Threads belong to the host, which runs [`part`] on them. They share the memory and nothing else: the allocator, the
//! counts of references and everything that is thread-local belong to the thread that calls [`split`]. So what they run
//! reads and writes numbers, in memory that was set aside for it before.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Elements of a cheap operation that are worth a thread's while: some microseconds.
pub const ELEMENTS: usize = 1 << 14;

/// Parts for each thread, so that one that is late does not keep the others waiting.
const PARTS: usize = 4;

/// What is done with a range of the units, on a thread by its number. Different ranges may be in work at once.
pub type Run<'a> = dyn Fn(Range<usize>, usize) + Sync + 'a;

/// How the host runs [`part`] for every number below the one that it is given, on all of its threads; it returns when all
/// have been done.
pub type Host = Rc<dyn Fn(usize)>;

thread_local! {
    static THREADS: Cell<usize> = const { Cell::new(1) };
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// The work that is being divided. Not thread-local: all threads look here.
static WORK: AtomicPtr<Work<'static>> = AtomicPtr::new(std::ptr::null_mut());

struct Work<'a> {
    run: &'a Run<'a>,
    units: usize,
    /// Units in a part.
    step: usize,
    threads: usize,
}

/// Says how many threads there are, this one included, and who runs them.
pub fn connect(threads: usize, host: Host) {
    THREADS.set(threads.max(1));
    HOST.set(Some(host));
}

/// Threads among which work is divided; their numbers are those below. 1 where nobody has [`connect`]ed.
pub fn threads() -> usize {
    THREADS.get()
}

/// Calls `run` for ranges that together are `0..units`; all but the last are multiples of `least`, and of no fewer. One
/// call for everything where there is one thread or not enough to do. Not to be called by `run`.
pub fn split(units: usize, least: usize, run: &Run<'_>) {
    let (threads, least) = (threads(), least.max(1));
    let step = if threads == 1 { units } else { units.div_ceil(PARTS * threads).next_multiple_of(least) };
    if step >= units {
        return run(0..units, 0);
    }
    // A copy: the host may call back, and this is not the moment to hold a borrow.
    let host = HOST.with_borrow(Clone::clone);
    let work = Work { run, units, step, threads };
    WORK.store((&raw const work).cast_mut().cast(), Ordering::Release);
    host.into_iter().for_each(|host| host(units.div_ceil(step)));
    WORK.store(std::ptr::null_mut(), Ordering::Release);
}

/// Does one part of the work that is being divided, on the thread with this number.
pub fn part(number: usize, thread: usize) {
    let work = WORK.load(Ordering::Acquire);
    // SAFETY: `split` keeps the work where it is until every part has been done.
    if let Some(work) = unsafe { work.as_ref() }
        && thread < work.threads
    {
        let start = number.saturating_mul(work.step).min(work.units);
        (work.run)(start..work.units.min(start.saturating_add(work.step)), thread);
    }
}

/// Something that all threads may see although its type does not say so.
#[derive(Clone, Copy, Debug)]
pub struct Shared<T>(T);

// SAFETY: the promise of `Shared::new`.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// Threads only read through it, or write where no other thread reads or writes; none allocates by it, counts a
    /// reference or borrows a cell.
    pub unsafe fn new(value: T) -> Shared<T> {
        Shared(value)
    }
}

impl<T: Copy> Shared<T> {
    /// The value.
    #[inline(always)]
    pub fn get(&self) -> T {
        self.0
    }
}

/// Runs a test with so many threads: the parts are done in another order than one thread does them in, and by threads in
/// turn. One test at a time, for there is one [`WORK`].
#[cfg(not(target_arch = "wasm32"))]
pub fn with_threads<T>(threads: usize, test: impl FnOnce() -> T) -> T {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    connect(threads, Rc::new(move |parts| (0..parts).rev().for_each(|k| part(k, k % threads))));
    let result = test();
    THREADS.set(1);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// The ranges of a division, in the order of their starts.
    fn ranges(units: usize, least: usize) -> Vec<Range<usize>> {
        let seen = std::sync::Mutex::new(Vec::new());
        split(units, least, &|range, _| seen.lock().unwrap().push(range));
        let mut seen = seen.into_inner().unwrap();
        seen.sort_by_key(|range| range.start);
        seen
    }

    #[test]
    fn one_thread_does_everything_in_one_call() {
        assert_eq!(ranges(1 << 20, 1), std::slice::from_ref(&(0..1 << 20)));
        assert_eq!(ranges(0, 1), std::slice::from_ref(&(0..0)));
    }

    #[test]
    fn parts_cover_the_units_once_and_are_no_smaller_than_asked() {
        with_threads(3, || {
            for (units, least) in [(0, 1), (1, 1), (5, 8), (100, 1), (100, 7), (100, 64), (12, 0), (usize::MAX, 1)] {
                let ranges = ranges(units, least);
                assert!(ranges.len() <= 3 * PARTS);
                assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, units));
                for pair in ranges.windows(2) {
                    assert_eq!(pair[0].end, pair[1].start);
                    assert_eq!(pair[0].len() % least.max(1), 0);
                }
            }
        });
    }

    #[test]
    fn every_thread_has_its_number_and_nobody_else_takes_part() {
        with_threads(2, || {
            let calls = [const { AtomicUsize::new(0) }; 2];
            split(1000, 1, &|_, thread| {
                calls[thread].fetch_add(1, Ordering::Relaxed);
                part(0, 2);
            });
            assert_eq!(calls.each_ref().map(|calls| calls.load(Ordering::Relaxed)), [PARTS; 2]);
            part(0, 0);
        });
    }
}
