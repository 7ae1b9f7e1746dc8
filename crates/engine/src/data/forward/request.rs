//! From the bytes of a request's head to what is done with it: one pure step, without I/O.
//!
//! Here is settled what no parser decides: which requests are refused, which fields travel on, and how the head reads that
//! goes upstream.

use subtle::ConstantTimeEq as _;

use super::super::error::Failure;
use super::super::http1::{Field, Framing, HeadStorage, Name, RequestHead, Version, list, request_framing};
use super::target::{Target, is_authority_of, is_host_value};
use crate::policy::Route;
use crate::snapshot::{Credentials, Snapshot};

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Action {
    /// Connect and relay.
    Connect(ConnectRequest),
    /// Exchange HTTP messages.
    Exchange(Request),
    /// Answer it here.
    Answer { response: Vec<u8>, is_persistent: bool },
}

/// A CONNECT.
#[derive(Debug)]
pub(super) struct ConnectRequest {
    pub(super) target: Target,
    pub(super) route: Route,
}

/// Who may ask for what.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) max_fields: usize,
    /// What clients have to log in with, if they have to.
    pub(crate) login: Option<Credentials>,
    /// Whether a request may go direct where the gateway is out of order.
    pub(crate) falls_back: bool,
}

/// A request in absolute-form.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) target: Target,
    pub(super) route: Route,
    /// The head as it goes upstream.
    pub(super) head: Vec<u8>,
    /// The head for the origin itself, where the request may go there although its route is the gateway.
    pub(super) direct_head: Option<Vec<u8>>,
    pub(super) framing: Framing,
    pub(super) version: Version,
    /// Whether the client wants to use its connection again.
    pub(super) is_persistent: bool,
    pub(super) is_head: bool,
    /// Whether it may be sent twice: RFC 9110 §9.2.2, and no body.
    pub(super) is_repeatable: bool,
    pub(super) wants_websocket: bool,
    /// Whether the client sends its body only when it is told to (RFC 9110 §10.1.1).
    pub(super) expects_continue: bool,
    /// Whether it was sent before, as far as anyone knows.
    pub(super) has_left: bool,
}

impl Request {
    /// Reads a head whose lines end in CR LF, decides its route by the snapshot and writes the head that goes upstream.
    pub(super) fn read(bytes: &[u8], snapshot: &Snapshot, access: &Access) -> Result<Action, Failure> {
        let mut storage = HeadStorage::new();
        let head = RequestHead::parse(bytes, &mut storage, access.max_fields).map_err(|error| match error {
            httparse::Error::TooManyHeaders => Failure::HeadTooLarge,
            httparse::Error::Version => Failure::Malformed("The version is neither HTTP/1.1 nor HTTP/1.0"),
            _ => Failure::Malformed("The head of the request is malformed"),
        })?;
        let facts = Facts::of(&head)?;
        if head.method == "CONNECT" {
            return read_connect(&head, &facts, snapshot, access);
        }
        let (target, path) = Target::from_absolute_form(head.target).map_err(Failure::Malformed)?;
        if let Some(action) = facts.require_login(&head, access) {
            return Ok(action);
        }
        if let Some(response) = facts.answer_as_last_recipient(head.method) {
            return Ok(Action::Answer { response, is_persistent: facts.is_persistent });
        }
        let route = snapshot.rules.decide(&target.host).route;
        let may_go_direct = access.falls_back && route == Route::Gateway;
        Ok(Action::Exchange(Self {
            direct_head: may_go_direct.then(|| write_head(&head, &facts, &target, path, Route::Direct, snapshot)),
            head: write_head(&head, &facts, &target, path, route, snapshot),
            target,
            route,
            framing: facts.framing,
            version: head.version,
            is_persistent: facts.is_persistent,
            is_head: head.method == "HEAD",
            is_repeatable: is_idempotent(head.method) && facts.has_no_body(),
            wants_websocket: facts.wants_websocket,
            has_left: false,
            expects_continue: facts.expects_continue,
        }))
    }
}

/// What the fields say that matters here.
#[derive(Debug)]
struct Facts<'b> {
    framing: Framing,
    has_host: bool,
    is_persistent: bool,
    wants_websocket: bool,
    expects_continue: bool,
    max_forwards: Option<u64>,
    /// Members of `Connection` that name fields.
    nominated: Vec<&'b [u8]>,
}

/// The members of `Connection` that mean something themselves.
#[derive(Debug, Default)]
struct ConnectionOptions {
    close: bool,
    keep_alive: bool,
    upgrade: bool,
}

