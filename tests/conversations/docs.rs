//! The README's list of permitted differences is the data that the comparison goes by.

use std::fmt::Write as _;
use std::path::Path;

use crate::odd::ODD;
use crate::permitted::PERMITTED;

const BEGIN: &str = "<!-- begin: tests/conversations/permitted.rs -->\n";
const END: &str = "<!-- end: tests/conversations/permitted.rs -->\n";

/// The README says what the tables say; `NEARSIDE_WRITE_README=1` makes it so.
#[test]
fn the_readme_lists_what_is_permitted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).expect("the README");
    let (before, rest) = text.split_once(BEGIN).expect("where the list begins");
    let (_, after) = rest.split_once(END).expect("where the list ends");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", list());
    if std::env::var_os("NEARSIDE_WRITE_README").is_some() {
        std::fs::write(&path, wanted).expect("the README is written");
        return;
    }
    assert!(
        text == wanted,
        "README.md is not what tests/conversations/permitted.rs says: run this with NEARSIDE_WRITE_README=1"
    );
}

fn list() -> String {
    let mut out = String::from("\n| reply to | what may differ | why |\n|---|---|---|\n");
    for rule in PERMITTED {
        let _ = writeln!(out, "| `{}` | {} | {} |", rule.command, rule.blur.says(), rule.reason);
    }
    out.push_str("\nWhere a server is odd, Nearside does not follow it:\n\n");
    let mut said: Vec<&str> = Vec::new();
    for odd in ODD {
        if !said.contains(&odd.what) {
            said.push(odd.what);
            let _ = writeln!(out, "- {}.", odd.what);
        }
    }
    out.push('\n');
    out
}
