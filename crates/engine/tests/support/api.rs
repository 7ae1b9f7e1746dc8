//! The API.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::client::field;
use super::{Raw, listen};

/// An API that tells the credentials and some rules.
pub struct Api {
    address: SocketAddr,
    rules: Arc<Mutex<Vec<String>>>,
}

impl Api {
    pub async fn start(rules: &[String], (username, password): &(String, String)) -> Self {
        let rules = Arc::new(Mutex::new(rules.to_vec()));
        let told = Arc::clone(&rules);
        let credentials = (username.clone(), password.clone());
        let address = listen(move |stream| {
            let told = Arc::clone(&told);
            let (username, password) = credentials.clone();
            async move {
                let mut connection = Raw::new(stream);
                let head = connection.head().await;
                if head.starts_with("PATCH ") {
                    let length = field(&head, "content-length").unwrap().parse().unwrap();
                    let patch: serde_json::Value = serde_json::from_slice(&connection.bytes(length).await).unwrap();
                    if let Some(rules) = patch.get("rules") {
                        *told.lock().unwrap() = serde_json::from_value(rules.clone()).unwrap();
                    }
                }
                let body = serde_json::json!({ "data": {
                    "proxy_username": username,
                    "proxy_password": password,
                    "rules": *told.lock().unwrap(),
                }})
                .to_string();
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                connection.send(head + &body).await;
            }
        })
        .await;
        Self { address, rules }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Changes the rules, which the next poll brings.
    pub fn set_rules(&self, rules: &[&str]) {
        *self.rules.lock().unwrap() = rules.iter().map(ToString::to_string).collect();
    }
}
