//! What of a request reaches the other side, and which requests are refused.

mod support;

use support::gateway::AUTHORIZATION;
use support::{Origin, proxy, proxy_by_gateway};

#[tokio::test]
async fn field_names_reach_the_origin_as_written_and_in_order() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    let response = proxy
        .ask(format!(
            "GET http://{at}/a?b HTTP/1.1\r\nX-fIRST: 1\r\nhost: {at}\r\nCookie: a\r\nx-second: 2\r\nCookie: b\r\n\r\n"
        ))
        .await;

    assert_eq!(response.text(), "ok");
    let expected = format!("GET /a?b HTTP/1.1\r\nX-fIRST: 1\r\nhost: {at}\r\nCookie: a\r\nx-second: 2\r\nCookie: b");
    assert_eq!(origin.heads(), [expected]);
}

#[tokio::test]
async fn fields_for_one_hop_do_not_travel_on() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    proxy
        .ask(format!(
            "GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\nConnection: close, X-Named\r\nX-Named: 1\r\nKeep-Alive: 5\r\n\
             TE: trailers\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABk\r\nAccept: */*\r\n\r\n"
        ))
        .await;

    assert_eq!(origin.heads(), [format!("GET / HTTP/1.1\r\nHost: {at}\r\nAccept: */*")]);
}

#[tokio::test]
async fn a_field_that_connection_names_goes_no_further_whatever_it_is() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    proxy
        .ask(format!(
            "OPTIONS http://{at}/ HTTP/1.1\r\nHost: {at}\r\nConnection: Max-Forwards\r\nMax-Forwards: 3\r\n\r\n"
        ))
        .await;

    assert_eq!(origin.heads(), [format!("OPTIONS / HTTP/1.1\r\nHost: {at}")]);
}

#[tokio::test]
async fn the_authority_of_the_target_decides_the_host() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    proxy.ask(format!("GET http://{at}/ HTTP/1.1\r\nHost: other.test\r\n\r\n")).await;
    proxy.ask(format!("GET http://{at} HTTP/1.0\r\n\r\n")).await;

    let expected = format!("GET / HTTP/1.1\r\nHost: {at}");
    assert_eq!(origin.heads(), [expected.clone(), expected]);
}

#[tokio::test]
async fn the_gateway_gets_the_absolute_form_and_credentials() {
    let proxy = proxy_by_gateway().await;

    let response = proxy
        .ask("GET http://Shop.test:81/a HTTP/1.1\r\nhost: Shop.test:81\r\nproxy-authorization: Basic eA==\r\nA: b\r\n\r\n")
        .await;

    assert_eq!(response.text(), "via gateway");
    let expected = format!(
        "GET http://shop.test:81/a HTTP/1.1\r\nhost: shop.test:81\r\nA: b\r\nProxy-Authorization: {AUTHORIZATION}"
    );
    assert_eq!(proxy.gateway.heads(), [expected]);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;
    let mut client = proxy.connect().await;

    client
        .send(format!(
            "GET http://{at}/1 HTTP/1.1\r\nHost: {at}\r\n\r\nHEAD http://{at}/2 HTTP/1.1\r\nHost: {at}\r\n\r\n\
             GET http://{at}/3 HTTP/1.1\r\nHost: {at}\r\n\r\n"
        ))
        .await;

    assert_eq!(client.response().await.text(), "ok");
    assert!(client.head().await.starts_with("HTTP/1.1 200"));
    assert_eq!(client.response().await.text(), "ok");
    let paths: Vec<String> = origin.heads().iter().map(|head| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(paths, ["GET /1 HTTP/1.1", "HEAD /2 HTTP/1.1", "GET /3 HTTP/1.1"]);
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_malformed_request_is_refused_with_400_and_the_end_of_the_connection() {
    let proxy = proxy().await;
    let cases = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET http://a.test/#f HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET http://u:p@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET http://a.test:99999/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: content-length\r\nContent-Length: 1\r\n\r\n",
        "GET http://a.test/ HTTP/2.0\r\nHost: a.test\r\n\r\n",
        "GET  http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\nHost: a.test\n\n",
        "GET http://a.test/ HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nA: b\r\n c\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "CONNECT a.test HTTP/1.1\r\n\r\n",
        "CONNECT a.test:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    ];
    for case in cases {
        let mut client = proxy.connect().await;
        client.send(case).await;
        let response = client.response().await;
        assert_eq!((response.status, response.reason()), (400, "ALUVIA_BAD_REQUEST"), "{case:?}");
        assert!(client.has_ended().await, "{case:?}");
    }
}

#[tokio::test]
async fn a_head_above_the_limits_is_refused_with_431() {
    let proxy = proxy().await;
    let long = format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nA: {}\r\n\r\n", "a".repeat(70_000));
    let many = format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{}\r\n", "A: b\r\n".repeat(300));

    assert_eq!(proxy.ask(long).await.status, 431);
    assert_eq!(proxy.ask(many).await.status, 431);
}

#[tokio::test]
async fn max_forwards_counts_down_and_ends_here_at_zero() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    let ended = proxy.ask(format!("OPTIONS http://{at} HTTP/1.1\r\nHost: {at}\r\nMax-Forwards: 0\r\n\r\n")).await;
    proxy.ask(format!("OPTIONS http://{at} HTTP/1.1\r\nHost: {at}\r\nMax-Forwards: 2\r\n\r\n")).await;

    assert_eq!(ended.status, 204);
    assert_eq!(origin.heads(), [format!("OPTIONS * HTTP/1.1\r\nHost: {at}\r\nMax-Forwards: 1")]);
}

#[tokio::test]
async fn an_answer_of_our_own_ends_the_connection_where_the_client_wants_that() {
    let proxy = proxy().await;
    for request in [
        "OPTIONS http://a.test/ HTTP/1.0\r\nMax-Forwards: 0\r\n\r\n",
        "TRACE http://a.test/ HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n",
    ] {
        let mut client = proxy.connect().await;
        client.send(request).await;
        assert_eq!(client.response().await.field("connection"), Some("close"), "{request:?}");
        assert!(client.has_ended().await, "{request:?}");
    }
}

#[tokio::test]
async fn a_client_that_speaks_tls_to_the_port_is_told_so_at_once() {
    let response = proxy().await.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;

    assert_eq!(response.status, 400);
    assert!(response.text().contains("plain HTTP"), "{}", response.text());
}
