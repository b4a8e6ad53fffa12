//! Standard error, written by a thread of its own: a line costs the request that writes it a copy and
//! no system call.
//!
//! Lines that tell of a warning or worse are written before the call goes on, with all that wait. The
//! others may wait for [`GATHER`]; they are written when the process ends by itself, and when it
//! panics. Whoever kills it (`SIGKILL`, a crash of the machine) loses those of the last moment.

use std::{
    io::{self, Write},
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(20);

/// How many bytes may wait. Beyond it whoever logs writes by itself, at the pace of who reads.
const MOST: usize = 128 * 1024;

/// The lines of this process: there is one standard error.
static STDERR: OnceLock<Lines> = OnceLock::new();

/// Lines on their way.
pub(super) struct Lines {
    waiting: Mutex<Vec<u8>>,
    filled: Condvar,
    /// Held while something is written, so that lines keep their order.
    output: Mutex<Output>,
}

struct Output {
    buffer: Vec<u8>,
    to: Box<dyn Write + Send>,
}

/// Lines that are on their way to standard error, and the thread that writes them.
pub(super) fn stderr() -> &'static Lines {
    let mut is_new = false;
    let lines = STDERR.get_or_init(|| {
        is_new = true;
        Lines::to(io::stderr())
    });
    if is_new {
        let writing = thread::Builder::new().name("log".to_owned());
        // Without a thread they wait until there are many, or a warning.
        let _ = writing.spawn(move || lines.write_for_ever());
    }
    lines
}

/// Writes what waits.
pub(crate) fn flush() {
    if let Some(lines) = STDERR.get() {
        lines.write_all();
    }
}

impl Lines {
    fn to(to: impl Write + Send + 'static) -> Self {
        let output = Output { buffer: Vec::new(), to: Box::new(to) };
        Self { waiting: Mutex::default(), filled: Condvar::new(), output: Mutex::new(output) }
    }

    fn append(&self, text: &[u8]) {
        let mut waiting = locked(&self.waiting);
        let was_empty = waiting.is_empty();
        waiting.extend_from_slice(text);
        let is_full = waiting.len() > MOST;
        drop(waiting);
        if is_full {
            self.write_all();
        } else if was_empty {
            self.filled.notify_one();
        }
    }

    /// Writes everything that was appended before.
    fn write_all(&self) {
        let mut output = locked(&self.output);
        let Output { buffer, to } = &mut *output;
        std::mem::swap(buffer, &mut *locked(&self.waiting));
        // Nobody can be told that nothing can be told.
        let _ = to.write_all(buffer).and_then(|()| to.flush());
        buffer.clear();
        // What was needed once is kept: to grow to it again would copy every line once more.
        buffer.shrink_to(2 * MOST);
    }

    fn write_for_ever(&self) {
        loop {
            let waiting = locked(&self.waiting);
            let waiting = self.filled.wait_while(waiting, |waiting| waiting.is_empty());
            drop(waiting.unwrap_or_else(PoisonError::into_inner));
            thread::sleep(GATHER);
            self.write_all();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one event.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    is_urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.lines.append(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.is_urgent {
            self.lines.write_all();
        }
    }
}

impl<'a> MakeWriter<'a> for &'static Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, is_urgent: true }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line { lines: self, is_urgent: *event.level() <= Level::WARN }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            locked(&self.0).extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(locked(&self.0).clone()).unwrap()
        }
    }

    #[test]
    fn an_urgent_line_is_written_at_once_behind_those_that_waited() {
        let written = Written::default();
        let lines = Lines::to(written.clone());
        drop(Line { lines: &lines, is_urgent: false }.write_all(b"one\n"));
        assert_eq!(written.text(), "");
        drop(Line { lines: &lines, is_urgent: true }.write_all(b"two\n"));
        assert_eq!(written.text(), "one\ntwo\n");
    }

    #[test]
    fn more_than_may_wait_is_written_by_who_logs() {
        let written = Written::default();
        let lines = Lines::to(written.clone());
        lines.append(&vec![b'x'; MOST]);
        assert_eq!(written.text(), "");
        lines.append(b"y");
        assert_eq!(written.text().len(), MOST + 1);
    }

    #[test]
    fn the_thread_writes_what_nobody_else_does() {
        struct Told(mpsc::Sender<Vec<u8>>);
        impl Write for Told {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                self.0.send(text.to_vec()).map_err(io::Error::other)?;
                Ok(text.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (told, writes) = mpsc::channel();
        let lines: &'static Lines = Box::leak(Box::new(Lines::to(Told(told))));
        thread::spawn(|| lines.write_for_ever());
        lines.append(b"one\n");
        let first = writes.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(first, b"one\n");
    }
}
