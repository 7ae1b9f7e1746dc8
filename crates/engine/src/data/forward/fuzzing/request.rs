//! The fuzz target of request heads.

use super::super::request::{Action, Request};
use super::super::target::Target;
use super::{ALL_GATEWAY, HOP_BY_HOP, access, snapshot};
use crate::data::error::Failure;
use crate::data::fuzzing::strict::{Field, Head};
use crate::data::http1::fuzzing::scan;
use crate::data::http1::{Framing, HeadScanner, Scan};
use crate::policy::Route;
use crate::snapshot::Snapshot;

/// A head that is accepted goes upstream in a strict form that means the same: the same target, the same framing, and all
/// fields that are not for one hop, in their order.
pub(crate) fn request_head(data: &[u8]) {
    let mut data = data;
    while let Some(rest) = data.strip_prefix(b"\r\n") {
        data = rest;
    }
    let Scan::Whole(length) = scan(HeadScanner::strict, data) else { return };
    let head = &data[..length];
    let written = [&[][..], ALL_GATEWAY].map(|rules| {
        let snapshot = snapshot(rules);
        match Request::read(head, &snapshot, &access(MAX_FIELDS)) {
            Ok(Action::Exchange(request)) => {
                check(&Head::read_request(head), &request, &snapshot);
                Ok(request)
            }
            Ok(Action::Connect(request)) => {
                let [method, target, _] = Head::read_request(head).start;
                assert_eq!((method, target), ("CONNECT", &*request.target.authority));
                assert_eq!(request.route, snapshot.rules.decide(&request.target.host).route);
                Err(None)
            }
            Ok(Action::Answer { response, .. }) => {
                Head::read_response(&response);
                Err(None)
            }
            Err(failure) => {
                check_failure(failure);
                Err(Some(failure))
            }
        }
    });
    match &written {
        [Ok(direct), Ok(gateway)] => check_agreement(direct, gateway),
        [Err(direct), Err(gateway)] => assert_eq!(direct, gateway, "rules make it malformed"),
        _ => panic!("rules decide whether it is accepted"),
    }
}

fn check(original: &Head<'_>, request: &Request, snapshot: &Snapshot) {
    let head = Head::read_request(&request.head);
    assert_eq!(request.route, snapshot.rules.decide(&request.target.host).route);
    assert_eq!((head.start[0], head.start[2]), (original.start[0], "HTTP/1.1"));
    check_target(&head, request);
    assert_eq!(head.framing().unwrap_or(Framing::Empty), request.framing, "others read another length");
    check_fields(original, &head, request);
    check_upgrade(&head, request);
    assert_eq!(request.is_persistent, is_persistent(original), "its end comes as a surprise");

    let authorizations = head.values("proxy-authorization");
    if request.route == Route::Direct {
        assert!(authorizations.is_empty(), "the origin learns our credentials");
        return;
    }
    assert_eq!(authorizations, [snapshot.credentials.authorization().expose().as_bytes()]);
    if head.values("max-forwards").is_empty() {
        let again = Request::read(&request.head, snapshot, &access(MAX_FIELDS + 2));
        let Ok(Action::Exchange(again)) = again else { panic!("what we write we refuse ourselves") };
        assert_eq!((&again.target.host, again.target.port), (&request.target.host, request.target.port));
        assert_eq!(again.framing, request.framing);
        let (again, head) = (String::from_utf8_lossy(&again.head), String::from_utf8_lossy(&request.head));
        assert_eq!(again, head, "it is not canonical");
    }
}

/// There is one `Host`, and it is where the request goes.
fn check_target(head: &Head<'_>, request: &Request) {
    let hosts = head.values("host");
    let [host] = hosts[..] else { panic!("not one Host: {hosts:?}") };
    let host = std::str::from_utf8(host).expect("it was checked");
    let target = head.start[1];
    let url = match request.route {
        Route::Direct if target == "*" => format!("http://{host}"),
        Route::Direct => {
            assert!(target.starts_with('/'), "{target:?}");
            format!("http://{host}{target}")
        }
        Route::Gateway => {
            assert!(target.starts_with(&format!("http://{host}")), "{target:?} is not at {host:?}");
            target.to_owned()
        }
    };
    let (read, path) = Target::from_absolute_form(&url).expect("it was one before");
    assert_eq!((&read.host, read.port), (&request.target.host, request.target.port));
    assert!(path.starts_with('/') || path.is_empty() && head.start[0] == "OPTIONS", "{url:?}");
}

