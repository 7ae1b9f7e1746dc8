//! The API.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::client::field;
use super::{Raw, listen};

/// An API that tells some rules and credentials, and takes new rules.
pub struct Api {
    address: SocketAddr,
    account: Arc<Mutex<Value>>,
    counter: Arc<Mutex<Option<Arc<AtomicUsize>>>>,
}

impl Api {
    pub async fn start(rules: &[String], (username, password): &(String, String)) -> Self {
        let account = json!({ "rules": rules, "proxy_username": username, "proxy_password": password });
        let account = Arc::new(Mutex::new(account));
        let counter: Arc<Mutex<Option<Arc<AtomicUsize>>>> = Arc::default();
        let (told, counted) = (Arc::clone(&account), Arc::clone(&counter));
        let address = listen(move |stream| {
            let (told, counted) = (Arc::clone(&told), Arc::clone(&counted));
            async move {
                let mut connection = Raw::new(stream);
                let head = connection.head().await;
                if let Some(counter) = &*counted.lock().unwrap() {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                if head.starts_with("PATCH ") {
                    let length = field(&head, "content-length").unwrap().parse().unwrap();
                    let patch: Value = serde_json::from_slice(&connection.bytes(length).await).unwrap();
                    if let Some(rules) = patch.get("rules") {
                        told.lock().unwrap()["rules"] = rules.clone();
                    }
                }
                let body = json!({ "data": *told.lock().unwrap() }).to_string();
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                connection.send(head + &body).await;
            }
        })
        .await;
        Self { address, account, counter }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Counts the requests from now on.
    pub fn count_into(&self, counter: &Arc<AtomicUsize>) {
        *self.counter.lock().unwrap() = Some(Arc::clone(counter));
    }

    /// Changes the rules, which the next poll brings.
    pub fn set_rules(&self, rules: &[&str]) {
        self.account.lock().unwrap()["rules"] = json!(rules);
    }

    /// Changes the password, which the next poll or update brings.
    pub fn set_password(&self, password: &str) {
        self.account.lock().unwrap()["proxy_password"] = json!(password);
    }
}
