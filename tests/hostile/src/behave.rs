//! What a component does that means no harm.

use campanile_guest::{
    Coding, Filling, Formatted, Message, Method, Outcome, Proof, Request, Subject, http, json,
};

pub(crate) fn format(subjects: &[Subject]) -> Formatted {
    (0..).zip(subjects).map(|(at, subject)| tell(at, subject)).collect()
}

/// The alert as a message of its own.
pub(crate) fn tell(at: u32, subject: &Subject) -> Message {
    let mut body = String::from(r#"{"title":"#);
    json::push_string(&mut body, &subject.alert.title);
    body.push('}');
    Message {
        alerts: vec![at],
        summary: subject.alert.title.clone(),
        content_type: "application/json".into(),
        body: body.into_bytes(),
        notes: vec![],
        repeat_safe_ms: 0,
    }
}

pub(crate) fn deliver(message: Message, url: &str) -> Outcome {
    match http::send(&post(url, message.body)) {
        Ok(answer) if (200..300).contains(&answer.status) => Outcome::delivered(Proof::Confirmed),
        Ok(answer) => Outcome::rejected(answer.excerpt()).coded(&answer.status),
        Err(error) => error.into(),
    }
}

pub(crate) fn post(url: &str, body: Vec<u8>) -> Request {
    Request {
        method: Method::Post,
        url: url.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body,
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: None,
    }
}
