//! What a session leaves behind: nothing. Alone in its process, so that every socket and task in it is known.

mod support;

use aluvia_engine::{Client, Options};
use support::{Api, Gateway, Peer, Raw, until};
use tokio::runtime::Handle;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_session_leaves_no_task_and_no_socket_behind_however_it_ends() {
}
