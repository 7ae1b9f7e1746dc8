//! The way through the gateway: what it is told, what it may answer, and what of that reaches the client.

mod support;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::AsyncWriteExt as _;

use support::gateway::AUTHORIZATION;
use support::{EVERYTHING, Gateway, Names, Origin, Peer, Proxy, Scene, closed, field, proxy_by_gateway, setup};

#[tokio::test]
async fn the_gateway_learns_the_target_and_the_credentials_and_nothing_of_the_clients_fields() {
    let gateway = Gateway::serving(|mut client, _| async move { client.send("HTTP/1.1 200 OK\r\n\r\n").await }).await;
    let proxy = setup(EVERYTHING).gateway(gateway).start().await;
    let cases = [
        ("shop.test:443", "shop.test:443"),
        ("Shop.TEST.:8443", "shop.test:8443"),
        ("xn--mnchen-3ya.test:443", "xn--mnchen-3ya.test:443"),
        ("192.0.2.1:443", "192.0.2.1:443"),
        ("[2001:DB8:0::1]:443", "[2001:db8::1]:443"),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1:443"),
    ];
    for (asked, _) in cases {
        proxy
            .ask(format!(
                "CONNECT {asked} HTTP/1.1\r\nHost: {asked}\r\nUser-Agent: secret\r\nCookie: secret\r\n\
                 Proxy-Authorization: Basic c2VjcmV0\r\nX-Real-IP: secret\r\n\r\n"
            ))
            .await;
    }

    let told = cases
        .map(|(_, told)| format!("CONNECT {told} HTTP/1.1\r\nHost: {told}\r\nProxy-Authorization: {AUTHORIZATION}"));
    assert_eq!(proxy.gateway.heads(), told);
}

#[tokio::test]
async fn credentials_of_any_bytes_but_control_characters_reach_the_gateway() {
    let cases = [
        ("user", "pass:word:"),
        ("üsér", "пароль ✓ 🗝"),
        (" a b ", " \"'\\%20%00,;=@/# "),
        ("~!$&()*+", "\u{a0}\u{ffff}"),
    ];
    for (username, password) in cases {
        let origin = Peer::start();
        let proxy = setup(&["*"]).credentials(username, password).gateway(Gateway::at(origin.address)).start().await;
        for request in ["CONNECT a.test:443 HTTP/1.1\r\n\r\n", "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"] {
            let mut client = proxy.connect().await;
            client.send(request).await;
            let head = origin.asked().await.head().await;

            let sent = field(&head, "proxy-authorization").and_then(|value| value.strip_prefix("Basic ")).unwrap();
            let decoded = String::from_utf8(BASE64_STANDARD.decode(sent).unwrap()).unwrap();
            assert_eq!(decoded, format!("{username}:{password}"), "{request:?}");
        }
    }
}

