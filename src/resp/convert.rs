//! RESP3 replies for RESP2 clients.
