//! Bodies that senders hand in.

use campanile::ids::{AlertIds, TenantId};
use campanile::ingest::{Arrival, alertmanager, native, ntopng};

use crate::ITERATIONS;

fn arrival(ids: &AlertIds) -> Arrival<'_> {
    Arrival { tenant: TenantId::DEFAULT, now_ms: 1_795_488_660_123, ids }
}

#[test]
fn a_body_in_our_own_schema() {
    let ids = AlertIds::default();
    bolero::check!().with_iterations(ITERATIONS).with_max_len(4096).for_each(|body: &[u8]| {
        for ndjson in [false, true] {
            if let Ok(read) = native::read(body, ndjson, &arrival(&ids)) {
                assert!(!read.is_empty() || body.iter().all(|byte| b" \t\r\n[]".contains(byte)));
            }
        }
    });
}

#[test]
fn a_body_of_ntopng() {
    let ids = AlertIds::default();
    bolero::check!().with_iterations(ITERATIONS).with_max_len(4096).for_each(|body: &[u8]| {
        // Whatever the elements are, they become alerts.
        if let Ok(envelope) = ntopng::read(body, &arrival(&ids)) {
            assert!(envelope.alerts.iter().all(|alert| alert.producer == "ntopng"));
        }
    });
}

#[test]
fn a_body_of_alertmanager() {
    let ids = AlertIds::default();
    bolero::check!().with_iterations(ITERATIONS).with_max_len(4096).for_each(|body: &[u8]| {
        let _ = alertmanager::read(body, &arrival(&ids));
    });
}
