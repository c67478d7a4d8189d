//! End to end: ntopng alerts by HTTP, SQLite with full syncs, two stores a micro-batch, POST.
//!
//! `cargo bench --bench pipeline -- [--alerts N] [--latency-s S] [--json]`
//!
//! The real binary runs in a process of its own; senders and receiver are in this one, on the same
//! machine. In the same run, as the limit: a plain hyper client that POSTs the same bodies to the
//! same receiver, and what a sync of the disk takes.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

mod limit;
mod load;
mod report;
mod shape;

use std::process::ExitCode;

use report::{Order, Report};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(order) = Order::read(&arguments) else {
        eprintln!("usage: cargo bench --bench pipeline -- [--alerts N] [--latency-s S] [--json]");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let alerts = order.alerts;
    let report = Report {
        alerts,
        shapes: [16, 1].map(|batch_max| runtime.block_on(shape::measure(batch_max, &order))).into(),
        client: limit::client(&runtime, alerts),
        sync: limit::sync(),
    };
    if order.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    ExitCode::SUCCESS
}
