//! What a session leaves behind: nothing. This test is alone in its process, where every task and socket is known.
#![cfg(target_os = "linux")] // The sockets are counted in /proc.

mod support;

use aluvia_engine::{Client, Options, Session, Update};
use tokio::runtime::Handle;

use support::{Api, EVERYTHING, Gateway, Origin, Raw, until};

#[tokio::test]
async fn a_session_leaves_no_task_and_no_socket_behind_however_it_ends() {
    let rules: Vec<String> = EVERYTHING.iter().map(ToString::to_string).collect();
    let api = Api::start(&rules, &("user".to_owned(), "password".to_owned())).await;
    let (gateway, origin) = (Gateway::start().await, Origin::start().await);
    let client = client(&api, &gateway);
    let before = in_use();

    for is_dropped in [false, true, false, true] {
        let session = client.start().await.unwrap();
        let connections = make_use_of(&session, &origin).await;
        assert!(in_use() > before);

        if is_dropped {
            drop(session)
        } else {
            session.stop().await
        }
        drop(connections);

        until("everything is gone", || in_use() == before).await;
    }
}

fn client(api: &Api, gateway: &Gateway) -> Client {
    let options = Options {
        token: Some("token".to_owned()),
        api_base_url: Some(api.base_url()),
        poll_interval_ms: Some(50.0),
        drain_timeout_ms: Some(50.0),
        gateway_host: Some(gateway.address.ip().to_string()),
        gateway_port: Some(f64::from(gateway.address.port())),
        ..Options::default()
    };
    Client::new(options.validate().expect("the options are valid"))
}

/// Has a session do all that it can do, and returns connections in every state.
async fn make_use_of(session: &Session, origin: &Origin) -> Vec<Raw> {
    let at = origin.address;
    let mut connections = Vec::new();
    for rules in [EVERYTHING, &[]] {
        let rules = rules.iter().map(ToString::to_string).collect();
        let update = Update { rules: Some(rules), session_id: None };
        session.update(&update).await.expect("the API takes any rules");
        for (request, answers) in [
            (format!("GET http://{at}/ HTTP/1.1\r\nHost: {at}\r\n\r\n"), true),
            (format!("CONNECT {at} HTTP/1.1\r\n\r\n"), true),
            (format!("POST http://{at}/ HTTP/1.1\r\nHost: {at}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"), false),
            ("GET http://".to_owned(), false),
            (String::new(), false),
            ("nonsense\r\n\r\n".to_owned(), true),
        ] {
            let mut connection = Raw::connect(session.address()).await;
            connection.send(request).await;
            if answers {
                connection.head().await;
            }
            connections.push(connection);
        }
    }
    connections
}

/// Tasks of the runtime, and sockets of the process.
fn in_use() -> (usize, usize) {
    let files = std::fs::read_dir("/proc/self/fd").expect("Linux has it");
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let sockets = targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count();
    (Handle::current().metrics().num_alive_tasks(), sockets)
}
