//! The keys of the return page: read again and again, and made when there are none.

use std::time::Duration;

use crate::kubernetes;
use crate::kubernetes::PageKeys;
use crate::process::config::ReturnPage;
use crate::runtime::context::Context;
use twinconsent_core::consent::landing::Key;

/// How often the keys are read again.
const AGAIN: Duration = Duration::from_secs(10);

/// How soon they are read again while there are none.
const SOON: Duration = Duration::from_secs(2);

/// What is told of keys that cannot be used.
const KEYS: &str = "the key of the return page cannot be used";

/// Keeps the keys as they stand in their Secret, until the process is to end.
pub(crate) async fn follow(context: &Context) {
    let Some(page) = context.landings.page() else { return };
    let following = async {
        loop {
            let result = read(page, context).await;
            match &result {
                Ok(()) => context.complaints.settle(KEYS, &page.secret),
                Err(trouble) => drop(context.complaints.tell(KEYS, &page.secret, trouble)),
            }
            tokio::time::sleep(if context.landings.has_key() { AGAIN } else { SOON }).await;
        }
    };
    context.stopping.run_until_cancelled(following).await;
}

/// Takes the keys into use as they stand in their Secret. Trouble leaves those in use that were.
async fn read(page: &ReturnPage, context: &Context) -> Result<(), String> {
    let (cluster, namespace) = (&context.cluster, &context.config.operator_namespace);
    let said = |error: kubernetes::Error| error.to_string();
    let mut keys = cluster.return_page_keys(namespace, &page.secret).await.map_err(said)?;
    if matches!(keys, PageKeys::NoSecret) {
        cluster.make_return_page_key(namespace, &page.secret, random()?).await.map_err(said)?;
        keys = cluster.return_page_keys(namespace, &page.secret).await.map_err(said)?;
    }
    let (keys, is_cut) = match keys {
        PageKeys::Found(keys, is_cut) => (keys, is_cut),
        PageKeys::NoSecret => return Err("it was deleted a moment after it was made".to_owned()),
        PageKeys::Unusable => return Err(format!("it must have at least {} bytes under `current`", Key::LEAST)),
    };
    context.landings.use_keys(keys, &context.store);
    if is_cut { Err(format!("`previous` has fewer than {} bytes and is left out", Key::LEAST)) } else { Ok(()) }
}

/// A key that cannot be guessed.
fn random() -> Result<[u8; Key::LEAST], String> {
    let mut key = [0; Key::LEAST];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut key).map_err(|_| "this machine gives no random numbers".to_owned())?;
    Ok(key)
}
