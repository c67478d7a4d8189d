// An attachment of Mattermost.
import { avatar, escaped, link, markdown, page } from '../html.mjs';

const words = markdown('emphasis', 'strikethrough', 'escape', 'entity', 'link', 'autolink', 'backticks', 'newline', 'list', 'blockquote', 'heading', 'linkify', 'table', 'fence');

const style = `
#message { background: #fff; color: #3d3c40; }
.from { font-weight: bold; }
.from small { font-weight: normal; color: #8b8b8f; margin-left: 6px; }
.from b { background: #e8e9ed; color: #6a6b70; font-size: 10px; border-radius: 3px; padding: 1px 4px; margin-left: 4px; }
.priority { display: inline-block; color: #fff; font-size: 11px; font-weight: bold; border-radius: 3px; padding: 1px 6px; margin: 2px 0; }
.attachment { border: 1px solid #dddee4; border-left: 4px solid; border-radius: 4px; padding: 10px 12px; margin-top: 4px; }
.attachment p { margin: 0 0 6px; }
.title { font-weight: bold; font-size: 16px; display: block; margin-bottom: 6px; }
a { color: #1c58d9; text-decoration: none; }
.fields { display: flex; flex-wrap: wrap; font-size: 14px; }
.fields > div { width: 100%; }
.fields b { display: block; }
footer { font-size: 12px; color: #7c7c80; }`;

const PRIORITIES = { urgent: ['URGENT', '#d24b4e'], important: ['IMPORTANT', '#2389d7'] };

export function draw(body, { at }) {
  const { message = '', text = '', props, attachments, metadata, priority } = JSON.parse(body);
  const [label, color] = PRIORITIES[(metadata?.priority ?? priority)?.priority] ?? [];
  const badge = label ? `<span class="priority" style="background:${color}">${label}</span>` : '';
  const shown = (props?.attachments ?? attachments ?? []).map(attachment);
  return page({ style, body: `<div class="row">${avatar('#1e325c')}<div class="grow">
    <div class="from" data-around>campanile<b>BOT</b><small>${at}</small></div>${badge}
    <div>${words.render(message || text)}</div>${shown.join('')}</div></div>` });
}

function attachment({ pretext = '', color, title, title_link, text = '', fields = [], footer = '' }) {
  const rows = fields.map(({ title, value }) => `<div><b>${escaped(title)}</b>${words.render(value)}</div>`);
  return `${words.render(pretext)}<div class="attachment" style="border-left-color:${escaped(color)}">
    <span class="title">${link(title_link, escaped(title))}</span>
    ${words.render(text)}<div class="fields">${rows.join('')}</div><footer>${escaped(footer)}</footer></div>`;
}
