//! Name look-ups, in place of the system's.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use aluvia_engine::{Resolution, Resolve, Resolved};

/// Knows some names, and remembers which it was asked for.
#[derive(Debug)]
pub struct Names {
    known: HashMap<String, Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

/// A name whose look-up never ends.
pub const SILENT: &str = "silent.test";

impl Names {
    pub fn new(known: &[(&str, &[&str])]) -> Arc<Self> {
        let parse = |addresses: &[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        let known = known.iter().map(|(name, addresses)| (name.to_string(), parse(addresses))).collect();
        Arc::new(Self { known, asked: Mutex::default() })
    }

    /// The names that were asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolution<'a> {
        self.asked.lock().unwrap().push(name.to_owned());
        Box::pin(async move {
            if name == SILENT {
                pending::<()>().await;
            }
            let found = self.known.get(name).cloned();
            found.map(Resolved::from).ok_or_else(|| io::Error::other("no such name"))
        })
    }
}
