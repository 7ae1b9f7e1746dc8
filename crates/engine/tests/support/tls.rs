//! TLS in front of a fake.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::listen;

/// A certificate authority.
pub struct Authority {
    /// Its certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A server with this name, or address.
    pub fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Takes TLS connections under this name, and passes what is in them on to a fake that knows nothing of TLS.
    pub async fn serve(&self, name: &str, behind: SocketAddr) -> SocketAddr {
        let acceptor = self.acceptor(name);
        listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                // A client may well refuse this side.
                let Ok(mut front) = acceptor.accept(stream).await else { return };
                let mut back = TcpStream::connect(behind).await.unwrap();
                // How it ends is not of interest here.
                let _ = copy_bidirectional(&mut front, &mut back).await;
            }
        })
        .await
    }
}
