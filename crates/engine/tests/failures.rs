//! What the proxy answers where there is no way to the target: the same for a CONNECT and for any other request.

mod support;

#[cfg(target_os = "linux")]
use std::net::Ipv4Addr;

use support::names::SILENT;
use support::{Gateway, Names, Origin, Proxy, Response, closed, proxy, setup};

/// Status, code and the type of RFC 9209.
type Told = (u16, &'static str, &'static str);

const REFUSED: Told = (502, "ALUVIA_CONNECTION_REFUSED", "connection_refused");
const NO_NAME: Told = (502, "ALUVIA_DNS_FAILED", "dns_error");
const TIMED_OUT: Told = (504, "ALUVIA_CONNECT_TIMEOUT", "connection_timeout");
const UNREACHABLE: Told = (502, "ALUVIA_UNREACHABLE", "destination_ip_unroutable");
const LOOP: Told = (403, "ALUVIA_LOOP", "proxy_loop_detected");

#[tokio::test]
async fn each_failure_is_told_in_the_same_words_to_a_connect_and_to_any_other_request() {
    let nobody = closed();
    let names = Names::new(&[("nobody.test", &["127.0.0.1"]), ("nowhere.test", &[])]);
    let setup = setup(&[]).resolver(&names).options(|o| {
        o.connect_timeout_ms = Some(200.0);
        o.allow_targets = vec!["224.0.0.0/4".to_owned()];
    });
    let proxy = setup.start().await;
    let port = nobody.address.port();
    let cases = [
        (nobody.address.to_string(), REFUSED),
        (format!("nobody.test:{port}"), REFUSED),
        (format!("localhost:{port}"), REFUSED),
        ("unknown.test:80".to_owned(), NO_NAME),
        ("nowhere.test:80".to_owned(), NO_NAME),
        (format!("{SILENT}:80"), TIMED_OUT),
        // A multicast address: no connection leads there.
        ("224.0.0.1:80".to_owned(), UNREACHABLE),
    ];
    for (target, told) in cases {
        assert_fails(&proxy, &target, told).await;
    }
}

#[tokio::test]
async fn of_the_failures_of_several_addresses_the_one_that_came_from_the_host_is_told() {
    let nobody = closed();
    let names = Names::new(&[("a.test", &["127.0.0.1", "224.0.0.1"]), ("b.test", &["224.0.0.1", "127.0.0.1"])]);
    let setup = setup(&[]).resolver(&names).options(|o| o.allow_targets = vec!["224.0.0.0/4".to_owned()]);
    let proxy = setup.start().await;

    for name in ["a.test", "b.test"] {
        assert_fails(&proxy, &format!("{name}:{}", nobody.address.port()), REFUSED).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_does_not_answer_is_a_timeout() {
    let hole = support::black_hole((Ipv4Addr::LOCALHOST, 0)).await;
    let proxy = setup(&[]).options(|o| o.connect_timeout_ms = Some(200.0)).start().await;

    assert_fails(&proxy, &hole.address.to_string(), TIMED_OUT).await;
}

#[tokio::test]
async fn a_request_that_would_come_back_to_the_proxy_is_refused_by_each_name_of_it() {
    let names = Names::new(&[("me.test", &["127.0.0.1"]), ("also-me.test", &["192.0.2.1", "127.0.0.1"])]);
    let hosts = [
        "127.0.0.1",
        "localhost",
        "LocalHost.",
        "app.localhost",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:0.0.0.0]",
        "127.1",
        "0x7f000001",
        "me.test",
        "also-me.test",
    ];
    let proxy = setup(&[]).resolver(&names).start().await;
    for host in hosts {
        assert_fails(&proxy, &format!("{host}:{}", proxy.session.address().port()), LOOP).await;
    }
}

#[tokio::test]
async fn another_listener_on_this_machine_is_no_loop() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    assert_eq!(proxy.ask(format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")).await.text(), "ok");
}

#[tokio::test]
async fn a_gateway_that_is_the_proxy_itself_is_a_loop() {
    let reserved = closed();
    let own = reserved.address;

    let proxy =
        setup(&["*"]).gateway(Gateway::at(own)).options(|o| o.local_port = Some(f64::from(own.port()))).start().await;

    assert_eq!(proxy.session.address(), own);
    assert_fails(&proxy, "origin.test:80", LOOP).await;
}

#[tokio::test]
async fn the_connection_goes_on_after_a_failure_unless_it_was_a_connect_or_had_a_body() {
    let (nobody, proxy, origin) = (closed(), proxy().await, Origin::start().await);
    let (to, at) = (nobody.address, origin.address);
    let next = format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n");

    let mut client = proxy.connect().await;
    for method in ["GET", "POST", "DELETE"] {
        client.send(format!("{method} http://{to}/ HTTP/1.1\r\nHost: {to}\r\nContent-Length: 0\r\n\r\n")).await;
        let response = client.response().await;
        assert_eq!((response.status, response.field("connection")), (502, Some("keep-alive")), "{method}");
    }
    client.send(format!("HEAD http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n")).await;
    assert!(client.head().await.contains("\r\nContent-Length: "));
    client.send(&next).await;
    assert_eq!(client.response().await.text(), "ok");

    let ends = [
        format!("CONNECT {to} HTTP/1.1\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.0\r\n\r\n"),
        format!("POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nContent-Length: 5\r\n\r\nhello"),
        format!("POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"),
        format!("POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ];
    for request in ends {
        let mut client = proxy.connect().await;
        client.send(request.clone() + &next).await;
        let response = client.response().await;
        assert_eq!((response.status, response.field("connection")), (502, Some("close")), "{request:?}");
        assert!(client.has_ended().await, "{request:?}");
    }
}

/// The target fails as told, by CONNECT and by GET.
async fn assert_fails(proxy: &Proxy, target: &str, (status, code, error): Told) {
    let connect = proxy.ask(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
    let get = proxy.ask(format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;

    assert_eq!((connect.status, connect.reason()), (status, code), "{target}");
    let expected = format!("aluvia; error={error}; details=\"{code}\"");
    assert_eq!(connect.field("proxy-status"), Some(&*expected), "{target}");
    assert!(connect.text().starts_with(&format!("{code}: ")), "{target}: {}", connect.text());
    assert_eq!(connect.field("content-type"), Some("text/plain; charset=utf-8"), "{target}");
    assert_eq!(lasting(&connect), lasting(&get), "{target}");
    assert_eq!(connect.body, get.body, "{target}");
}

/// The head without what may differ from one request to the next.
fn lasting(response: &Response) -> Vec<&str> {
    response.head.lines().filter(|line| !line.starts_with("Date: ") && !line.starts_with("Connection: ")).collect()
}
