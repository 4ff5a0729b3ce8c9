//! The built program, as a user runs it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::{PATIENCE, eventually};

/// The program with nothing of this process's environment but `PATH`. It listens for no operator unless a
/// flag (`--admin-listen`) says so: several run at once.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearside"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("NEARSIDE_ADMIN_LISTEN", "none");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run of it that goes on; killed when dropped.
#[derive(Debug)]
pub struct Run {
    child: Child,
    lines: Receiver<String>,
    /// What it has said so far.
    pub said: Vec<String>,
}

impl Run {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).spawn().expect("it runs");
        let stderr = child.stderr.take().expect("it is piped");
        Self { child, lines: follow(stderr), said: Vec::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says something with `words` in it; that line.
    pub fn says(&mut self, words: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(error) => panic!("it never says {words:?} ({error}): {:#?}", self.said),
            }
        }
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        eventually("the program ends", || self.child.try_wait().expect("its status"))
    }

    /// Whether it has not ended.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr.take(1 << 20)).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Stops process `pid` (SIGSTOP), and returns once every thread of it stands still: one of them has to get a
/// turn before the others are stopped, and on a busy machine they go on until then.
pub fn stop(pid: u32) {
    signal(pid, "STOP");
    eventually("every thread has stopped", || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
        let is_still = |stat: &str| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'));
        let mut stats = threads.flatten().map(|thread| std::fs::read_to_string(thread.path().join("stat")));
        stats.all(|stat| stat.is_ok_and(|stat| is_still(&stat))).then_some(())
    });
}

/// Sends process `pid` a signal by name, such as `TERM`.
pub fn signal(pid: u32, name: &str) {
    let done = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().expect("kill runs");
    assert!(done.success(), "kill -{name} {pid}");
}
