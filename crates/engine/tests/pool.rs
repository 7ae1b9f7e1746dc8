//! Upstream connections that serve more than one request.

mod support;

use std::time::Duration;

use tokio::time::{Instant, advance, pause, resume};

use support::{EVERYTHING, Gateway, Names, Origin, Peer, Raw, Scene, both_ways, proxy, setup, within};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LAST_OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn requests_of_all_clients_to_one_origin_share_its_connection() {
    let (proxy, origin) = (proxy().await, Origin::start().await);
    let at = origin.address;

    for method in ["GET", "POST", "DELETE", "GET", "PATCH"] {
        let response = proxy.ask(format!("{method} http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n")).await;
        assert_eq!(response.text(), "ok", "{method}");
    }

    assert_eq!((origin.heads().len(), origin.connections()), (5, 1));
}

#[tokio::test]
async fn requests_to_all_origins_share_a_connection_to_the_gateway() {
    let gateway = Origin::start().await;
    let proxy = setup(EVERYTHING).gateway(Gateway::at(gateway.address)).start().await;

    for host in ["a.test", "b.test", "c.test:81", "192.0.2.1"] {
        let response = proxy.ask(format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(response.text(), "ok", "{host}");
    }

    assert_eq!((gateway.heads().len(), gateway.connections()), (4, 1));
}

#[tokio::test]
async fn two_origins_share_no_connection_even_at_one_address() {
    let origin = Origin::start().await;
    let port = origin.address.port();
    let names = Names::new(&[("a.test", &["127.0.0.1"]), ("b.test", &["127.0.0.1"])]);
    let proxy = setup(&[]).resolver(&names).start().await;

    for host in ["a.test", "b.test", "127.0.0.1", "A.TEST.", "localhost"] {
        let response = proxy.ask(format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(response.text(), "ok", "{host}");
    }

    assert_eq!((origin.heads().len(), origin.connections()), (5, 4));
}

#[tokio::test]
async fn requests_at_once_have_a_connection_each() {
    for scene in both_ways().await {
        let (mut first_client, mut first, _) = scene.request("GET", "X: 1\r\n\r\n").await;
        let (mut second_client, mut second, _) = scene.request("GET", "X: 2\r\n\r\n").await;

        second.send(OK).await;
        assert_eq!(second_client.response().await.text(), "ok", "{}", scene.way);
        first.send(OK).await;
        assert_eq!(first_client.response().await.text(), "ok", "{}", scene.way);
    }
}

#[tokio::test]
async fn only_a_connection_whose_response_is_whole_and_says_nothing_else_is_used_again() {
    let cases = [
        ("GET", OK, true),
        ("GET", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", true),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true),
        ("GET", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", true),
        ("GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", true),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true),
        ("GET", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", true),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
        ("GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false),
        ("GET", "HTTP/1.1 200 OK\r\nConnection: keep-alive, CLOSE\r\nContent-Length: 2\r\n\r\nok", false),
        ("GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            false,
        ),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\nbody", false),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
    ];
    for (method, response, expected) in cases {
        for scene in both_ways().await {
            let (mut client, mut peer, _) = scene.request(method, "\r\n").await;
            peer.send(response).await;
            client.head().await;

            let is_reused = is_used_again(&scene, peer).await;

            assert_eq!(is_reused, expected, "{} {method} {response:?}", scene.way);
        }
    }
}

#[tokio::test]
async fn a_connection_on_which_a_request_was_not_finished_is_not_used_again() {
    for scene in both_ways().await {
        let (mut client, mut peer, _) = scene.request("POST", "Content-Length: 10\r\n\r\nhello").await;
        peer.bytes(5).await;
        peer.send(OK).await;
        client.response().await;

        assert!(!is_used_again(&scene, peer).await, "{}", scene.way);
    }
}

#[tokio::test]
async fn a_kept_connection_that_says_something_unasked_is_not_used_again() {
    for scene in both_ways().await {
        for unasked in
            ["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", "HTTP/1.1 408 Request Timeout\r\n\r\n", "\0"]
        {
            let (mut client, mut peer, _) = scene.request("GET", "Connection: close\r\n\r\n").await;
            peer.send(OK).await;
            client.response().await;

            peer.send(unasked).await;

            assert!(!is_used_again(&scene, peer).await, "{} {unasked:?}", scene.way);
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_and_nobody_notices() {
    for scene in both_ways().await {
        for close in [drop::<Raw> as fn(Raw), Raw::reset] {
            for method in ["GET", "POST"] {
                close(kept(&scene).await);

                let (mut client, mut peer, _) = scene.request(method, "\r\n").await;
                peer.send(LAST_OK).await;

                assert_eq!(client.response().await.text(), "ok", "{} {method}", scene.way);
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_meets_the_end_of_a_kept_connection_is_sent_again_if_it_may_be() {
    let cases = [
        ("GET", "\r\n"),
        ("HEAD", "\r\n"),
        ("OPTIONS", "\r\n"),
        ("TRACE", "\r\n"),
        ("DELETE", "\r\n"),
        ("PUT", "Content-Length: 0\r\n\r\n"),
    ];
    for scene in both_ways().await {
        for close in [drop::<Raw> as fn(Raw), Raw::reset] {
            for (method, rest) in cases {
                let case = format!("{} {method}", scene.way);
                let mut first = kept(&scene).await;
                let mut client = scene.proxy.connect().await;
                client.send(scene.head(method, rest)).await;

                let head = first.head().await;
                close(first);
                let mut second = scene.peer.asked().await;
                let repeated = second.head().await;
                second.send(LAST_OK).await;

                assert_eq!(repeated, head, "{case}");
                assert!(client.head().await.starts_with("HTTP/1.1 200 "), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_meets_the_end_of_a_kept_connection_is_not_sent_again_if_it_may_not_be() {
    let cases = [
        ("POST", "\r\n"),
        ("PATCH", "\r\n"),
        ("PROPFIND", "\r\n"),
        ("GET", "Content-Length: 2\r\n\r\nhi"),
        ("PUT", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
    ];
    for scene in both_ways().await {
        for (method, rest) in cases {
            let case = format!("{} {method}", scene.way);
            let mut first = kept(&scene).await;
            let mut client = scene.proxy.connect().await;
            client.send(scene.head(method, rest)).await;

            first.head().await;
            drop(first);
            let response = client.response().await;

            assert_eq!((response.status, response.reason()), (502, scene.no_response), "{case}");
            // What comes next is what is asked next.
            let (mut client, mut peer, head) = scene.request("GET", "X-Next: 1\r\n\r\n").await;
            assert!(head.contains("\r\nX-Next: 1"), "{case}: {head}");
            peer.send(LAST_OK).await;
            client.response().await;
        }
    }
}

#[tokio::test]
async fn a_request_is_sent_again_only_once() {
    let scene = Scene::direct().await;
    let mut first = kept(&scene).await;
    let mut client = scene.proxy.connect().await;
    client.send(scene.head("GET", "\r\n")).await;

    first.head().await;
    drop(first);
    let mut second = scene.peer.asked().await;
    second.head().await;
    drop(second);
    let response = client.response().await;

    assert_eq!((response.status, response.reason()), (502, scene.no_response));
}

#[tokio::test]
async fn a_request_is_not_sent_again_when_its_response_has_begun() {
    for scene in both_ways().await {
        let mut kept = kept(&scene).await;
        let mut client = scene.proxy.connect().await;
        client.send(scene.head("GET", "\r\n")).await;

        kept.head().await;
        kept.send("HTTP/1.1 200").await;
        drop(kept);
        let response = client.response().await;

        assert_eq!((response.status, response.reason()), (502, scene.no_response), "{}", scene.way);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_again_gets_a_kept_connection_only_if_it_was_used_just_now() {
    for (method, expected) in [("GET", true), ("POST", false)] {
        for scene in both_ways().await {
            let kept = kept(&scene).await;

            pause();
            advance(Duration::from_secs(2)).await;
            resume();
            let mut client = scene.proxy.connect().await;
            client.send(scene.head(method, "\r\n")).await;
            let is_reused = tokio::select! {
                true = kept.is_spoken_to() => true,
                _ = scene.peer.asked() => false,
            };

            assert_eq!(is_reused, expected, "{} {method}", scene.way);
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_nobody_needs_is_closed_after_a_minute() {
    for scene in both_ways().await {
        let mut kept = kept(&scene).await;

        pause();
        let start = Instant::now();
        within(Duration::from_secs(600), "the end", kept.stream.readable()).await.unwrap();
        let waited = start.elapsed();
        resume();

        assert!(kept.has_ended().await, "{}", scene.way);
        // They are looked over every five seconds.
        assert!((60..=65).contains(&waited.as_secs()), "{} {waited:?}", scene.way);
    }
}

#[tokio::test]
async fn a_gateway_connection_that_was_made_in_advance_and_is_no_good_is_replaced_and_nobody_notices() {
    let spoil: [fn(&Peer); 2] =
        [Peer::close_silent, |peer| peer.say_unasked("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX: 1\r\n\r\nforged")];
    for spoil in spoil {
        for start in ["GET http://a.test/", "POST http://a.test/", "CONNECT a.test:443"] {
            let scene = with_a_connection_in_advance().await;
            spoil(&scene.peer);

            let mut client = scene.proxy.connect().await;
            client.send(format!("{start} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
            let mut another = scene.peer.asked().await;
            another.head().await;
            another.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;

            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("X: 1"), "{start}: {head}");
        }
    }
}

#[tokio::test]
async fn a_gateway_connection_that_was_made_in_advance_and_is_closed_when_used_is_replaced() {
    for start in ["GET http://a.test/", "CONNECT a.test:443"] {
        let scene = with_a_connection_in_advance().await;

        let mut client = scene.proxy.connect().await;
        client.send(format!("{start} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        let mut made_in_advance = scene.peer.asked().await;
        made_in_advance.head().await;
        drop(made_in_advance);
        let mut another = scene.peer.asked().await;
        another.head().await;
        another.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;

        assert!(client.head().await.starts_with("HTTP/1.1 200 "), "{start}");
    }
}

#[tokio::test]
async fn a_gateway_connection_that_was_made_in_advance_and_is_silent_is_raced_against_a_new_one() {
    for answers_at_last in [false, true] {
        let scene = with_a_connection_in_advance().await;

        let start = Instant::now();
        let mut client = scene.proxy.connect().await;
        client.send("CONNECT a.test:443 HTTP/1.1\r\n\r\n").await;
        let mut made_in_advance = scene.peer.asked().await;
        made_in_advance.head().await;
        let mut another = scene.peer.asked().await;
        another.head().await;
        let answers = if answers_at_last { &mut made_in_advance } else { &mut another };
        answers.send("HTTP/1.1 200 OK\r\n\r\n").await;

        assert!(client.head().await.starts_with("HTTP/1.1 200 "), "{answers_at_last}");
        let waited = start.elapsed();
        assert!((800..1900).contains(&waited.as_millis()), "{waited:?}");
    }
}

/// A gateway to which the proxy has a connection that nothing was asked on.
async fn with_a_connection_in_advance() -> Scene {
    let scene = Scene::by_gateway().await;
    // One alone is no demand.
    for _ in 0..2 {
        let (mut client, mut used, _) = scene.request("GET", "\r\n").await;
        used.send(LAST_OK).await;
        client.response().await;
    }
    scene.peer.warm().await;
    // By the time that this is answered, the proxy knows of its connection.
    assert_eq!(scene.proxy.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 400);
    scene
}

/// A connection that has served a request and is kept.
async fn kept(scene: &Scene) -> Raw {
    let (mut client, mut peer, _) = scene.request("GET", "\r\n").await;
    peer.send(OK).await;
    client.response().await;
    peer
}

/// Whether the next request comes on the same connection. It is answered in any case.
async fn is_used_again(scene: &Scene, peer: Raw) -> bool {
    let mut client = scene.proxy.connect().await;
    client.send(scene.head("GET", "\r\n")).await;
    let another = tokio::select! {
        true = peer.is_spoken_to() => None,
        another = scene.peer.asked() => Some(another),
    };
    let is_reused = another.is_none();
    let mut used = another.unwrap_or(peer);
    used.head().await;
    used.send(LAST_OK).await;
    assert_eq!(client.response().await.text(), "ok");
    is_reused
}
