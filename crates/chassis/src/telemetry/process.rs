//! What the process is and what it takes: version, memory, files, processor time, tasks.
//!
//! Read from `/proc` when somebody scrapes; elsewhere than on Linux these metrics are absent.

use std::fs;

use opentelemetry::{KeyValue, metrics::Meter};
use tokio::runtime::Handle;

use super::Service;

/// The unit of times in `/proc`, part of the interface of Linux on every platform (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers what is observed. A process has these once, however many servers it runs.
pub(super) fn observe(meter: &Meter, service: &Service) {
    let labels = [
        KeyValue::new("service", service.name),
        KeyValue::new("version", service.version),
        KeyValue::new("revision", super::REVISION.unwrap_or("unknown")),
    ];
    meter
        .u64_observable_gauge("build_info")
        .with_description("Always 1; the labels say what runs")
        .with_callback(move |gauge| gauge.observe(1, &labels))
        .build();
    files_and_memory(meter);
    meter
        .f64_observable_counter("process.cpu")
        .with_unit("s")
        .with_description("Processor time of all threads, in user and in system mode")
        .with_callback(|counter| {
            if let Some(seconds) = cpu_seconds() {
                counter.observe(seconds, &[]);
            }
        })
        .build();
    if let Ok(runtime) = Handle::try_current() {
        let tasks = runtime.clone();
        meter
            .u64_observable_gauge("tokio.tasks")
            .with_description("Tasks that have not ended")
            .with_callback(move |gauge| gauge.observe(wide(tasks.metrics().num_alive_tasks()), &[]))
            .build();
        meter
            .u64_observable_gauge("tokio.workers")
            .with_description("Threads that run tasks")
            .with_callback(move |gauge| gauge.observe(wide(runtime.metrics().num_workers()), &[]))
            .build();
    }
}

type Read = fn() -> Option<u64>;

fn files_and_memory(meter: &Meter) {
    let gauges: [(&'static str, &'static str, &'static str, Read); 4] = [
        ("process.resident_memory", "By", "Memory that is in RAM", resident_bytes),
        ("process.open_fds", "", "File descriptors in use, sockets included", open_files),
        ("process.max_fds", "", "File descriptors that may be in use", most_files),
        ("process.threads", "", "Threads", threads),
    ];
    for (name, unit, meaning, read) in gauges {
        meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(meaning)
            .with_callback(move |gauge| {
                if let Some(value) = read() {
                    gauge.observe(value, &[]);
                }
            })
            .build();
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn resident_bytes() -> Option<u64> {
    status("VmRSS:").map(|kibibytes| kibibytes * 1024)
}

fn threads() -> Option<u64> {
    status("Threads:")
}

/// A number of `/proc/self/status`.
fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<u64> {
    // One of them is the folder that is being read.
    Some(wide(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1)))
}

fn most_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name before may have spaces and brackets in it. Fields are counted in proc(5).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_this_process_are_believable() {
        assert!(resident_bytes().unwrap() > 1024 * 1024);
        assert!(threads().unwrap() >= 1);
        let (open, most) = (open_files().unwrap(), most_files().unwrap());
        assert!((3..=most).contains(&open), "{open} of {most}");
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert!(open_files().unwrap() > open, "other tests may open more, never this one fewer");
        drop(file);
    }

    #[test]
    fn processor_time_grows() {
        let before = cpu_seconds().unwrap();
        let mut digits = 0_u64;
        while cpu_seconds().unwrap() - before < 0.02 {
            digits = std::hint::black_box(digits.wrapping_mul(31).wrapping_add(7));
        }
        assert!(cpu_seconds().unwrap() > before);
    }
}