#[tokio::test]
async fn any_2xx_of_the_gateway_opens_the_way_and_none_of_its_fields_travels() {
    let cases = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 201 Created\r\nSet-Cookie: a\r\n\r\n",
        "HTTP/1.1 204 No Content\nServer: a\n\n",
        "HTTP/1.1 299 Any\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    let scene = Scene::by_gateway().await;
    for answer in cases {
        let mut client = scene.proxy.connect().await;
        client.send("CONNECT origin.test:443 HTTP/1.1\r\n\r\n").await;
        let mut gateway = scene.peer.asked().await;
        gateway.head().await;

        gateway.send([answer, "hello"].concat()).await;

        assert_eq!(client.head().await, "HTTP/1.1 200 Connection Established", "{answer:?}");
        assert_eq!(client.bytes(5).await, b"hello", "{answer:?}");
        client.send("world").await;
        assert_eq!(gateway.bytes(5).await, b"world", "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let scene = Scene::by_gateway().await;
    let mut client = scene.proxy.connect().await;
    client.send("CONNECT origin.test:443 HTTP/1.1\r\n\r\n").await;
    let mut gateway = scene.peer.asked().await;
    gateway.head().await;

    for byte in b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: a\r\n\r\nhello" {
        gateway.send([*byte]).await;
        tokio::task::yield_now().await;
    }

    assert_eq!(client.head().await, "HTTP/1.1 200 Connection Established");
    assert_eq!(client.bytes(5).await, b"hello");
}

#[tokio::test]
async fn a_gateway_that_says_no_to_a_connect_is_told_by_its_status_alone() {
    let scene = Scene::by_gateway().await;
    for status in [407, 400, 401, 403, 404, 429, 500, 502, 503, 504, 302, 600] {
        let (response, _) = tokio::join!(scene.proxy.ask("CONNECT a.test:443 HTTP/1.1\r\n\r\n"), async {
            let mut gateway = scene.peer.asked().await;
            gateway.head().await;
            gateway.send(refusal(status)).await;
            gateway
        });

        assert_is_refusal(&response, status);
    }
}

#[tokio::test]
async fn a_407_to_any_other_request_never_reaches_the_client() {
    let scene = Scene::by_gateway().await;
    for rest in ["\r\n", "Content-Length: 5\r\n\r\nhello", "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"] {
        let (mut client, mut gateway, _) = scene.request("GET", rest).await;

        gateway.send(refusal(407)).await;
        let response = client.response().await;

        assert_is_refusal(&response, 407);
    }
}

#[tokio::test]
async fn other_refusals_of_a_plain_request_are_answers_like_any_other() {
    let scene = Scene::by_gateway().await;
    for status in [403, 502, 302] {
        let (mut client, mut gateway, _) = scene.request("GET", "\r\n").await;

        gateway.send(format!("HTTP/1.1 {status} No\r\nX: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")).await;
        let response = client.response().await;

        // Whether the gateway or the origin has said so cannot be known.
        assert_eq!(response.head, format!("HTTP/1.1 {status} No\r\nX: 1\r\nContent-Length: 2"));
        assert_eq!(response.text(), "no");
    }
}

#[tokio::test]
async fn an_answer_to_a_connect_that_is_none_is_told_as_what_it_is() {
    let (closed, malformed) = ("ALUVIA_GATEWAY_CLOSED", "ALUVIA_GATEWAY_BAD_RESPONSE");
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(70_000));
    let many_fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1_100));
    let cases: &[(&[u8], bool, &str)] = &[
        (b"", false, closed),
        (b"", true, closed),
        (b"HTTP/1.1 200 OK\r\n", false, closed),
        (b"HTTP/1.1 200 OK\r\n", true, closed),
        (b"HTTP/1.1 100 Continue\r\n\r\n", false, closed),
        (b"nonsense\r\n\r\n", false, malformed),
        (b"\x15\x03\x01\x00\x02\x02\x46", false, malformed),
        (b"HTTP/2 200 OK\r\n\r\n", false, malformed),
        (b"HTTP/1.1 2000 OK\r\n\r\n", false, malformed),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n", false, malformed),
        (endless.as_bytes(), false, malformed),
        (many_fields.as_bytes(), false, malformed),
    ];
    for (bytes, is_reset, code) in cases {
        let (answer, is_reset) = (bytes.to_vec(), *is_reset);
        let gateway = Gateway::serving(move |mut client, _| {
            let answer = answer.clone();
            async move {
                // It may be refused before it is whole.
                let _ = client.stream.write_all(&answer).await;
                if is_reset {
                    client.reset();
                }
            }
        });
        let proxy = setup(&["*"]).gateway(gateway.await).start().await;

        let response = proxy.ask("CONNECT a.test:443 HTTP/1.1\r\n\r\n").await;

        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        assert_eq!((response.status, response.reason()), (502, *code), "{shown:?} {is_reset}");
    }
}

#[tokio::test]
async fn nonsense_from_the_gateway_is_not_waited_upon() {
    let scene = Scene::by_gateway().await;

    let (response, _gateway) = tokio::join!(scene.proxy.ask("CONNECT a.test:443 HTTP/1.1\r\n\r\n"), async {
        let mut gateway = scene.peer.asked().await;
        gateway.send("SSH-2.0-OpenSSH_9.9\r\n").await;
        gateway
    });

    assert_eq!((response.status, response.reason()), (502, "ALUVIA_GATEWAY_BAD_RESPONSE"));
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_a_connect_is_a_timeout() {
    for begin in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let peer = Peer::start();
        let setup = setup(&["*"]).gateway(Gateway::at(peer.address));
        let proxy = setup.options(|options| options.connect_timeout_ms = Some(200.0)).start().await;

        let (response, mut gateway) = tokio::join!(proxy.ask("CONNECT a.test:443 HTTP/1.1\r\n\r\n"), async {
            let mut gateway = peer.asked().await;
            gateway.head().await;
            gateway.send(begin).await;
            gateway
        });

        assert_eq!((response.status, response.reason()), (504, "ALUVIA_GATEWAY_TIMEOUT"), "{begin:?}");
        assert!(gateway.has_ended().await, "{begin:?}");
    }
}

