//! Threads for what waits: a host's request, a pause. As many as hosts may be worked on at a time.

use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// Stack of a thread that waits for a host; templates bring their own where they nest deeply.
const STACK: usize = 1 << 20;

#[derive(Default)]
struct Queue {
    jobs: std::collections::VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

/// The threads, made when first needed.
pub struct Pool {
    size: usize,
    shared: Arc<(Mutex<Queue>, Condvar)>,
}

impl Pool {
    /// At most `size` threads.
    pub fn new(size: usize) -> Pool {
        Pool { size: size.max(1), shared: Arc::default() }
    }

    /// Does every job, at most `limit` at a time, and waits for all. Results come in the order of the jobs.
    pub fn all<T: Send + 'static>(
        &self,
        limit: Option<usize>,
        jobs: Vec<Box<dyn FnOnce() -> T + Send>>,
    ) -> Vec<Option<T>> {
        let count = jobs.len();
        let mut results: Vec<Option<T>> = Vec::with_capacity(count);
        results.resize_with(count, || None);
        let (done, ended) = mpsc::channel();
        let mut waiting = jobs.into_iter().enumerate();
        let mut running = 0;
        let limit = limit.unwrap_or(usize::MAX).max(1);
        loop {
            while running < limit
                && let Some((index, job)) = waiting.next()
            {
                let done = done.clone();
                self.submit(Box::new(move || {
                    // A panic costs this job's result, not the thread; the caller sees a missing result.
                    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).ok();
                    // The caller waits for every job, so it is there to receive.
                    let _ = done.send((index, result));
                }));
                running += 1;
            }
            if running == 0 {
                return results;
            }
            let Ok((index, result)) = ended.recv() else { return results };
            results[index] = result;
            running -= 1;
        }
    }

    fn submit(&self, job: Job) {
        let (lock, wake) = &*self.shared;
        let mut queue = lock.lock().unwrap_or_else(PoisonError::into_inner);
        queue.jobs.push_back(job);
        if queue.idle < queue.jobs.len() && queue.threads < self.size {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("host".to_owned()).stack_size(STACK);
            match thread.spawn(move || work(&shared)) {
                Ok(_) => queue.threads += 1,
                // No more threads to be had: those there are do it; with none at all the caller's thread does.
                Err(_) if queue.threads > 0 => {}
                Err(_) => {
                    if let Some(job) = queue.jobs.pop_back() {
                        drop(queue);
                        job();
                    }
                    return;
                }
            }
        }
        wake.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let (lock, wake) = &*self.shared;
        lock.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        wake.notify_all();
    }
}

fn work(shared: &(Mutex<Queue>, Condvar)) {
    let (lock, wake) = shared;
    let mut queue = lock.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(job) = queue.jobs.pop_front() {
            drop(queue);
            job();
            queue = lock.lock().unwrap_or_else(PoisonError::into_inner);
        } else if queue.closed {
            return;
        } else {
            queue.idle += 1;
            queue = wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};

    #[test]
    fn jobs_run_side_by_side_and_results_keep_their_order() {
        let pool = Pool::new(4);
        let meet = Arc::new(Barrier::new(4));
        let jobs: Vec<Box<dyn FnOnce() -> usize + Send>> = (0..4usize)
            .map(|index| {
                let meet = meet.clone();
                // Only if all four run at once does any of them get past the barrier.
                Box::new(move || {
                    meet.wait();
                    index
                }) as Box<dyn FnOnce() -> usize + Send>
            })
            .collect();
        assert_eq!(pool.all(None, jobs), vec![Some(0), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn no_more_than_the_limit_run_at_once_and_a_panic_costs_one_result() {
        let pool = Pool::new(8);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<Box<dyn FnOnce() -> usize + Send>> = (0..32usize)
            .map(|index| {
                let (running, most) = (running.clone(), most.clone());
                Box::new(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    assert_ne!(index, 7, "job 7 fails");
                    index
                }) as Box<dyn FnOnce() -> usize + Send>
            })
            .collect();
        let results = pool.all(Some(2), jobs);
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert_eq!(results[7], None);
        assert_eq!(results[31], Some(31));
    }
}
