//! Who may use the proxy, and where it may lead.

mod support;

use aluvia_engine::secret::Secret;
use aluvia_engine::{Listeners, Login};

use support::{EVERYTHING, Names, Origin, Peer, Proxy, Setup, proxy, setup};

/// `me:pass`, and others.
const RIGHT: &str = "Basic bWU6cGFzcw==";
const WRONG: [&str; 7] = [
    "Basic bWU6cGFzcx==",
    "Basic bWU6cGFzc3g=",
    "Basic bWU6cGFzcw",
    "Basic",
    "Basic ",
    "Bearer bWU6cGFzcw==",
    "bWU6cGFzcw==",
];

fn guarded(setup: Setup) -> Setup {
    setup.options(|options| {
        options.local_auth = Some(Login { username: "me".to_owned(), password: Secret::new("pass") });
    })
}

#[tokio::test]
async fn a_client_that_has_not_logged_in_gets_nothing() {
    let (proxy, origin) = (guarded(setup(&[])).start().await, Origin::start().await);
    let at = origin.address;
    let fields = WRONG.map(|value| format!("Proxy-Authorization: {value}\r\n"));
    let twice = format!("Proxy-Authorization: {RIGHT}\r\nProxy-Authorization: {RIGHT}\r\n");
    let other_field = format!("Authorization: {RIGHT}\r\n");

    for field in fields.iter().map(String::as_str).chain(["", &twice, &other_field]) {
        for start in [format!("GET http://{at}/ HTTP/1.1"), format!("CONNECT {at} HTTP/1.1")] {
            let response = proxy.ask(format!("{start}\r\nHost: {at}\r\n{field}\r\n")).await;

            assert_eq!((response.status, response.reason()), (407, "ALUVIA_LOGIN_REQUIRED"), "{start} {field}");
            assert_eq!(response.field("proxy-authenticate"), Some("Basic realm=\"aluvia\", charset=\"UTF-8\""));
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_client_that_logs_in_after_it_was_asked_is_served_on_the_same_connection() {
    let (proxy, origin, peer) = (guarded(setup(&[])).start().await, Origin::start().await, Peer::start());
    let (at, to) = (origin.address, peer.address);
    let mut client = proxy.connect().await;

    client.send(format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")).await;
    assert_eq!(client.response().await.status, 407);
    client.send(format!("CONNECT {to} HTTP/1.1\r\n\r\n")).await;
    assert_eq!(client.response().await.status, 407);
    for scheme in ["Basic", "basic", "BASIC"] {
        let login = RIGHT.replace("Basic", scheme);
        client.send(format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\nProxy-Authorization: {login}\r\n\r\n")).await;
        assert_eq!(client.response().await.text(), "ok", "{scheme}");
    }
    client.send(format!("CONNECT {to} HTTP/1.1\r\nProxy-Authorization: {RIGHT}\r\n\r\n")).await;

    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    assert!(origin.heads().iter().all(|head| !head.to_lowercase().contains("authorization")), "{:?}", origin.heads());
}

#[tokio::test]
async fn a_body_that_nobody_has_asked_for_ends_the_connection() {
    let (proxy, origin) = (guarded(setup(&[])).start().await, Origin::start().await);
    let at = origin.address;
    let mut client = proxy.connect().await;

    client.send(format!("POST http://{at}/ HTTP/1.1\r\nHost: {at}\r\nContent-Length: 5\r\n\r\nhello")).await;
    let response = client.response().await;

    assert_eq!((response.status, response.field("connection")), (407, Some("close")));
    assert!(client.has_ended().await);
}

#[tokio::test]
async fn the_login_of_a_client_does_not_reach_the_gateway() {
    let proxy = guarded(setup(EVERYTHING)).start().await;

    let get = format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: {RIGHT}\r\n\r\n");
    assert_eq!(proxy.ask(get).await.text(), "via gateway");

    let head = proxy.gateway.heads().pop().unwrap();
    assert!(!head.contains(RIGHT), "{head}");
}

#[tokio::test]
async fn what_is_malformed_is_told_so_before_anybody_logs_in() {
    let proxy = guarded(setup(&[])).start().await;

    for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a HTTP/1.1\r\n\r\n"] {
        assert_eq!(proxy.ask(request).await.status, 400, "{request:?}");
    }
}

#[tokio::test]
async fn a_page_that_asks_the_port_itself_learns_nothing() {
    let proxy = proxy().await;
    let port = proxy.session.address().port();
    let mut answers = Vec::new();
    for (method, rest) in [
        ("GET", ""),
        ("POST", "Origin: http://evil.test\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"),
        ("OPTIONS", "Origin: http://evil.test\r\nAccess-Control-Request-Method: PUT\r\n"),
    ] {
        for host in [format!("127.0.0.1:{port}"), format!("rebound.evil.test:{port}")] {
            let response = proxy.ask(format!("{method} /x HTTP/1.1\r\nHost: {host}\r\n{rest}\r\n")).await;
            assert!(!response.head.to_lowercase().contains("access-control"), "{}", response.head);
            let head: Vec<_> = response.head.lines().filter(|line| !line.starts_with("Date: ")).collect();
            answers.push((head.join("\n"), response.body.clone()));
        }
    }

    assert!(answers[0].0.starts_with("HTTP/1.1 400 "));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn an_address_that_is_no_site_is_refused_however_it_is_found() {
    let names = Names::new(&[
        ("metadata.test", &["169.254.169.254"]),
        ("mixed.test", &["127.0.0.1", "169.254.169.254"]),
        ("broadcast.test", &["255.255.255.255"]),
    ]);
    let proxy = setup(&[]).resolver(&names).start().await;
    let targets = [
        "169.254.169.254",
        "0xa9fea9fe",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "224.0.0.1",
        "[ff02::1]",
        "0.0.0.0",
        "0",
        "[::]",
        "255.255.255.255",
        "metadata.test",
        "mixed.test",
        "broadcast.test",
    ];
    for target in targets {
        assert_refused(&proxy, target).await;
    }
}

#[tokio::test]
async fn an_address_that_is_no_site_is_not_asked_of_the_gateway_either() {
    let proxy = setup(EVERYTHING).start().await;

    assert_refused(&proxy, "169.254.169.254").await;

    assert_eq!(proxy.gateway.heads(), Vec::<String>::new());
}

async fn assert_refused(proxy: &Proxy, target: &str) {
    for request in [
        format!("CONNECT {target}:80 HTTP/1.1\r\n\r\n"),
        format!("GET http://{target}/latest/meta-data HTTP/1.1\r\nHost: {target}\r\n\r\n"),
    ] {
        let response = proxy.ask(request).await;
        assert_eq!((response.status, response.reason()), (403, "ALUVIA_TARGET_REFUSED"), "{target}");
        assert!(response.head.contains("error=destination_ip_prohibited"), "{target}");
    }
}

#[tokio::test]
async fn an_address_that_the_user_allows_is_reached() {
    let origin = Peer::start();
    let allowed = setup(&[]).options(|options| options.allow_targets = vec!["0.0.0.0".to_owned()]).start().await;

    allowed.connected_to(format!("0.0.0.0:{}", origin.address.port())).await;
}

#[tokio::test]
async fn sessions_of_one_program_do_not_lead_into_each_other() {
    let listeners = Listeners::default();
    let one = setup(&[]).listeners(&listeners).start().await;
    let other = setup(&[]).listeners(&listeners).start().await;
    let to = other.session.address();

    let response = one.ask(format!("CONNECT {to} HTTP/1.1\r\n\r\n")).await;
    assert_eq!((response.status, response.reason()), (403, "ALUVIA_LOOP"));

    // The port may belong to anyone once the session has stopped.
    other.session.stop().await;
    let response = one.ask(format!("CONNECT {to} HTTP/1.1\r\n\r\n")).await;
    assert_eq!((response.status, response.reason()), (502, "ALUVIA_CONNECTION_REFUSED"));
}
