//! Resumable, non-recursive frame boundaries under limits.
