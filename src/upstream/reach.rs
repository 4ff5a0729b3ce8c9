//! How the upstream is reached: which of its addresses, and whether it is who it should be.

use std::future::poll_fn;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;

use super::{Failure, Shared};
use crate::config::Endpoint;
use crate::net::{Address, DialError, Stream, dial, resolve};
use crate::resp::Proto;
use crate::resp::request::encode;

/// How long the upstream may take to show that it is this proxy.
const PROBE: Duration = Duration::from_secs(1);

/// How an upstream has received us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visit {
    /// It has said what it is.
    Welcome {
        /// What it calls itself.
        server: String,
        /// Three numbers.
        version: [u32; 3],
    },
    /// It says nothing to who has no password.
    WantsPassword,
}

impl Shared {
    /// Connects once as clients that bring no credential would, and leaves.
    ///
    /// # Errors
    /// As for any other connection.
    pub async fn visit(&self) -> Result<Visit, Failure> {
        let link = self.connect(Proto::Resp3, self.settings().database, &self.credential(), false).await?;
        if link.info.hello.is_empty() {
            return Ok(Visit::WantsPassword);
        }
        let server = link.info.text(b"server").unwrap_or_else(|| "a server".into());
        Ok(Visit::Welcome { server, version: link.info.version() })
    }

    /// The first of the upstream's addresses that takes a connection, the current one before others.
    pub(super) async fn reach(&self) -> Result<(Address, Stream), DialError> {
        let addresses = self.addresses().await?;
        // Each gets its share of the time: one that swallows everything must not use up the others'.
        let limit = self.settings().connect_timeout / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        let mut failed = None;
        for address in addresses {
            match dial(&address, self.tls.as_deref(), limit).await {
                Ok(stream) => return Ok((address, stream)),
                // Where the attempt got furthest is where the cause is.
                Err(error) if failed.is_none() || matches!(error, DialError::Tls { .. }) => {
                    failed = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(failed.unwrap_or(DialError::Nowhere))
    }

    /// Whether the upstream is the very proxy that asks, known by its `nonce`. A server that cannot be
    /// reached, which is logged, or says nothing, is not.
    pub async fn leads_back(&self, nonce: &str) -> bool {
        let ask = async {
            let reached = self.reach().await;
            let (_, stream) = reached.inspect_err(|error| self.warn_of_absence(error)).ok()?;
            let (mut read, write) = stream.split();
            write.write_all(&encode(&[b"NEARSIDE", b"PROBE", nonce.as_bytes()])).await.ok()?;
            let mut answer = BytesMut::with_capacity(128);
            while !answer.contains(&b'\n') && answer.len() < 128 {
                if poll_fn(|cx| read.poll_into(cx, &mut answer)).await.ok()? == 0 {
                    return None;
                }
            }
            Some(answer.starts_with(b"+LOOP"))
        };
        tokio::time::timeout(PROBE, ask).await.ok().flatten().unwrap_or(false)
    }

    fn warn_of_absence(&self, error: &DialError) {
        let settings = self.settings();
        tracing::warn!(upstream = settings.address(), origin = %settings.origin, "the upstream cannot be used yet: {error}");
    }

    async fn addresses(&self) -> Result<Vec<Address>, DialError> {
        match &self.settings().endpoint {
            Endpoint::Unix(path) => Ok(vec![Address::Unix(path.clone())]),
            Endpoint::Embedded => Ok(Vec::new()),
            Endpoint::Tcp { host, port } => {
                let mut found: Vec<Address> =
                    resolve(host, *port).await?.into_iter().map(Address::Tcp).collect();
                let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                found.sort_by_key(|address| Some(address) != current.as_ref());
                Ok(found)
            }
        }
    }

    /// A connection to `address` exists: it is the current server's. Answers its generation.
    pub(super) fn settle(&self, address: Address) -> u64 {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() != Some(&address)
            && let Some(old) = current.replace(address)
        {
            tracing::warn!(%old, new = ?*current, "the upstream has moved");
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        self.generation()
    }
}
