//! `run SCENARIO`: makes one load on one proxy and says what came of it, as lines of JSON: `begin` and `end` around the time that
//! is measured, then `result`.

mod bulk;
mod connects;
mod far;
mod http;
mod idle;
mod messages;
mod meter;
mod names;
mod response;
mod way;
mod window;

use std::io;

use crate::args::Args;

/// Runs the scenario that the command line names.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    match args.word(1) {
        Some("http") => http::run(args).await,
        Some("connects") => connects::run(args).await,
        Some("bulk") => bulk::run(args).await,
        Some("messages") => messages::run(args).await,
        Some("idle") => idle::run(args).await,
        Some("far") => far::run(args).await,
        Some("names") => names::run(args).await,
        Some("nothing") => window::nothing(args).await,
        _ => Err(io::Error::other("run http | connects | bulk | messages | idle | far | names | nothing")),
    }
}
