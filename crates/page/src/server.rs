//! The server: connections, their limits, and its end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use reshet_lab::Refusal;
use tokio::{net::TcpListener, sync::Semaphore, time};

use crate::{api, api::refused, clients::Clients, guard::Guard, rooms::Rooms, stream::Patient};

/// Connections at once; each costs a few kilobytes.
const MOST_CONNECTIONS: usize = 512;
/// For the head of a request, and between two on one connection.
const HEAD: Duration = Duration::from_secs(10);
/// For a request's body and its answer.
const WHOLE: Duration = Duration::from_secs(60);
/// Between two looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Without any page, where that stops a training.
const ALONE: Duration = Duration::from_secs(5);
/// For a training to be saved at the end.
const SAVING: Duration = Duration::from_secs(60);

/// Serves until `stop` says so, then saves what trains.
pub async fn serve(
    listener: TcpListener,
    guard: Guard,
    rooms: Rooms,
    stop: impl Fn() -> bool,
    stop_when_closed: bool,
) {
    let router =
        api::routes(rooms.clone()).layer(middleware::from_fn_with_state(Arc::new(guard), guarded));
    let (permits, graceful) = (Arc::new(Semaphore::new(MOST_CONNECTIONS)), GracefulShutdown::new());
    let clients = Clients::default();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 << 10);
    let mut looks = time::interval(LOOK);
    let (mut seen, mut alone) = (false, Duration::ZERO);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // No descriptor left, a connection gone already: the next one may do.
                let Ok((stream, peer)) = accepted else {
                    time::sleep(LOOK).await;
                    continue;
                };
                let Ok(permit) = permits.clone().try_acquire_owned() else { continue };
                let Some(client) = clients.admit(peer.ip()) else { continue };
                let _ = stream.set_nodelay(true);
                let service = TowerToHyperService::new(router.clone());
                let connection = http.serve_connection(TokioIo::new(Patient::new(stream)), service);
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    // A client that breaks off is its own affair.
                    let _ = connection.await;
                    drop((permit, client));
                });
            }
            _ = looks.tick() => {
                if stop() {
                    break;
                }
                seen |= rooms.watched();
                alone = if rooms.watched() || !seen { Duration::ZERO } else { alone + LOOK };
                if stop_when_closed && alone >= ALONE {
                    alone = Duration::ZERO;
                    rooms.ask_to_stop();
                }
            }
        }
    }
    drop(listener);
    let saved = tokio::task::spawn_blocking(move || rooms.close(SAVING));
    let _ = saved.await;
    // Streams of events end with the lab; a rude client is not waited for.
    let _ = time::timeout(Duration::from_secs(1), graceful.shutdown()).await;
}

/// Every request goes through here.
async fn guarded(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let admitted = match guard.check(request.method(), request.uri(), request.headers()) {
        Ok(admitted) => admitted,
        Err(refusal) => return secured(refused(refusal)),
    };
    request.extensions_mut().insert(admitted.who);
    let answered = time::timeout(WHOLE, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        let what = "the request took longer than a minute";
        refused(Refusal::new(408, what))
    });
    if let Some(cookie) = admitted.cookie.and_then(|cookie| cookie.parse().ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    secured(response)
}

fn secured(mut response: Response) -> Response {
    let policy = "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; \
                  base-uri 'none'; frame-ancestors 'none'; form-action 'none'";
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Binds the address; another port where that one is taken and none was asked for.
pub async fn bind(address: SocketAddr, any_port: bool) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(e) if any_port && e.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await
        }
        bound => bound,
    }
}
