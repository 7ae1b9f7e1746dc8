//! The configuration of an account, as the API tells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::RuleSet;
use crate::secret::Secret;
use crate::snapshot::{Credentials, Snapshot, Source};

/// The configuration of an account, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    username: Secret,
    password: Secret,
    rules: Vec<String>,
    session_id: Option<String>,
    target_geo: Option<String>,
}

/// Why an answer of the API is no configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccount {
    /// The body is not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// The body is JSON, but no object.
    #[error("the answer is no JSON object")]
    NotAnObject,
    /// A credential is missing, blank or no string.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A credential has a control character, which no header field can carry.
    #[error("{0} has a control character")]
    ControlCharacter(&'static str),
    /// `rules` is no list of strings.
    #[error("rules is not a list of strings")]
    Rules,
}

impl Account {
    /// Reads `{"data": {…}}`, or the same without the envelope. Unknown fields are ignored.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, InvalidAccount> {
        let body: Value = serde_json::from_slice(body).map_err(|_| InvalidAccount::NotJson)?;
        let Value::Object(mut object) = body else { return Err(InvalidAccount::NotAnObject) };
        let object = match object.remove("data") {
            Some(data @ Value::Object(_)) => data,
            Some(_) => return Err(InvalidAccount::NotAnObject),
            None => Value::Object(object),
        };
        let wire = Wire::deserialize(object).map_err(|_| InvalidAccount::NotAnObject)?;
        Ok(Self {
            username: credential("proxy_username", &wire.proxy_username)?,
            password: credential("proxy_password", &wire.proxy_password)?,
            rules: rules(wire.rules)?,
            session_id: text(&wire.session_id),
            target_geo: text(&wire.target_geo),
        })
    }

    pub(crate) fn to_saved(&self) -> SavedAccount {
        SavedAccount {
            username: self.username.expose().to_owned(),
            password: self.password.expose().to_owned(),
            rules: self.rules.clone(),
            session_id: self.session_id.clone(),
            target_geo: self.target_geo.clone(),
        }
    }

    pub(crate) fn into_snapshot(self, source: Source) -> Snapshot {
        Snapshot {
            source,
            rules: RuleSet::parse(&self.rules),
            credentials: Credentials::basic(self.username.expose(), self.password.expose()),
            session_id: self.session_id,
            target_geo: self.target_geo,
        }
    }
}

/// The configuration as it is written to disk. Not for showing: it has the credentials in the clear.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedAccount {
    username: String,
    password: String,
    rules: Vec<String>,
    session_id: Option<String>,
    target_geo: Option<String>,
}

impl SavedAccount {
    /// Checks what was read.
    pub(crate) fn check(self) -> Result<Account, InvalidAccount> {
        Ok(Account {
            username: credential("username", &Value::String(self.username))?,
            password: credential("password", &Value::String(self.password))?,
            rules: self.rules,
            session_id: self.session_id,
            target_geo: self.target_geo,
        })
    }
}

/// The fields before they are checked: each may be missing or of any type, so that errors can name it.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    proxy_username: Value,
    #[serde(default)]
    proxy_password: Value,
    #[serde(default)]
    rules: Value,
    #[serde(default)]
    session_id: Value,
    #[serde(default)]
    target_geo: Value,
}

fn credential(name: &'static str, value: &Value) -> Result<Secret, InvalidAccount> {
    match value.as_str() {
        Some(text) if text.chars().any(char::is_control) => Err(InvalidAccount::ControlCharacter(name)),
        Some(text) if !text.trim().is_empty() => Ok(Secret::new(text)),
        _ => Err(InvalidAccount::Missing(name)),
    }
}

fn rules(value: Value) -> Result<Vec<String>, InvalidAccount> {
    serde_json::from_value(value).map_err(|_| InvalidAccount::Rules)
}

/// An optional text; the API writes numbers for some, and null for none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_may_be_there_or_not_and_unknown_fields_are_ignored() {
        let bare = r#"{"proxy_username":"u","proxy_password":"p","rules":["a"],"session_id":"s","new":{"x":1}}"#;
        let enveloped = format!(r#"{{"data":{bare},"success":true}}"#);

        let account = Account::parse(bare.as_bytes()).unwrap();

        assert_eq!(account.rules, ["a"]);
        assert_eq!(account.session_id.as_deref(), Some("s"));
        assert_eq!(account.target_geo, None);
        assert_eq!(Account::parse(enveloped.as_bytes()), Ok(account));
    }

    #[test]
    fn an_answer_that_is_no_configuration_says_what_is_wrong() {
        let cases = [
            ("<html>", InvalidAccount::NotJson),
            ("", InvalidAccount::NotJson),
            ("[]", InvalidAccount::NotAnObject),
            (r#"{"data":null}"#, InvalidAccount::NotAnObject),
            (r#"{"data":{}}"#, InvalidAccount::Missing("proxy_username")),
            (r#"{"proxy_username":" ","proxy_password":"p","rules":[]}"#, InvalidAccount::Missing("proxy_username")),
            (r#"{"proxy_username":"u","proxy_password":null,"rules":[]}"#, InvalidAccount::Missing("proxy_password")),
            (r#"{"proxy_username":"u","proxy_password":7,"rules":[]}"#, InvalidAccount::Missing("proxy_password")),
            (
                r#"{"proxy_username":"u\r\nX: y","proxy_password":"p","rules":[]}"#,
                InvalidAccount::ControlCharacter("proxy_username"),
            ),
            (r#"{"proxy_username":"u","proxy_password":"p"}"#, InvalidAccount::Rules),
            (r#"{"proxy_username":"u","proxy_password":"p","rules":"*"}"#, InvalidAccount::Rules),
            (r#"{"proxy_username":"u","proxy_password":"p","rules":["a",1]}"#, InvalidAccount::Rules),
        ];
        for (body, expected) in cases {
            assert_eq!(Account::parse(body.as_bytes()), Err(expected), "{body}");
        }
    }

    #[test]
    fn debug_shows_no_credential() {
        let account =
            Account::parse(br#"{"proxy_username":"canary-u","proxy_password":"canary-p","rules":[]}"#).unwrap();

        assert!(!format!("{account:?}").contains("canary"));
    }
}
