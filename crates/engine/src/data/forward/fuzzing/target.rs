//! The fuzz target of authorities.

use super::super::request::{Action, Request};
use super::super::target::{Target, is_host_value};
use super::{access, snapshot};
use crate::policy::Host;

/// An authority that is accepted has a canonical spelling that means the same, to rules, to other parts of a request, and
/// to a browser.
pub(crate) fn connect_authority(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let target = Target::from_authority_form(text);
    let request = Request::read(format!("CONNECT {text} HTTP/1.1\r\n\r\n").as_bytes(), &snapshot(&[]), &access(1));
    let Ok(target) = target else {
        // White space would make another request of it.
        assert!(request.is_err() || text.contains(char::is_whitespace), "{text:?} is refused, and then is not");
        return;
    };
    let Ok(Action::Connect(request)) = request else { panic!("{text:?} is accepted, and then is not") };
    assert_eq!(request.target, target);
    assert_eq!(target.authority, text);
    assert!(target.port > 0 && is_host_value(data));

    let canonical = target.canonical_authority();
    let again = Target::from_authority_form(&canonical).expect("the canonical spelling is one");
    assert!(is_same(&again, &target), "{text:?} becomes {canonical:?}");
    assert_eq!(again.canonical_authority(), canonical);
    assert_eq!(again.host, Host::parse(target.host.as_str()).expect("it was one before"));
    for spelling in [text.to_ascii_uppercase(), text.to_ascii_lowercase()] {
        let other = Target::from_authority_form(&spelling).expect("case does not matter");
        assert!(is_same(&other, &target), "{spelling:?}");
    }
    let url = format!("http://{text}/path");
    let (absolute, path) = Target::from_absolute_form(&url).expect("it is an authority");
    assert!(is_same(&absolute, &target) && path == "/path");
    // The URL Standard leaves a port of 80 out.
    let url = url::Url::parse(&url).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let host = Host::parse(url.host_str().unwrap_or_default()).expect("a URL has a host");
    assert_eq!((&host, url.port().unwrap_or(80)), (&target.host, target.port), "a browser reads {text:?} otherwise");
}

fn is_same(one: &Target, other: &Target) -> bool {
    (&one.host, one.port) == (&other.host, other.port)
}
