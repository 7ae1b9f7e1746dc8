//! The Aluvia API: one resource, read with GET and changed with PATCH.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Builder;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
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
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
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
    #[error("the API cannot be reached: {0}")]
    Unreachable(#[source] BrokenExchange),
}

/// An exchange that broke. What it shows is the end of the chain of causes, which says most: `Connection refused (os error
/// 111)`.
#[derive(Debug)]
pub struct BrokenExchange(Box<dyn Error + Send + Sync>);

impl fmt::Display for BrokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last: &dyn Error = &*self.0;
        while let Some(source) = last.source() {
            last = source;
        }
        write!(f, "{last}")
    }
}

impl Error for BrokenExchange {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

struct Said<'a>(Option<&'a str>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        // No redirect is followed here, and no proxy asked: `HTTPS_PROXY` may well name our own port.
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(roots.client_config()).https_or_http().enable_http1().build();
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        Self { http, url: config.url.clone(), token: config.token.clone(), timeout: config.timeout }
    }

    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }

    /// GET, conditional if an entity tag is known.
    pub(crate) async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, ApiError> {
        self.in_time(async {
            let response = self
                .send(&Method::GET, &Bytes::new(), |request| match etag {
                    Some(etag) => request.header(header::IF_NONE_MATCH, etag),
                    None => request,
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
                .send(&Method::PATCH, &body.into(), |request| request.header(header::CONTENT_TYPE, "application/json"))
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
        method: &Method,
        body: &Bytes,
        complete: impl Fn(Builder) -> Builder,
    ) -> Result<Response<Incoming>, ApiError> {
        let mut url = self.url.clone();
        let mut redirects = 0;
        loop {
            let request = Request::builder()
                .method(method)
                .uri(url.as_str())
                .header(header::AUTHORIZATION, self.authorization())
                .header(header::ACCEPT, "application/json")
                .header(header::USER_AGENT, USER_AGENT);
            let request = complete(request).body(Full::new(body.clone()));
            let request = request.map_err(|error| ApiError::Unreachable(BrokenExchange(error.into())))?;
            let response = self.http.request(request).await.map_err(unreachable)?;
            match self.redirect(method, &url, &response)? {
                Some(next) if redirects < MAX_REDIRECTS => url = next,
                // The last of too many is taken for the answer, which it is not.
                _ => return Ok(response),
            }
            redirects += 1;
        }
    }

    /// Where to ask again, if the answer is a redirect (RFC 9110 §15.4). The token never leaves its origin, and a PATCH
    /// is repeated only where the status keeps the method.
    fn redirect(&self, method: &Method, asked: &Url, response: &Response<Incoming>) -> Result<Option<Url>, ApiError> {
        let status = response.status();
        let keeps_method = matches!(status.as_u16(), 307 | 308);
        if !keeps_method && !matches!(status.as_u16(), 301..=303) {
            return Ok(None);
        }
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| asked.join(location).ok());
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

    async fn require_success(&self, response: Response<Incoming>) -> Result<Response<Incoming>, ApiError> {
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

async fn read_body(mut response: Response<Incoming>, limit: usize) -> Result<Vec<u8>, ApiError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        let frame = frame.map_err(|error| ApiError::Unreachable(BrokenExchange(error.into())))?;
        let Ok(data) = frame.into_data() else { continue };
        if body.len() + data.len() > limit {
            return Err(ApiError::TooLarge { status });
        }
        body.extend_from_slice(&data);
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

fn unreachable(error: ClientError) -> ApiError {
    ApiError::Unreachable(BrokenExchange(error.into()))
}

const USER_AGENT: &str = concat!("aluvia-node/", env!("CARGO_PKG_VERSION"));
/// The largest configuration that is read.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// As much of an error's body as its text may stand in.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// As much of the server's words as an error message shows.
const MAX_ERROR_TEXT: usize = 200;
const MAX_REDIRECTS: usize = 3;
