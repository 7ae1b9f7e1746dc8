//! TLS in front of a fake.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::gateway::reset_both;
use super::{EVERYTHING, Gateway, Setup, bound, listen, setup, spawn};

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

    /// The first of the listener's connections on which something is asked, over TLS under this name. What the first read
    /// brings, a head, is taken off it.
    pub async fn asked(&self, name: &str, listener: &TcpListener) -> TlsStream<TcpStream> {
        let acceptor = self.acceptor(name);
        let (asked, mut first) = mpsc::channel(1);
        loop {
            tokio::select! {
                asked = first.recv() => return asked.unwrap(),
                accepted = listener.accept() => {
                    let (acceptor, asked) = (acceptor.clone(), asked.clone());
                    spawn(async move {
                        let mut stream = acceptor.accept(accepted.unwrap().0).await.unwrap();
                        if matches!(stream.read(&mut [0; 4096]).await, Ok(length) if length > 0) {
                            // The first is enough.
                            let _ = asked.send(stream).await;
                        }
                    });
                }
            }
        }
    }

    /// A server with this name, or address.
    pub fn acceptor(&self, name: &str) -> TlsAcceptor {
        self.acceptor_with(name, &[])
    }

    /// The same, for these protocols (RFC 7301).
    pub fn acceptor_with(&self, name: &str, protocols: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A proxy that sends everything over TLS to this gateway, and trusts the authority.
    pub fn by_https(&self, front: SocketAddr) -> Setup {
        setup(EVERYTHING).gateway(Gateway::at(front)).options(|options| {
            options.gateway_protocol = Some("https".to_owned());
            options.ca = vec![self.pem.clone()];
        })
    }

    /// A gateway of its own, that passes resets on: TLS has no word for them.
    pub async fn gateway(&self) -> SocketAddr {
        let acceptor = self.acceptor("127.0.0.1");
        listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut front) = acceptor.accept(stream).await else { return };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match front.read_u8().await {
                        Ok(byte) => head.push(byte),
                        // It was made just in case.
                        Err(_) => return,
                    }
                }
                let head = String::from_utf8(head).unwrap();
                let mut back = TcpStream::connect(head.split(' ').nth(1).unwrap()).await.unwrap();
                front.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                if copy_bidirectional(&mut front, &mut back).await.is_err() {
                    reset_both(front.get_ref().0, &back);
                }
            }
        })
        .await
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

/// A listener whose connections hold little: small segments make for small buffers at both ends.
pub fn narrow_listener() -> TcpListener {
    let socket = bound((Ipv4Addr::LOCALHOST, 0).into());
    socket.set_tcp_mss(536).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.listen(16).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpListener::from_std(socket.into()).unwrap()
}
