//! What processes cost: CPU time to the nanosecond, and memory.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// A process and all that descend from it, as they were when this was made.
#[derive(Debug)]
pub(crate) struct Tree {
    members: Vec<(i32, ClockId)>,
}

/// CPU seconds of the whole machine since it started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// Used by anybody here.
    pub(crate) busy: f64,
    /// Wanted here, but used by other machines on the same host.
    pub(crate) stolen: f64,
}

impl Tree {
    pub(crate) fn of(root: i32) -> io::Result<Self> {
        let parents = parents()?;
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(parent) = pids.get(next).copied() {
            pids.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        let clock = |pid| Ok((pid, clock_getcpuclockid(Pid::from_raw(pid))?));
        Ok(Self { members: pids.into_iter().map(clock).collect::<io::Result<_>>()? })
    }

    /// User and system time of all threads, ended ones included.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        self.members.iter().map(|(_, clock)| Ok(Duration::from(clock.now()?))).sum()
    }

    /// How often a thread that slept was woken.
    pub(crate) fn wakeups(&self) -> io::Result<u64> {
        let mut wakeups = 0;
        for (pid, _) in &self.members {
            for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
                // It may have ended by now.
                let Ok(status) = fs::read_to_string(thread?.path().join("status")) else { continue };
                let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
                wakeups += switches.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
            }
        }
        Ok(wakeups)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        self.members.iter().map(|(pid, _)| resident(&pid.to_string())).sum()
    }
}

impl Machine {
    pub(crate) fn now() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<f64> = line.split_ascii_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal
        let seconds = |fields: &[usize]| fields.iter().filter_map(|field| ticks.get(*field)).sum::<f64>() / TICKS;
        Ok(Self { busy: seconds(&[0, 1, 2, 5, 6]), stolen: seconds(&[7]) })
    }
}

/// Resident memory of a process in bytes: exact, unlike `statm`, whose counters lag behind on many CPUs.
pub(crate) fn resident(pid: &str) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes.map(|kibibytes: u64| kibibytes * 1024).ok_or_else(|| io::Error::other("smaps_rollup has no Rss"))
}

/// As many descriptors as the system lets us have without being asked.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// Every process with its parent.
fn parents() -> io::Result<Vec<(i32, i32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended by now.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // The name in parentheses may hold anything; state and parent follow it.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_ascii_whitespace().nth(1));
        if let Some(parent) = parent.and_then(|parent| parent.parse().ok()) {
            found.push((pid, parent));
        }
    }
    Ok(found)
}

/// `/proc/stat` counts in hundredths of a second on every Linux that Node.js runs on.
const TICKS: f64 = 100.0;
