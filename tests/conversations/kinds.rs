//! The kinds of server that conversations are held with, and starting them.

use std::ffi::OsString;
use std::process::{Child, Command, Stdio};

use crate::common::{Dir, Place, Talk, eventually};

/// A kind of server.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// As `@only` names it.
    pub(crate) name: &'static str,
    program: OsString,
}

/// Those to be found: the redis-server in `PATH`, and what the environment names.
pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind { name: "redis7", program: "redis-server".into() }];
    for (name, variable) in [("valkey9", "NEARSIDE_VALKEY_SERVER"), ("redis8", "NEARSIDE_REDIS8_SERVER")] {
        let program = std::env::var_os(variable).filter(|program| !program.is_empty());
        kinds.extend(program.map(|program| Kind { name, program }));
    }
    kinds
}

/// A running server on a Unix socket that answers; killed, and its directory removed, when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    dir: Dir,
}

impl Server {
    pub(crate) fn start(kind: &Kind, args: &[String]) -> Self {
        let dir = Dir::new();
        let mut command = Command::new(&kind.program);
        command.args(["--port", "0", "--unixsocket", "s", "--save", "", "--enable-debug-command", "yes"]);
        command.args(args).current_dir(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", kind.program));
        let mut server = Self { child, dir };
        eventually("the server answers", || {
            let ended = server.child.try_wait().expect("its status");
            assert!(ended.is_none(), "{:?} ends at once: {ended:?}", kind.program);
            let mut talk = Talk::try_connect(&server.place()).ok()?;
            talk.say(&["PING"]);
            let answer = talk.try_reply().ok()?;
            (answer == b"+PONG\r\n" || answer.starts_with(b"-NOAUTH")).then_some(())
        });
        server
    }

    pub(crate) fn place(&self) -> Place {
        Place::Unix(self.dir.join("s"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
