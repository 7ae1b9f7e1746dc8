//! From the engine's log records to a JavaScript function.

use std::fmt::{self, Write as _};

use napi::Status;
use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// A log record as the shim gets it.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct NativeLogRecord {
    /// `error`, `warn`, `info` or `debug`.
    pub level: String,
    /// What has happened.
    pub message: String,
    /// Its circumstances: pairs of a name and a value.
    pub fields: Vec<(String, String)>,
}

type Callback = ThreadsafeFunction<NativeLogRecord, (), FnArgs<(NativeLogRecord,)>, Status, false, true, QUEUE_LENGTH>;

/// Makes a dispatcher that hands each record up to a level to the function. The function does not keep the process alive,
/// and a full queue loses records instead of holding the engine up.
pub(crate) fn dispatch(level: &str, callback: &Function<FnArgs<(NativeLogRecord,)>, ()>) -> napi::Result<Dispatch> {
    let callback = callback
        .build_threadsafe_function::<NativeLogRecord>()
        .callee_handled::<false>()
        .weak::<true>()
        .max_queue_size::<QUEUE_LENGTH>()
        .build_callback(|call| Ok(FnArgs::from((call.value,))))?;
    let level = match level {
        "silent" => LevelFilter::ERROR,
        "debug" => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
    };
    Ok(Dispatch::new(ToJavaScript { level, callback }))
}

/// A subscriber of one client. There is none for the whole process: nobody asked for one.
struct ToJavaScript {
    level: LevelFilter,
    callback: Callback,
}

impl Subscriber for ToJavaScript {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with(ENGINE) && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let mut record = NativeLogRecord { level: level.to_owned(), message: String::new(), fields: Vec::new() };
        event.record(&mut record);
        self.callback.call(record, ThreadsafeFunctionCallMode::NonBlocking);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for NativeLogRecord {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name().to_owned(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        if write!(text, "{value:?}").is_err() {
            return;
        }
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.push((field.name().to_owned(), text));
        }
    }
}

/// Records of libraries stay out.
const ENGINE: &str = "aluvia_engine";
/// As many records as wait for a script that computes.
const QUEUE_LENGTH: usize = 4096;