impl<'b> Facts<'b> {
    fn of(head: &RequestHead<'b, '_>) -> Result<Self, Failure> {
        let framing =
            request_framing(head.version, head.fields()).map_err(|error| Failure::Malformed(error.as_str()))?;
        let mut facts = Self {
            framing,
            has_host: false,
            is_persistent: false,
            wants_websocket: false,
            expects_continue: false,
            max_forwards: None,
            nominated: Vec::new(),
        };
        let mut options = ConnectionOptions::default();
        let (mut names_websocket, mut has_connection) = (false, false);
        for field in head.fields() {
            match field.name {
                Name::Host => facts.read_host(&field, head.target)?,
                Name::Connection => {
                    has_connection = true;
                    facts.read_connection(field.value, &mut options)?;
                }
                Name::Upgrade => {
                    names_websocket |= list(field.value).any(|member| member.eq_ignore_ascii_case(b"websocket"));
                }
                Name::Expect => facts.expects_continue = true,
                Name::MaxForwards => {
                    facts.max_forwards = std::str::from_utf8(field.value).ok().and_then(|text| text.parse().ok());
                }
                _ => {}
            }
        }
        if !has_connection {
            // What clients from before HTTP/1.1 send to proxies instead.
            for field in head.fields().filter(|field| field.name == Name::ProxyConnection) {
                facts.read_connection(field.value, &mut options)?;
            }
            // They know of no other protocol, and the origin would not learn that this one does.
            options.upgrade = false;
        }
        // Of the two, `close` wins; persistence is the default of 1.1 (RFC 9112 §9.3).
        facts.is_persistent = !options.close && (options.keep_alive || head.version == Version::Http11);
        if head.version == Version::Http11 && !facts.has_host && head.method != "CONNECT" {
            return Err(Failure::Malformed("An HTTP/1.1 request needs a Host field"));
        }
        facts.wants_websocket = options.upgrade
            && names_websocket
            && head.method == "GET"
            && head.version == Version::Http11
            && facts.has_no_body();
        Ok(facts)
    }

    fn read_host(&mut self, field: &Field<'b>, target: &str) -> Result<(), Failure> {
        if self.has_host {
            return Err(Failure::Malformed("There is more than one Host field"));
        }
        // What the target repeats is looked at there.
        if !is_authority_of(target, field.value) && !is_host_value(field.value) {
            return Err(Failure::Malformed("The Host field is malformed"));
        }
        self.has_host = true;
        Ok(())
    }

    fn read_connection(&mut self, value: &'b [u8], options: &mut ConnectionOptions) -> Result<(), Failure> {
        for member in list(value) {
            if member.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if member.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else if member.eq_ignore_ascii_case(b"upgrade") {
                options.upgrade = true;
            } else if is_framing_or_host(member) {
                // Whoever drops them at another's word reads another message (RFC 9110 §7.6.1).
                return Err(Failure::Malformed("Connection names a field that is not for one hop only"));
            } else {
                self.nominated.push(member);
            }
        }
        Ok(())
    }

    fn has_no_body(&self) -> bool {
        matches!(self.framing, Framing::Empty | Framing::Length(0))
    }

    fn is_nominated(&self, field: &Field<'_>) -> bool {
        self.nominated.iter().any(|name| name.eq_ignore_ascii_case(field.written.as_bytes()))
    }

    /// The answer to a client that has not logged in, or not as it should (RFC 9110 §11.7).
    fn require_login(&self, head: &RequestHead<'_, '_>, access: &Access) -> Option<Action> {
        let login = access.login.as_ref()?;
        let mut given = head.fields().filter(|field| field.name == Name::ProxyAuthorization);
        let is_logged_in =
            given.next().is_some_and(|field| is_same_login(field.value, login)) && given.next().is_none();
        if is_logged_in {
            return None;
        }
        let is_persistent = self.is_persistent && self.has_no_body();
        let response = Failure::LoginRequired.response(!is_persistent, head.method == "HEAD");
        Some(Action::Answer { response, is_persistent })
    }

    /// `Max-Forwards: 0` on OPTIONS or TRACE: the request goes no further (RFC 9110 §7.6.2).
    fn answer_as_last_recipient(&self, method: &str) -> Option<Vec<u8>> {
        if self.max_forwards != Some(0) || !self.has_no_body() {
            return None;
        }
        let head = match method {
            "OPTIONS" => "HTTP/1.1 204 No Content\r\n",
            // What TRACE would show is the request itself, which may hold secrets.
            "TRACE" => "HTTP/1.1 405 Method Not Allowed\r\nAllow: OPTIONS\r\nContent-Length: 0\r\n",
            _ => return None,
        };
        let connection = if self.is_persistent { "keep-alive" } else { "close" };
        Some(format!("{head}Connection: {connection}\r\n\r\n").into_bytes())
    }
}

