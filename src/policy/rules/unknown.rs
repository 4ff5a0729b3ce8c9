//! Redis's words for a command it does not know.

use crate::resp::rename::Names;
use crate::resp::request::Args;

/// Most bytes of a name, and of all arguments, that the error repeats.
const REPEATED: usize = 128;

/// What Redis says to `args` when it knows no such command.
pub fn unknown_command(args: &Args<'_>) -> Vec<u8> {
    let mut said = Vec::new();
    for argument in args.iter().skip(1) {
        if said.len() >= REPEATED {
            break;
        }
        said.extend([b"'", text(argument, REPEATED - said.len()), b"' "].concat());
    }
    let name = text(Names::written(args.get(0)), REPEATED);
    [b"ERR unknown command '", name, b"', with args beginning with: ", &said].concat()
}

/// As much of it as is repeated: to Redis it is a C string, which a NUL ends.
fn text(bytes: &[u8], most: usize) -> &[u8] {
    bytes[..bytes.len().min(most)].split(|byte| *byte == 0).next().unwrap_or_default()
}
