//! Replies of our own: canned ones, and errors whose text is safe on the wire.
