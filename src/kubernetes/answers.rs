//! Answers of the API server, in bounded memory.
//!
//! A status that is written is answered with the whole object, and a link Secret may be any that a user names: a user who may write either may
//! let its answer have a megabyte or more, which is in memory several times while it is read. So only a few answers are read any further
//! than nearly all of them reach.
//!
//! Rejected: a limit of how much may be asked for at once. It would have to be as low for answers of a few kB, of which the API server
//! gives hundreds a second.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::Request;
use hyper::body::{Body as Frames, Bytes, Frame, SizeHint};
use kube::Client;
use kube::client::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// How many bytes of an answer are read at any time.
const SMALL: usize = 64 << 10;

/// How many answers are read further at once.
const LARGE_AT_ONCE: usize = 12;

/// The same client, for requests whose answers may be large. Not for watches, whose answers have no end.
pub(super) fn bounded(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let places = Arc::new(Semaphore::new(LARGE_AT_ONCE));
    let ask = move |request: Request<Body>| {
        let (client, places) = (client.clone(), Arc::clone(&places));
        async move { client.send(request).await.map(|answer| answer.map(|body| Answer::new(body, &places))) }
    };
    Client::new(tower::service_fn(ask), namespace)
}

/// The body of an answer. Behind its first part it takes a place, until it is dropped.
struct Answer<B> {
    body: B,
    read: usize,
    places: PollSemaphore,
    place: Option<OwnedSemaphorePermit>,
}

impl<B> Answer<B> {
    fn new(body: B, places: &Arc<Semaphore>) -> Self {
        Self { body, read: 0, places: PollSemaphore::new(Arc::clone(places)), place: None }
    }
}

impl<B: Frames<Data = Bytes> + Unpin> Frames for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.read >= SMALL && self.place.is_none() && !self.body.is_end_stream() {
            // They are never closed.
            self.place = ready!(self.places.poll_acquire(context));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.read += frame.data_ref().map_or(0, Bytes::len);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use axum::body::{Body as AnyBody, to_bytes};
    use futures::{StreamExt as _, stream};

    use super::*;

    /// A body of so many parts of 32 kB, and how many of its parts were read.
    fn body(parts: usize, read: &Arc<Mutex<usize>>) -> AnyBody {
        let read = Arc::clone(read);
        AnyBody::from_stream(stream::iter(0..parts).map(move |_| {
            *read.lock().unwrap() += 1;
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 32 << 10]))
        }))
    }

    #[tokio::test]
    async fn a_few_large_answers_are_read_at_once_and_small_ones_do_not_wait() {
        let places = Arc::new(Semaphore::new(LARGE_AT_ONCE));
        let read = Arc::new(Mutex::new(0));
        let held: Vec<_> = (0..LARGE_AT_ONCE).map(|_| Arc::clone(&places).try_acquire_owned().unwrap()).collect();

        let small = AnyBody::new(Answer::new(body(1, &read), &places));
        assert_eq!(to_bytes(small, usize::MAX).await.unwrap().len(), 32 << 10);

        *read.lock().unwrap() = 0;
        let large = tokio::spawn(to_bytes(AnyBody::new(Answer::new(body(40, &read), &places)), usize::MAX));
        while *read.lock().unwrap() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(!large.is_finished());
        assert_eq!(*read.lock().unwrap(), 2, "no further than a small one");
        drop(held);
        assert_eq!(large.await.unwrap().unwrap().len(), 40 * (32 << 10));
        assert_eq!(places.available_permits(), LARGE_AT_ONCE, "its place is free again");
    }
}
