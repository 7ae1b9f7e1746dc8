//! The Aluvia API: one resource, read with GET and changed with PATCH.

use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::account::{Account, InvalidAccount};
use crate::config::ApiConfig;
use crate::secret::Secret;
use crate::tls::TlsRoots;

/// A client of the API.
#[derive(Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    url: Url,
    token: Secret,
    timeout: Duration,
}

/// What a GET has brought.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// 304: what the entity tag stands for is still so.
    Unchanged,
    /// 200: the whole configuration, and its entity tag if it has one.
    Changed { account: Account, etag: Option<String> },
}

/// A change that a user asks for. What is `None` stays as it is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Update {
    /// The new list of rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<String>>,
    /// The new name of the gateway session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// Why an exchange with the API failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 401 or 403: the API does not know the token, or it may not do this.
    #[error("the API refused the token ({status}){}", Said(.message.as_deref()))]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// What the API said, shortened.
        message: Option<String>,
    },
    /// Any other status that is no success.
    #[error("the API answered {status}{}", Said(.message.as_deref()))]
    Refused {
        /// The status.
        status: u16,
        /// What the API said, shortened.
        message: Option<String>,
        /// For how long the API asks not to be asked again.
        retry_after: Option<Duration>,
    },
    /// A redirect that is not followed, because it leads to another host or would change the request.
    #[error("the API redirected to {to} ({status}), which is not followed: the token stays with the API's own host")]
    Redirected {
        /// The status.
        status: u16,
        /// The origin it leads to.
        to: String,
    },
    /// 200, but not the expected JSON.
    #[error("the API's answer is unusable ({status}): {invalid}")]
    Invalid {
        /// The status.
        status: u16,
        /// What is wrong.
        invalid: InvalidAccount,
    },
    /// The body is larger than any configuration.
    #[error("the API's answer is larger than {} MiB", MAX_BODY / (1024 * 1024))]
    TooLarge {
        /// The status.
        status: u16,
    },
    /// A 304 to a request that named no entity tag.
    #[error("the API answered 304 to a request that was not conditional")]
    NotAsked,
    /// No whole answer in time.
    #[error("the API did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// No connection, or one that broke.
    #[error("the API cannot be reached: {}", innermost(.0))]
    Unreachable(#[source] reqwest::Error),
}

