//! A server that says, byte for byte, what a test has written.

use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use twinconsent::heygen::Credentials;
use twinconsent_core::api::account::Auth;

/// What the server does with each connection after it has read one request.
#[derive(Clone)]
pub enum Answer {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes without reading anything, and closes when the client does.
    Blurt(&'static str),
    /// Sends these bytes and keeps the connection open without another word.
    Stall(Vec<u8>),
    /// Sends these bytes and then a blank after each pause, for ever.
    Drip(Vec<u8>, Duration),
}

/// A server on loopback, and the requests that it has seen, as text.
pub struct Server {
    /// Where it is and the key `sk-hunter2`.
    pub credentials: Credentials,
    /// What came, in order.
    pub requests: mpsc::UnboundedReceiver<String>,
}

impl Server {
    /// A server that answers every request alike.
    pub async fn with(answer: Answer) -> Self {
        Self::start(answer, None).await
    }

    /// The same over TLS, on `127.0.0.1`.
    pub async fn with_tls(answer: Answer, acceptor: TlsAcceptor) -> Self {
        Self::start(answer, Some(acceptor)).await
    }

    async fn start(answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, sender, tls) = (answer.clone(), sender.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, answer, sender).await,
                        // A client that does not trust us hangs up here.
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, answer, sender).await;
                            }
                        }
                    }
                });
            }
        });
        Self { credentials: Credentials { base_url, auth: Auth::ApiKey, key: SecretString::from("sk-hunter2") }, requests }
    }

    /// A server that answers with this status, these header lines (each ended by CRLF) and this body.
    pub async fn saying(status: u16, headers: &str, body: &str) -> Self {
        Self::with(Answer::Bytes(answer(status, headers, body))).await
    }

    /// A server that says this to every client, whatever it says.
    pub async fn blurting(bytes: &'static str) -> Self {
        Self::with(Answer::Blurt(bytes)).await
    }

    /// The only request that came.
    pub fn request(&mut self) -> String {
        let request = self.requests.try_recv().unwrap();
        assert!(self.requests.try_recv().is_err(), "more than one request");
        request
    }
}

/// One whole HTTP answer.
pub fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer, requests: mpsc::UnboundedSender<String>) {
    if let Answer::Blurt(bytes) = answer {
        let _ = stream.write_all(bytes.as_bytes()).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        return;
    }
    let mut request = Vec::new();
    while !is_complete(&request) {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&chunk[..count]),
        }
    }
    let _ = requests.send(String::from_utf8(request).unwrap());
    let (Answer::Bytes(bytes) | Answer::Stall(bytes) | Answer::Drip(bytes, _)) = &answer else { return };
    // The client may hang up on a body that it does not want.
    let _ = stream.write_all(bytes).await;
    match answer {
        Answer::Bytes(_) => drop(stream.shutdown().await),
        Answer::Blurt(_) => {}
        Answer::Stall(_) => std::future::pending().await,
        Answer::Drip(_, pause) => {
            while stream.write_all(b" ").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}
