//! A stand-in for the Aluvia API: one account, whose number of rules stands in the path (`/rules/1000/user`).

use std::io;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::io::read_with;
use crate::rules::{Kinds, written};

pub(crate) async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let end = memchr::memmem::find(&buffer, b"\r\n\r\n");
        let Some(end) = end else {
            let before = buffer.len();
            read_with(&mut stream, |bytes| buffer.extend_from_slice(bytes)).await?;
            if buffer.len() == before {
                return Ok(());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        stream.write_all(answer(&head).as_bytes()).await?;
    }
}

fn answer(head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let count = path.split('/').rev().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1);
    let tag = format!("\"{count}\"");
    if head.lines().any(|line| line.to_ascii_lowercase().starts_with("if-none-match") && line.contains(&tag)) {
        return format!("HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n");
    }
    let account = json!({ "data": {
        "proxy_username": USERNAME,
        "proxy_password": PASSWORD,
        "rules": written(count, Kinds::All),
        "session_id": null,
        "target_geo": null,
    }});
    let body = account.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

pub(crate) const USERNAME: &str = "bench-user";
pub(crate) const PASSWORD: &str = "bench-password";
/// Both of them (RFC 7617).
pub(crate) const AUTHORIZATION: &str = "Basic YmVuY2gtdXNlcjpiZW5jaC1wYXNzd29yZA==";
