//! A proxy and its next hop, played by the test.

use aluvia_engine::Options;

use super::{EVERYTHING, Gateway, Peer, Proxy, Raw, setup};

/// A proxy whose next hop the test plays: an origin, or the gateway.
pub struct Scene {
    /// How messages of assertions name it.
    pub way: &'static str,
    pub proxy: Proxy,
    pub peer: Peer,
    /// What clients ask for.
    pub authority: String,
    /// The code of an answer that is no HTTP.
    pub bad_response: &'static str,
    /// The code of an end instead of an answer.
    pub no_response: &'static str,
}

/// The next hop as the origin of direct requests, and as the gateway.
pub async fn both_ways() -> [Scene; 2] {
    both_ways_with(|_| {}).await
}

/// The same, with options.
pub async fn both_ways_with(change: impl Fn(&mut Options)) -> [Scene; 2] {
    [Scene::direct_with(&change).await, Scene::by_gateway_with(&change).await]
}

impl Scene {
    pub async fn direct() -> Self {
        Self::direct_with(|_| {}).await
    }

    pub async fn by_gateway() -> Self {
        Self::by_gateway_with(|_| {}).await
    }

    async fn direct_with(change: impl Fn(&mut Options)) -> Self {
        let peer = Peer::start();
        Self {
            way: "direct",
            proxy: setup(&[]).options(change).start().await,
            authority: peer.address.to_string(),
            peer,
            bad_response: "ALUVIA_BAD_RESPONSE",
            no_response: "ALUVIA_CONNECTION_RESET",
        }
    }

    pub async fn by_gateway_with(change: impl Fn(&mut Options)) -> Self {
        let peer = Peer::start();
        let proxy = setup(EVERYTHING).gateway(Gateway::at(peer.address)).options(change).start().await;
        Self {
            way: "by gateway",
            proxy,
            peer,
            authority: "origin.test:80".to_owned(),
            bad_response: "ALUVIA_GATEWAY_BAD_RESPONSE",
            no_response: "ALUVIA_GATEWAY_CLOSED",
        }
    }

    /// Sends a request on a new connection, from behind its `Host` field on, to a hop that has no connection yet. Returns
    /// the client, the hop, and the head that the hop has read.
    pub async fn request(&self, method: &str, rest: impl AsRef<[u8]>) -> (Raw, Raw, String) {
        let mut client = self.proxy.connect().await;
        client.send(self.head(method, rest)).await;
        let mut peer = self.peer.asked().await;
        let head = peer.head().await;
        (client, peer, head)
    }

    /// The bytes of a request, whose rest begins behind its `Host` field.
    pub fn head(&self, method: &str, rest: impl AsRef<[u8]>) -> Vec<u8> {
        let Self { authority, .. } = self;
        let start = format!("{method} http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n");
        [start.as_bytes(), rest.as_ref()].concat()
    }

    /// A client and the hop to which its CONNECT has led.
    pub async fn connected(&self) -> (Raw, Raw) {
        let peer = async {
            if self.way == "direct" {
                return self.peer.accept().await;
            }
            let mut peer = self.peer.asked().await;
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
            peer
        };
        tokio::join!(self.proxy.connected_to(&self.authority), peer)
    }
}
