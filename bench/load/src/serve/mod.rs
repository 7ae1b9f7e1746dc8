//! `serve`: everything that a proxy can be pointed at. It says its ports as one line of JSON, and ends with its standard input.

mod api;
mod dns;
mod door;
mod raw;

use std::future::Future;
use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::sleep;

use self::door::Door;
pub(crate) use self::raw::ACKNOWLEDGED;
use self::raw::{Ports, Service};
use crate::args::Args;
use crate::io::{listen, say};

/// Serves until standard input ends.
pub(crate) async fn serve(args: &Args) -> io::Result<()> {
    let round_trip = args.milliseconds("round-trip-ms", 50)?;
    let ports = Ports {
        echo: accept(|stream| raw::serve(stream, Service::Echo))?,
        source: accept(|stream| raw::serve(stream, Service::Source))?,
        sink: accept(|stream| raw::serve(stream, Service::Sink))?,
    };
    let open = Door { ports, credentials: None, round_trip: None };
    let gateway = Door { credentials: Some(api::AUTHORIZATION), ..open };
    let far = Door { round_trip: Some(round_trip), ..gateway };
    let http = accept(move |stream| door::serve(stream, open))?;
    let gateway = accept(move |stream| door::serve(stream, gateway))?;
    let far = accept(move |stream| door::serve(stream, far))?;
    let api = accept(api::serve)?;
    if let Some(address) = args.value("dns")? {
        dns::serve(address, args.milliseconds("dns-delay-ms", 200)?).await?;
    }
    say(&json!({
        "http": http,
        "echo": ports.echo,
        "source": ports.source,
        "sink": ports.sink,
        "gateway": gateway,
        "far": far,
        "api": api,
        "username": api::USERNAME,
        "password": api::PASSWORD,
    }));
    until_input_ends().await;
    Ok(())
}

/// Listens on a free port and serves each connection in a task. What breaks a connection ends it and nothing else.
fn accept<F>(serve: impl Fn(TcpStream) -> F + 'static) -> io::Result<u16>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let listener = listen(0)?;
    let port = listener.local_addr()?.port();
    spawn_local(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    if stream.set_nodelay(true).is_ok() {
                        let connection = serve(stream);
                        spawn_local(async move { drop(connection.await) });
                    }
                }
                // Out of descriptors: a run that goes that far says so itself.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    });
    Ok(port)
}

/// A thread waits for it: standard input may be a pipe, a file or a terminal.
async fn until_input_ends() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An error is an end too.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = sender.send(());
    });
    let _ = receiver.await;
}
