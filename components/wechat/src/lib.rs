//! WeChat: posts alerts to a group by a robot of WeCom (WeChat Work), several in one message.
//!
//! Source for the rules in this folder: <https://developer.work.weixin.qq.com/document/path/91770>,
//! as far as its copies and the clients of others agree on it.

mod answer;
mod markup;
mod message;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

campanile_guest::export!(Wechat);
struct Wechat;

impl Kind for Wechat {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let alerts = message.alerts.len();
        match settings::read(&settings).and_then(|settings| settings.url()) {
            Ok(url) => answer::judge(http::send(&message::request(message, url)), alerts, &attempt),
            Err(fault) => fault.into(),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let url = settings::read(&settings).and_then(|settings| settings.url());
        let url = url.map_err(Failure::Misconfigured)?;
        answer::find(http::send(&message::probe(url)))
    }
}
