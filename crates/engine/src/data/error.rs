//! What went wrong, and the one place where it becomes an HTTP response (invariant 8).

use std::time::SystemTime;

use super::upstream::{ConnectError, DialError, GatewayError};

/// Why a request is answered by the proxy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The client broke the rules of HTTP, or of this proxy. Says how.
    Malformed(&'static str),
    /// The head of the request is larger than any real one.
    HeadTooLarge,
    /// The head of the request did not arrive in time.
    HeadTimedOut,
    /// The client has to log in.
    LoginRequired,
    /// There is no way to the target.
    Connect(ConnectError),
    /// The other side ended the connection before it had answered.
    NoResponse,
    /// The other side's answer is no HTTP response.
    BadResponse,
    /// The other side has not answered for too long.
    ResponseTimedOut,
    /// The gateway has not answered in time.
    GatewaySilent,
}

/// How a failure is told: to people, to clients that show no more than the status line, and to machines.
struct Told {
    status: u16,
    code: &'static str,
    /// The type of RFC 9209 §2.3.
    error: &'static str,
    advice: &'static str,
}

impl Failure {
    /// The stable code.
    pub(crate) fn code(self) -> &'static str {
        self.told().code
    }

    /// The response, which says whether the connection ends with it. The body is left out for a HEAD request.
    pub(crate) fn response(self, closes: bool, is_head: bool) -> Vec<u8> {
        let Told { status, code, error, advice } = self.told();
        let received = match self {
            Self::Connect(ConnectError::Refusal(GatewayError::Status(status))) => {
                format!("; received-status={status}")
            }
            _ => String::new(),
        };
        let challenge = match self {
            Self::LoginRequired => "Proxy-Authenticate: Basic realm=\"aluvia\", charset=\"UTF-8\"\r\n",
            _ => "",
        };
        let detail = match self {
            Self::Malformed(detail) => detail,
            _ => advice,
        };
        let body = format!("{code}: {detail}.\n");
        let date = httpdate::fmt_http_date(SystemTime::now());
        let connection = if closes { "close" } else { "keep-alive" };
        let length = body.len();
        let shown_body = if is_head { "" } else { &body };
        format!(
            "HTTP/1.1 {status} {code}\r\n\
             Date: {date}\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {length}\r\n\
             Cache-Control: no-store\r\n\
             Proxy-Status: aluvia; error={error}{received}; details=\"{code}\"\r\n\
             {challenge}Connection: {connection}\r\n\
             \r\n\
             {shown_body}"
        )
        .into_bytes()
    }

    fn told(self) -> Told {
        let (status, code, error, advice) = match self {
            Self::Malformed(_) => (400, "ALUVIA_BAD_REQUEST", "http_request_error", ""),
            Self::HeadTooLarge => (
                431,
                "ALUVIA_HEAD_TOO_LARGE",
                "http_request_error",
                "The head of the request is larger than `maxHeaderSize`, or has more fields than `maxHeadersCount`",
            ),
            Self::HeadTimedOut => {
                (408, "ALUVIA_HEAD_TIMEOUT", "http_request_error", "The head of the request did not arrive in time")
            }
            Self::LoginRequired => (
                407,
                "ALUVIA_LOGIN_REQUIRED",
                "http_request_denied",
                "This proxy asks for the user name and password of `localAuth`",
            ),
            Self::Connect(error) => connect_failure(error),
            Self::NoResponse => (
                502,
                "ALUVIA_CONNECTION_RESET",
                "connection_terminated",
                "The server ended the connection before it had answered; try again",
            ),
            Self::BadResponse => {
                (502, "ALUVIA_BAD_RESPONSE", "http_protocol_error", "The server's answer is not valid HTTP")
            }
            Self::GatewaySilent => (
                504,
                "ALUVIA_GATEWAY_TIMEOUT",
                "http_response_timeout",
                "The gateway took the request and did not answer in time; `connectTimeoutMs` says how long that is",
            ),
            Self::ResponseTimedOut => (
                504,
                "ALUVIA_RESPONSE_TIMEOUT",
                "http_response_timeout",
                "The server took the request, and has been silent for too long since",
            ),
        };
        Told { status, code, error, advice }
    }
}

