//! The fuzz target of the API's answers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::account::Account;
use crate::snapshot::Source;

/// A body is read without a panic, the same with an envelope as without; an account has credentials that a header can
/// carry, and they are those of the body.
pub(crate) fn api_body(data: &[u8]) {
    let account = Account::parse(data);
    assert_eq!(account, Account::parse(data), "the same body is read differently");
    let Ok(body) = serde_json::from_slice::<Value>(data) else {
        assert!(account.is_err(), "an account that is not JSON");
        return;
    };
    if body.is_object() && body.get("data").is_none() {
        let enveloped = [b"{\"data\":", data, b"}"].concat();
        assert_eq!(Account::parse(&enveloped), account, "an envelope changes the account");
    }
    let Ok(account) = account else { return };
    let object = body.get("data").unwrap_or(&body);
    let snapshot = account.into_snapshot(Source::Api);

    let authorization = snapshot.credentials.authorization().expose();
    assert!(authorization.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "no field value");
    let pair = authorization.strip_prefix("Basic ").expect("it is Basic");
    let pair = String::from_utf8(BASE64_STANDARD.decode(pair).expect("it is base64")).expect("it is UTF-8");
    assert!(!pair.chars().any(char::is_control), "a control character in the credentials");
    let text = |name: &str| object[name].as_str().expect("it was accepted").to_owned();
    assert_eq!(pair, format!("{}:{}", text("proxy_username"), text("proxy_password")));

    let rules = object["rules"].as_array().expect("it was accepted");
    let is_auto = |rule: &Value| rule.as_str().is_some_and(|rule| rule.trim().eq_ignore_ascii_case("auto"));
    let read = snapshot.rules.len() + snapshot.rules.unusable().len();
    assert_eq!(read, rules.iter().filter(|rule| !is_auto(rule)).count(), "a rule is lost");
    assert!(snapshot.session_id.is_none_or(|text| !text.is_empty()));
    assert!(snapshot.target_geo.is_none_or(|text| !text.is_empty()));
}
