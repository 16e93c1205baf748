//! Facts of the host, gathered natively.
