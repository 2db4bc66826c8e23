//! A server on loopback that publishes, and has every trouble that one can have.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is answered to a request for a path; anything else is 404.
pub enum Answer {
    Whole(Vec<u8>),
    /// The same in pieces, one each second for 13 s.
    Slow(Vec<u8>),
    /// The connection is held and nothing is said.
    Silence,
    /// Half of it, and then the connection is held.
    Stall(Vec<u8>),
    /// Half of it, and then the connection ends.
    CutOff(Vec<u8>),
}

pub struct Server {
    pub address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: HashMap<&'static str, Arc<Answer>>,
    asked: Vec<String>,
    held: usize,
}

impl Server {
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away is what some of the answers lead to.
                thread::spawn(move || drop(serve(&stream, &state)));
            }
        });
        Server { address, state }
    }

    pub fn answers(&self, path: &'static str, answer: Answer) {
        self.state.lock().unwrap().answers.insert(path, Arc::new(answer));
    }

    /// What was asked for, as the request line names it.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many connections are held, and their clients still there.
    pub fn held(&self) -> usize {
        self.state.lock().unwrap().held
    }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(target.clone());
        // A client that takes us for a proxy names the host, too; a token behind the path is nothing to us.
        let path = target.split('?').next().unwrap_or_default();
        state.answers.iter().find(|(known, _)| path.ends_with(*known)).map(|(_, answer)| Arc::clone(answer))
    };
    let (code, body, sent) = match answer.as_deref() {
        None => ("404 Not Found", &b""[..], 0),
        Some(Answer::Whole(body) | Answer::Slow(body)) => ("200 OK", &body[..], body.len()),
        Some(Answer::Silence) => return hold(stream, state),
        Some(Answer::Stall(body) | Answer::CutOff(body)) => ("200 OK", &body[..], body.len() / 2),
    };
    write!(stream, "HTTP/1.1 {code}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())?;
    let pieces = if let Some(Answer::Slow(_)) = answer.as_deref() { 13 } else { 1 };
    for (position, piece) in body[..sent].chunks(sent.div_ceil(pieces).max(1)).enumerate() {
        thread::sleep(Duration::from_secs(if position == 0 { 0 } else { 1 }));
        stream.write_all(piece)?;
    }
    match answer.as_deref() {
        Some(Answer::Stall(_)) => hold(stream, state),
        _ => stream.shutdown(Shutdown::Both),
    }
}

/// Until the client goes.
fn hold(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    state.lock().unwrap().held += 1;
    let gone = stream.read_to_end(&mut Vec::new());
    state.lock().unwrap().held -= 1;
    gone.map(drop)
}
