//! The API.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::client::field;
use super::{Raw, listen};

/// An API that tells some rules and credentials, and takes new rules.
pub struct Api {
    address: SocketAddr,
    account: Arc<Mutex<Value>>,
}

impl Api {
    pub async fn start(rules: &[String], (username, password): &(String, String)) -> Self {
        let account = json!({ "rules": rules, "proxy_username": username, "proxy_password": password });
        let account = Arc::new(Mutex::new(account));
        let told = Arc::clone(&account);
        let address = listen(move |stream| {
            let told = Arc::clone(&told);
            async move {
                let mut connection = Raw::new(stream);
                let head = connection.head().await;
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
        Self { address, account }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
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
