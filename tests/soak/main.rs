//! Many sessions, several workers and two Nearsides against versioned registers, under faults; what they
//! saw is checked against the contract of the cache.

mod check;
