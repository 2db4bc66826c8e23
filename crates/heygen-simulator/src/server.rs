//! Connections: accepted and served here, so that a fault can end one without a response.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::shared::{Ending, Shared};

mod control_api;
mod deliver;
mod exchange;

/// The end of a connection without a response: hyper closes it when the service fails.
#[derive(Debug, thiserror::Error)]
#[error("a fault rule cut the connection")]
struct Cut;

/// Accepts until the end.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>, ending: Ending) {
    let control_api = control_api::router(Arc::clone(&shared));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ending.graceful.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = serve(stream, Arc::clone(&shared), control_api.clone(), ending.clone());
                ending.tasks.spawn(connection);
            }
            Err(error) => {
                // Out of file descriptors, mostly; they come back when other connections close.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, control_api: Router, ending: Ending) {
    // Answers are small and single: waiting to fill a packet would only add latency.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let control_api = TowerToHyperService::new(control_api);
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, control_api) = (Arc::clone(&shared), control_api.clone());
        async move {
            if request.uri().path().starts_with("/_sim") {
                return Ok::<Response<Body>, Cut>(infallible(control_api.call(request).await));
            }
            exchange::answer(request, shared).await
        }
    });
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = ending.graceful.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                result = connection => result,
                () = ending.at_once.cancelled() => return,
            }
        }
    };
    if let Err(error) = result {
        // Clients that hang up and cut connections are everyday here.
        tracing::debug!(%error, "a connection ended early");
    }
}

fn infallible<T>(result: Result<T, Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
