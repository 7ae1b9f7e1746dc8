//! A slow name server: every name is this machine (RFC 1035).

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::spawn_local;
use tokio::time::sleep;

/// Answers each question after the delay, any number of them at once.
pub(crate) async fn serve(address: SocketAddr, delay: Duration) -> io::Result<()> {
    let socket = Rc::new(UdpSocket::bind(address).await?);
    spawn_local(async move {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            let Some(answer) = answer(&packet[..length]) else { continue };
            let socket = Rc::clone(&socket);
            spawn_local(async move {
                sleep(delay).await;
                // Whoever asked may not wait any more.
                let _ = socket.send_to(&answer, from).await;
            });
        }
    });
    Ok(())
}

/// The address of loopback to a question of type A, no record to any other.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let question_end = HEADER + query.get(HEADER..)?.iter().position(|byte| *byte == 0)? + 5;
    let question = query.get(HEADER..question_end)?;
    let is_a = question.ends_with(&[0, 1, 0, 1]);
    let mut answer = query[..2].to_vec();
    // A response, recursion desired and available; one question, and one answer or none.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    answer.extend(question);
    if is_a {
        // The name of the question, type A, class IN, one minute, four bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

const HEADER: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_and_nothing_else() {
        let query =
            |kind: u8| [&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x01a\x04test\x00\x00", &[kind, 0, 1]].concat();

        let (address, other) = (answer(&query(1)).unwrap(), answer(&query(28)).unwrap());

        assert!(address.ends_with(&[0, 4, 127, 0, 0, 1]));
        assert_eq!(address[..8], [7, 7, 0x81, 0x80, 0, 1, 0, 1]);
        assert_eq!(other[6..8], [0, 0]);
        assert_eq!(other.len(), query(28).len());
    }
}