struct Said<'a>(Option<&'a str>);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl ApiError {
    /// The status of the answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { status, .. }
            | Self::Refused { status, .. }
            | Self::Redirected { status, .. }
            | Self::Invalid { status, .. }
            | Self::TooLarge { status } => Some(*status),
            Self::NotAsked => Some(304),
            Self::TimedOut(_) | Self::Unreachable(_) => None,
        }
    }

    /// Whether the API is down, or somebody else answers in its place. What it says of the token or of the request is no outage.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Unauthorized { .. } => false,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Redirected { .. }
            | Self::Invalid { .. }
            | Self::TooLarge { .. }
            | Self::NotAsked
            | Self::TimedOut(_)
            | Self::Unreachable(_) => true,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Api {
    pub(crate) fn new(config: &ApiConfig, roots: &TlsRoots) -> Self {
        let http = reqwest::Client::builder()
            .use_preconfigured_tls(roots.client_config())
            // Redirects are followed here, where the token's way can be watched.
            .redirect(reqwest::redirect::Policy::none())
            // `HTTPS_PROXY` may well name our own port.
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(1)
            .user_agent(concat!("aluvia-node/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("the settings are fixed and the TLS configuration is valid");
        Self { http, url: config.url.clone(), token: config.token.clone(), timeout: config.timeout }
    }

    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }

    /// GET, conditional if an entity tag is known.
    pub(crate) async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, ApiError> {
        self.in_time(async {
            let response = self
                .send(Method::GET, |mut request| {
                    if let Some(etag) = etag {
                        request = request.header(header::IF_NONE_MATCH, etag);
                    }
                    request
                })
                .await?;
            if response.status() == StatusCode::NOT_MODIFIED && etag.is_some() {
                return Ok(Fetched::Unchanged);
            }
            let response = self.require_success(response).await?;
            let (status, etag) = (response.status(), entity_tag(response.headers()));
            let account = parse(status, &read_body(response, MAX_BODY).await?)?;
            Ok(Fetched::Changed { account, etag })
        })
        .await
    }

    /// PATCH. Returns the configuration if the answer tells the whole of it.
    pub(crate) async fn update(&self, update: &Update) -> Result<Option<Account>, ApiError> {
        self.in_time(async {
            let body = serde_json::to_vec(update).expect("strings and lists of strings can be serialized");
            let response = self
                .send(Method::PATCH, |request| {
                    request.header(header::CONTENT_TYPE, "application/json").body(body.clone())
                })
                .await?;
            let response = self.require_success(response).await?;
            let body = read_body(response, MAX_BODY).await?;
            Ok(Account::parse(&body).ok())
        })
        .await
    }

    async fn in_time<T>(&self, exchange: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(ApiError::TimedOut(self.timeout)))
    }

    /// Sends a request, and again where a redirect within the same origin tells it to.
    async fn send(
        &self,
        method: Method,
        complete: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, ApiError> {
        let mut url = self.url.clone();
        let mut redirects = 0;
        loop {
            let request = self
                .http
                .request(method.clone(), url)
                .header(header::AUTHORIZATION, self.authorization())
                .header(header::ACCEPT, "application/json");
            let response = complete(request).send().await.map_err(unreachable)?;
            match self.redirect(&method, &response)? {
                Some(next) if redirects < MAX_REDIRECTS => url = next,
                // The last of too many is taken for the answer, which it is not.
                _ => return Ok(response),
            }
            redirects += 1;
        }
    }

    /// Where to ask again, if the answer is a redirect (RFC 9110 §15.4). The token never leaves its origin, and a PATCH
    /// is repeated only where the status keeps the method.
    fn redirect(&self, method: &Method, response: &Response) -> Result<Option<Url>, ApiError> {
        let status = response.status();
        let keeps_method = matches!(status.as_u16(), 307 | 308);
        if !keeps_method && !matches!(status.as_u16(), 301..=303) {
            return Ok(None);
        }
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| response.url().join(location).ok());
        match next {
            Some(next) if next.origin() == self.url.origin() && (keeps_method || *method == Method::GET) => {
                Ok(Some(next))
            }
            Some(next) => {
                let to = next.origin().ascii_serialization();
                Err(ApiError::Redirected { status: status.as_u16(), to })
            }
            None => Ok(None),
        }
    }

    fn authorization(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.token.expose()))
            .expect("a validated token is visible ASCII");
        value.set_sensitive(true);
        value
    }

    async fn require_success(&self, response: Response) -> Result<Response, ApiError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::NOT_MODIFIED {
            return Err(ApiError::NotAsked);
        }
        let retry_after = retry_after(response.headers());
        // An error without a readable body is still that error.
        let body = read_body(response, MAX_ERROR_BODY).await.unwrap_or_default();
        let message = self.error_text(&body);
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                ApiError::Unauthorized { status: status.as_u16(), message }
            }
            _ => ApiError::Refused { status: status.as_u16(), message, retry_after },
        })
    }

    /// The server's own words, if its body is JSON that has some: short, on one line, and without the token.
    fn error_text(&self, body: &[u8]) -> Option<String> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = body.get("error").unwrap_or(&Value::Null);
        let candidates = [error.get("message"), Some(error), body.get("message"), body.get("detail")];
        let text = candidates.into_iter().flatten().find_map(Value::as_str)?;
        let text = text.replace(self.token.expose(), "[secret]");
        let one_line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let text = one_line.collect::<Vec<_>>().join(" ");
        let short: String = text.chars().take(MAX_ERROR_TEXT).collect();
        (!short.is_empty()).then_some(short)
    }
}

fn parse(status: StatusCode, body: &[u8]) -> Result<Account, ApiError> {
    Account::parse(body).map_err(|invalid| ApiError::Invalid { status: status.as_u16(), invalid })
}

async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, ApiError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(ApiError::TooLarge { status });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn entity_tag(headers: &HeaderMap) -> Option<String> {
    headers.get(header::ETAG)?.to_str().ok().map(str::to_owned)
}

/// Seconds, or a date (RFC 9110 §10.2.3). A date counts from the server's own clock, since ours may be wrong.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let asked = text(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = text(header::DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    let until = httpdate::parse_http_date(asked).ok()?;
    until.duration_since(now.unwrap_or_else(SystemTime::now)).ok()
}

/// The URL is left out: hosts may be shown, paths and queries not.
fn unreachable(error: reqwest::Error) -> ApiError {
    ApiError::Unreachable(error.without_url())
}

/// The end of the chain of causes says most: `Connection refused (os error 111)`.
fn innermost(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// The largest configuration that is read.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// As much of an error's body as its text may stand in.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// As much of the server's words as an error message shows.
const MAX_ERROR_TEXT: usize = 200;
const MAX_REDIRECTS: usize = 3;