type Row = (u16, &'static str, &'static str, &'static str);

fn connect_failure(error: ConnectError) -> Row {
    match error {
        ConnectError::Origin(error) => origin_failure(error),
        ConnectError::Gateway(error) => gateway_failure(error),
        ConnectError::Refusal(error) => refusal(error),
    }
}

fn origin_failure(error: DialError) -> Row {
    match error {
        DialError::NameNotFound => (
            502,
            "ALUVIA_DNS_FAILED",
            "dns_error",
            "The name has no address; check its spelling and the machine's name resolution",
        ),
        DialError::Loop => LOOP,
        DialError::OutOfReach => OUT_OF_REACH,
        DialError::Refused => {
            (502, "ALUVIA_CONNECTION_REFUSED", "connection_refused", "Nothing listens on this host and port")
        }
        DialError::Reset => {
            (502, "ALUVIA_CONNECTION_RESET", "connection_terminated", "The server cut the connection; try again")
        }
        DialError::Unreachable | DialError::Tls => {
            (502, "ALUVIA_UNREACHABLE", "destination_ip_unroutable", "The host cannot be reached from this machine")
        }
        DialError::TimedOut => (
            504,
            "ALUVIA_CONNECT_TIMEOUT",
            "connection_timeout",
            "The host did not answer in time; `connectTimeoutMs` says how long that is",
        ),
        DialError::NoDescriptors => NO_DESCRIPTORS,
    }
}

fn gateway_failure(error: DialError) -> Row {
    match error {
        DialError::Loop => LOOP,
        DialError::OutOfReach => OUT_OF_REACH,
        DialError::NoDescriptors => NO_DESCRIPTORS,
        DialError::TimedOut => (
            504,
            "ALUVIA_GATEWAY_TIMEOUT",
            "connection_timeout",
            "The gateway did not make the connection in time; `connectTimeoutMs` says how long that is",
        ),
        DialError::Tls => (
            502,
            "ALUVIA_GATEWAY_TLS",
            "tls_protocol_error",
            "The TLS handshake with the gateway failed; check `gatewayProtocol`, `gatewayPort` and `ca`",
        ),
        DialError::NameNotFound | DialError::Refused | DialError::Reset | DialError::Unreachable => (
            502,
            "ALUVIA_GATEWAY_UNREACHABLE",
            "destination_unavailable",
            "The gateway cannot be reached; check `gatewayHost`, `gatewayPort` and the network",
        ),
    }
}

fn refusal(error: GatewayError) -> Row {
    match error {
        GatewayError::Status(407) => (
            502,
            "ALUVIA_GATEWAY_REFUSED",
            "http_request_denied",
            "The gateway refused the credentials (407); they may have been replaced a moment ago",
        ),
        GatewayError::Status(_) => (
            502,
            "ALUVIA_GATEWAY_REFUSED",
            "http_request_denied",
            "The gateway refused to connect to this host; Proxy-Status has its answer",
        ),
        GatewayError::Busy => (
            502,
            "ALUVIA_GATEWAY_REFUSED",
            "connection_limit_reached",
            "The gateway takes no more connects at the moment; try again",
        ),
        GatewayError::Closed => (
            502,
            "ALUVIA_GATEWAY_CLOSED",
            "connection_terminated",
            "The gateway ended the connection instead of answering",
        ),
        GatewayError::Malformed => (
            502,
            "ALUVIA_GATEWAY_BAD_RESPONSE",
            "http_protocol_error",
            "The gateway's answer is not valid HTTP; check `gatewayProtocol` and `gatewayPort`",
        ),
    }
}

const LOOP: Row = (403, "ALUVIA_LOOP", "proxy_loop_detected", "The request would lead back into this proxy");

const OUT_OF_REACH: Row = (
    403,
    "ALUVIA_TARGET_REFUSED",
    "destination_ip_prohibited",
    "The target is a link-local, multicast, broadcast or unspecified address; `allowTargets` can allow it",
);

const NO_DESCRIPTORS: Row = (
    503,
    "ALUVIA_NO_DESCRIPTORS",
    "connection_limit_reached",
    "This process has no file descriptors left; raise its limit or open fewer connections",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_the_status_line_to_machines_and_to_people() {
        let failure = Failure::Connect(ConnectError::Refusal(GatewayError::Status(407)));

        let response = String::from_utf8(failure.response(true, false)).unwrap();

        assert!(response.starts_with("HTTP/1.1 502 ALUVIA_GATEWAY_REFUSED\r\n"));
        assert!(response.contains(
            "Proxy-Status: aluvia; error=http_request_denied; received-status=407; details=\"ALUVIA_GATEWAY_REFUSED\"\r\n"
        ));
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert!(head.contains("Connection: close"));
    }

    #[test]
    fn a_head_request_gets_no_body_but_its_length() {
        let response = String::from_utf8(Failure::HeadTooLarge.response(false, true)).unwrap();

        assert!(response.ends_with("\r\n\r\n"));
        assert!(!response.contains("Content-Length: 0"));
    }
}
