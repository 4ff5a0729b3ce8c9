//! What messages wait for before they are passed on.

use std::rc::Rc;
use std::task::{Context, Poll};

/// Ready when what had come by the time it was made may be passed on.
pub type Pass = Box<dyn Fn(&mut Context<'_>) -> Poll<()>>;

/// Asked whenever messages have come; `None`: they need not wait.
#[derive(Clone)]
pub struct Barrier(pub Rc<dyn Fn() -> Option<Pass>>);

impl std::fmt::Debug for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Barrier")
    }
}

impl Default for Barrier {
    /// Nothing waits.
    fn default() -> Self {
        Self(Rc::new(|| None))
    }
}