#[tokio::test]
async fn nothing_goes_direct_where_the_gateway_cannot_be_reached() {
    let (nobody, origin) = (closed(), Origin::start().await);
    let names = Names::new(&[("gateway.test", &["127.0.0.1"]), ("origin.test", &["127.0.0.1"])]);
    let by_address = setup(EVERYTHING).gateway(Gateway::at(nobody.address));
    let by_name = setup(EVERYTHING).gateway(Gateway::at(nobody.address));
    let unknown = setup(EVERYTHING).gateway(Gateway::at(nobody.address));
    let setups = [
        by_address,
        by_name.options(|options| options.gateway_host = Some("gateway.test".to_owned())),
        unknown.options(|options| options.gateway_host = Some("unknown.test".to_owned())),
    ];
    for setup in setups {
        let proxy = setup.resolver(&names).start().await;
        for target in [origin.address.to_string(), format!("origin.test:{}", origin.address.port())] {
            for response in ask_both(&proxy, &target).await {
                let told = (response.status, response.reason());
                assert_eq!(told, (502, "ALUVIA_GATEWAY_UNREACHABLE"), "{target}");
            }
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn names_that_go_to_the_gateway_are_never_looked_up_here() {
    let names = Names::new(&[("gateway.test", &["127.0.0.1"])]);

    let by_address = setup(EVERYTHING).resolver(&names).start().await;
    ask_both(&by_address, "origin.test:443").await;
    ask_both(&by_address, "localhost:1").await;
    assert_eq!(names.asked(), Vec::<String>::new());
    assert_eq!(by_address.gateway.heads().len(), 4);

    let setup = setup(EVERYTHING).resolver(&names);
    let by_name = setup.options(|options| options.gateway_host = Some("gateway.test".to_owned())).start().await;
    ask_both(&by_name, "origin.test:443").await;
    assert!(names.asked().iter().all(|name| name == "gateway.test"), "{:?}", names.asked());
    assert_eq!(by_name.gateway.heads().len(), 2);
}

#[tokio::test]
async fn the_rules_decide_which_requests_of_one_connection_go_to_the_gateway() {
    let origin = Origin::start().await;
    let names = Names::new(&[("direct.test", &["127.0.0.1"])]);
    let proxy = setup(&["*", "-direct.test"]).resolver(&names).start().await;
    let mut client = proxy.connect().await;

    let mut answers = Vec::new();
    for host in ["direct.test", "other.test", "localhost", "DIRECT.test.", "127.0.0.1"] {
        let target = format!("{host}:{}", origin.address.port());
        client.send(format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
        answers.push(client.response().await.text().to_owned());
    }

    assert_eq!(answers, ["ok", "via gateway", "ok", "ok", "ok"]);
}

#[tokio::test]
async fn wrong_credentials_are_told_as_a_refusal_of_the_gateway() {
    let proxy = setup(EVERYTHING).credentials("user", "wrong").start().await;

    for response in ask_both(&proxy, "origin.test:443").await {
        assert_is_refusal(&response, 407);
    }
    let proxy = proxy_by_gateway().await;
    let [connect, get] = ask_both(&proxy, "127.0.0.1:1").await;
    assert_is_refusal(&connect, 502);
    assert_eq!(get.text(), "via gateway");
}

/// What a gateway says that refuses; none of it is for the client.
fn refusal(status: u16) -> String {
    format!(
        "HTTP/1.1 {status} Gateway's Own Words\r\nProxy-Authenticate: Basic realm=\"secret\"\r\n\
         WWW-Authenticate: Basic realm=\"secret\"\r\nSet-Cookie: secret\r\nLocation: http://secret.test/\r\n\
         Content-Length: 6\r\n\r\nsecret"
    )
}

fn assert_is_refusal(response: &support::Response, status: u16) {
    assert_eq!((response.status, response.reason()), (502, "ALUVIA_GATEWAY_REFUSED"), "{status}");
    let expected =
        format!("aluvia; error=http_request_denied; received-status={status}; details=\"ALUVIA_GATEWAY_REFUSED\"");
    assert_eq!(response.field("proxy-status"), Some(&*expected), "{status}");
    for field in ["proxy-authenticate", "www-authenticate", "set-cookie", "location"] {
        assert_eq!(response.field(field), None, "{status}");
    }
    assert!(response.text().starts_with("ALUVIA_GATEWAY_REFUSED: "), "{status}: {}", response.text());
}

/// The same target by CONNECT and by GET.
async fn ask_both(proxy: &Proxy, target: &str) -> [support::Response; 2] {
    let connect = proxy.ask(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
    let get = proxy.ask(format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
    [connect, get]
}
