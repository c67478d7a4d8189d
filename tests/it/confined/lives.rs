//! The engine and its monitor are killed, each without the other.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::client::{Ask, Client};
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use campanile_tests::{eventually, process};
use fastrand::Rng;
use rustix::process::Signal;
use serde_json::json;

use crate::kill::sender::Sender;
use crate::path::webhook_at;

/// A port that is free, and stays so unless another program is quick.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn listening_at(site: Site, address: SocketAddr) -> Site {
    site.set("api.listen", &format!("{:?}", address.to_string()))
}

/// The engine that is there by now, under the address of the first.
async fn is_ready(engine: &Engine) -> bool {
    let ask = Ask::get("/readyz").bearing(&engine.admin_token);
    let asked = async { Client::connect(engine.address()).await?.send(&ask).await };
    asked.await.is_ok_and(|answer| answer.status == 200)
}

#[tokio::test]
async fn an_engine_that_is_killed_is_started_again_and_nothing_accepted_is_lost() {
    const KILLS: usize = 4;
    let capture = Capture::answering([200]).await;
    let site = Site::new()
        .await
        .endpoint("hook", "webhook", &json!({ "url": capture.url() }))
        .recipient("ops", "hook", &json!({ "payload": "native", "max_alerts": 1 }));
    let site = listening_at(site, free());
    let engine = site.start().await;
    let monitor = engine.monitor_pid();
    let sender = Sender::start(Rng::with_seed(7));
    let mut pid = engine.pid();
    sender.toward(&engine);
    for kill in 1..=KILLS {
        capture.sees(capture.count() + 40).await;
        let killed = process::handle(pid);
        process::signal(pid, Signal::KILL);
        process::ended(killed).await;
        pid = eventually("the next engine answers", || async {
            let next = process::child(monitor, "process engine").filter(|next| *next != pid)?;
            is_ready(&engine).await.then_some(next)
        })
        .await;
        let again = site.log().matches("The engine has ended; it is started again.").count();
        assert_eq!(again, kill, "{}", site.log());
        sender.toward(&engine);
    }
    let accepted = sender.stop().await;
    eventually("nothing is pending", || async {
        engine.deliveries(Some("pending")).await.is_empty().then_some(())
    })
    .await;
    let arrived: BTreeSet<_> = capture
        .requests()
        .iter()
        .flat_map(|request| request.alerts())
        .map(|alert| alert["id"].as_str().unwrap().to_owned())
        .collect();
    let lost: Vec<_> = accepted.difference(&arrived).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), accepted.len());
    assert!(accepted.len() > KILLS * 10, "{} accepted", accepted.len());
    assert_eq!(engine.monitor_pid(), monitor);
}

#[tokio::test]
async fn an_engine_ends_with_its_monitor_and_leaves_its_port_to_the_next() {
    let capture = Capture::answering([200]).await;
    let site = listening_at(webhook_at(&capture).await, free());
    let engine = site.start().await;
    let left = process::handle(engine.pid());
    process::signal(engine.monitor_pid(), Signal::KILL);
    process::ended(left).await;
    let next = site.start().await;
    assert_eq!(next.address(), engine.address());
    let accepted = next.accepts(&native("disk full")).await;
    next.reaches(&accepted[0], "delivered").await;
}

#[tokio::test]
async fn all_end_at_sigterm_while_the_engine_waits_for_its_next_start() {
    let site = listening_at(Site::new().await, free());
    let engine = site.start().await;
    let (monitor, mut pid) = (engine.monitor_pid(), engine.pid());
    // The wait grows with each: the last is longer than the signal takes.
    for round in 0..4 {
        process::signal(pid, Signal::KILL);
        pid = eventually("the next engine", || async {
            let next = process::child(monitor, "process engine").filter(|next| *next != pid)?;
            // Killed before it answers it has a next one as well, since the first did answer.
            (round == 1 || is_ready(&engine).await).then_some(next)
        })
        .await;
    }
    let killed = process::handle(pid);
    process::signal(pid, Signal::KILL);
    process::ended(killed).await;
    eventually("the monitor knows", || async {
        (site.log().matches("The engine has ended").count() == 5).then_some(())
    })
    .await;
    let told = Instant::now();
    engine.terminate().await;
    assert!(told.elapsed() < Duration::from_secs(2), "it waits 3.2 s first: {}", site.log());
}
