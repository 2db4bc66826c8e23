//! What an administrator does with etcd itself, by its HTTP gateway on its socket.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::plane::ETCD_SOCKET;
use crate::{ControlPlane, Error};

/// How long etcd may take for one thing: it may have to write all that it holds.
const DEADLINE: Duration = Duration::from_secs(60);

impl ControlPlane {
    /// Gives etcd its room back after it was full and something was deleted, as its administrator would: it drops what is history,
    /// gives up what is free, and ends its alarm.
    ///
    /// # Errors
    /// When etcd cannot be asked or refuses.
    pub fn make_room(&self) -> Result<(), Error> {
        let status = self.ask_etcd("maintenance/status", &json!({}))?;
        self.ask_etcd("kv/compaction", &json!({ "revision": status["header"]["revision"], "physical": true }))?;
        self.ask_etcd("maintenance/defragment", &json!({}))?;
        let active = self.ask_etcd("maintenance/alarm", &json!({ "action": "GET" }))?;
        for alarm in active["alarms"].as_array().into_iter().flatten() {
            let end = json!({ "action": "DEACTIVATE", "memberID": alarm["memberID"], "alarm": alarm["alarm"] });
            self.ask_etcd("maintenance/alarm", &end)?;
        }
        Ok(())
    }

    fn ask_etcd(&self, path: &str, question: &Value) -> Result<Value, Error> {
        let socket = self.dir().join(ETCD_SOCKET);
        let (code, answer) = post(&socket, path, &question.to_string()).map_err(Error::io("ask etcd at", &socket))?;
        match serde_json::from_str(&answer) {
            Ok(answer) if code == "200" => Ok(answer),
            _ => Err(Error::Etcd { asked: path.to_owned(), answer: format!("{code}: {answer}") }),
        }
    }
}

/// The status code and the body of what is answered. HTTP/1.0: the answer is in one piece, and ends with the connection.
fn post(socket: &std::path::Path, path: &str, question: &str) -> io::Result<(String, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let length = question.len();
    write!(stream, "POST /v3/{path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{question}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned()))
}