/// What is not for one hop is there, unchanged and in order, and nothing else is.
fn check_fields(original: &Head<'_>, head: &Head<'_>, request: &Request) {
    let nominated = options(original);
    let is_1_0 = original.start[2] == "HTTP/1.0";
    let counts_down = matches!(original.start[0], "OPTIONS" | "TRACE");
    let own = [HOP_BY_HOP, &["host"], if counts_down { &["max-forwards"][..] } else { &[] }].concat();
    let mut expected = original.without(&own);
    expected.retain(|field| MEANINGFUL.contains(&&*field.name) || !nominated.contains(&field.name));
    expected.retain(|field| !(is_1_0 && field.name == "expect"));
    for field in &mut expected {
        assert!(field.name != "content-length" || request.framing != Framing::Chunked);
        if field.name == "transfer-encoding" {
            *field = Field { name: field.name.clone(), value: b"chunked" };
        }
    }
    assert_eq!(head.without(&own), expected);
    for hop in HOP_BY_HOP.iter().filter(|name| !["connection", "upgrade", "proxy-authorization"].contains(name)) {
        assert!(head.values(hop).is_empty(), "{hop} is for one hop");
    }
    if counts_down {
        let left = |value: &&[u8]| {
            let count = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
            count.unwrap_or_default().saturating_sub(1)
        };
        // An OPTIONS with several is nobody's: each is counted down from the last one.
        let last = original.values("max-forwards").last().map(left);
        let is_dropped = nominated.iter().any(|name| name == "max-forwards");
        for value in head.values("max-forwards") {
            assert!(!is_dropped, "a field that Connection names travels on");
            assert_eq!(Some(value), last.map(|left| left.to_string()).as_ref().map(String::as_bytes));
        }
    }
}

/// An upgrade is asked for in both fields, or in none.
fn check_upgrade(head: &Head<'_>, request: &Request) {
    let (connections, upgrades) = (head.values("connection"), head.values("upgrade"));
    assert_eq!(connections.is_empty(), !request.wants_websocket);
    assert_eq!(upgrades.is_empty(), !request.wants_websocket);
    assert!(connections.iter().all(|value| *value == b"Upgrade"));
    assert!(upgrades.iter().all(|value| *value == b"websocket"));
    if request.wants_websocket {
        assert!(head.start[0] == "GET" && matches!(request.framing, Framing::Empty | Framing::Length(0)));
    }
    let is_head = head.start[0] == "HEAD";
    assert_eq!(request.is_head, is_head);
    if request.is_repeatable {
        assert!(!["POST", "PATCH"].contains(&head.start[0]));
        assert!(matches!(request.framing, Framing::Empty | Framing::Length(0)));
    }
}

/// Both ways lead to the same place.
fn check_agreement(direct: &Request, gateway: &Request) {
    assert_eq!(direct.target, gateway.target);
    assert_eq!(direct.framing, gateway.framing);
    assert_eq!(direct.is_persistent, gateway.is_persistent);
    if gateway.route == Route::Direct {
        assert_eq!(direct.head, gateway.head);
        return;
    }
    let (at_origin, at_gateway) = (Head::read_request(&direct.head), Head::read_request(&gateway.head));
    let apart = ["host", "proxy-authorization"];
    assert_eq!(at_origin.without(&apart), at_gateway.without(&apart));
    let path = if at_origin.start[1] == "*" { "" } else { at_origin.start[1] };
    assert_eq!(at_gateway.start[1], format!("http://{}{path}", gateway.target.canonical_authority()));
}

fn check_failure(failure: Failure) {
    let response = failure.response(true, false);
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").expect("it has a head") + 4;
    let head = Head::read_response(&response[..end]);
    assert_eq!(head.framing(), Some(Framing::Length((response.len() - end) as u64)));
}

/// The members of `Connection`, or else of what clients from before HTTP/1.1 send instead.
fn options(original: &Head<'_>) -> Vec<String> {
    let name = if original.values("connection").is_empty() { "proxy-connection" } else { "connection" };
    original.members(name)
}

fn is_persistent(original: &Head<'_>) -> bool {
    let options = options(original);
    let has = |option: &str| options.iter().any(|member| member == option);
    !has("close") && (has("keep-alive") || original.start[2] == "HTTP/1.1")
}

const MAX_FIELDS: usize = 100;
/// Members of `Connection` that are no names of fields.
const MEANINGFUL: &[&str] = &["close", "keep-alive", "upgrade"];
