//! Which arguments must not be written down where requests are kept to be looked at.

use super::{Command, Route};
use crate::resp::request::Args;

impl Command {
    /// Which arguments of `args` may be secrets, in rising order: [`Self::secrets`], and those of commands
    /// that `MONITOR` never shows: what a setting or a user is set to, and all of a subcommand that is none
    /// (one that is mistyped may have them too).
    pub fn withheld(&self, args: &Args<'_>) -> Vec<usize> {
        let all_from = |first: usize| (first..args.len()).collect();
        match self.name {
            "HELLO" if (1..args.len()).any(|i| args.is(i, "AUTH")) => all_from(1),
            // One too few, and what stands where names should may be values.
            "CONFIG|SET" if args.len().is_multiple_of(2) => (3..args.len()).step_by(2).collect(),
            "CONFIG|SET" | "MODULE|LOAD" | "MODULE|LOADEX" => all_from(2),
            "ACL|SETUSER" => all_from(3),
            "CLUSTER|MIGRATESLOTS" | "DEBUG" => self.secrets(args),
            _ if self.route == Route::Container => all_from(1),
            _ => self.secrets(args),
        }
    }
}

/// The same for a request whose command may not be known here: nobody knows what follows its name. What a
/// module may know has a dot in its name.
pub fn withheld(command: Option<&Command>, args: &Args<'_>) -> Vec<usize> {
    match command {
        Some(command) => command.withheld(args),
        None if args.get(0).contains(&b'.') => Vec::new(),
        None => (1..args.len()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lookup;
    use super::*;
    use crate::resp::request::encode;
    use crate::resp::scan::request::{Limits, RequestScanner};

    fn hidden(line: &str) -> Vec<usize> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (bytes, mut scanner) = (encode(&words), RequestScanner::default());
        let limits =
            Limits { max_bulk: 1 << 20, max_multibulk: 1 << 20, large: 1 << 20, unauthenticated: false };
        scanner.scan(&bytes, &limits).expect("it is a request");
        let args = scanner.args(&bytes);
        withheld(lookup(&args), &args)
    }

    #[test]
    fn what_may_be_secret_is_withheld() {
        for (line, expected) in [
            ("AUTH p", vec![1]),
            ("AUTH u p", vec![1, 2]),
            ("HELLO 3 AUTH u p SETNAME n", vec![1, 2, 3, 4, 5, 6]),
            ("HELLO AUTH u p", vec![1, 2, 3]),
            ("HELLO 3", vec![]),
            ("CONFIG SET maxmemory 1 requirepass p", vec![3, 5]),
            ("CONFIG SET requirepass", vec![2]),
            ("CONFIG STE requirepass p", vec![1, 2, 3]),
            ("ACL SETUSER u on >p", vec![3, 4]),
            ("ACL SETUSR u >p", vec![1, 2, 3]),
            ("MIGRATE h 1 k 0 9 AUTH2 u p KEYS a", vec![7, 8]),
            ("AUHT p", vec![1]),
            ("JSON.GET k", vec![]),
            ("SET k v", vec![]),
            ("DEBUG SLEEP 1", vec![]),
        ] {
            assert_eq!(hidden(line), expected, "{line}");
        }
    }
}
