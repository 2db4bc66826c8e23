//! A name server that knows one name: what a pod finds in its `/etc/resolv.conf`.
//!
//! Of RFC 1035 only what a stub resolver needs: a question comes back with an answer for the one name, without one for another
//! type of it, and as non-existent for all other names. It listens on an address of loopback of its own, for a resolver asks
//! port 53 and no other.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

/// Apart from 127.0.0.53, which many systems use.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 65, 53, 32);

const TYPE_A: [u8; 2] = [0, 1];

/// A running name server, and the names that it was asked for. It ends with the test's runtime.
pub struct NameServer {
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    /// Tells `name` as 127.0.0.1.
    pub async fn start(name: &'static str) -> Self {
        let address = SocketAddrV4::new(ADDRESS, 53);
        let socket = UdpSocket::bind(address).await.unwrap_or_else(|error| panic!("cannot serve names on {address}: {error}"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ear = asked.clone();
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut question).await {
                if let Some((asked_for, answer)) = answer(&question[..length], name) {
                    ear.lock().unwrap().push(asked_for);
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        Self { asked }
    }

    /// The `/etc/resolv.conf` of a pod, with this server.
    pub fn resolv_conf() -> String {
        format!("search twinconsent-system.svc.cluster.local svc.cluster.local cluster.local\nnameserver {ADDRESS}\noptions ndots:5\n")
    }

    /// The names that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The name in a question, and the answer to it; none for what is no question.
fn answer(question: &[u8], known: &str) -> Option<(String, Vec<u8>)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let name = labels.join(".");
    let kind: [u8; 2] = question.get(at..at + 2)?.try_into().ok()?;
    let end = at + 4;
    let (is_known, is_address) = (name == known, kind == TYPE_A);
    let has_answer = is_known && is_address;

    let mut answer = question.get(..2)?.to_vec();
    // A response, recursion desired and available; the code 3 says that there is no such name.
    answer.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(has_answer), 0, 0, 0, 0]);
    answer.extend(question.get(12..end)?);
    if has_answer {
        // The name of the question, an address of class IN, for a minute, of four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some((name, answer))
}
