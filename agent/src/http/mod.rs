//! HTTP: what `uri`, `get_url` and whoever else fetches something on the host have in common.
//!
//! A [`Client`] makes one [`Request`] with its [`Settings`]: it finds the proxy, connects through the host's `Net` facet
//! (which can be cancelled, and which looks names up without NSS), speaks TLS with the roots that the host trusts,
//! answers a demand for a password, and follows redirects as told. The bytes of the protocol are ureq's
//! (`ureq-proto`); TLS is spoken by a program of its own ([`TlsSetup`]).

mod client;
mod cookies;
mod credentials;
mod exchange;
mod proxy;
mod spool;
mod tls;
mod url;
mod wire;

pub use client::{Client, Follow, Request, Response, Settings};
pub use cookies::Cookie;
pub use spool::Spool;
pub use tls::{Pem, TlsSetup};
pub use url::{Url, decode};
