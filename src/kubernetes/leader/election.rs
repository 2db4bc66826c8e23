//! The shell of the election: reads the Lease, bids, renews, gives it back.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio_util::sync::CancellationToken;

use super::candidate::{Bid, Candidate, holder};
use super::{RENEW_DEADLINE, RETRY_PERIOD};
use crate::kubernetes;
use crate::kubernetes::connection;
use crate::kubernetes::connection::ConnectionError;
use crate::kubernetes::leadership::Leadership;
use crate::process::clock;
use crate::process::complaints::Complaints;
use crate::process::metrics::Metrics;
use twinconsent_core::api::FIELD_MANAGER;

/// How long one call to the API server may take: two of them fit into [`RENEW_DEADLINE`].
const CALL: Duration = Duration::from_secs(4);

/// What is told of a Lease that cannot be used.
const LEASE: &str = "the Lease could not be read or written; trying again";

/// Stands for election until it is told to stop.
pub struct Election {
    api: Api<Lease>,
    name: String,
    candidate: Candidate,
    leadership: Leadership,
    /// The Lease as this process wrote it last, while it leads.
    ours: Option<Lease>,
    complaints: Complaints,
}

/// Why a try came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}", kubernetes::in_short(.0))]
    Api(#[from] kube::Error),
    #[error("no answer within {} s", CALL.as_secs())]
    Deadline,
}

impl Election {
    /// Stands for election for the Lease of this name, under an identity that no other process has.
    ///
    /// # Errors
    /// When no client can be made of `config`.
    pub fn new(mut config: kube::Config, namespace: &str, name: &str, identity: String) -> Result<(Self, Leadership), ConnectionError> {
        // A retry inside a call would eat the time in which the Lease must be renewed.
        config.default_retry = false;
        let leadership = Leadership::standby();
        tracing::info!(lease = name, namespace, identity, "waiting to become the leader");
        let election = Self {
            api: Api::namespaced(connection::client(config)?, namespace),
            name: name.to_owned(),
            candidate: Candidate::new(identity),
            leadership: leadership.clone(),
            ours: None,
            complaints: Complaints::default(),
        };
        Ok((election, leadership))
    }

    /// Bids and renews until `over` is cancelled or the leadership is lost, and gives the Lease back at the end if it can.
    pub async fn run(mut self, metrics: &Metrics, over: CancellationToken) {
        loop {
            let mut pause = self.once().await;
            metrics.leads(self.leadership.holds());
            if let Some(until) = self.leadership.until() {
                pause = pause.min(until.saturating_sub(clock::monotonic()));
                if pause.is_zero() {
                    tracing::error!(lease = self.name, "the Lease could not be renewed in time");
                    self.leadership.end();
                }
            }
            tokio::select! {
                () = self.leadership.lost() => break,
                () = over.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        metrics.leads(false);
        self.give_back().await;
    }

    /// One try. Returns how long to wait before the next.
    async fn once(&mut self) -> Duration {
        let began = clock::monotonic();
        // A hanging call must not outlast the leadership.
        let patience = self.leadership.until().map_or(CALL, |until| until.saturating_sub(began).min(CALL));
        match tokio::time::timeout(patience, self.bid(began)).await.unwrap_or(Err(Failure::Deadline)) {
            Ok(pause) => {
                self.complaints.settle(LEASE, &self.name);
                pause.min(RETRY_PERIOD)
            }
            Err(error) => {
                // What was written is unknown: read before the next bid.
                self.ours = None;
                self.complain(&error);
                RETRY_PERIOD
            }
        }
    }

    async fn bid(&mut self, began: Duration) -> Result<Duration, Failure> {
        let lease = match self.ours.clone() {
            Some(ours) => Some(ours),
            None => self.api.get_opt(&self.name).await?,
        };
        let spec = lease.as_ref().and_then(|lease| lease.spec.as_ref());
        let leads = self.leadership.until().is_some();
        let bid = match self.candidate.bid(leads, spec, clock::monotonic(), clock::now()) {
            Bid::Write(spec) => spec,
            Bid::Wait(left) => return Ok(left),
            Bid::Lost => {
                tracing::error!(lease = self.name, holder = spec.and_then(holder), "another process holds the Lease");
                self.leadership.end();
                return Ok(RETRY_PERIOD);
            }
        };
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let written = match lease {
            Some(mut lease) => {
                lease.spec = Some(bid);
                self.api.replace(&self.name, &params, &lease).await
            }
            None => {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                self.api.create(&params, &Lease { metadata, spec: Some(bid) }).await
            }
        };
        match written {
            Ok(written) => {
                self.ours = Some(written);
                self.leadership.lead(began + RENEW_DEADLINE);
                if !leads {
                    tracing::info!(lease = self.name, "leading");
                }
            }
            // Another replica was faster: what it wrote decides.
            Err(kube::Error::Api(status)) if status.code == 409 => self.ours = None,
            Err(error) => return Err(error.into()),
        }
        Ok(RETRY_PERIOD)
    }

    async fn give_back(self) {
        self.leadership.end();
        let Some(mut lease) = self.ours else { return };
        let now: Timestamp = clock::now();
        lease.spec = lease.spec.map(|spec| self.candidate.released(&spec, now));
        // If it fails, the others wait until it is over.
        if let Ok(Ok(_)) = tokio::time::timeout(CALL, self.api.replace(&self.name, &PostParams::default(), &lease)).await {
            tracing::info!(lease = self.name, "the Lease was given back");
        }
    }

    fn complain(&self, error: &Failure) {
        let hint = match error {
            Failure::Api(kube::Error::Api(status)) if status.code == 404 => {
                "; the namespace does not exist: create it, or choose --operator-namespace"
            }
            _ => "",
        };
        self.complaints.tell(LEASE, &self.name, format!("{error}{hint}"));
    }
}
