//! The two classes that the shim works with.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use aluvia_engine::{Client, Listeners, Options, Session, Update};
use futures_util::future::{AbortHandle, Aborted, abortable};
use napi::bindgen_prelude::{FnArgs, Function, Object};
use napi::{Env, Error};
use napi_derive::napi;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use crate::failure::{INVALID_OPTION, NativeFailure, config_error};
use crate::log::{NativeLogRecord, dispatch};
use crate::options::NativeOptions;
use crate::promise::promise;
use crate::runtime::Runtime;

/// A client with valid options.
#[napi]
pub struct NativeClient {
    client: Client,
    log: Dispatch,
    /// Cancels the start that is under way.
    start: Arc<Mutex<Option<AbortHandle>>>,
}

/// A running proxy, or one that was stopped.
#[napi]
pub struct NativeSession {
    session: Arc<Session>,
    log: Dispatch,
    /// Gone once the session is stopped, so that threads end with the last session and not with its last JavaScript object.
    runtime: Mutex<Option<Runtime>>,
}

/// What becomes of a request.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct NativeExplanation {
    /// The canonical host.
    pub host: String,
    /// `direct` or `gateway`.
    pub route: String,
    /// The rule that decides; absent if none does.
    pub rule: Option<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// `api` or `state-file`.
    pub source: String,
}

/// What an update changes.
#[napi(object, object_to_js = false)]
#[derive(Debug)]
pub struct NativeUpdate {
    pub rules: Option<Vec<String>>,
    pub session_id: Option<String>,
}

/// Of all sessions of the process: none may be made to connect to another.
static LISTENERS: LazyLock<Listeners> = LazyLock::new(Listeners::default);

#[napi]
impl NativeClient {
    /// Checks the options. `log` gets each record up to `log_level`, one call each.
    #[napi(factory, catch_unwind)]
    pub fn create(
        options: NativeOptions,
        log_level: String,
        log: Function<FnArgs<(NativeLogRecord,)>, ()>,
    ) -> Result<Self, Error<String>> {
        let config = Options::from(options).validate().map_err(|error| config_error(&error))?;
        let log = dispatch(&log_level, &log).map_err(internal)?;
        Ok(Self { client: Client::new(config).with_listeners(LISTENERS.clone()), log, start: Arc::default() })
    }

    /// Starts a session. Resolves to it, or to a failure.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeSession | NativeFailure>")]
    pub fn start<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let runtime = Runtime::share()?;
        let (client, log, share) = (self.client.clone(), self.log.clone(), runtime.clone());
        let (start, handle) = abortable(async move { client.start().await });
        *locked(&self.start) = Some(handle);
        let session_log = log.clone();
        let under_way = Arc::clone(&self.start);
        let start = async move {
            let started = start.await;
            // The handle holds on to the task, and so to the runtime.
            locked(&under_way).take();
            let session = match started {
                Ok(started) => Arc::new(started?),
                Err(Aborted) => return Err(NativeFailure::aborted()),
            };
            Ok(NativeSession { session, log: session_log, runtime: Mutex::new(Some(share)) })
        };
        promise(env, runtime, start.with_subscriber(log))
    }

    /// Cancels the start that is under way. It then resolves to a failure.
    #[napi(catch_unwind)]
    pub fn cancel_start(&self) {
        if let Some(start) = locked(&self.start).take() {
            start.abort();
        }
    }

    /// Sends an update while no session runs. Resolves to nothing, or to a failure.
    #[napi(catch_unwind, ts_return_type = "Promise<undefined | NativeFailure>")]
    pub fn update<'env>(&self, env: &'env Env, update: NativeUpdate) -> napi::Result<Object<'env>> {
        let client = self.client.clone();
        let update = async move { client.update(&update.into()).await };
        promise(env, Runtime::share()?, update.with_subscriber(self.log.clone()))
    }
}

impl Drop for NativeClient {
    /// The environment ends, a worker's for example: nobody waits for the start any more.
    fn drop(&mut self) {
        self.cancel_start();
    }
}

#[napi]
impl NativeSession {
    /// The port that the proxy listens on.
    #[napi(getter, catch_unwind)]
    pub fn port(&self) -> u16 {
        self.session.address().port()
    }

    /// The host that the proxy listens on.
    #[napi(getter, catch_unwind)]
    pub fn host(&self) -> String {
        self.session.address().ip().to_string()
    }

    /// What would become of a request to a URL or a host.
    #[napi(catch_unwind)]
    pub fn explain(&self, url_or_host: String) -> Result<NativeExplanation, Error<String>> {
        let explanation = self.session.explain(&url_or_host).map_err(|error| {
            Error::new(INVALID_OPTION.to_owned(), format!("urlOrHost must be a URL or a host: {error}"))
        })?;
        Ok(NativeExplanation {
            host: explanation.host,
            route: explanation.route.to_owned(),
            rule: explanation.rule,
            reason: explanation.reason.to_owned(),
            source: explanation.source.to_owned(),
        })
    }

    /// Sends an update. Resolves to nothing when it is in force, or to a failure.
    #[napi(catch_unwind, ts_return_type = "Promise<undefined | NativeFailure>")]
    pub fn update<'env>(&self, env: &'env Env, update: NativeUpdate) -> napi::Result<Object<'env>> {
        let session = Arc::clone(&self.session);
        let update = async move { session.update(&update.into()).await };
        promise(env, Runtime::share()?, update.with_subscriber(self.log.clone()))
    }

    /// Stops. Resolves when nothing is left of it.
    #[napi(catch_unwind, ts_return_type = "Promise<undefined | NativeFailure>")]
    pub fn stop<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let runtime = match locked(&self.runtime).take() {
            Some(runtime) => runtime,
            None => Runtime::share()?,
        };
        let session = Arc::clone(&self.session);
        let stop = async move {
            session.stop().await;
            Ok::<(), NativeFailure>(())
        };
        promise(env, runtime, stop.with_subscriber(self.log.clone()))
    }
}

impl From<NativeUpdate> for Update {
    fn from(native: NativeUpdate) -> Self {
        Self { rules: native.rules, session_id: native.session_id }
    }
}

fn internal(error: Error) -> Error<String> {
    Error::new("ALUVIA_INTERNAL".to_owned(), error.reason)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
