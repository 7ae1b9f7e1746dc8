//! TLS for connections of our own: to the API and to an `https` gateway. What clients send inside a CONNECT is theirs.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Whom we trust: Mozilla's roots, bundled, and those that the user adds.
///
/// The platform's store is not used: it does not know `NODE_EXTRA_CA_CERTS`, which is how users of Node.js add roots.
#[derive(Debug, Clone)]
pub struct TlsRoots {
    store: RootCertStore,
}

/// The text has no certificate, or a broken one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPem;

impl TlsRoots {
    /// Mozilla's roots alone.
    #[must_use]
    pub fn bundled() -> Self {
        Self { store: webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect() }
    }

    /// Adds every certificate of a PEM text.
    ///
    /// # Errors
    /// [`InvalidPem`] where the text has no certificate, or one that cannot be read.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), InvalidPem> {
        let before = self.store.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.store.add(certificate.map_err(|_| InvalidPem)?).map_err(|_| InvalidPem)?;
        }
        if self.store.len() == before { Err(InvalidPem) } else { Ok(()) }
    }

    /// Adds those certificates of a PEM text that can be read, as Node.js treats `NODE_EXTRA_CA_CERTS`.
    pub fn add_readable_pem(&mut self, pem: &[u8]) {
        self.store.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
    }

    /// A client configuration that trusts these roots: TLS 1.2 and 1.3, no client certificate, no ALPN.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the ring provider has the cipher suites of TLS 1.2 and 1.3")
            .with_root_certificates(self.store.clone())
            .with_no_client_auth()
    }
}
