//! From a Rust future to a JavaScript promise.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use napi::bindgen_prelude::{Either, Object, ToNapiValue};
use napi::{Env, JsDeferred};

use crate::failure::NativeFailure;
use crate::runtime::Runtime;

/// What a promise of ours resolves to: a value, or a failure in plain data. It is never rejected by the native side.
pub(crate) type Outcome<T> = Either<T, NativeFailure>;

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<Outcome<T>> + Send>;

/// Runs the future on the runtime and settles the promise with what it returns. The share in the runtime is kept until
/// then.
pub(crate) fn promise<'env, T, E>(
    env: &'env Env,
    runtime: Runtime,
    future: impl Future<Output = Result<T, E>> + Send + 'static,
) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
    E: Into<NativeFailure> + Send + 'static,
{
    let (deferred, promise): (JsDeferred<Outcome<T>, Resolver<T>>, _) = env.create_deferred()?;
    let share = runtime.clone();
    runtime.spawn(async move {
        let outcome = match AssertUnwindSafe(future).catch_unwind().await {
            Ok(Ok(value)) => Either::A(value),
            Ok(Err(error)) => Either::B(error.into()),
            Err(_) => {
                Either::B(NativeFailure::internal("The native side has panicked, which is a defect: please report it"))
            }
        };
        deferred.resolve(Box::new(move |_| Ok(outcome)));
        drop(share);
    });
    Ok(promise)
}
