//! The load side of the benchmark: `serve` is everything that a proxy can be pointed at, `run` makes a load and measures it,
//! `rules` measures the engine's rules. `bench/run.js` calls it and says what the figures mean.
//!
//! Both sides run on one thread each and are kept cheap, so that the proxy between them is what is measured.

#[cfg(target_os = "linux")]
mod args;
#[cfg(target_os = "linux")]
mod io;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod rules;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod serve;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = args::Args::parse(&arguments).and_then(|args| match args.word(0) {
        Some("serve") => on_one_thread(serve::serve(&args)),
        Some("run") => on_one_thread(run::run(&args)),
        Some("rules") => rules::measure(&args),
        _ => Err(std::io::Error::other("usage: aluvia-load serve | run SCENARIO | rules [--name value …]")),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            io::say(&serde_json::json!({ "event": "error", "message": error.to_string() }));
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn on_one_thread(work: impl Future<Output = std::io::Result<()>>) -> std::io::Result<()> {
    process::raise_descriptor_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    runtime.block_on(tasks.run_until(work))
}

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("the benchmark needs Linux: it reads /proc and the CPU clocks of other processes");
}
