//! The fuzz target of response heads.

use std::sync::LazyLock;

use super::super::request::{Action, Request};
use super::super::response::Response;
use super::{ALL_GATEWAY, HOP_BY_HOP, access, snapshot};
use crate::data::fuzzing::strict::Head;
use crate::data::http1::fuzzing::scan;
use crate::data::http1::{Framing, HeadScanner, HeadStorage, ResponseHead, Scan, Version, may_be_response};

/// A response that is accepted reaches the client in a strict form, framed as it is read here, and complete to whoever
/// reads it.
pub(crate) fn gateway_reply(data: &[u8]) {
    let Scan::Whole(length) = scan(HeadScanner::lenient, data) else { return };
    let bytes = &data[..length];
    let mut storage = HeadStorage::new();
    let Ok(original) = ResponseHead::parse(bytes, &mut storage) else {
        let is_refused = REQUESTS.iter().all(|request| Response::read(bytes, request, true, true).is_err());
        assert!(is_refused, "it is no head, and then is one");
        return;
    };
    assert!((100..1000).contains(&original.status));
    assert!(may_be_response(bytes) || bytes.starts_with(b"\r") || bytes.starts_with(b"\n"));
    for request in REQUESTS.iter() {
        for (may_persist, is_sent) in [(true, true), (true, false), (false, true)] {
            if let Ok(response) = Response::read(bytes, request, may_persist, is_sent) {
                assert_eq!(response.status, original.status);
                assert!(may_persist || !response.is_persistent);
                check(&response, request);
                check_fields(&original, &Head::read_response(&response.head));
            }
        }
    }
}

fn check(response: &Response, request: &Request) {
    let head = Head::read_response(&response.head);
    assert_eq!(head.start[1], response.status.to_string());
    assert!(response.status != 407, "the client is asked for our credentials");
    let has_no_body = request.is_head || matches!(response.status, 100..=199 | 204 | 304);
    let is_dechunked = response.framing == Framing::Chunked && request.version == Version::Http10;
    let told = head.framing();
    match response.framing {
        Framing::Empty => assert!(has_no_body && told != Some(Framing::Chunked)),
        Framing::Chunked if is_dechunked => assert_eq!(told, None),
        Framing::UntilClose => assert_eq!(told, None),
        framing => assert_eq!(told, Some(framing)),
    }
    assert_eq!(response.framing == Framing::Empty, has_no_body, "a body that nobody reads");
    if matches!(response.status, 100..=199 | 204) {
        assert_eq!(told, None, "a length where there can be none");
    }
    assert_eq!(response.ends_with_connection, response.framing == Framing::UntilClose || is_dechunked);
    check_connection(&head, response, request);
    check_again(&head, response, request);
}

/// What is not for one hop reaches the client, in order and on one line each, and nothing else does.
fn check_fields(original: &ResponseHead<'_, '_>, head: &Head<'_>) {
    let own = [HOP_BY_HOP, &["content-length", "transfer-encoding"]].concat();
    let mut nominated = Vec::new();
    for field in original.fields().filter(|field| field.written.eq_ignore_ascii_case("connection")) {
        nominated
            .extend(field.value.split(|byte| *byte == b',').map(|member| member.trim_ascii().to_ascii_lowercase()));
    }
    let is_for_the_client = |name: &str| !own.contains(&name) && !nominated.contains(&name.as_bytes().to_vec());
    let sent = original.fields().map(|field| (field.written.to_ascii_lowercase(), words(field.value)));
    let sent: Vec<_> = sent.filter(|(name, _)| is_for_the_client(name)).collect();
    let received = head.without(&own).into_iter().map(|field| (field.name, words(field.value)));
    assert_eq!(received.collect::<Vec<_>>(), sent);
}

/// A value without its white space, of which folds may make more or less.
fn words(value: &[u8]) -> Vec<&[u8]> {
    value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect()
}

/// What the client learns of its connection is what is done with it.
fn check_connection(head: &Head<'_>, response: &Response, request: &Request) {
    let expected: &[&[u8]] = match response.status {
        101 => &[b"Upgrade"],
        100..=199 => &[],
        _ if !response.is_persistent => &[b"close"],
        _ if request.version == Version::Http10 => &[b"keep-alive"],
        _ => &[],
    };
    assert_eq!(head.values("connection"), expected);
    for hop in HOP_BY_HOP.iter().filter(|name| !["connection", "upgrade"].contains(name)) {
        assert!(head.values(hop).is_empty(), "{hop} is for one hop");
    }
    assert!(head.values("upgrade").is_empty() || response.status == 101);
    assert!(response.status != 101 || request.wants_websocket, "nobody wants another protocol");
    assert!(!response.ends_with_connection || !response.is_persistent, "the end is no end");
    assert!(!response.is_reusable || response.framing != Framing::UntilClose);
}

/// A second proxy behind this one reads the same.
fn check_again(head: &Head<'_>, response: &Response, request: &Request) {
    let again = Response::read(&response.head, request, true, true).expect("what we write we accept");
    assert_eq!(again.status, response.status);
    let is_dechunked = response.framing == Framing::Chunked && request.version == Version::Http10;
    let framing = if is_dechunked { Framing::UntilClose } else { response.framing };
    assert_eq!(again.framing, framing);
    let again = Head::read_response(&again.head);
    assert_eq!(again.start, head.start);
    // Connection may name "close" by now, which is an option and no field (RFC 9110 §7.6.1).
    let apart = ["connection", "close"];
    assert_eq!(again.without(&apart), head.without(&apart));
}

/// One of each kind that matters to a response.
static REQUESTS: LazyLock<Vec<Request>> = LazyLock::new(|| {
    let heads = [
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "HEAD http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET http://a.test/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ];
    let routes = [snapshot(&[]), snapshot(ALL_GATEWAY)];
    let read = |head: &str, snapshot| match Request::read(head.as_bytes(), snapshot, &access(100)) {
        Ok(Action::Exchange(request)) => request,
        _ => panic!("{head:?} is no request"),
    };
    heads.iter().flat_map(|head| routes.iter().map(move |snapshot| read(head, snapshot))).collect()
});