/// Compares without telling by the time it takes how much was right. The name of the scheme may be in any case.
fn is_same_login(given: &[u8], login: &Credentials) -> bool {
    let Some((scheme, given)) = given.split_at_checked(BASIC.len()) else { return false };
    let expected = login.authorization().expose().as_bytes();
    scheme.eq_ignore_ascii_case(BASIC) && given.trim_ascii().ct_eq(&expected[BASIC.len()..]).into()
}

fn read_connect(
    head: &RequestHead<'_, '_>,
    facts: &Facts<'_>,
    snapshot: &Snapshot,
    access: &Access,
) -> Result<Action, Failure> {
    if !facts.has_no_body() {
        return Err(Failure::Malformed("A CONNECT has no body"));
    }
    let target = Target::from_authority_form(head.target).map_err(Failure::Malformed)?;
    if let Some(action) = facts.require_login(head, access) {
        return Ok(action);
    }
    let route = snapshot.rules.decide(&target.host).route;
    Ok(Action::Connect(ConnectRequest { target, route }))
}

/// Writes the head that goes upstream: in origin-form to an origin, in absolute-form with credentials to the gateway. The
/// fields keep their names as they were written, and their order.
fn write_head(
    head: &RequestHead<'_, '_>,
    facts: &Facts<'_>,
    target: &Target,
    path: &str,
    route: Route,
    snapshot: &Snapshot,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_ROOM);
    let mut line = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
    // The gateway gets the spelling that was decided upon, an origin the one that the client wrote.
    let canonical_authority = target.canonical_authority();
    let authority = match route {
        Route::Direct => target.authority.as_bytes(),
        Route::Gateway => canonical_authority.as_bytes(),
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    match route {
        // An empty path means the server as a whole (RFC 9112 §3.2.4).
        Route::Direct if path.is_empty() && head.method == "OPTIONS" => line(&[b"OPTIONS * HTTP/1.1\r\n"]),
        Route::Direct => {
            line(&[head.method.as_bytes(), b" ", slash.as_bytes(), path.as_bytes(), b" HTTP/1.1\r\n"]);
        }
        Route::Gateway => {
            let slash = if path.is_empty() && head.method == "OPTIONS" { "" } else { slash };
            line(&[
                head.method.as_bytes(),
                b" http://",
                authority,
                slash.as_bytes(),
                path.as_bytes(),
                b" HTTP/1.1\r\n",
            ]);
        }
    }
    if !facts.has_host {
        line(&[b"Host: ", authority, b"\r\n"]);
    }
    for field in head.fields() {
        let name = field.written.as_bytes();
        match field.name {
            // The authority of the target wins over what the field said (RFC 9112 §3.2.2).
            Name::Host => line(&[name, b": ", authority, b"\r\n"]),
            Name::ContentLength => line(&[name, b": ", field.value, b"\r\n"]),
            Name::TransferEncoding => line(&[name, b": chunked\r\n"]),
            Name::Connection if facts.wants_websocket => line(&[name, b": Upgrade\r\n"]),
            Name::Upgrade if facts.wants_websocket => line(&[name, b": websocket\r\n"]),
            // The client would not understand the interim response that it asks for.
            Name::Expect if head.version == Version::Http10 => {}
            Name::MaxForwards if matches!(head.method, "OPTIONS" | "TRACE") && !facts.is_nominated(&field) => {
                let left = facts.max_forwards.unwrap_or_default().saturating_sub(1).to_string();
                line(&[name, b": ", left.as_bytes(), b"\r\n"]);
            }
            _ if field.name.is_hop_by_hop() || facts.is_nominated(&field) => {}
            _ => line(&[name, b": ", field.value, b"\r\n"]),
        }
    }
    if route == Route::Gateway {
        let authorization = snapshot.credentials.authorization().expose().as_bytes();
        line(&[b"Proxy-Authorization: ", authorization, b"\r\n"]);
    }
    line(&[b"\r\n"]);
    out
}

fn is_framing_or_host(name: &[u8]) -> bool {
    let name = std::str::from_utf8(name).unwrap_or_default();
    matches!(Name::of(name), Name::ContentLength | Name::TransferEncoding | Name::Host)
}

/// Methods whose repetition changes nothing (RFC 9110 §9.2.2).
fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

const BASIC: &[u8] = b"Basic ";
/// Holds the head of a browser without growing.
const HEAD_ROOM: usize = 1024;
