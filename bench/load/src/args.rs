//! The command line: words, and `--name value` pairs.

use std::collections::HashMap;
use std::io;
use std::str::FromStr;
use std::time::Duration;

/// What was written on the command line.
#[derive(Debug)]
pub(crate) struct Args {
    words: Vec<String>,
    named: HashMap<String, String>,
}

impl Args {
    pub(crate) fn parse(arguments: &[String]) -> io::Result<Self> {
        let mut args = Self { words: Vec::new(), named: HashMap::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.strip_prefix("--") {
                Some(name) => {
                    let value = rest.next().ok_or_else(|| missing(name))?;
                    args.named.insert(name.to_owned(), value.clone());
                }
                None => args.words.push(argument.clone()),
            }
        }
        Ok(args)
    }

    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(String::as_str)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    pub(crate) fn required(&self, name: &str) -> io::Result<&str> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// What `--name` says in any form that can be parsed, if it is there.
    pub(crate) fn value<T: FromStr>(&self, name: &str) -> io::Result<Option<T>> {
        self.text(name)
            .map(|text| text.parse().map_err(|_| io::Error::other(format!("--{name} cannot be {text}"))))
            .transpose()
    }

    pub(crate) fn value_or<T: FromStr>(&self, name: &str, default: T) -> io::Result<T> {
        Ok(self.value(name)?.unwrap_or(default))
    }

    /// `--name` in milliseconds.
    pub(crate) fn milliseconds(&self, name: &str, default: u64) -> io::Result<Duration> {
        Ok(Duration::from_millis(self.value_or(name, default)?))
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::other(format!("--{name} needs a value"))
}
