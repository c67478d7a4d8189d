//! Asks the server, without a message: whose token is it, is the chat there, may the bot write?

use campanile_guest::{Certainty, Failure, Fault, Finding, Scope, Verdict, http};
use serde_json::{Value, json};

use crate::answer::{self, Said};
use crate::request::Bot;
use crate::settings::Settings;

pub(crate) fn find(settings: &Settings, scope: Scope) -> Result<Finding, Failure> {
    let token = settings.bot_token().map_err(Failure::Misconfigured)?;
    let bot = Bot::new(settings, token, None);
    let me = ask(&bot, "getMe", &json!({}))?;
    let name = me["username"].as_str().unwrap_or_default().to_owned();
    let mut facts = vec![("bot".to_owned(), format!("@{name}"))];
    let chat_id = match settings.chat() {
        Ok(chat) => chat,
        Err(_) if scope != Scope::Recipient => {
            let summary = format!("the token works, it is that of @{name}");
            return Ok(Finding { certainty: Certainty::Likely, summary, facts });
        }
        Err(fault) => return Err(Failure::Misconfigured(fault)),
    };

    let chat = ask(&bot, "getChat", &json!({ "chat_id": chat_id }))?;
    let sort = chat["type"].as_str().unwrap_or_default().to_owned();
    let titles = [&chat["title"], &chat["username"], &chat["first_name"]];
    let title = titles.iter().find_map(|one| one.as_str()).unwrap_or_default().to_owned();
    facts.push(("chat".into(), title.clone()));
    facts.push(("chat_type".into(), sort.clone()));
    facts.push(("chat_id".into(), chat["id"].to_string()));
    if sort == "private" {
        // Who has blocked the bot is still found.
        let summary = format!("the token works, and @{name} knows {title}");
        return Ok(Finding { certainty: Certainty::Likely, summary, facts });
    }

    let asked = json!({ "chat_id": chat_id, "user_id": me["id"] });
    let member = ask(&bot, "getChatMember", &asked)?;
    let status = member["status"].as_str().unwrap_or_default();
    facts.push(("status".into(), status.to_owned()));
    if may_post(&member, &chat, &sort) {
        let summary = format!("the token works, and @{name} may write to {title}");
        return Ok(Finding { certainty: Certainty::Proven, summary, facts });
    }
    let detail = format!(
        "@{name} may not write to {title}, where its status is `{status}`: add it, and give it the \
         right to send messages"
    );
    Err(Failure::Misconfigured(Fault::new(Scope::Recipient, "no-rights", detail)))
}

/// In a channel only administrators post; in a group all members, unless it keeps them from it.
fn may_post(member: &Value, chat: &Value, sort: &str) -> bool {
    match (member["status"].as_str().unwrap_or_default(), sort) {
        ("creator", _) => true,
        ("administrator", "channel") => member["can_post_messages"] == true,
        ("administrator", _) => true,
        ("member", "channel") => false,
        ("member", _) => chat["permissions"]["can_send_messages"] != false,
        ("restricted", _) => member["is_member"] == true && member["can_send_messages"] == true,
        _ => false,
    }
}

/// The result of a call, or what its failure means.
fn ask(bot: &Bot<'_>, method: &str, body: &Value) -> Result<Value, Failure> {
    let answer = http::send(&bot.call(method, body))?;
    let said = Said::read(&answer);
    if let Some(result) = said.result() {
        return Ok(result.clone());
    }
    match answer::failure(&answer, &said, None).verdicts.pop() {
        Some(Verdict::Failed(failure)) => Err(failure),
        _ => {
            let detail = "this is no answer of the Bot API: check `api_base`";
            let code = answer.status.to_string();
            Err(Failure::Misconfigured(Fault::new(Scope::Endpoint, code, detail)))
        }
    }
}
